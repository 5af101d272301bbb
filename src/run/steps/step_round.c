/* step_round.c -- the linears of a block (or of what lies outside of blocks) rounded one after the
 * other, and its section written. */
#include "plan/cost/budget.h"
#include "run/block/section.h"

static vq_status round_modules(vq_run *r, vq_block *b, size_t first, vq_tensor_writer *w, vq_err *e)
{
    const vq_rounded *made = r->rounding.out;
    (void)b;
    for (size_t i = first; i < made->nmodules; i++) {
        VQ_TRY(vq_rounding_module(&r->rounding, i, w, e));
        VQ_TRY(vq_step(&r->job->reporter, "quantizing", (int64_t)i + 1, r->plan->nquantized, e));
    }
    return VQ_OK;
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    return vq_section_write(r, b, round_modules, e);
}

/* Bytes for the embedding and the head after transforms of the whole model: both in f32 when the
 * head has a matrix of its own, and one of them as it is stored, since they are written one after
 * the other. */
static uint64_t ends_bytes(const vq_plan *p)
{
    const vq_graph *g = &p->model->graph;
    const uint64_t matrix = (uint64_t)(g->vocab * g->nodes[g->lm_head].in_width);
    bool tied = g->nodes[g->lm_head].tied;
    for (int i = 0; i < p->npasses; i++) tied = tied && !p->passes[i].transform->unties;
    return (tied ? 1 : 2) * matrix * sizeof(float) + matrix * sizeof(uint16_t);
}

static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    const vq_plan *p = s->plan;
    const uint64_t weight = vq_plan_round_bytes(p);
    (void)job;
    if (layer >= 0) return (vq_step_bytes){.most = vq_edit_bytes(p) + weight};
    const uint64_t ends = vq_model_passes_any(p) ? ends_bytes(p) : 0;
    return (vq_step_bytes){.most = weight > ends ? weight : ends};
}

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    (void)job;
    vq_cost_add_rounding(&cost[VQ_STAGE_ROUNDING], s->plan, layer, false);
}

const vq_step_kind vq_step_round = {
    .name = "round",
    .doc = "linears rounded one after the other and written",
    .run = run,
    .restore = vq_section_restore,
    .bytes = bytes,
    .cost = cost,
};
