/* diff.c -- two checkpoints opened, their tensors, configurations and files compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/diff/diff_tensors.h"
#include "run/run.h"
#include "json/json_make.h"

enum { DEEPEST = 16, VALUE_TEXT = 72 };

/* Rows of one kind, as many as there are. */
typedef struct rows {
    vq_diff_row *list;
    size_t n, room;
    vq_arena *a;
} rows;

static vq_status add_row(rows *t, const char *name, const char *a, const char *b, vq_err *e)
{
    if (t->n == t->room) {
        vq_diff_row *more = vq_arena_more(t->a, t->list, &t->room, sizeof *more, "differences", e);
        if (!more) return e->status;
        t->list = more;
    }
    vq_diff_row *row = &t->list[t->n];
    *row = (vq_diff_row){.name = vq_arena_text(t->a, e, "%s", name),
                         .a = a ? vq_arena_text(t->a, e, "%s", a) : NULL,
                         .b = b ? vq_arena_text(t->a, e, "%s", b) : NULL};
    if (!row->name || (a && !row->a) || (b && !row->b)) return e->status;
    t->n++;
    return VQ_OK;
}

/* A value on one line, cut where it is long. */
static vq_status value_text(const json_t *v, char text[VALUE_TEXT], vq_err *e)
{
    char *all = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!all) return vq_fail(e, VQ_E_LIMIT, "config.json: no memory for the text");
    if (snprintf(text, VALUE_TEXT, "%s", all) >= VALUE_TEXT)
        memcpy(text + VALUE_TEXT - sizeof "...", "...", sizeof "...");
    free(all);
    return VQ_OK;
}

static vq_status add_value(rows *t, const char *name, const json_t *a, const json_t *b, vq_err *e)
{
    char text_a[VALUE_TEXT], text_b[VALUE_TEXT];
    if (a) VQ_TRY(value_text(a, text_a, e));
    if (b) VQ_TRY(value_text(b, text_b, e));
    return add_row(t, *name ? name : "config.json", a ? text_a : NULL, b ? text_b : NULL, e);
}

static vq_status diff_values(rows *t, const char *name, json_t *a, json_t *b, int depth, vq_err *e);

static vq_status diff_member(rows *t, const char *inside, const char *key, json_t *a, json_t *b,
                             int depth, vq_err *e)
{
    char name[512];
    (void)snprintf(name, sizeof name, "%s%s%s", inside, *inside ? "." : "", key);
    return diff_values(t, name, a, b, depth + 1, e);
}

static vq_status diff_values(rows *t, const char *name, json_t *a, json_t *b, int depth, vq_err *e)
{
    const char *key;
    json_t *value;
    if (a && b && json_equal(a, b)) return VQ_OK;
    if (!json_is_object(a) || !json_is_object(b) || depth == DEEPEST)
        return add_value(t, name, a, b, e);
    json_object_foreach(a, key, value)
        VQ_TRY(diff_member(t, name, key, value, json_object_get(b, key), depth, e));
    json_object_foreach(b, key, value) if (!json_object_get(a, key))
        VQ_TRY(diff_member(t, name, key, NULL, value, depth, e));
    return VQ_OK;
}

/* Weights are compared as tensors. */
static bool is_weights(const char *name)
{
    return vq_ends_with(name, ".safetensors") || vq_ends_with(name, ".safetensors.index.json");
}

static vq_status list_files(const char *path, const char *const **names, size_t *n, vq_arena *a,
                            vq_err *e)
{
    *n = 0;
    return vq_is_dir(path) ? vq_list_tree(path, a, names, n, e) : VQ_OK;
}

/* text: the size of the file; "": it is none that could be read, a pipe or a link to nothing. */
static vq_status map_file(vq_map *m, const char *dir, const char *name, char text[32], vq_arena *a,
                          vq_err *e)
{
    const char *path = vq_join(a, dir, name, e);
    if (!path) return e->status;
    *m = (vq_map){0};
    text[0] = 0;
    const vq_status s = vq_map_open(m, path, e);
    if (s == VQ_OK) (void)snprintf(text, 32, "%zu bytes", m->size);
    return s == VQ_E_INPUT ? VQ_OK : s;
}

static vq_status diff_file(rows *t, const char *dir_a, const char *a, const char *dir_b,
                           const char *b, vq_arena *scratch, vq_err *e)
{
    vq_map ma = {0}, mb = {0};
    char size_a[32], size_b[32];
    vq_status s = a ? map_file(&ma, dir_a, a, size_a, scratch, e) : VQ_OK;
    if (s == VQ_OK && b) s = map_file(&mb, dir_b, b, size_b, scratch, e);
    const bool same = a && b && ma.data && mb.data && ma.size == mb.size &&
                      (ma.size == 0 || memcmp(ma.data, mb.data, ma.size) == 0);
    if (s == VQ_OK && !same) s = add_row(t, a ? a : b, a ? size_a : NULL, b ? size_b : NULL, e);
    if (ma.data) vq_map_close(&ma);
    if (mb.data) vq_map_close(&mb);
    return s;
}

static vq_status diff_files(rows *t, const char *dir_a, const char *dir_b, vq_arena *scratch,
                            vq_err *e)
{
    const char *const *a, *const *b;
    size_t na, nb;
    VQ_TRY(list_files(dir_a, &a, &na, scratch, e));
    VQ_TRY(list_files(dir_b, &b, &nb, scratch, e));
    if (!vq_is_dir(dir_a) || !vq_is_dir(dir_b)) return VQ_OK; /* a lone file has none beside it */
    for (size_t i = 0, j = 0; i < na || j < nb;) {
        const int c = i == na ? 1 : j == nb ? -1 : strcmp(a[i], b[j]);
        const char *name_a = c <= 0 ? a[i++] : NULL, *name_b = c >= 0 ? b[j++] : NULL;
        if (!is_weights(name_a ? name_a : name_b))
            VQ_TRY(diff_file(t, dir_a, name_a, dir_b, name_b, scratch, e));
    }
    return VQ_OK;
}

static uint64_t weight_bytes(const vq_model *m)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < m->checkpoint.weights.nfiles; i++)
        bytes += m->checkpoint.weights.files[i].map.size;
    return bytes;
}

static vq_status diff_opened(vq_job *job, const vq_model *a, const vq_model *b, vq_diff_result *r,
                             vq_arena *scratch, vq_arena *out, vq_err *e)
{
    rows config = {.a = out}, files = {.a = out};
    VQ_TRY(vq_diff_tensors(job, a, b, r, scratch, out, e));
    VQ_TRY(diff_values(&config, "", a->checkpoint.config.root, b->checkpoint.config.root, 0, e));
    VQ_TRY(diff_files(&files, a->checkpoint.path, b->checkpoint.path, scratch, e));
    r->config = config.list;
    r->nconfig = config.n;
    r->files = files.list;
    r->nfiles = files.n;
    r->bytes_a = weight_bytes(a);
    r->bytes_b = weight_bytes(b);
    return VQ_OK;
}

vq_status vq_run_diff(vq_job *job, const char *path_a, const char *path_b, vq_diff_result *r,
                      vq_arena *out, vq_err *e)
{
    vq_arena scratch;
    vq_model a, b;
    *r = (vq_diff_result){0};
    vq_arena_init(&scratch, &job->budget);
    vq_status s = vq_model_open(&a, path_a, &scratch, e);
    if (s == VQ_OK) {
        s = vq_model_open(&b, path_b, &scratch, e);
        if (s == VQ_OK) {
            s = diff_opened(job, &a, &b, r, &scratch, out, e);
            vq_model_close(&b);
        }
        vq_model_close(&a);
    }
    vq_arena_done(&scratch);
    return s;
}
