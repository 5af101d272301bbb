/* st_write.c -- write a checkpoint: declared first, written in any order by any thread, visible
 * under its final name only when whole. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_layout.h"

#define INDEX_NAME "model.safetensors.index.json"

struct vq_st_writer {
    vq_arena *arena;
    vq_st_slot *slots; /* the id is the index */
    size_t count, room;
    vq_st_head head;
    size_t notes_room;
    vq_st_layout layout;
    vq_out *files;                 /* [layout.nshards]; NULL before open */
    atomic_uint_fast64_t *written; /* [count] bytes that each tensor has got */
    const char **names;            /* of the finished files; files[i] and then the index */
    size_t renamed;                /* files that stand under their final name */
    const char *dir;
    bool committed;
};

vq_status vq_st_writer_new(vq_st_writer **w, vq_arena *a, vq_err *e)
{
    *w = VQ_NEW(a, vq_st_writer, 1, "safetensors writer", e);
    if (!*w) return VQ_E_LIMIT;
    (*w)->arena = a;
    return VQ_OK;
}

static vq_status grow(vq_st_writer *w, vq_err *e)
{
    if (w->count < w->room) return VQ_OK;
    vq_st_slot *slots =
        vq_arena_more(w->arena, w->slots, &w->room, sizeof *slots, "list of tensors to write", e);
    if (!slots) return VQ_E_LIMIT;
    w->slots = slots;
    return VQ_OK;
}

vq_status vq_st_writer_declare(vq_st_writer *w, const char *name, vq_dtype t, const int64_t *shape,
                               int ndim, int64_t *id, vq_err *e)
{
    if (w->files) return vq_fail(e, VQ_E_BUG, "%s: declared after the files were opened", name);
    if (ndim < 0 || ndim > VQ_MAX_DIMS)
        return vq_fail(e, VQ_E_BUG, "%s: %d dimensions", name, ndim);
    vq_tensor x = {.dtype = t, .ndim = ndim};
    for (int i = 0; i < ndim; i++) x.shape[i] = shape[i];
    const vq_status sized = vq_tensor_bytes(t, shape, ndim, &x.bytes, e);
    if (sized != VQ_OK) (void)vq_at(e, "%s", name);
    VQ_TRY(sized);
    VQ_TRY(grow(w, e));
    x.name = vq_arena_text(w->arena, e, "%s", name);
    if (!x.name) return VQ_E_LIMIT;
    *id = (int64_t)w->count;
    w->slots[w->count++] = (vq_st_slot){.tensor = x};
    return VQ_OK;
}

vq_status vq_st_writer_name(vq_st_writer *w, const char *name, vq_err *e)
{
    if (w->files) return vq_fail(e, VQ_E_BUG, "%s: named after the files were opened", name);
    w->head.name = vq_arena_text(w->arena, e, "%s", name);
    return w->head.name ? VQ_OK : VQ_E_LIMIT;
}

static vq_status add_note(vq_st_writer *w, const char *key, const char *text, vq_err *e)
{
    vq_st_head *h = &w->head;
    if (h->count == w->notes_room) {
        vq_st_note *notes = vq_arena_more(w->arena, h->notes, &w->notes_room, sizeof *notes,
                                          "metadata to write", e);
        if (!notes) return VQ_E_LIMIT;
        h->notes = notes;
    }
    vq_st_note *n = &h->notes[h->count];
    n->key = vq_arena_text(w->arena, e, "%s", key);
    n->text = n->key ? vq_arena_text(w->arena, e, "%s", text) : NULL;
    if (!n->text) return VQ_E_LIMIT;
    h->count++;
    return VQ_OK;
}

/* The headers once more, in the place of those that were written. */
static vq_status renew_headers(vq_st_writer *w, vq_err *e)
{
    for (size_t i = 0; i < w->layout.nshards; i++) {
        vq_st_shard *s = &w->layout.shards[i];
        const size_t before = s->header_bytes;
        VQ_TRY(vq_st_lay_header(s, w->slots, &w->head, w->arena, e));
        if (s->header_bytes != before)
            return vq_fail(e, VQ_E_BUG, "%s: its header grew after it was written", s->name);
        VQ_TRY(vq_out_write(&w->files[i], 0, s->header, s->header_bytes, e));
    }
    return VQ_OK;
}

vq_status vq_st_writer_note(vq_st_writer *w, const char *key, const char *text, vq_err *e)
{
    vq_st_note *n = NULL;
    for (size_t i = 0; i < w->head.count && !n; i++)
        if (strcmp(w->head.notes[i].key, key) == 0) n = &w->head.notes[i];
    if (!n)
        return w->files ? vq_fail(e, VQ_E_BUG, "%s: noted after the files were opened", key)
                        : add_note(w, key, text, e);
    if (w->committed || strlen(n->text) != strlen(text))
        return vq_fail(e, VQ_E_BUG, "%s: noted too late or at another length", key);
    n->text = vq_arena_text(w->arena, e, "%s", text);
    if (!n->text) return VQ_E_LIMIT;
    return w->files ? renew_headers(w, e) : VQ_OK;
}

static vq_status open_files(vq_st_writer *w, vq_err *e)
{
    for (size_t i = 0; i < w->layout.nshards; i++) {
        const vq_st_shard *s = &w->layout.shards[i];
        const char *path = vq_join(w->arena, w->dir, s->name, e);
        if (!path) return VQ_E_LIMIT;
        w->names[i] = s->name;
        VQ_TRY(vq_out_open(&w->files[i], path, s->bytes, e));
        VQ_TRY(vq_out_write(&w->files[i], 0, s->header, s->header_bytes, e));
    }
    return VQ_OK;
}

vq_status vq_st_writer_open(vq_st_writer *w, const char *dir, uint64_t shard_bytes, vq_err *e)
{
    if (w->files) return vq_fail(e, VQ_E_BUG, "%s: the files were opened before", dir);
    VQ_TRY(vq_st_lay_out(&w->layout, w->slots, w->count, shard_bytes, &w->head, w->arena, e));
    const size_t n = w->layout.nshards;
    w->dir = vq_arena_text(w->arena, e, "%s", dir);
    w->names = w->dir ? VQ_NEW(w->arena, const char *, n + 1, "file names", e) : NULL;
    w->written =
        w->names ? VQ_ALLOC(w->arena, atomic_uint_fast64_t, w->count, "counts of bytes written", e)
                 : NULL;
    w->files = w->written ? VQ_NEW(w->arena, vq_out, n, "files", e) : NULL;
    if (!w->files) return VQ_E_LIMIT;
    for (size_t i = 0; i < w->count; i++) atomic_init(&w->written[i], 0);
    for (size_t i = 0; i < n; i++) w->files[i].fd = -1;
    vq_status s = vq_check_space(w->dir, w->layout.total, e);
    if (s == VQ_OK) s = open_files(w, e);
    if (s != VQ_OK) vq_st_writer_drop(w);
    return s;
}

vq_status vq_st_writer_write(vq_st_writer *w, int64_t id, uint64_t at, const void *data, size_t n,
                             vq_err *e)
{
    if (!w->files || id < 0 || (uint64_t)id >= w->count)
        return vq_fail(e, VQ_E_BUG, "no tensor %lld to write to", (long long)id);
    const vq_st_slot *x = &w->slots[id];
    if (at > x->tensor.bytes || n > x->tensor.bytes - at) {
        return vq_fail(e, VQ_E_BUG, "%s: %zu bytes at byte %llu do not fit its %zu", x->tensor.name,
                       n, (unsigned long long)at, x->tensor.bytes);
    }
    VQ_TRY(vq_out_write(&w->files[x->shard], x->at + at, data, n, e));
    atomic_fetch_add(&w->written[id], n);
    return VQ_OK;
}

static vq_status check_whole(const vq_st_writer *w, vq_err *e)
{
    if (!w->files || w->committed) return vq_fail(e, VQ_E_BUG, "the checkpoint is not open");
    for (size_t i = 0; i < w->count; i++) {
        const uint64_t got = atomic_load(&w->written[i]);
        const vq_tensor *t = &w->slots[i].tensor;
        if (got != t->bytes)
            return vq_fail(e, VQ_E_BUG, "%s: %llu of its %zu bytes were written", t->name,
                           (unsigned long long)got, t->bytes);
    }
    return VQ_OK;
}

static vq_status finish_files(vq_st_writer *w, vq_err *e)
{
    for (; w->renamed < w->layout.nshards; w->renamed++)
        VQ_TRY(vq_out_commit(&w->files[w->renamed], e));
    if (!w->layout.index) return VQ_OK;
    const char *path = vq_join(w->arena, w->dir, INDEX_NAME, e);
    if (!path) return VQ_E_LIMIT;
    w->names[w->layout.nshards] = INDEX_NAME;
    return vq_write_file(path, w->layout.index, w->layout.index_bytes, e);
}

vq_status vq_st_writer_commit(vq_st_writer *w, const char *const **names, size_t *n, vq_err *e)
{
    VQ_TRY(check_whole(w, e));
    const vq_status s = finish_files(w, e);
    if (s != VQ_OK) {
        vq_st_writer_drop(w);
        return s;
    }
    w->committed = true;
    *names = w->names;
    *n = w->layout.nshards + (w->layout.index ? 1 : 0);
    return VQ_OK;
}

void vq_st_writer_drop(vq_st_writer *w)
{
    if (!w || !w->files || w->committed) return;
    for (size_t i = 0; i < w->layout.nshards; i++) vq_out_drop(&w->files[i]);
    /* A commit that failed halfway: shards without their index are not a model. */
    for (size_t i = 0; i < w->renamed; i++) (void)remove(w->files[i].path);
    w->renamed = 0;
}
