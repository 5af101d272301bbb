/* stats_world.h -- statistics of a small made-up model, gathered over some of its samples and
 * saved. */
#ifndef VQ_TESTS_STATS_WORLD_H
#define VQ_TESTS_STATS_WORLD_H

#include "calib/observer.h"
#include "calib/stats/stats_file.h"
#include "calib_world.h"
#include "model/walk/groups.h"
#include "scratch.h"

enum { WORLD_GROUPS = 4, WORLD_LAYERS = 3 };

static inline vq_stats_origin stats_origin(unsigned needs)
{
    vq_stats_origin o = {.samples = 2, .seqlen = 7, .seed = 3, .needs = needs, .version = "1.2.3"};
    memset(o.model, 'a', 64);
    memset(o.data, 'b', 64);
    return o;
}

/* Made-up inputs and gradients of all linears of a layer. */
static inline void stats_fill(vq_stats *s, const vq_graph *g, const vq_linear_group *group,
                              const vq_kernels *kr, unsigned needs, uint64_t seed, vq_arena *a)
{
    const vq_node *first = &g->nodes[group->linears[0]];
    enum { SAMPLES = 2, LENGTH = 7, WIDEST = 64 };
    static float x[SAMPLES * LENGTH * WIDEST], grad[SAMPLES * LENGTH * WIDEST];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = memory_random(&seed);
        grad[i] = memory_random(&seed);
    }
    if (vq_stats_new(s, first->name, first->in_width, needs & ~(unsigned)VQ_NEED_GRADIENT, a,
                     NULL) != VQ_OK)
        abort();
    const vq_rows in = {.x = x, .samples = SAMPLES, .length = LENGTH, .width = first->in_width};
    vq_stats_add(s, kr, &in);
    if (vq_stats_end(s, NULL) != VQ_OK) abort();
    for (int i = 0; (needs & VQ_NEED_GRADIENT) && i < group->count; i++) {
        const vq_node *n = &g->nodes[group->linears[i]];
        const vq_rows out = {
            .x = grad + i, .samples = SAMPLES, .length = LENGTH, .width = n->width};
        if (!s->linears) s->linears = VQ_NEW(a, vq_curvature, group->count, "test", NULL);
        vq_curvature *c = &s->linears[s->nlinears++];
        if (vq_curvature_new(c, n->name, n->width, n->in_width, needs, a, NULL) != VQ_OK) abort();
        if (vq_curvature_add(c, kr, &in, &out, true, a, NULL) != VQ_OK ||
            vq_curvature_end(c, s->k, NULL) != VQ_OK)
            abort();
    }
    s->gathered = needs;
}

static inline vq_stats **stats_make(const decoder_world *w, unsigned needs, uint64_t seed,
                                    vq_arena *a)
{
    vq_linear_group *groups;
    int n;
    vq_stats **all = VQ_NEW(a, vq_stats *, WORLD_LAYERS, "test", NULL);
    if (vq_graph_groups(&w->graph, a, &groups, &n, NULL) != VQ_OK ||
        n != WORLD_LAYERS * WORLD_GROUPS)
        abort();
    for (int i = 0; i < n; i++) {
        if (i % WORLD_GROUPS == 0)
            all[i / WORLD_GROUPS] = VQ_NEW(a, vq_stats, WORLD_GROUPS, "test", NULL);
        stats_fill(&all[i / WORLD_GROUPS][i % WORLD_GROUPS], &w->graph, &groups[i], &w->kernels,
                   needs, seed + (uint64_t)i, a);
    }
    return all;
}

#endif
