/* own_ids.c -- the model's own text, under its digest. */
#include "run/store/own_ids.h"

#include <string.h>

#include "base/file.h"

#define NAME "own-text.ids"

vq_status vq_own_ids_write(const char *dir, const int32_t *ids, size_t n, vq_arena *a, vq_err *e)
{
    const size_t bytes = n * sizeof *ids;
    const vq_arena_mark mark = vq_arena_here(a);
    const char *path = vq_join(a, dir, NAME, e);
    char *file = path ? VQ_ALLOC(a, char, bytes + VQ_SHA256_TEXT, "text of the model", e) : NULL;
    if (!file) return e->status;
    memcpy(file, ids, bytes);
    vq_sha256_of(ids, bytes, file + bytes);
    const vq_status s = vq_write_file(path, file, bytes + VQ_SHA256_TEXT - 1, e);
    vq_arena_rewind(a, mark);
    return s;
}

static bool is_whole(const vq_map *f, size_t bytes)
{
    char sha[VQ_SHA256_TEXT];
    if (f->size != bytes + VQ_SHA256_TEXT - 1) return false;
    vq_sha256_of(f->data, bytes, sha);
    return memcmp((const char *)f->data + bytes, sha, VQ_SHA256_TEXT - 1) == 0;
}

vq_status vq_own_ids_read(const char *dir, size_t n, const int32_t **ids, vq_arena *a, vq_err *e)
{
    vq_map f;
    vq_err missing;
    const char *path = vq_join(a, dir, NAME, e);
    *ids = NULL;
    if (!path) return e->status;
    if (vq_map_open(&f, path, &missing) != VQ_OK) return VQ_OK;
    const bool whole = is_whole(&f, n * sizeof **ids);
    int32_t *copy = whole ? VQ_ALLOC(a, int32_t, n, "text of the model", e) : NULL;
    if (copy) memcpy(copy, f.data, n * sizeof *copy);
    *ids = copy;
    vq_map_close(&f);
    return whole && !copy ? e->status : VQ_OK;
}
