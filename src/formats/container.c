/* container.c -- what is the same for every container: looking names up, and handing calls on. */
#include "formats/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp((*(vq_tensor *const *)a)->name, (*(vq_tensor *const *)b)->name);
}

void vq_tensor_set_sort(vq_tensor_set *s)
{
    if (s->count) qsort(s->sorted, s->count, sizeof(vq_tensor *), by_name);
}

const vq_tensor *vq_tensor_set_find(const vq_tensor_set *s, const char *name)
{
    const vq_tensor key = {.name = name}, *probe = &key;
    vq_tensor *const *hit =
        s->count ? bsearch(&probe, s->sorted, s->count, sizeof(vq_tensor *), by_name) : NULL;
    return hit ? *hit : NULL;
}

const vq_tensor *vq_tensor_set_member(const vq_tensor_set *s, const char *module,
                                      const char *suffix)
{
    char name[1024];
    const int n = snprintf(name, sizeof name, "%s.%s", module, suffix);
    return n < (int)sizeof name ? vq_tensor_set_find(s, name) : NULL;
}

vq_status vq_tensor_set_open(vq_tensor_set *s, const vq_container *c, const char *path, vq_arena *a,
                             vq_err *e)
{
    *s = (vq_tensor_set){.container = c};
    const vq_status status = c->open(s, path, a, e);
    if (status != VQ_OK) *s = (vq_tensor_set){0};
    return status;
}

void vq_tensor_set_close(vq_tensor_set *s)
{
    if (s->container) s->container->close(s->self);
    *s = (vq_tensor_set){0};
}

void vq_tensor_set_forget(const vq_tensor_set *s)
{
    for (size_t i = 0; i < s->nfiles; i++) vq_map_forget(&s->files[i].map);
}

vq_status vq_tensor_writer_new(vq_tensor_writer **w, const vq_container *c, vq_arena *a, vq_err *e)
{
    *w = VQ_NEW(a, vq_tensor_writer, 1, "writer of tensors", e);
    if (!*w) return VQ_E_LIMIT;
    (*w)->container = c;
    return c->create(&(*w)->self, a, e);
}

vq_status vq_tensor_writer_declare(vq_tensor_writer *w, const char *name, vq_dtype t,
                                   const int64_t *shape, int ndim, int64_t *id, vq_err *e)
{
    return w->container->declare(w->self, name, t, shape, ndim, id, e);
}

vq_status vq_tensor_writer_begin(vq_tensor_writer *w, const char *dir, uint64_t shard_bytes,
                                 vq_err *e)
{
    return w->container->begin(w->self, dir, shard_bytes, e);
}

vq_status vq_tensor_writer_write(vq_tensor_writer *w, int64_t id, uint64_t at, const void *data,
                                 size_t n, vq_err *e)
{
    return w->container->write(w->self, id, at, data, n, e);
}

vq_status vq_tensor_writer_commit(vq_tensor_writer *w, const char *const **names, size_t *n,
                                  vq_err *e)
{
    const char *const *made;
    size_t count;
    VQ_TRY(w->container->commit(w->self, &made, &count, e));
    if (names) *names = made;
    if (n) *n = count;
    return VQ_OK;
}

void vq_tensor_writer_drop(vq_tensor_writer *w)
{
    if (w && w->self) w->container->drop(w->self);
}
