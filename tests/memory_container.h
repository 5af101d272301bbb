/* memory_container.h -- a container whose files are lists in this process: what is written to a
 * folder's name is there when that name is opened. A second vq_container beside safetensors, to
 * show that nobody above it knows which one it is. Include after <cmocka.h>. */
#ifndef VQ_TEST_MEMORY_CONTAINER_H
#define VQ_TEST_MEMORY_CONTAINER_H

#include <stdlib.h>
#include <string.h>

#include "formats/container.h"

enum { MEMORY_FOLDERS = 16, MEMORY_TENSORS = 1024 };

typedef struct memory_folder {
    char *dir; /* NULL until begin */
    bool committed;
    vq_tensor tensors[MEMORY_TENSORS];
    size_t written[MEMORY_TENSORS];
    size_t count;
} memory_folder;

static memory_folder *memory_folders[MEMORY_FOLDERS];
static int memory_count;

static inline void memory_drop(void *self)
{
    memory_folder *f = self;
    if (f->committed) return;
    for (size_t i = 0; i < f->count; i++) {
        free((void *)(uintptr_t)f->tensors[i].name);
        free((void *)(uintptr_t)f->tensors[i].data);
    }
    f->count = 0;
    free(f->dir);
    f->dir = NULL;
}

/* memory_clear -- everything that was written is gone. */
static inline void memory_clear(void)
{
    for (int i = 0; i < memory_count; i++) {
        memory_folders[i]->committed = false;
        memory_drop(memory_folders[i]);
        free(memory_folders[i]);
    }
    memory_count = 0;
}

static inline memory_folder *memory_at(const char *path)
{
    for (int i = 0; i < memory_count; i++)
        if (memory_folders[i]->committed && strcmp(memory_folders[i]->dir, path) == 0)
            return memory_folders[i];
    return NULL;
}

static inline bool memory_claims(const char *path)
{
    return memory_at(path) != NULL;
}

static inline vq_status memory_open(vq_tensor_set *s, const char *path, vq_arena *a, vq_err *e)
{
    memory_folder *f = memory_at(path);
    if (!f) return vq_fail(e, VQ_E_INPUT, "%s: nothing of this name in memory", path);
    s->sorted = VQ_ALLOC(a, vq_tensor *, f->count + 1, "tensors", e);
    if (!s->sorted) return VQ_E_LIMIT;
    for (size_t i = 0; i < f->count; i++) s->sorted[s->count++] = &f->tensors[i];
    vq_tensor_set_sort(s);
    return VQ_OK;
}

static inline void memory_close(void *self)
{
    (void)self;
}

static inline vq_status memory_create(void **self, vq_arena *a, vq_err *e)
{
    (void)a;
    memory_folder *f = calloc(1, sizeof *f);
    if (!f || memory_count == MEMORY_FOLDERS) {
        free(f);
        return vq_fail(e, VQ_E_LIMIT, "no memory for a folder");
    }
    memory_folders[memory_count++] = f;
    *self = f;
    return VQ_OK;
}

static inline vq_status memory_declare(void *self, const char *name, vq_dtype t,
                                       const int64_t *shape, int ndim, int64_t *id, vq_err *e)
{
    memory_folder *f = self;
    if (f->dir || f->count == MEMORY_TENSORS) return vq_fail(e, VQ_E_BUG, "%s: too late", name);
    vq_tensor *x = &f->tensors[f->count];
    *x = (vq_tensor){.dtype = t, .ndim = ndim};
    for (int i = 0; i < ndim; i++) x->shape[i] = shape[i];
    VQ_TRY(vq_tensor_bytes(t, shape, ndim, &x->bytes, e));
    x->name = strdup(name);
    *id = (int64_t)f->count++;
    return VQ_OK;
}

static inline vq_status memory_begin(void *self, const char *dir, uint64_t shard_bytes, vq_err *e)
{
    memory_folder *f = self;
    (void)shard_bytes;
    (void)e;
    f->dir = strdup(dir);
    for (size_t i = 0; i < f->count; i++) f->tensors[i].data = malloc(f->tensors[i].bytes + 1);
    return VQ_OK;
}

static inline vq_status memory_write(void *self, int64_t id, uint64_t at, const void *data,
                                     size_t n, vq_err *e)
{
    memory_folder *f = self;
    if (!f->dir || id < 0 || (size_t)id >= f->count || at + n > f->tensors[id].bytes)
        return vq_fail(e, VQ_E_BUG, "no place for %zu bytes", n);
    memcpy((char *)(uintptr_t)f->tensors[id].data + at, data, n);
#pragma omp atomic
    f->written[id] += n;
    return VQ_OK;
}

static inline vq_status memory_commit(void *self, const char *const **names, size_t *n, vq_err *e)
{
    memory_folder *f = self;
    for (size_t i = 0; i < f->count; i++)
        if (f->written[i] != f->tensors[i].bytes)
            return vq_fail(e, VQ_E_BUG, "%s is not whole", f->tensors[i].name);
    f->committed = true;
    *names = NULL;
    *n = 0;
    return VQ_OK;
}

static const vq_container memory_container = {
    .name = "memory",
    .file = "tensors",
    .claims = memory_claims,
    .open = memory_open,
    .close = memory_close,
    .create = memory_create,
    .declare = memory_declare,
    .begin = memory_begin,
    .write = memory_write,
    .commit = memory_commit,
    .drop = memory_drop,
};

/* same_sets -- the same tensors with the same bytes, whoever holds them. */
static inline void same_sets(const vq_tensor_set *got, const vq_tensor_set *want)
{
    assert_int_equal(got->count, want->count);
    for (size_t i = 0; i < got->count; i++) {
        const vq_tensor *a = got->sorted[i], *b = want->sorted[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->dtype, b->dtype);
        assert_int_equal(a->ndim, b->ndim);
        for (int d = 0; d < a->ndim; d++) assert_int_equal(a->shape[d], b->shape[d]);
        assert_int_equal(a->bytes, b->bytes);
        assert_memory_equal(a->data, b->data, a->bytes);
    }
}

#endif
