/* budget.c -- memory of a plan: the largest weight, the largest block, its statistics, the
 * activations. */
#include "plan/budget.h"

#include "kernels/bf16_product.h"
#include "plan/model_passes.h"
#include "plan/samples.h"
#include "train/block_train.h"
#include "train/tune.h"

#define BATCH_TOKENS 2048 /* of more, the values of a block leave the cache */
#define SPOOL_BYTES                                                                                \
    ((size_t)512 << 20) /* activations in memory without a limit; with one a quarter of it */
#define SPOOL_SHARE 4

static vq_batch calibration_batch(const vq_plan *p)
{
    const int64_t len = vq_sample_tokens(p);
    return (vq_batch){.sequences = len < BATCH_TOKENS ? BATCH_TOKENS / len : 1, .length = len};
}

/* Activations of all samples between two blocks, as many of them as may stay in memory. */
static size_t spool_bytes(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const size_t kept = needs & VQ_NEED_GRADIENT ? (size_t)p->model->graph.layers + 1
                                                 : 1; /* the way back needs every block's input */
    const size_t all = kept * (size_t)p->recipe->calib.samples * (size_t)vq_sample_tokens(p) *
                       (size_t)p->model->graph.hidden * sizeof(float);
    const size_t room = job->budget.limit ? job->budget.limit / SPOOL_SHARE : SPOOL_BYTES;
    return all > room ? room : all;
}

/* What every runtime does with a model stored in bf16; strict mode has no such products. */
static bool runs_in_bf16(const vq_plan *p, const vq_job *job)
{
    return p->model->dtype == VQ_BF16 && !job->kernels.strict;
}

vq_calib_options vq_calibration_options(const vq_plan *p, const vq_job *job, unsigned needs,
                                        const char *dir)
{
    const vq_batch b = calibration_batch(p);
    return (vq_calib_options){.needs = needs,
                              .spool_path = dir,
                              .spool_bytes = spool_bytes(p, job, needs),
                              .batch_tokens = b.sequences * b.length,
                              .bf16 = runs_in_bf16(p, job)};
}

/* Codes and scales of elements; ARC may double them. */
static uint64_t coded_bytes(const vq_num *num, uint64_t n, uint64_t k)
{
    int64_t per_row, groups = 0;
    vq_err ignored;
    if (vq_group_count(num, (int64_t)n, (int64_t)k, &per_row, &groups, &ignored) != VQ_OK)
        groups = 0;
    return n * k * (num->grid.bits > 8 ? 2 : 1) +
           (uint64_t)groups * (sizeof(float) + (num->zero ? sizeof(int16_t) : 0));
}

/* In f32 beside its codes while it is rounded, then while it is packed. */
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

static uint64_t group_bytes(const vq_graph *graph, const vq_linear_group *g, unsigned needs)
{
    const uint64_t k = (uint64_t)graph->nodes[g->linears[0]].in_width;
    uint64_t floats = needs & VQ_NEED_HESSIAN ? k * k : 0;
    for (int i = 0; i < g->count; i++) {
        const uint64_t n = (uint64_t)graph->nodes[g->linears[i]].width;
        floats += (needs & VQ_NEED_FISHER ? k * k : 0) + (needs & VQ_NEED_OUTPUT ? n * n : 0);
    }
    return floats * sizeof(float) + 5 * k * sizeof(float) +
           (needs & VQ_NEED_HISTOGRAM ? VQ_HIST_BINS * sizeof(uint64_t) : 0);
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
            block += group_bytes(g, &groups[at], needs);
        if (block > most) most = block;
    }
    vq_arena_done(&a);
    return most;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Floats of the weights of the largest block. */
static uint64_t block_weights(const vq_graph *g)
{
    uint64_t most = 0;
    for (int layer = 0; layer < g->layers; layer++) {
        uint64_t block = 0;
        for (int id = g->first[1 + layer]; id < vq_graph_end(g, 1 + layer); id++)
            if (g->nodes[id].op == VQ_OP_LINEAR)
                block += (uint64_t)g->nodes[id].width * (uint64_t)g->nodes[id].in_width;
        most = larger(most, block);
    }
    return most;
}

/* Operands packed for products of bf16. */
static uint64_t packed_bytes(const vq_plan *p, const vq_job *job)
{
    return runs_in_bf16(p, job) ? VQ_BF16_ROOM * sizeof(uint32_t) : 0;
}

/* Activations between blocks and of the batch under way, weights packed for it. */
static uint64_t activation_bytes(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const vq_batch b = calibration_batch(p);
    const uint64_t buffer =
        (uint64_t)(b.sequences * b.length * p->model->graph.hidden) * sizeof(float);
    return spool_bytes(p, job, needs) + (needs & VQ_NEED_GRADIENT ? 2 : 1) * buffer +
           packed_bytes(p, job);
}

/* The sweep of gradients: its statistics go to files and are mapped from there. */
static uint64_t gradient_bytes(const vq_plan *p, const vq_job *job, const vq_exec *x)
{
    const vq_batch b = calibration_batch(p);
    const vq_head_loss loss = {.target = VQ_HEAD_SAMPLED};
    const uint64_t block = vq_exec_backward_bytes(x, &b) + vq_statistics_bytes(p, p->needs);
    const uint64_t head = vq_exec_head_backward_bytes(x, &loss, b.sequences * b.length);
    return activation_bytes(p, job, p->needs) + larger(block, head);
}

/* Linears that are trained together, with what they started from. */
static uint64_t training_bytes(const vq_plan *p, const vq_job *job, const vq_exec *x)
{
    const vq_graph *g = x->graph;
    const vq_learn_options o = vq_learn_options_of(p->round_options);
    const int64_t length = vq_sample_tokens(p);
    const vq_batch b = {.sequences = o.tokens > length ? o.tokens / length : 1, .length = length};
    uint64_t most = 0;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized)
            most =
                larger(most, vq_block_train_bytes(g, 0, &p->weights[i].scheme.weight, &o, length));
    return most + block_weights(g) * 6 + vq_exec_backward_bytes(x, &b) +
           packed_bytes(p, job); /* f32, codes, scales */
}

/* Statistics that transforms rewrite, and the weights they fold into, are held anew. */
static uint64_t edit_bytes(const vq_plan *p)
{
    bool folds = false;
    for (int i = 0; i < p->npasses; i++)
        folds = folds || p->passes[i].transform->folds;
    const uint64_t mapped = (uint64_t)p->npasses * vq_statistics_bytes(p, p->needs);
    return mapped + (folds ? block_weights(&p->model->graph) * sizeof(float) : 0);
}

/* Activations that stay from block to block: those of the original model too when training aims at
 * them. */
static uint64_t kept_bytes(const vq_plan *p, const vq_job *job)
{
    const uint64_t pairs =
        vq_plan_ahead(p) || (p->rounder->block && p->recipe->calib.propagate_quantized) ? 2 : 1;
    if (!vq_plan_gathers(p) && !vq_plan_trials(p)) return 0;
    return pairs * activation_bytes(p, job, p->needs & ~(unsigned)VQ_NEED_GRADIENT);
}

/* Block by block: swept beside its statistics, then rounded beside them, the largest weight at a
 * time. */
static uint64_t block_bytes(const vq_plan *p, const vq_job *job, const vq_exec *x)
{
    const unsigned forward = p->needs & ~(unsigned)VQ_NEED_GRADIENT;
    const bool gathers = vq_plan_gathers(p), sweeps = gathers || vq_plan_trials(p);
    const vq_batch b = calibration_batch(p);
    const uint64_t statistics = gathers ? vq_statistics_bytes(p, forward) : 0;
    const uint64_t round = edit_bytes(p) + (p->rounder->block ? training_bytes(p, job, x) : 0) +
                           vq_plan_round_bytes(p);
    return kept_bytes(p, job) + statistics + larger(sweeps ? vq_exec_bytes(x, &b) : 0, round);
}

/* Passes over the whole model change embedding and head (its own matrix after rotate): shown
 * together in f32, stored one after the other. */
static uint64_t ends_bytes(const vq_plan *p, const vq_job *job)
{
    if (!vq_model_passes_any(p)) return 0;
    const vq_graph *g = &p->model->graph;
    const bool sweeps = vq_plan_gathers(p) || vq_plan_trials(p);
    const uint64_t matrix = (uint64_t)(g->vocab * g->hidden);
    bool tied = g->nodes[g->count - 1].tied;
    for (int i = 0; i < p->npasses; i++)
        tied = tied && !p->passes[i].transform->unties;
    return (sweeps ? activation_bytes(p, job, p->needs & ~(unsigned)VQ_NEED_GRADIENT) : 0) +
           (tied ? 1 : 2) * matrix * sizeof(float) + matrix * sizeof(uint16_t);
}

/* The student's weights come out of codes, and ARC's inputs are wider than the model's. */
static uint64_t finish_bytes(const vq_plan *p, const vq_job *job)
{
    if (!p->finish || !p->model->arch) return 0;
    const vq_tune_options o = vq_tune_options_of(p->finish_options);
    const vq_exec x = vq_model_exec(p->model, job, NULL, true);
    const int64_t samples = p->recipe->calib.samples, length = vq_sample_tokens(p);
    return vq_tune_bytes(&x, &o, samples, length) + vq_plan_round_bytes(p) +
           vq_calibration_options(p, job, 0, NULL).spool_bytes;
}

static uint64_t blocks_bytes(const vq_plan *p, const vq_job *job)
{
    if (!p->model->arch || !(p->needs || p->npasses || p->finish)) return vq_plan_round_bytes(p);
    const vq_exec x = vq_model_exec(p->model, job, NULL, false);
    uint64_t most = larger(block_bytes(p, job, &x), ends_bytes(p, job));
    if (p->needs & VQ_NEED_GRADIENT && !p->has_stats)
        most = larger(most, gradient_bytes(p, job, &x));
    if (p->finish) most = larger(most, kept_bytes(p, job) + finish_bytes(p, job));
    if (!p->own_text) return most;
    const vq_samples s = {.count = p->recipe->calib.samples, .length = vq_sample_tokens(p)};
    const vq_batch b = {.sequences = s.count, .length = 1, .position = s.length - 1};
    return larger(most, vq_calib_self_bytes(x.graph, &s, &job->budget) + vq_exec_bytes(&x, &b));
}

/* What the small things of a run take, and the buffers of BLAS and stacks when blocks are run,
 * forwards or back: measured. */
enum { SMALL_MB = 2, SWEEP_MB = 11, GRADIENT_MB = 4 };

static uint64_t peak(const vq_plan *p, const vq_job *job)
{
    const bool sweeps = p->needs || p->npasses, back = p->needs & VQ_NEED_GRADIENT && !p->has_stats;
    const unsigned small = SMALL_MB + (sweeps ? SWEEP_MB : 0U) + (back ? GRADIENT_MB : 0U);
    return blocks_bytes(p, job) + ((uint64_t)small << 20);
}

void vq_plan_given(vq_plan *p, const vq_job *job, bool data, bool statistics)
{
    p->has_stats = statistics;
    p->own_text = (p->needs || p->finish) && !data && p->recipe->calib.data == VQ_DATA_SELF &&
                  (!statistics || p->finish || vq_plan_gathers(p));
    p->peak_bytes = peak(p, job);
}
