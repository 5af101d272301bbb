/* sidecars.c -- the files beside the weights that make a folder a model: tokenizer, configs, templates,
 * also in folders inside it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/shell_word.h"
#include "formats/folder/checkpoint.h"

/* What is larger, in a folder inside the model, is no configuration. */
enum { LARGEST_INSIDE = 32 << 20 };

static const char *const weights[] = {".safetensors", ".bin",  ".pt",         ".pth",
                                      ".gguf",        ".h5",   ".msgpack",    ".onnx",
                                      ".ckpt",        ".part", ".index.json", NULL};
static const char *const configs[] = {".json", ".jinja", ".txt", ".model", ".yaml", NULL};
static const char *const known[] = {"tokenizer",     "vocab",
                                    "merges.txt",    "special_tokens_map",
                                    "added_tokens",  "generation_config",
                                    "chat_template", "preprocessor_config",
                                    "spiece.model",  NULL};

/* All entries of a folder. */
typedef struct listing {
    const char *const *names;
    size_t n;
} listing;

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool in(const char *const *list, const char *name, bool at_end)
{
    for (; *list; list++)
        if (at_end ? ends_with(name, *list) : strncasecmp(name, *list, strlen(*list)) == 0)
            return true;
    return false;
}

static bool is_hidden(const char *name)
{
    return name[0] == '.' || strstr(name, "/.");
}

/* In a folder of its own a model owns every file, and the configurations in folders inside it (what
 * else is there was left by people); a lone weights file owns only what is known to belong to
 * models. */
static bool is_sidecar(const char *name, bool folder)
{
    if (is_hidden(name) || strcmp(name, "config.json") == 0 || strcmp(name, "vq.json") == 0 ||
        in(weights, name, true))
        return false;
    if (strchr(name, '/')) return folder && in(configs, name, true);
    return folder || in(known, name, false);
}

/* What loaders of a model, and vq, read. Anything else (a README, the log of this very run that `tee`
 * writes) may change while vq works. */
static bool is_read(const char *name)
{
    static const char *const ends[] = {".json", ".jinja", ".model", NULL};
    return in(known, vq_base_name(name), false) || in(ends, name, true);
}

/* Does the path lie in the folder, or, where that is a snapshot of Hugging Face's cache, among the
 * blobs beside it? Both without links. */
static bool belongs(const char *path, const char *folder)
{
    const size_t n = strlen(folder);
    const char *snapshots = strstr(folder, "/snapshots/");
    const size_t cache = snapshots ? (size_t)(snapshots - folder) : 0;
    if (strncmp(path, folder, n) == 0 && path[n] == '/') return true;
    return cache && strncmp(path, folder, cache) == 0 && strncmp(path + cache, "/blobs/", 7) == 0;
}

static vq_status check_place(const char *path, const char *folder, vq_arena *a, vq_err *e)
{
    const char *real = vq_real_path(path, a, e), *root = real ? vq_real_path(folder, a, e) : NULL;
    if (!root) return e->status;
    if (belongs(real, root)) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: this link leads out of the model folder; put the file itself there", path);
}

/* The name in the model's folder; how that is called is no part of the artifact. */
static vq_status check_name(const char *name, const char *path, vq_err *e)
{
    if (vq_is_utf8(name)) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: the name of this file is not UTF-8; rename it", path);
}

/* Left out, the artifact would lack it without a word. A link to a folder is a folder, which has
 * other rules. */
static vq_status check_file(const char *path, const struct stat *st, vq_err *e)
{
    if (!st)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: this link leads to no file (a download that is not finished?); fetch "
                       "the file, or remove the link",
                       path);
    if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: this is %s, not a file; put the file itself there", path,
                   S_ISFIFO(st->st_mode)   ? "a pipe"
                   : S_ISSOCK(st->st_mode) ? "a socket"
                                           : "a device");
}

/* A folder "tokenizer" holds files of some models; with the whole name of a file it is a slip. */
static vq_status check_folders(const vq_checkpoint *c, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    VQ_TRY(vq_list_dir(c->dir, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (!in(configs, names[i], true) || !is_sidecar(names[i], vq_is_dir(c->path)) ||
            (!in(known, names[i], false) && !ends_with(names[i], ".json")))
            continue;
        const char *path = vq_join(a, c->dir, names[i], e);
        if (!path) return e->status;
        if (vq_is_dir(path))
            return vq_fail(e, VQ_E_INPUT,
                           "%s: this is a folder, not a file; put the file itself there", path);
    }
    return VQ_OK;
}

/* Length of the first folder of "folder/name"; 0: the file lies in the model's own. */
static size_t top_of(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

/* A folder with weights is another model, or a part of this one that only its own program knows. */
static bool holds_weights(const char *const *all, size_t n, const char *name)
{
    const size_t top = top_of(name);
    for (size_t i = 0; i < n; i++)
        if (top_of(all[i]) == top && strncmp(all[i], name, top) == 0 && in(weights, all[i], true))
            return true;
    return false;
}

/* What this program says into the model's folder (`vq quantize . 2>log`) is no file of the model. */
static bool is_own_talk(const struct stat *st)
{
    struct stat own;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
            return true;
    return false;
}

/* *copied, false before: does this entry go along? *said: it is left out, which the user may not
 * expect. */
static vq_status look_at(const vq_checkpoint *c, const listing *all, const char *name, bool *copied,
                         bool *said, vq_arena *a, vq_err *e)
{
    struct stat st;
    const char *path = vq_join(a, c->dir, name, e);
    const bool folder = vq_is_dir(c->path), inside = top_of(name) > 0;
    if (!path) return e->status;
    const bool there = stat(path, &st) == 0;
    if (!is_sidecar(name, folder)) {
        *said = folder && inside && !is_hidden(name) && there && S_ISREG(st.st_mode);
        return VQ_OK;
    }
    VQ_TRY(check_file(path, there ? &st : NULL, e));
    *copied = S_ISREG(st.st_mode) && !is_own_talk(&st);
    *said = *copied && inside &&
            (st.st_size > LARGEST_INSIDE || holds_weights(all->names, all->n, name));
    *copied = *copied && !*said;
    if (!*copied) return VQ_OK;
    VQ_TRY(check_name(name, path, e));
    return vq_is_link(path) ? check_place(path, c->dir, a, e) : VQ_OK;
}

/* The bytes that go along are those of now: mapped, they are watched, and another file under the name
 * is not looked at. */
static vq_status open_all(const vq_checkpoint *c, vq_sidecars *out, vq_arena *a, vq_err *e)
{
    const size_t n = out->n;
    out->maps = VQ_NEW(a, vq_map, n, "files beside the weights", e);
    if (!out->maps) return e->status;
    for (out->n = 0; out->n < n; out->n++) {
        const char *path = vq_join(a, c->dir, out->names[out->n], e);
        if (!path) return e->status;
        VQ_TRY(vq_map_open(&out->maps[out->n], path, e));
        if (!is_read(out->names[out->n])) vq_map_may_change(&out->maps[out->n]);
    }
    return VQ_OK;
}

vq_status vq_checkpoint_sidecars(const vq_checkpoint *c, vq_sidecars *out, vq_arena *a, vq_err *e)
{
    listing all;
    *out = (vq_sidecars){0};
    VQ_TRY(check_folders(c, a, e));
    VQ_TRY(vq_is_dir(c->path) ? vq_list_tree(c->dir, a, &all.names, &all.n, e)
                              : vq_list_dir(c->dir, a, &all.names, &all.n, e));
    const char **list = VQ_ALLOC(a, const char *, 2 * all.n, "names of files", e);
    if (!list) return VQ_E_LIMIT;
    vq_sidecars found = {.names = list, .left = list + all.n};
    for (size_t i = 0; i < all.n; i++) {
        bool copied = false, said = false;
        VQ_TRY(look_at(c, &all, all.names[i], &copied, &said, a, e));
        if (copied) list[found.n++] = all.names[i];
        if (said) list[all.n + found.nleft++] = all.names[i];
    }
    *out = found;
    const vq_status s = open_all(c, out, a, e);
    if (s != VQ_OK) vq_sidecars_close(out);
    return s;
}

void vq_sidecars_close(vq_sidecars *s)
{
    for (size_t i = 0; i < s->n; i++) vq_map_close(&s->maps[i]);
    *s = (vq_sidecars){0};
}
