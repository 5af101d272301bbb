/* model_passes.c -- statistics of the stream, the transforms of the whole model, and the check of
 * each. */
#include "plan/model_passes.h"

#include "edit/function_check.h"

enum { CHECK_TOKENS = 32 };

bool vq_model_passes_any(const vq_plan *p)
{
    for (int i = 0; i < p->npasses; i++)
        if (p->passes[i].transform->scope == VQ_SCOPE_MODEL) return true;
    return false;
}

vq_status vq_model_passes_check(const vq_plan *p, vq_arena *scratch, vq_err *e)
{
    vq_model_edits m;
    vq_model_edits_init(&m, &p->model->graph, scratch);
    for (int i = 0; p->model->arch && i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        if (pass->transform->scope == VQ_SCOPE_MODEL)
            VQ_TRY(vq_model_edits_check(&m, pass->transform, pass->options, scratch, e));
    }
    return VQ_OK;
}

static unsigned needs_of(const vq_plan *p)
{
    unsigned needs = 0;
    for (int i = 0; i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        if (pass->transform->scope == VQ_SCOPE_MODEL && pass->transform->needs)
            needs |= pass->transform->needs(pass->options);
    }
    return needs;
}

static const char *first_that_needs(const vq_plan *p)
{
    for (int i = 0; i < p->npasses; i++) {
        const vq_transform *t = p->passes[i].transform;
        if (t->scope == VQ_SCOPE_MODEL && t->needs && t->needs(p->passes[i].options))
            return t->name;
    }
    return "";
}

typedef struct stream_sums {
    const char *pass; /* the first that asks for them */
    vq_residual_stats *stream;
    const vq_exec *base;
    const vq_reporter *reporter;
    vq_arena *scratch;
} stream_sums;

/* Adds the statistics of one block to the sums over the channels of the residual stream; nothing
 * else of them is kept. */
static vq_status add_layer(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    const stream_sums *s = ctx;
    if (vq_residual_stats_add(s->stream, s->base->graph, layer, stats, nstats, s->scratch, e) !=
        VQ_OK)
        return vq_at(e, "%s", s->pass);
    return vq_step(s->reporter, "ordering", layer + 1, s->base->graph->layers, e);
}

static vq_status sweep_stream(vq_residual_stats *stream, const vq_plan *p, const vq_exec *base,
                              const vq_samples *samples, const vq_calib_options *sweep,
                              const vq_reporter *w, vq_arena *scratch, vq_err *e)
{
    vq_calib_options o = *sweep;
    stream_sums sums = {.pass = first_that_needs(p),
                        .stream = stream,
                        .base = base,
                        .reporter = w,
                        .scratch = scratch};
    const vq_stats_sink sink = {.ctx = &sums, .layer = add_layer};
    o.needs = needs_of(p);
    return vq_calib_forward(base, samples, &o, &sink, w, scratch, e);
}

/* Any tokens do, as many as the model knows positions: an exact transform keeps the logits of all of
 * them. */
static vq_status check_function(const vq_model_edits *m, const vq_plan *p, const vq_exec *base,
                                const char *pass, const vq_reporter *w, vq_err *e)
{
    int32_t ids[2 * CHECK_TOKENS];
    const int64_t most = base->graph->max_position,
                  length = most > 0 && most < CHECK_TOKENS ? most : CHECK_TOKENS;
    double distance;
    const vq_edited d = {&m->graph, base->source, base->kernels, &m->edits};
    for (int64_t i = 0; i < 2 * length; i++)
        ids[i] = (int32_t)((7919 * i * i + 31) % base->graph->vocab);
    VQ_TRY(vq_function_model(base, &d, ids, 2, length, &distance, e));
    vq_say(w, 2, "%s: outputs change by %.1e of their size", pass, distance);
    return vq_function_judge(pass, distance, p->recipe->function == VQ_SEVERITY_ERROR, w, e);
}

static vq_status run_passes(vq_model_edits *m, const vq_plan *p, const vq_exec *base,
                            const vq_residual_stats *stream, const vq_reporter *w,
                            vq_arena *scratch, vq_err *e)
{
    for (int i = 0; i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        if (pass->transform->scope != VQ_SCOPE_MODEL) continue;
        VQ_TRY(vq_model_edits_pass(m, pass->transform, pass->options, base->source, base->kernels,
                                   stream, scratch, e));
        VQ_TRY(check_function(m, p, base, pass->transform->name, w, e));
    }
    return VQ_OK;
}

vq_status vq_model_passes_run(vq_model_edits *m, const vq_plan *p, const vq_exec *base,
                              const vq_samples *samples, const vq_calib_options *sweep,
                              const vq_reporter *w, vq_arena *scratch, vq_err *e)
{
    const unsigned needs = needs_of(p);
    vq_residual_stats stream = {.arena = m->edits.arena};
    if (needs && !samples)
        return vq_fail(e, VQ_E_BUG,
                       "a pass needs statistics of the stream and there are no samples");
    const vq_arena_mark mark = vq_arena_here(scratch);
    vq_status s = needs ? sweep_stream(&stream, p, base, samples, sweep, w, scratch, e) : VQ_OK;
    if (s == VQ_OK) s = run_passes(m, p, base, &stream, w, scratch, e);
    vq_arena_rewind(scratch, mark);
    return s;
}
