/* not_a_model.c -- names and first bytes of what is no safetensors model. */
#include "formats/folder/not_a_model.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/option.h"

#define FETCH "hf download fetches one by its name on the hub"

typedef struct looking {
    const char *path;
    const char *const *names; /* of a folder */
    size_t n;
} looking;

/* The first bytes of a file; nothing where it cannot be read: whoever opens it says why. */
static size_t peek(const char *path, char *buf, size_t len)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return 0;
    const ssize_t n = read(fd, buf, len);
    (void)close(fd);
    return n > 0 ? (size_t)n : 0;
}

static bool begins(const char *path, const char *bytes)
{
    char buf[32];
    const size_t n = strlen(bytes);
    return peek(path, buf, sizeof buf) >= n && memcmp(buf, bytes, n) == 0;
}

static bool is_pointer(const char *path)
{
    return begins(path, "version https://git-lfs");
}

static const char *const pickles[] = {".bin", ".pt", ".pth", ".ckpt", ".pkl", NULL};
static const char *const others[] = {".h5", ".msgpack", ".npz", ".tflite", ".keras", NULL};

static bool ends_in(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (vq_ends_with(name, *list)) return true;
    return false;
}

static vq_status say_pointer(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: a Git LFS pointer, not the weights: run git lfs pull in its folder, or "
                   "fetch the model anew: " FETCH,
                   path);
}

static vq_status say_gguf(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: GGUF, which vq does not read (and mostly quantized already): give the "
                   "original model in safetensors: " FETCH,
                   path);
}

static vq_status say_pickle(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: weights as a Python pickle, which can run programs and is not read; make "
                   "safetensors of them with from_pretrained(folder, dtype='auto') and "
                   "save_pretrained(another folder) of transformers' AutoModelForCausalLM",
                   path);
}

static vq_status say_onnx(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: ONNX, which vq does not read: give the model that it was exported from, in "
                   "safetensors: " FETCH,
                   path);
}

static vq_status say_other(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: weights of TensorFlow or JAX, which vq does not read; load the model with "
                   "transformers and write it with save_pretrained, which makes safetensors",
                   path);
}

/* OWNER/NAME or NAME in the letters of the hub, or an address there. */
static bool is_hub_name(const char *path)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t owner = strspn(path, letters),
                 name = path[owner] == '/' ? strspn(path + owner + 1, letters) : 0;
    if (owner == 0 || path[0] == '.' || vq_ends_with(path, ".safetensors") ||
        vq_ends_with(path, ".json") || ends_in(pickles, path) || vq_ends_with(path, ".gguf"))
        return false;
    return path[owner] ? name && !path[owner + 1 + name] : true;
}

/* The path with the nearest name that lies in its folder; *near NULL: there is none, or no folder. */
static vq_status find_near(const char *path, const char **near, vq_arena *a, vq_err *e)
{
    const char *base = vq_base_name(path), *const * names, *name;
    const int before = (int)(base - path);
    const char *dir = before ? vq_arena_text(a, e, "%.*s", before, path) : ".";
    size_t n;
    *near = NULL;
    if (!dir) return e->status;
    if (!vq_is_dir(dir)) return VQ_OK;
    VQ_TRY(vq_list_dir(dir, a, &names, &n, e));
    name = vq_nearest(base, names, n < INT_MAX ? (int)n : INT_MAX);
    if (!name) return VQ_OK;
    *near = vq_arena_text(a, e, "%.*s%s", before, path, name);
    return *near ? VQ_OK : e->status;
}

/* Is what stands before the name a folder here? Then the path is none of the hub's names. */
static bool is_here(const char *path)
{
    char dir[4096];
    const size_t n = (size_t)(vq_base_name(path) - path);
    return n > 0 && n < sizeof dir && snprintf(dir, sizeof dir, "%.*s", (int)n, path) > 0 &&
           vq_is_dir(dir);
}

/* A slip, or a name of the hub. */
static vq_status look_at_nothing(const char *given, vq_arena *a, vq_err *e)
{
    static const char hub[] = "https://huggingface.co/";
    const bool address = strncmp(given, hub, sizeof hub - 1) == 0;
    const char *name = address ? given + sizeof hub - 1 : given, *near = NULL;
    size_t len = strlen(given);
    while (len > 1 && given[len - 1] == '/') len--;
    const char *path = vq_arena_text(a, e, "%.*s", (int)len, given);
    if (!path) return e->status;
    if (!address) VQ_TRY(find_near(path, &near, a, e));
    if (near)
        return vq_fail(e, VQ_E_INPUT, "%s: no such file or folder; did you mean %s?", given, near);
    if (!address && (!is_hub_name(path) || is_here(path))) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: no such file or folder; vq fetches nothing itself: if it is a model of "
                   "Hugging Face's hub, hf download %s --local-dir %s, and give that folder",
                   given, name, vq_base_name(name));
}

/* "-00001-of-00003.safetensors" with more than one: 3; 0: it is none of several. */
static int shards_of(const char *name)
{
    static const char shape[] = "-ddddd-of-ddddd.safetensors";
    const size_t n = strlen(name), m = sizeof shape - 1;
    int count = 0;
    if (n < m) return 0;
    for (size_t i = 0; i < m; i++) {
        const char c = name[n - m + i];
        if (shape[i] == 'd' ? c < '0' || c > '9' : c != shape[i]) return 0;
        if (shape[i] == 'd') count = i < 7 ? 0 : count * 10 + (c - '0');
    }
    return count > 1 ? count : 0;
}

/* Files that lie beside the weights: people give them for the whole. */
static vq_status look_at_beside(const char *path, vq_arena *a, vq_err *e)
{
    static const char *const names[] = {"config.json",
                                        "vq.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "generation_config.json",
                                        "special_tokens_map.json",
                                        "hf_quant_config.json",
                                        "vocab.json",
                                        NULL};
    const char *base = vq_base_name(path);
    int i = 0;
    while (names[i] && strcmp(names[i], base) != 0) i++;
    if (!names[i]) return VQ_OK;
    const int before = (int)(base - path);
    const char *dir = before > 1 ? vq_arena_text(a, e, "%.*s", before - 1, path)
                      : before   ? "/"
                                 : ".";
    if (!dir) return e->status;
    return vq_fail(e, VQ_E_INPUT, "%s: describes a model and is none; give its folder, %s", path,
                   dir);
}

static vq_status look_at_file(const char *path, vq_arena *a, vq_err *e)
{
    const int shards = shards_of(path);
    VQ_TRY(look_at_beside(path, a, e));
    if (is_pointer(path)) return say_pointer(path, e);
    if (begins(path, "GGUF") || vq_ends_with(path, ".gguf")) return say_gguf(path, e);
    if (vq_ends_with(path, ".onnx")) return say_onnx(path, e);
    if (ends_in(others, path)) return say_other(path, e);
    if (ends_in(pickles, path) || begins(path, "PK\003\004") || begins(path, "\x80\x02"))
        return say_pickle(path, e);
    if (!shards) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: one of the %d files of a model; give the folder, or its "
                   "model.safetensors.index.json",
                   path, shards);
}

static const char *find(const looking *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->names[i], name) == 0) return l->names[i];
    return NULL;
}

static const char *find_end(const looking *l, const char *const *ends)
{
    for (size_t i = 0; i < l->n; i++)
        if (ends_in(ends, l->names[i])) return l->names[i];
    return NULL;
}

static vq_status say_adapter(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: an adapter (LoRA), not a model: merge it into its base first, with "
                   "from_pretrained(folder).merge_and_unload().save_pretrained(another folder) of "
                   "peft's AutoPeftModelForCausalLM, and give that folder",
                   path);
}

static vq_status say_pipeline(const looking *l, vq_arena *a, vq_err *e)
{
    static const char *const parts[] = {"transformer", "unet", "text_encoder", NULL};
    for (size_t i = 0; parts[i]; i++) {
        const char *part = vq_join(a, l->path, parts[i], e);
        if (!part) return e->status;
        if (vq_is_dir(part))
            return vq_fail(e, VQ_E_INPUT,
                           "%s: a pipeline of diffusers, several models in folders; give one of "
                           "them: %s",
                           l->path, part);
    }
    return vq_fail(e, VQ_E_INPUT,
                   "%s: a pipeline of diffusers without its parts: fetch it again, " FETCH,
                   l->path);
}

static vq_status say_cache(const looking *l, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "%s: a folder of Hugging Face's cache; the model lies in one of the folders in "
                   "%s/snapshots",
                   l->path, l->path);
}

enum { MODELS_SHOWN = 4 };

static bool has_model(const char *dir, vq_arena *a)
{
    static const char *const files[] = {"config.json", "model.safetensors",
                                        "model.safetensors.index.json", NULL};
    for (int i = 0; files[i]; i++) {
        const char *path = vq_join(a, dir, files[i], NULL);
        if (path && vq_exists(path)) return true;
    }
    return false;
}

/* A folder of models: which of them? */
static vq_status look_inside(const looking *l, vq_arena *a, vq_err *e)
{
    char list[1024] = "";
    size_t found = 0, at = 0;
    for (size_t i = 0; i < l->n; i++) {
        const char *inside = vq_join(a, l->path, l->names[i], e);
        if (!inside) return e->status;
        if (!vq_is_dir(inside) || !has_model(inside, a) || found++ >= MODELS_SHOWN) continue;
        const int n = snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", inside);
        at = n > 0 && at + (size_t)n < sizeof list ? at + (size_t)n : sizeof list - 1;
    }
    if (!found) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: no model, but a folder of models; give one of them: %s%s",
                   l->path, list, found > MODELS_SHOWN ? ", ..." : "");
}

/* A folder without a file of safetensors. */
static vq_status look_at_rest(const looking *l, vq_arena *a, vq_err *e)
{
    static const char *const gguf[] = {".gguf", NULL}, *const onnx[] = {".onnx", NULL};
    if (find(l, "model_index.json")) return say_pipeline(l, a, e);
    if (find(l, "snapshots") && find(l, "refs")) return say_cache(l, e);
    if (find_end(l, gguf)) return say_gguf(l->path, e);
    if (find_end(l, pickles)) return say_pickle(l->path, e);
    if (find_end(l, onnx) || find(l, "onnx")) return say_onnx(l->path, e);
    if (find_end(l, others)) return say_other(l->path, e);
    if (l->n == 0)
        return vq_fail(e, VQ_E_INPUT, "%s: an empty folder; fetch the model there: " FETCH,
                       l->path);
    if (find(l, "config.json"))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: config.json but no weights (*.safetensors): an incomplete download? "
                       "fetch it again, " FETCH,
                       l->path);
    return look_inside(l, a, e);
}

static vq_status look_at_folder(const char *path, vq_arena *a, vq_err *e)
{
    static const char *const weights[] = {".safetensors", ".safetensors.index.json", NULL};
    looking l = {.path = path};
    VQ_TRY(vq_list_dir(path, a, &l.names, &l.n, e));
    if (find(&l, "adapter_config.json") && !find(&l, "model.safetensors") &&
        !find(&l, "model.safetensors.index.json"))
        return say_adapter(path, e);
    for (size_t i = 0; i < l.n; i++) {
        const char *file = vq_join(a, path, l.names[i], e);
        if (!file) return e->status;
        if (vq_ends_with(file, ".safetensors") && is_pointer(file)) return say_pointer(file, e);
    }
    return find_end(&l, weights) ? VQ_OK : look_at_rest(&l, a, e);
}

vq_status vq_not_a_model(const char *path, vq_arena *a, vq_err *e)
{
    if (!vq_exists(path)) return look_at_nothing(path, a, e);
    return vq_is_dir(path) ? look_at_folder(path, a, e) : look_at_file(path, a, e);
}
