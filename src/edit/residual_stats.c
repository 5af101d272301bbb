/* residual_stats.c -- how large each channel of the residual stream is, over all linears that read
 * it. */
#include "edit/model_edits.h"
#include "model/walk/groups.h"
#include "model/walk/targets.h"

static bool reads_stream(const vq_residual *s, int linear)
{
    for (int i = 0; i < s->nreaders; i++)
        if (s->readers[i].linear == linear) return true;
    return false;
}

static vq_status add_group(vq_residual_stats *s, const vq_stats *g, vq_err *e)
{
    if (g->absmax && !s->absmax &&
        !(s->absmax = VQ_NEW(s->arena, double, s->width, "channels of the stream", e)))
        return VQ_E_LIMIT;
    if (g->hessian && !s->square &&
        !(s->square = VQ_NEW(s->arena, double, s->width, "channels of the stream", e)))
        return VQ_E_LIMIT;
    for (int64_t i = 0; g->absmax && i < s->width; i++) s->absmax[i] += (double)g->absmax[i];
    for (int64_t i = 0; g->hessian && i < s->width; i++)
        s->square[i] += (double)g->hessian[i * s->width + i];
    return VQ_OK;
}

vq_status vq_residual_stats_add(vq_residual_stats *s, const vq_graph *g, int layer,
                                const vq_stats *stats, int nstats, vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    vq_linear_group *groups;
    vq_residual stream;
    int n, at = 0;
    s->width = vq_record_width(g, 0);
    vq_status status = vq_residual_find(g, scratch, &stream, e);
    if (status == VQ_OK) status = vq_graph_groups(g, scratch, &groups, &n, e);
    for (int i = 0; status == VQ_OK && i < n; i++) {
        if (groups[i].layer != layer) continue;
        if (at < nstats && reads_stream(&stream, groups[i].linears[0]))
            status = add_group(s, &stats[at], e);
        at++;
    }
    vq_arena_rewind(scratch, mark);
    return status;
}
