/* tokenize.c -- text to token ids with the tokenizer of a model, and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "formats/folder/not_a_model.h"
#include "run/generate/prompt.h"
#include "run/quantize/folders.h"
#include "run/run.h"

typedef struct tokenizing {
    const vq_tokenize_options *o;
    vq_tokenize_result *r;
    const char *dir;
    vq_tokenizer *tokenizer;
    vq_map map; /* of the file of text or ids; data NULL: none */
    vq_arena *a;
} tokenizing;

/* The folder of a model, or of one of its files. */
static vq_status find_folder(tokenizing *t, vq_err *e)
{
    const char *path = t->o->model, *leaf = vq_base_name(path);
    if (!vq_exists(path)) VQ_TRY(vq_not_a_model(path, t->a, e));
    if (vq_is_dir(path))
        t->dir = path;
    else if (!vq_exists(path))
        return vq_fail(e, VQ_E_INPUT, "%s: no such file or folder", path);
    else
        t->dir = leaf == path ? "." : vq_arena_text(t->a, e, "%.*s", (int)(leaf - path), path);
    return t->dir ? VQ_OK : e->status;
}

static vq_status open_tokenizer(tokenizing *t, vq_err *e)
{
    VQ_TRY(find_folder(t, e));
    const char *path = vq_ends_with(t->o->model, ".json") && !vq_is_dir(t->o->model)
                           ? t->o->model
                           : vq_join(t->a, t->dir, "tokenizer.json", e);
    return path ? vq_tokenizer_open(&t->tokenizer, path, e) : e->status;
}

/* What the tokens are called in the vocabulary. */
static vq_status name_tokens(tokenizing *t, vq_err *e)
{
    vq_tokenize_result *r = t->r;
    const char **names = VQ_ALLOC(t->a, const char *, r->count, "names of tokens", e);
    if (!names) return e->status;
    for (size_t i = 0; i < r->count; i++) {
        size_t len;
        const char *name = vq_tokenizer_token(t->tokenizer, r->ids[i], &len);
        if (!(names[i] = vq_arena_text(t->a, e, "%.*s", (int)len, name))) return e->status;
    }
    r->tokens = names;
    return VQ_OK;
}

/* Ids and nothing else: four letters are no id of any vocabulary. Text in UTF-32 is the same bytes as
 * ids, so nothing tells them apart. */
static bool are_ids(const void *ctx, const vq_map *m)
{
    const tokenizing *t = ctx;
    const int64_t size = vq_tokenizer_size(t->tokenizer);
    int32_t id = 0;
    bool ids = m->size % sizeof id == 0;
    for (size_t at = 0; ids && at < m->size; at += sizeof id) {
        memcpy(&id, m->data + at, sizeof id);
        ids = id >= 0 && id < size;
    }
    return ids;
}

/* What is wrong with what a file says is said with its name. */
static vq_status blame(const char *file, vq_status s, vq_err *e)
{
    return s == VQ_OK || !file ? s : vq_at(e, "%s", file);
}

static vq_status make_ids(tokenizing *t, vq_err *e)
{
    vq_prompt p = t->o->prompt;
    int32_t *ids;
    if (t->map.data) p.text = (const char *)t->map.data;
    if (t->map.data) p.len = t->map.size;
    VQ_TRY(
        blame(t->o->data, vq_prompt_ids(&p, t->dir, t->tokenizer, t->a, &ids, &t->r->count, e), e));
    t->r->ids = ids;
    return VQ_OK;
}

static vq_status save_ids(tokenizing *t, vq_err *e)
{
    const char *const inputs[] = {t->o->model, t->o->data};
    const vq_file_kind kind = {.name = "a file of this tokenizer's ids", .made = are_ids, .ctx = t};
    const vq_folders_request request = {.inputs = inputs,
                                        .ninputs = sizeof inputs / sizeof *inputs,
                                        .out = t->o->out,
                                        .kind = &kind,
                                        .force = t->o->force};
    vq_folders f;
    VQ_TRY(vq_folders_open(&f, &request, t->a, e));
    vq_status s = make_ids(t, e);
    if (s == VQ_OK) s = vq_write_file(f.file, t->r->ids, t->r->count * sizeof *t->r->ids, e);
    if (s == VQ_OK) s = vq_folders_commit(&f, t->a, e);
    vq_folders_close(&f, t->o->prompt.heed);
    return s;
}

static vq_status encode(tokenizing *t, vq_err *e)
{
    if (t->o->out) return save_ids(t, e);
    VQ_TRY(make_ids(t, e));
    return t->o->names ? name_tokens(t, e) : VQ_OK;
}

/* "1 2,3" and lines, or an int32 file. */
static vq_status read_ids(tokenizing *t, int32_t **ids, size_t *n, vq_err *e)
{
    static const char gaps[] = " ,\t\r\n[]";
    const char *p = t->o->prompt.text;
    *n = t->map.data ? t->map.size / 4 : 0;
    *ids = VQ_ALLOC(t->a, int32_t, t->map.data ? *n : strlen(p), "token ids", e);
    if (!*ids) return e->status;
    if (t->map.data && t->map.size % 4)
        return vq_fail(e, VQ_E_INPUT, "%s: %zu bytes are not whole int32 ids", t->o->tokens,
                       t->map.size);
    if (t->map.data && *n) memcpy(*ids, t->map.data, t->map.size);
    if (t->map.data) return VQ_OK;
    for (p += strspn(p, gaps); *p; p += strspn(p, gaps)) {
        char *end;
        errno = 0;
        const long long id = strtoll(p, &end, 10);
        if (end == p || !strchr(gaps, *end) || id < 0 || id > INT32_MAX || errno)
            return vq_fail(e, VQ_E_INPUT, "'%.20s' is no token id", p);
        (*ids)[(*n)++] = (int32_t)id;
        p = end;
    }
    return VQ_OK;
}

static vq_status decode(tokenizing *t, vq_err *e)
{
    int32_t *ids;
    char *text;
    VQ_TRY(read_ids(t, &ids, &t->r->count, e));
    VQ_TRY(vq_tokenizer_decode(t->tokenizer, ids, t->r->count, !t->o->prompt.special, t->a, &text,
                               &t->r->bytes, e));
    t->r->text = text;
    t->r->ids = ids;
    return VQ_OK;
}

vq_status vq_run_tokenize(const vq_tokenize_options *o, vq_tokenize_result *r, vq_arena *a,
                          vq_err *e)
{
    tokenizing t = {.o = o, .r = r, .a = a};
    const char *file = o->decode ? o->tokens : o->data;
    *r = (vq_tokenize_result){.bytes = o->prompt.len, .out = o->out};
    if (file) VQ_TRY(vq_map_open(&t.map, file, e));
    if (file) r->bytes = t.map.size;
    vq_status s = open_tokenizer(&t, e);
    if (s == VQ_OK) s = o->decode ? blame(file, decode(&t, e), e) : encode(&t, e);
    vq_tokenizer_free(t.tokenizer);
    if (file) vq_map_close(&t.map);
    return s;
}
