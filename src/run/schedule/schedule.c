/* schedule.c -- what a run does, in which order: the one place that decides it. */
#include "run/schedule/schedule.h"

#include "plan/cost/rates.h"
#include "plan/model_passes.h"
#include "plan/sample_set.h"

static bool tries_candidates(const vq_plan *p)
{
    for (int i = 0; i < p->npasses; i++)
        if (p->passes[i].transform->trials) return true;
    return false;
}

static bool changes_groups(const vq_plan *p)
{
    for (int i = 0; i < p->npasses; i++)
        if (p->passes[i].transform->scope == VQ_SCOPE_GROUP) return true;
    return false;
}

/* Statistics of gradients need the whole model, so they are gathered before the first block, and
 * those of the inputs with them; only when a block is to see its quantized predecessors are the
 * inputs gathered again, block by block. */
static void decide(vq_schedule *s, vq_arena *a)
{
    const vq_plan *p = s->plan;
    const unsigned backward = p->needs & VQ_NEED_GRADIENT,
                   forward = p->needs & ~(unsigned)VQ_NEED_GRADIENT;
    s->quantized = p->recipe->calib.propagate_quantized;
    s->tries = tries_candidates(p);
    s->trains = p->rounder->block;
    s->by_blocks = p->needs || p->npasses || s->trains || p->finish || s->given.statistics;
    s->gradients = backward && !s->given.statistics;
    s->loads = s->gradients || s->given.statistics;
    s->gathers = forward && (!s->loads || s->quantized);
    s->sweeps = s->gathers || s->tries || s->trains;
    s->samples = s->sweeps || p->finish || (p->needs && !s->given.statistics);
    s->own_text = s->samples ? vq_sources_own(p, vq_sources_used(p, s->given.data), a) : 0;
    s->two_sided = (s->tries || s->trains) && !s->quantized;
    s->self_moving = s->gathers && !s->quantized && !s->two_sided;
}

static void add(vq_schedule *s, bool wanted, const vq_step_kind *kind, int layer)
{
    if (wanted) s->steps[s->count++] = (vq_scheduled_step){.kind = kind, .layer = layer};
}

static void add_block(vq_schedule *s, int layer)
{
    const bool last = layer + 1 == s->plan->model->graph.layers;
    add(s, s->loads, &vq_step_load, layer);
    add(s, s->gathers, &vq_step_gather, layer);
    add(s, s->trains, &vq_step_target, layer);
    add(s, changes_groups(s->plan), &vq_step_transform, layer);
    add(s, true, s->trains ? &vq_step_train : &vq_step_round, layer);
    add(s, s->sweeps && !s->self_moving && !last, &vq_step_advance, layer);
}

/* Without a graph only weights can be rounded; a run that needs more ends before its first step. */
static void fill(vq_schedule *s)
{
    const vq_plan *p = s->plan;
    if (!s->by_blocks || !p->model->arch) {
        add(s, true, &vq_step_convert, VQ_WHOLE_RUN);
        return;
    }
    add(s, s->samples, &vq_step_text, VQ_WHOLE_RUN);
    add(s, s->given.statistics, &vq_step_statistics, VQ_WHOLE_RUN);
    add(s, true, &vq_step_state, VQ_WHOLE_RUN);
    add(s, vq_model_passes_any(p), &vq_step_model, VQ_WHOLE_RUN);
    add(s, s->gradients, &vq_step_gradients, VQ_WHOLE_RUN);
    add(s, s->sweeps, &vq_step_embed, VQ_WHOLE_RUN);
    for (int layer = 0; layer < p->model->graph.layers; layer++) add_block(s, layer);
    add(s, true, &vq_step_round, VQ_OUTSIDE);
    add(s, p->finish != NULL, &vq_step_finish, VQ_WHOLE_RUN);
    add(s, true, &vq_step_assemble, VQ_WHOLE_RUN);
}

vq_status vq_schedule_make(vq_schedule *s, const vq_plan *plan, vq_given given, vq_arena *a,
                           vq_err *e)
{
    enum { OF_A_BLOCK = 6, OF_THE_RUN = 9 };
    const int layers = plan->model->arch ? plan->model->graph.layers : 0;
    *s = (vq_schedule){.plan = plan, .given = given};
    s->given.statistics &= plan->needs != 0; /* the others would change nothing but the order */
    s->steps = VQ_ALLOC(a, vq_scheduled_step, OF_A_BLOCK * layers + OF_THE_RUN, "schedule", e);
    if (!s->steps) return e->status;
    decide(s, a);
    if (s->samples) VQ_TRY(vq_samples_check(plan, e));
    fill(s);
    return VQ_OK;
}

void vq_schedule_mark(vq_schedule *s, int sections)
{
    const int layers = s->plan->model->graph.layers;
    for (int i = 0; i < s->count; i++) {
        const int layer = s->steps[i].layer;
        if (layer == VQ_WHOLE_RUN) continue;
        s->steps[i].finished = (layer == VQ_OUTSIDE ? layers : layer) < sections;
    }
}

/* A margin for what no step counts: the first piece of each arena; of each thread, its stack with a tile
 * on it where a model runs, and where factors are made as much again, for what their products take of
 * BLAS beyond the first ones. */
enum { SMALL_BYTES = 512 << 10, STACK_BYTES = 256 << 10, TILE_BYTES = 1 << 20 };

static uint64_t margin(const vq_schedule *s, const vq_job *job)
{
    const bool factors = s->plan->needs & (VQ_NEED_HESSIAN | VQ_NEED_GRADIENT);
    const uint64_t thread = s->by_blocks ? TILE_BYTES * (factors ? 2 : 1) : STACK_BYTES;
    return SMALL_BYTES + (uint64_t)job->threads * thread;
}

/* Names, places and digests of a weight: while weights are rounded; and at the end, in the final files,
 * the manifest and what verifies them. Measured on a model of 10,500 small weights: 1.4 and 4.3 KB,
 * block by block 2.7; 8.2 is a sum of parts measured apart. */
static const uint64_t records[2][2] = {{1536, 4608}, {3072, 9216}};

uint64_t vq_schedule_bytes(const vq_schedule *s, const vq_job *job)
{
    /* the most held at a time; what steps leave behind until the end of the run; of the block */
    uint64_t most = 0, run = 0, block = 0;
    for (int i = 0; i < s->count; i++) {
        const vq_scheduled_step *at = &s->steps[i];
        if (!at->kind->bytes || at->layer > 0) continue; /* each block counts as the largest */
        if (at->layer < 0) block = 0;
        const vq_step_bytes b = at->kind->bytes(s, job, at->layer);
        if (run + block + b.most > most) most = run + block + b.most;
        *(at->layer < 0 ? &run : &block) += b.stays;
    }
    const uint64_t weights = (uint64_t)s->plan->nweights, *record = records[s->by_blocks],
                   rounding = most + weights * record[0], end = run + weights * record[1];
    return (rounding > end ? rounding : end) + vq_dequantize_bytes(&s->plan->model->checkpoint) +
           margin(s, job) + job->budget.used + job->budget.outside;
}

/* Of the margin: measures of what lies outside differ by some pages from one process to the next, and
 * a limit that is the figure of `vq plan` is enough. */
enum { VARIES_BYTES = 64 << 10 };

bool vq_schedule_fits(uint64_t bytes, const vq_job *job)
{
    return !job->budget.limit || bytes <= (uint64_t)job->budget.limit + VARIES_BYTES;
}

void vq_schedule_costs(const vq_schedule *s, const vq_job *job, vq_cost cost[VQ_STAGES])
{
    for (int i = 0; i < VQ_STAGES; i++) cost[i] = (vq_cost){0};
    for (int i = 0; i < s->count; i++)
        if (s->steps[i].kind->cost) s->steps[i].kind->cost(s, job, s->steps[i].layer, cost);
}

/* Runs that only read and round are over soon, and count their weights anyhow. Measuring takes some
 * memory of its own. */
static bool worth_a_forecast(const vq_schedule *s, const vq_job *job)
{
    const size_t enough = (size_t)64 << 20, limit = job->budget.limit;
    return job->reporter.forecast && s->by_blocks && (!limit || limit >= enough);
}

vq_status vq_schedule_expect(vq_schedule *s, const vq_job *job, vq_err *e)
{
    vq_rates rates;
    if (!worth_a_forecast(s, job)) return VQ_OK;
    VQ_TRY(vq_rates_measure(&rates, s->plan, job, e));
    for (int i = 0; i < s->count; i++) {
        vq_cost cost[VQ_STAGES] = {0};
        vq_scheduled_step *at = &s->steps[i];
        if (!at->kind->cost) continue;
        at->kind->cost(s, job, at->layer, cost);
        for (int c = 0; c < VQ_STAGES; c++)
            at->seconds +=
                vq_cost_seconds(&cost[c], &rates) / (job->threads > 0 ? job->threads : 1);
    }
    return VQ_OK;
}

double vq_schedule_seconds(const vq_schedule *s, const vq_step_kind *kind)
{
    double seconds = 0;
    for (int i = 0; i < s->count; i++)
        if (s->steps[i].kind == kind) seconds += s->steps[i].seconds;
    return seconds;
}

vq_forecast vq_schedule_forecast(const vq_schedule *s, int step)
{
    vq_forecast f = {.follows = s->steps[step].layer == VQ_WHOLE_RUN};
    for (int i = 0; i < s->count; i++) {
        if (s->steps[i].finished) continue;
        f.all += s->steps[i].seconds;
        if (i < step) f.before += s->steps[i].seconds;
        if (i == step) f.step = s->steps[i].seconds;
    }
    return f;
}

const char *vq_schedule_text(const vq_schedule *s, vq_arena *a, vq_err *e)
{
    const char *text = "";
    for (int i = 0; text && i < s->count; i++) {
        const vq_scheduled_step *at = &s->steps[i];
        const char *name = at->kind->name;
        const bool on = i && at->layer == at[-1].layer && at->layer >= 0;
        const char *end = i ? "\n" : "";
        if (on)
            text = vq_arena_text(a, e, "%s %s", text, name);
        else if (at->layer >= 0)
            text = vq_arena_text(a, e, "%s%sblock %d: %s", text, end, at->layer, name);
        else
            text = vq_arena_text(a, e, "%s%s%s%s", text, end,
                                 at->layer == VQ_OUTSIDE ? "outside: " : "", name);
    }
    return text ? vq_arena_text(a, e, "%s\n", text) : NULL;
}
