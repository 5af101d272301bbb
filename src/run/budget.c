/* budget.c -- memory of a plan: the largest weight, the largest block, its statistics, the activations. */
#include "run/budget.h"

#include "run/block_work.h"
#include "run/samples.h"

#define BATCH_TOKENS 4096
#define BATCH_TOKENS_BACK 2048          /* a backward pass keeps every value of a block */
#define SPOOL_BYTES ((size_t)512 << 20) /* activations in memory without a limit; with one a quarter of it */
#define SPOOL_SHARE 4

static vq_batch calibration_batch(const vq_plan *p, unsigned needs)
{
    const int64_t len = vq_sample_tokens(p), most = needs & VQ_NEED_GRADIENT ? BATCH_TOKENS_BACK : BATCH_TOKENS;
    return (vq_batch){.sequences = len < most ? most / len : 1, .length = len};
}

/* Activations of all samples between two blocks, as many of them as may stay in memory. */
static size_t spool_bytes(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const size_t kept = needs & VQ_NEED_GRADIENT ? (size_t)p->model->graph.layers + 1 : 1; /* the way back needs every block's input */
    const size_t all =
        kept * (size_t)p->recipe->calib.samples * (size_t)vq_sample_tokens(p) * (size_t)p->model->graph.hidden * sizeof(float);
    const size_t room = job->budget.limit ? job->budget.limit / SPOOL_SHARE : SPOOL_BYTES;
    return all > room ? room : all;
}

vq_calib_options vq_calibration_options(const vq_plan *p, const vq_job *job, unsigned needs, const char *dir)
{
    const vq_batch b = calibration_batch(p, needs);
    return (vq_calib_options){
        .needs = needs, .spool_path = dir, .spool_bytes = spool_bytes(p, job, needs), .batch_tokens = b.sequences * b.length};
}

static uint64_t group_bytes(const vq_plan *p, const vq_linear_group *g)
{
    const uint64_t k = (uint64_t)p->model->graph.nodes[g->linears[0]].in_width;
    uint64_t floats = p->needs & VQ_NEED_HESSIAN ? k * k : 0;
    for (int i = 0; i < g->count; i++) {
        const uint64_t n = (uint64_t)p->model->graph.nodes[g->linears[i]].width;
        floats += (p->needs & VQ_NEED_FISHER ? k * k : 0) + (p->needs & VQ_NEED_OUTPUT ? n * n : 0);
    }
    return floats * sizeof(float) + 5 * k * sizeof(float) + (p->needs & VQ_NEED_HISTOGRAM ? VQ_HIST_BINS * sizeof(uint64_t) : 0);
}

uint64_t vq_statistics_bytes(const vq_plan *p)
{
    vq_arena a;
    vq_err ignored;
    vq_linear_group *groups;
    int n = 0, at = 0;
    uint64_t most = 0;
    vq_arena_init(&a, NULL);
    if (p->needs && p->model->arch && vq_graph_groups(&p->model->graph, &a, &groups, &n, &ignored) != VQ_OK) n = 0;
    for (int layer = 0; p->needs && layer < p->model->graph.layers; layer++) {
        uint64_t block = 0;
        for (; at < n && groups[at].layer == layer; at++) block += group_bytes(p, &groups[at]);
        if (block > most) most = block;
    }
    vq_arena_done(&a);
    return most;
}

/* While a block is swept its values are held beside its statistics; while it is rounded, the largest weight is. */
static uint64_t sweep_bytes(const vq_plan *p, const vq_job *job)
{
    const uint64_t round = vq_plan_round_bytes(p);
    if (!p->model->arch || !(p->needs || p->npasses)) return round;
    const vq_exec x = vq_model_exec(p->model, job, NULL, false);
    const vq_batch b = calibration_batch(p, p->needs);
    const bool backward = p->needs & VQ_NEED_GRADIENT;
    const uint64_t buffer = (uint64_t)(b.sequences * b.length * p->model->graph.hidden) * sizeof(float);
    const uint64_t sweep = backward ? vq_exec_backward_bytes(&x, &b) : vq_exec_bytes(&x, &b);
    return (sweep > round ? sweep : round) + vq_statistics_bytes(p) + spool_bytes(p, job, p->needs) + buffer;
}

/* What sweeps keep for the whole run stays beside the finishing pass. */
uint64_t vq_blocks_bytes(const vq_plan *p, const vq_job *job)
{
    const uint64_t sweep = sweep_bytes(p, job), finish = vq_work_finish_bytes(p, job);
    const vq_batch b = calibration_batch(p, p->needs);
    const uint64_t kept = (uint64_t)(b.sequences * b.length * p->model->graph.hidden) * sizeof(float) + spool_bytes(p, job, p->needs);
    return finish && finish + kept > sweep ? finish + kept : sweep;
}
