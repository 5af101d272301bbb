/* budget.c -- sizes that steps of a run are made of: the largest weight, the statistics of the
 * largest block, the activations. */
#include "plan/cost/budget.h"

#include "kernels/bf16_product.h"
#include "plan/sample_set.h"

#define BATCH_TOKENS 2048 /* of more, the values of a block leave the cache */
#define SPOOL_BYTES                                                                                \
    ((size_t)512 << 20) /* activations in memory without a limit; with one a quarter of it */
#define SPOOL_SHARE 4

vq_batch vq_calibration_batch(const vq_plan *p)
{
    const int64_t len = vq_sample_tokens(p);
    const int64_t most = len < BATCH_TOKENS ? BATCH_TOKENS / len : 1,
                  samples = p->recipe->calib.samples;
    return (vq_batch){.sequences = samples && samples < most ? samples : most, .length = len};
}

/* The activations of all samples between two blocks. */
static size_t all_activations(const vq_plan *p, unsigned needs)
{
    const size_t kept = needs & VQ_NEED_GRADIENT ? (size_t)p->model->graph.layers + 1
                                                 : 1; /* the way back needs every block's input */
    return kept * (size_t)p->recipe->calib.samples * (size_t)vq_sample_tokens(p) *
           (size_t)vq_record_most(&p->model->graph, 1, 1) * sizeof(float);
}

/* Bytes of them that may lie in memory: what exceeds a quarter of the memory limit (without a limit:
 * SPOOL_BYTES) goes to a file. */
static size_t spool_bytes(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const size_t all = all_activations(p, needs),
                 room = job->budget.limit ? job->budget.limit / SPOOL_SHARE : SPOOL_BYTES;
    return all > room ? room : all;
}

uint64_t vq_activation_file_bytes(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const size_t all = all_activations(p, needs);
    return all > spool_bytes(p, job, needs) ? all : 0;
}

/* Sweeps use bf16 products for a model stored in bf16, as runtimes do. Strict mode has no such
 * products. */
static bool runs_in_bf16(const vq_plan *p, const vq_job *job)
{
    return p->model->dtype == VQ_BF16 && !job->kernels.strict;
}

vq_calib_options vq_calibration_options(const vq_plan *p, const vq_job *job, unsigned needs,
                                        const char *dir)
{
    const vq_batch b = vq_calibration_batch(p);
    return (vq_calib_options){.needs = needs,
                              .spool_path = dir,
                              .spool_bytes = spool_bytes(p, job, needs),
                              .batch_tokens = b.sequences * b.length,
                              .bf16 = runs_in_bf16(p, job)};
}

/* Bytes of a weight [n][k] as a vq_qtensor: codes of one or two bytes, scales and zero points. */
static uint64_t coded_bytes(const vq_num *num, uint64_t n, uint64_t k)
{
    int64_t per_row, groups = 0;
    vq_err ignored;
    if (vq_group_count(num, (int64_t)n, (int64_t)k, &per_row, &groups, &ignored) != VQ_OK)
        groups = 0;
    return n * k * (num->grid.bits > 8 ? 2 : 1) +
           (uint64_t)groups * (sizeof(float) + (num->zero ? sizeof(int16_t) : 0));
}

/* Most bytes held at a time while one weight is rounded and packed. Its f32 values and its codes
 * stand all the time; beside them first the scratch of the rounder, then the packed bytes. ARC
 * repeats up to all columns, so packing then needs codes and packed bytes of twice the width. */
static uint64_t weight_peak(const vq_plan *p, const vq_plan_weight *w)
{
    const vq_num *num = &w->scheme.weight;
    const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
    if (!w->quantized) return 0;
    uint64_t coded = coded_bytes(num, (uint64_t)n, (uint64_t)k), pack = vq_plan_stored_bytes(w);
    for (int i = 0; i < p->npasses; i++)
        if (p->passes[i].transform->augments) pack = 2 * (pack + coded);
    const bool shared = p->groups[w->group].count > 1;
    const uint64_t round = p->rounder->scratch_bytes
                               ? p->rounder->scratch_bytes(p->round_options, num, n, k, shared)
                               : 0;
    return (uint64_t)n * (uint64_t)k * sizeof(float) + coded + (round > pack ? round : pack);
}

uint64_t vq_plan_round_bytes(const vq_plan *p)
{
    uint64_t peak = 0;
    for (int i = 0; i < p->nweights; i++) {
        const uint64_t bytes = weight_peak(p, &p->weights[i]);
        if (bytes > peak) peak = bytes;
    }
    return peak;
}

uint64_t vq_statistics_bytes(const vq_plan *p, unsigned needs)
{
    const vq_graph *g = &p->model->graph;
    vq_arena a;
    vq_err ignored;
    vq_linear_group *groups;
    int n = 0, at = 0;
    uint64_t most = 0;
    vq_arena_init(&a, NULL);
    if (needs && p->model->arch && vq_graph_groups(g, &a, &groups, &n, &ignored) != VQ_OK) n = 0;
    for (int layer = 0; needs && layer < g->layers; layer++) {
        uint64_t block = 0;
        for (; at < n && groups[at].layer == layer; at++)
            block += vq_group_bytes(g, &groups[at], needs);
        if (block > most) most = block;
    }
    vq_arena_done(&a);
    return most;
}

uint64_t vq_packed_bytes(const vq_plan *p, const vq_job *job)
{
    return runs_in_bf16(p, job) ? VQ_BF16_ROOM * sizeof(uint32_t) : 0;
}

uint64_t vq_activation_bytes(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const vq_batch b = vq_calibration_batch(p);
    const uint64_t buffer =
        (uint64_t)vq_record_most(&p->model->graph, b.sequences, b.length) * sizeof(float);
    return spool_bytes(p, job, needs) + (needs & VQ_NEED_GRADIENT ? 2 : 1) * buffer +
           vq_packed_bytes(p, job);
}

/* Each pass may leave mapped statistics of the block; folding passes hold its edited weights in
 * f32. */
uint64_t vq_edit_bytes(const vq_plan *p)
{
    bool folds = false;
    for (int i = 0; i < p->npasses; i++) folds = folds || p->passes[i].transform->folds;
    const uint64_t mapped = (uint64_t)p->npasses * vq_statistics_bytes(p, p->needs);
    return mapped + (folds ? vq_block_weights(&p->model->graph) * sizeof(float) : 0);
}

enum { QUERY_TILE = 64 }; /* attention computes whole tiles of queries */

/* keys: keys that a query attends to, on average. A causal query at position t has t + 1 of them,
 * rounded up to its tile of queries. */
vq_pass_shape vq_sweep_shape(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const int64_t length = vq_sample_tokens(p);
    const vq_calib_options o = vq_calibration_options(p, job, needs, NULL);
    const double tokens = (double)p->recipe->calib.samples * (double)length;
    return (vq_pass_shape){.graph = &p->model->graph,
                           .tokens = tokens,
                           .batches = tokens / (double)o.batch_tokens,
                           .keys = (double)(length + QUERY_TILE) / 2};
}

void vq_cost_add_rounding(vq_cost *c, const vq_plan *p, int layer, bool all)
{
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        if (!w->quantized || !(all || w->layer == layer)) continue;
        const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
        const vq_round_work work = p->rounder->work
                                       ? p->rounder->work(p->round_options, &w->scheme.weight, n, k)
                                       : (vq_round_work){0};
        const bool first = p->groups[w->group].weights[0] == i;
        c->tiles += work.products;
        /* the first weight of a group makes the factors that the others reuse */
        c->factors += work.factors + (first ? work.shared : 0);
        c->rounded += (double)n * (double)k;
        /* read twice: its range for the second-level scale, then its values */
        c->decoded += 2 * (double)n * (double)k;
    }
}

/* Passes of SHA-256 or copying over each stored byte: when packed, in the manifest, when it is
 * verified, and one copy. */
enum { TIMES_STORED = 4 };

void vq_cost_add_files(vq_cost *c, const vq_plan *p)
{
    const vq_tensor_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; i < s->count; i++) c->hashed += (double)s->sorted[i]->bytes;
    c->hashed += TIMES_STORED * (double)vq_plan_bytes(p);
}
