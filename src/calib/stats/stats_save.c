/* stats_save.c -- write statistics: every tensor declared from the graph, then layer by layer,
 * hashed on the way. */
#include <string.h>

#include "calib/stats/stats_origin.h"
#include "calib/stats/stats_part.h"
#include "model/walk/groups.h"

struct vq_stats_writer {
    const vq_stats_origin *origin;
    const vq_graph *graph;
    vq_linear_group *groups;
    int ngroups;
    int first;         /* layer */
    size_t *first_id;  /* [layers + 1] tensor that a layer begins with */
    vq_sealed *sealed; /* by id, in the order of declaration */
    size_t count, room;
    uint64_t (*counts)[VQ_STATS_COUNTS]; /* of the groups of the layer under way */
    vq_st_writer *out;
    vq_arena *arena;
};

static vq_status count_slot(void *ctx, const vq_stats_slot *slot, vq_err *e)
{
    vq_stats_writer *w = ctx;
    (void)slot;
    (void)e;
    w->room++;
    return VQ_OK;
}

static vq_status declare_slot(void *ctx, const vq_stats_slot *slot, vq_err *e)
{
    vq_stats_writer *w = ctx;
    vq_sealed *s = &w->sealed[w->count++];
    int64_t id;
    *s = (vq_sealed){.tensor = {.dtype = slot->part->dtype}};
    s->tensor.name = vq_arena_text(w->arena, e, "%s%s", slot->module, slot->part->suffix);
    if (!s->tensor.name) return e->status;
    s->tensor.ndim = vq_stats_part_dims(slot->part, slot->n, slot->k, s->tensor.shape);
    VQ_TRY(vq_tensor_bytes(s->tensor.dtype, s->tensor.shape, s->tensor.ndim, &s->tensor.bytes, e));
    return vq_st_writer_declare(w->out, s->tensor.name, s->tensor.dtype, s->tensor.shape,
                                s->tensor.ndim, &id, e);
}

static vq_status each_slot(vq_stats_writer *w, int layer, vq_stats_visit visit, void *ctx,
                           vq_err *e)
{
    return vq_stats_each(w->graph, w->groups, w->ngroups, layer, w->origin->needs, visit, ctx, e);
}

static vq_status declare_layers(vq_stats_writer *w, int count, vq_err *e)
{
    for (int i = 0; i < count; i++) VQ_TRY(each_slot(w, w->first + i, count_slot, w, e));
    w->sealed = VQ_ALLOC(w->arena, vq_sealed, w->room, "list of statistics", e);
    w->first_id = w->sealed ? VQ_ALLOC(w->arena, size_t, count + 1, "list of statistics", e) : NULL;
    w->counts = w->first_id
                    ? vq_arena_alloc(w->arena, (size_t)w->ngroups, sizeof *w->counts, "counts", e)
                    : NULL;
    if (!w->counts) return VQ_E_LIMIT;
    for (int i = 0; i < count; i++) {
        w->first_id[i] = w->count;
        VQ_TRY(each_slot(w, w->first + i, declare_slot, w, e));
    }
    w->first_id[count] = w->count;
    return VQ_OK;
}

static vq_status open_writer(vq_stats_writer *w, const char *path, int count, vq_err *e)
{
    const char *dir;
    VQ_TRY(vq_stats_open_writer(&w->out, path, &dir, w->arena, e));
    VQ_TRY(vq_graph_groups(w->graph, w->arena, &w->groups, &w->ngroups, e));
    VQ_TRY(declare_layers(w, count, e));
    VQ_TRY(vq_origin_write(w->origin, w->out, e));
    return vq_st_writer_open(w->out, dir, 0, e);
}

/* A safetensors file: the bytes of its header as u64 in little-endian, the header. */
bool vq_stats_made(const vq_map *m)
{
    static const char schema[] = "\"vq.statistics/";
    uint64_t n = 0;
    for (size_t i = 8; m->size > 8 && i-- > 0;) n = n << 8 | m->data[i];
    return m->size > 8 && n <= m->size - 8 && memmem(m->data + 8, n, schema, sizeof schema - 1);
}

vq_status vq_stats_create(vq_stats_writer **w, const char *path, const vq_stats_origin *o,
                          const vq_graph *g, int first, int count, vq_arena *a, vq_err *e)
{
    *w = VQ_NEW(a, vq_stats_writer, 1, "statistics writer", e);
    if (!*w) return e->status;
    **w = (vq_stats_writer){.origin = o, .graph = g, .first = first, .arena = a};
    return open_writer(*w, path, count, e);
}

/* Where the tensors of one layer lie, in the order of declaration. */
typedef struct layer_data {
    vq_stats_writer *w;
    const vq_stats *stats;
    const void **data;
    size_t n;
} layer_data;

static vq_status find_data(void *ctx, const vq_stats_slot *slot, vq_err *e)
{
    layer_data *d = ctx;
    const vq_stats *s = &d->stats[slot->group];
    const void *data = NULL;
    if (slot->part->shape == VQ_PART_COUNTS) {
        uint64_t *counts = d->w->counts[slot->group];
        counts[0] = (uint64_t)s->tokens;
        counts[1] = (uint64_t)s->samples;
        counts[2] = s->tail_count;
        data = counts;
    } else {
        const char *owner =
            slot->part->per_linear ? (const char *)&s->linears[slot->linear] : (const char *)s;
        memcpy(&data, owner + slot->part->offset, sizeof data);
    }
    if (!data)
        return vq_fail(e, VQ_E_BUG, "%s%s was not gathered", slot->module, slot->part->suffix);
    d->data[d->n++] = data;
    return VQ_OK;
}

/* Hash and write; tensors are shared out over the threads. The error of the first tensor that
 * failed is kept. */
static vq_status write_data(vq_stats_writer *w, size_t first, const layer_data *d, vq_err *e)
{
    vq_status status = VQ_OK;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < d->n; i++) {
        vq_err own = {0};
        vq_sealed *s = &w->sealed[first + i];
        vq_sha256_of(d->data[i], s->tensor.bytes, s->sha256);
        if (vq_st_writer_write(w->out, (int64_t)(first + i), 0, d->data[i], s->tensor.bytes,
                               &own) == VQ_OK)
            continue;
#pragma omp critical(vq_stats_write)
        if (status == VQ_OK) {
            status = own.status;
            if (e) *e = own;
        }
    }
    return status;
}

vq_status vq_stats_put(vq_stats_writer *w, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    const size_t first = w->first_id[layer - w->first],
                 n = w->first_id[layer - w->first + 1] - first;
    const int groups = vq_graph_groups_in(w->groups, w->ngroups, layer);
    if (groups != nstats)
        return vq_fail(e, VQ_E_BUG, "layer %d has %d groups of linears, not %d", layer, groups,
                       nstats);
    const vq_arena_mark mark = vq_arena_here(w->arena);
    layer_data d = {.w = w,
                    .stats = stats,
                    .data = VQ_ALLOC(w->arena, const void *, n, "list of statistics", e)};
    if (!d.data) return e->status;
    vq_status status = each_slot(w, layer, find_data, &d, e);
    if (status == VQ_OK) status = write_data(w, first, &d, e);
    vq_arena_rewind(w->arena, mark);
    return status;
}

vq_status vq_stats_commit(vq_stats_writer *w, vq_err *e)
{
    return vq_stats_seal(w->out, w->origin, w->sealed, w->count, e);
}

void vq_stats_drop(vq_stats_writer *w)
{
    if (w) vq_st_writer_drop(w->out);
}

static vq_status save_layers(vq_stats_writer *w, int count, vq_stats *const *stats, vq_err *e)
{
    for (int i = 0; i < count; i++) {
        int groups = 0;
        for (int j = 0; j < w->ngroups; j++) groups += w->groups[j].layer == w->first + i;
        VQ_TRY(vq_stats_put(w, w->first + i, stats[i], groups, e));
    }
    return vq_stats_commit(w, e);
}

vq_status vq_stats_save(const char *path, const vq_stats_origin *o, const vq_graph *g, int first,
                        int count, vq_stats *const *stats, vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    vq_stats_writer *w = NULL;
    vq_status s = vq_stats_create(&w, path, o, g, first, count, scratch, e);
    if (s == VQ_OK) s = save_layers(w, count, stats, e);
    vq_stats_drop(w);
    vq_arena_rewind(scratch, mark);
    return s;
}
