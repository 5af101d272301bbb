/* stats_part.c -- the table of tensors, and the walk over those of a layer. */
#include "calib/stats/stats_part.h"

#include <string.h>

#define OF_GROUP(field) false, offsetof(vq_stats, field)
#define OF_LINEAR(field) true, offsetof(vq_curvature, field)

const vq_stats_part vq_stats_parts[] = {
    {".counts", 0, VQ_U64, VQ_PART_COUNTS, VQ_MERGE_SUM, false, 0},
    {".min", VQ_NEED_RANGE, VQ_F32, VQ_PART_K, VQ_MERGE_LEAST, OF_GROUP(min)},
    {".max", VQ_NEED_RANGE, VQ_F32, VQ_PART_K, VQ_MERGE_MOST, OF_GROUP(max)},
    {".abs_sum", VQ_NEED_MEAN, VQ_F64, VQ_PART_K, VQ_MERGE_SUM, OF_GROUP(abs_sum)},
    {".histogram", VQ_NEED_HISTOGRAM, VQ_U64, VQ_PART_BINS, VQ_MERGE_SUM, OF_GROUP(histogram)},
    {".hessian", VQ_NEED_HESSIAN, VQ_F32, VQ_PART_KK, VQ_MERGE_SUM, OF_GROUP(hessian)},
    {".fisher", VQ_NEED_FISHER, VQ_F32, VQ_PART_KK, VQ_MERGE_SUM, OF_LINEAR(input)},
    {".output", VQ_NEED_OUTPUT, VQ_F32, VQ_PART_NN, VQ_MERGE_SUM, OF_LINEAR(output)},
    {.suffix = NULL},
};

const vq_stats_part *vq_stats_part_of(const char *tensor, size_t *module)
{
    const char *dot = strrchr(tensor, '.');
    if (!dot) return NULL;
    *module = (size_t)(dot - tensor);
    for (const vq_stats_part *p = vq_stats_parts; p->suffix; p++)
        if (strcmp(p->suffix, dot) == 0) return p;
    return NULL;
}

int vq_stats_part_dims(const vq_stats_part *p, int64_t n, int64_t k, int64_t dims[2])
{
    const int64_t sides[] = {[VQ_PART_COUNTS] = VQ_STATS_COUNTS,
                             [VQ_PART_K] = k,
                             [VQ_PART_BINS] = VQ_HIST_BINS,
                             [VQ_PART_KK] = k,
                             [VQ_PART_NN] = n};
    dims[0] = dims[1] = sides[p->shape];
    return p->shape == VQ_PART_KK || p->shape == VQ_PART_NN ? 2 : 1;
}

static void forget(void *owner, const vq_stats_part *p)
{
    memset((char *)owner + p->offset, 0, sizeof(void *));
}

void vq_stats_keep(vq_stats *s, unsigned needs)
{
    for (const vq_stats_part *p = vq_stats_parts; p->suffix; p++) {
        if (!p->need || (p->need & needs)) continue;
        if (!p->per_linear) forget(s, p);
        for (int i = 0; p->per_linear && i < s->nlinears; i++) forget(&s->linears[i], p);
    }
    if (!(needs & VQ_NEED_RANGE)) s->absmax = NULL;
    if (!(needs & VQ_NEED_TAIL)) s->tail_count = 0;
    if (!(needs & VQ_NEED_GRADIENT)) s->nlinears = 0;
    s->gathered &= needs;
}

static vq_status each_of(vq_stats_slot slot, bool per_linear, unsigned needs, vq_stats_visit visit,
                         void *ctx, vq_err *e)
{
    for (const vq_stats_part *p = vq_stats_parts; p->suffix; p++) {
        if (p->per_linear != per_linear || (p->need && !(p->need & needs))) continue;
        slot.part = p;
        VQ_TRY(visit(ctx, &slot, e));
    }
    return VQ_OK;
}

vq_status vq_stats_each(const vq_graph *g, const vq_linear_group *groups, int ngroups, int layer,
                        unsigned needs, vq_stats_visit visit, void *ctx, vq_err *e)
{
    for (int i = 0, place = 0; i < ngroups; i++) {
        if (groups[i].layer != layer) continue;
        for (int j = 0; j < groups[i].count; j++) {
            const vq_node *n = &g->nodes[groups[i].linears[j]];
            const vq_stats_slot slot = {
                .group = place, .linear = j, .module = n->name, .n = n->width, .k = n->in_width};
            if (j == 0) VQ_TRY(each_of(slot, false, needs, visit, ctx, e));
            VQ_TRY(each_of(slot, true, needs, visit, ctx, e));
        }
        place++;
    }
    return VQ_OK;
}
