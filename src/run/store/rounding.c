/* rounding.c -- one weight after the other: load, edit, round, pack. */
#include "run/store/rounding.h"

#include <math.h>
#include <string.h>

#include "calib/observer.h"
#include "formats/layouts/module_store.h"
#include "load/weights.h"
#include "run/store/lost.h"

vq_status vq_rounded_init(vq_rounded *r, const vq_plan *p, vq_arena *a, vq_err *e)
{
    const int n = p->nweights;
    *r = (vq_rounded){
        .modules = VQ_NEW(a, vq_module, n, "plan", e),
        .weights = VQ_NEW(a, const vq_plan_weight *, n, "plan", e),
        .group = VQ_NEW(a, int, n, "plan", e),
        .global_scale = VQ_NEW(a, vq_global_scale, n, "plan", e),
        .sqnr_db = VQ_NEW(a, double, n, "plan", e),
        .signal = VQ_NEW(a, double, n, "plan", e),
        .transformed = VQ_NEW(a, bool, n, "plan", e),
        .fallback = VQ_NEW(a, const char *, n, "plan", e),
        .tokens = VQ_NEW(a, int64_t, n, "plan", e),
        .sha = vq_arena_zero(a, (size_t)n, sizeof *r->sha, "plan", e),
    };
    const bool all = r->modules && r->weights && r->group && r->global_scale && r->sqnr_db &&
                     r->signal && r->transformed && r->fallback && r->tokens && r->sha;
    return all ? VQ_OK : e->status;
}

size_t vq_rounded_fallbacks(const vq_rounded *r, size_t *first)
{
    size_t n = 0;
    for (size_t i = 0; i < r->nmodules; i++)
        if (r->fallback[i] && n++ == 0) *first = i;
    return n;
}

static bool is_expert(const vq_rounding *s, const vq_plan_weight *w)
{
    const int node = vq_graph_find(&s->plan->model->graph, w->module);
    return node >= 0 && s->plan->model->graph.nodes[node].routed > 0;
}

static bool is_edited(const vq_rounding *s, const vq_plan_weight *w)
{
    return s->edits && vq_edits_touch(s->edits, w->tensor->name);
}

/* Are the weight's values other than the original's? A comparison with the original can undo the
 * rotation of the input that the module stores, but no other edit. */
static bool is_transformed(const vq_rounding *s, size_t i)
{
    const vq_module *m = &s->out->modules[i];
    for (int j = 0; s->edits && j < s->edits->count; j++) {
        const vq_edit *d = &s->edits->list[j];
        const bool own =
            d->kind == VQ_EDIT_HADAMARD && d->side == VQ_EDIT_COLS && d->block == m->hadamard;
        if (!own && strcmp(d->tensor, s->out->weights[i]->tensor->name) == 0) return true;
    }
    return false;
}

/* Loads weight x [n][k] with its edits, columns then in the order that ARC stores. */
static vq_status load_edited(const vq_rounding *s, const vq_plan_weight *w, const int32_t *order,
                             float *x, vq_err *e)
{
    const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
    VQ_TRY(vq_weights_load(&s->job->kernels, w->tensor, NULL, x, e));
    VQ_TRY(vq_edits_run(s->edits, w->tensor->name, x, n, k, s->scratch, e));
    const vq_edit gather = {.tensor = w->tensor->name,
                            .kind = VQ_EDIT_GATHER,
                            .side = VQ_EDIT_COLS,
                            .order = order,
                            .n = k};
    return order ? vq_edit_apply(&gather, x, n, k, s->scratch, e) : VQ_OK;
}

static vq_status weight_absmax(const vq_rounding *s, const vq_plan_weight *w, float *absmax,
                               vq_err *e)
{
    if (!is_edited(s, w)) return vq_weights_absmax(&s->job->kernels, w->tensor, absmax, e);
    const vq_arena_mark mark = vq_arena_here(s->scratch);
    const int64_t n = w->tensor->shape[0] * w->tensor->shape[1];
    float *x = VQ_ALLOC(s->scratch, float, n, "weight in f32", e);
    if (!x) return e->status;
    VQ_TRY(load_edited(s, w, NULL, x, e));
    *absmax = s->job->kernels.absmax(x, (size_t)n);
    vq_arena_rewind(s->scratch, mark);
    return VQ_OK;
}

/* Members of a fused group share the second-level scale. */
static vq_status group_global_scale(const vq_rounding *s, const vq_plan_group *g,
                                    const vq_plan_weight *w, vq_global_scale *global_scale,
                                    vq_err *e)
{
    *global_scale = (vq_global_scale){.value = 1};
    if (!w->scheme.weight.global_scale) return VQ_OK;
    float amax = 0;
    for (int j = 0; j < g->count; j++) {
        const vq_plan_weight *member = &s->plan->weights[g->weights[j]];
        if (!g->fused && member != w) continue;
        float x = 0;
        VQ_TRY(weight_absmax(s, member, &x, e));
        if (x > amax) amax = x;
    }
    *global_scale = vq_target_global_scale(
        s->plan->target, vq_global_scale_from_amax(&w->scheme.weight, amax,
                                                   vq_plan_arith(s->plan, &w->scheme.weight)));
    return VQ_OK;
}

/* What was read of the model need not stay in memory. */
static void forget_read(const vq_rounding *s)
{
    vq_tensor_set_forget(&s->plan->model->checkpoint.weights);
}

vq_status vq_rounding_add(const vq_rounding *s, int group, vq_err *e)
{
    const vq_plan_group *g = &s->plan->groups[group];
    vq_rounded *r = s->out;
    for (int j = 0; j < g->count; j++) {
        const vq_plan_weight *w = &s->plan->weights[g->weights[j]];
        const size_t i = r->nmodules;
        if (j > 0 && g->fused)
            r->global_scale[i] = r->global_scale[i - 1];
        else
            VQ_TRY(group_global_scale(s, g, w, &r->global_scale[i], e));
        r->weights[i] = w;
        r->group[i] = group;
        r->modules[i] = vq_plan_module(s->plan, w, s->inputs[group].map.s);
        r->modules[i].hadamard = s->inputs[group].map.hadamard;
        r->nmodules++;
    }
    forget_read(s);
    return VQ_OK;
}

vq_status vq_rounding_weight(const vq_rounding *s, size_t i, float **w, vq_err *e)
{
    const vq_plan_weight *weight = s->out->weights[i];
    const int32_t *order = s->inputs[s->out->group[i]].map.order;
    *w = VQ_ALLOC(s->scratch, float, weight->tensor->shape[0] * weight->tensor->shape[1],
                  "weight in f32", e);
    if (!*w) return e->status;
    if (!is_edited(s, weight))
        return vq_weights_load(&s->job->kernels, weight->tensor, order, *w, e);
    return load_edited(s, weight, order, *w, e);
}

double vq_sqnr_db(double signal, double noise)
{
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static const vq_curvature *curvature_of(const vq_stats *stats, const char *module)
{
    for (int i = 0; stats && i < stats->nlinears; i++)
        if (strcmp(stats->linears[i].name, module) == 0) return &stats->linears[i];
    return NULL;
}

void vq_rounding_cache_for(vq_rounding_cache *cache, int group)
{
    if (!cache || cache->group == group) return;
    vq_arena_done(&cache->of.arena);
    cache->of.made = NULL;
    cache->group = group;
}

/* Runs the rounder. An expert that saw no token has no statistics to weigh errors with: round to
 * nearest. */
static vq_status run_rounder(const vq_rounder *r, vq_round_job *job, const float *w, vq_qtensor *q,
                             vq_err *e)
{
    const bool blind = r->needs && r->needs(job->options) && job->stats && job->stats->gathered &&
                       job->stats->tokens == 0;
    if (!blind) return r->run(job, w, q, e);
    VQ_TRY(vq_round_rtn.run(job, w, q, e));
    job->fallback = "rtn: no tokens";
    return VQ_OK;
}

/* Tokens that the expert saw. -1: every token goes through the linear, or no statistics were
 * gathered. */
static int64_t seen_tokens(const vq_rounding *s, const vq_plan_weight *w, const vq_stats *stats)
{
    return stats && stats->gathered && is_expert(s, w) ? stats->tokens : -1;
}

/* A weight near the end of its type may be rounded up to what no float holds (3e38 in MX). */
static vq_status check_decoded(const vq_rounding *s, const vq_qtensor *q, vq_err *e)
{
    float *x = VQ_ALLOC(s->scratch, float, q->rows * q->cols, "decoded weight", e);
    if (!x) return e->status;
    vq_decode_rows(&s->job->kernels, q, x, q->cols);
    int64_t i = 0;
    while (i < q->rows * q->cols && isfinite(x[i])) i++;
    if (i == q->rows * q->cols) return VQ_OK;
    return vq_fail(
        e, VQ_E_NUMERIC,
        "weight [%lld][%lld] is rounded to %g; keep this tensor, or choose another scheme "
        "for it",
        (long long)(i / q->cols), (long long)(i % q->cols), (double)x[i]);
}

vq_status vq_rounding_round(const vq_rounding *s, size_t i, const float *w, vq_qtensor *q,
                            vq_err *e)
{
    const vq_plan_weight *weight = s->out->weights[i];
    const vq_stats *stats = s->inputs[s->out->group[i]].stats;
    vq_rounding_cache_for(s->cache, s->out->group[i]);
    VQ_TRY(vq_qtensor_new(q, &weight->scheme.weight, weight->tensor->shape[0],
                          weight->tensor->shape[1], s->scratch, e));
    vq_round_job job = {
        .kernels = &s->job->kernels,
        .options = s->plan->round_options,
        .stats = stats,
        .curvature = curvature_of(stats, weight->module),
        .global_scale = s->out->global_scale[i],
        .negative_scales = s->plan->target->negative_scales,
        .arith = vq_plan_arith(s->plan, &weight->scheme.weight),
        .scratch = s->scratch,
        .cache = s->cache && s->plan->groups[s->out->group[i]].count > 1 ? &s->cache->of : NULL,
    };
    VQ_TRY(run_rounder(s->plan->rounder, &job, w, q, e));
    if (!isfinite(job.noise)) VQ_TRY(check_decoded(s, q, e));
    if (!job.drops) VQ_TRY(vq_lost_check(s->plan, s->job, s->out->modules[i].name, w, q, e));
    s->out->tokens[i] = seen_tokens(s, weight, stats);
    s->out->sqnr_db[i] = vq_sqnr_db(job.signal, job.noise);
    s->out->signal[i] = job.signal;
    s->out->transformed[i] = is_transformed(s, i);
    s->out->fallback[i] = job.fallback;
    return VQ_OK;
}

/* Input range of an expert that saw no token: the largest range that the same linear (role) of
 * another expert in this block saw. Runtimes that run experts as one take the largest of their
 * scales anyway. */
static vq_status observe_others(const vq_rounding *s, size_t i, float *lo, float *hi, vq_err *e)
{
    const vq_plan *p = s->plan;
    const vq_plan_group *own = &p->groups[s->out->group[i]];
    const vq_role role = p->weights[own->weights[0]].role;
    *lo = *hi = 0;
    for (int g = 0; g < p->ngroups; g++) {
        const vq_plan_group *other = &p->groups[g];
        const vq_stats *stats = other->layer == own->layer ? s->inputs[g].stats : NULL;
        if (!stats || p->weights[other->weights[0]].role != role || stats->tokens == 0) continue;
        float low, high;
        VQ_TRY(vq_observe(stats, &s->out->weights[i]->scheme.act, &low, &high, e));
        *lo = fminf(*lo, low);
        *hi = fmaxf(*hi, high);
    }
    return VQ_OK;
}

/* Static scales of the input, from what calibration saw. */
static vq_status input_scales(vq_module_extra *x, const vq_rounding *s, size_t i, vq_err *e)
{
    const vq_plan *p = s->plan;
    const vq_plan_weight *w = s->out->weights[i];
    const vq_stats *stats = s->inputs[s->out->group[i]].stats;
    const vq_num *act = &w->scheme.act;
    if (!stats || !vq_plan_observes(p, w)) return VQ_OK;
    float lo, hi;
    VQ_TRY(is_expert(s, w) && stats->tokens == 0 ? observe_others(s, i, &lo, &hi, e)
                                                 : vq_observe(stats, act, &lo, &hi, e));
    const vq_dtype arith = vq_plan_arith(p, act);
    if (act->global_scale)
        x->act_global_scale = vq_target_global_scale(
            p->target, vq_global_scale_from_amax(act, fmaxf(-lo, hi), arith));
    else
        vq_group_scale(act, lo, hi, (vq_global_scale){.value = 1}, arith, &x->act_scale,
                       &x->act_zero);
    return VQ_OK;
}

vq_status vq_rounding_linear(const vq_rounding *s, size_t i, vq_linear *l, vq_err *e)
{
    const vq_module *m = &s->out->modules[i];
    const vq_group_input *input = &s->inputs[s->out->group[i]];
    vq_module_extra x = {.arc_order = input->map.order};
    VQ_TRY(input_scales(&x, s, i, e));
    *l = (vq_linear){.name = m->name,
                     .n = m->n,
                     .k = m->k,
                     .k_stored = m->k + m->arc_s,
                     .quantized = true,
                     .scheme = *m->scheme,
                     .act_global_scale = x.act_global_scale,
                     .act_scale = x.act_scale,
                     .act_zero = x.act_zero,
                     .arc_order = input->map.order,
                     .arc_s = m->arc_s,
                     .hadamard = m->hadamard};
    return VQ_OK;
}

vq_status vq_rounding_store(const vq_rounding *s, size_t i, const vq_qtensor *q,
                            vq_tensor_writer *w, vq_err *e)
{
    const vq_group_input *input = &s->inputs[s->out->group[i]];
    vq_module_extra extra = {.arc_order = input->map.order};
    vq_qtensor augmented;
    VQ_TRY(input_scales(&extra, s, i, e));
    if (input->map.s > 0) VQ_TRY(vq_arc_augment(q, input->map.s, &augmented, s->scratch, e));
    return vq_module_write(s->plan->target, &s->out->modules[i], input->map.s > 0 ? &augmented : q,
                           &extra, w, NULL, s->scratch, e);
}

static vq_status round_and_store(const vq_rounding *s, size_t i, vq_tensor_writer *w, vq_err *e)
{
    float *x;
    vq_qtensor q;
    VQ_TRY(vq_rounding_weight(s, i, &x, e));
    VQ_TRY(vq_rounding_round(s, i, x, &q, e));
    return vq_rounding_store(s, i, &q, w, e);
}

vq_status vq_rounding_module(const vq_rounding *s, size_t i, vq_tensor_writer *w, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(s->scratch);
    const vq_status status = round_and_store(s, i, w, e);
    vq_arena_rewind(s->scratch, mark);
    forget_read(s);
    return status == VQ_OK ? VQ_OK : vq_at(e, "%s", s->out->weights[i]->module);
}

static vq_status digest_all(vq_rounded *r, const vq_target *t, const vq_tensor_set *set, vq_err *e)
{
    int64_t bad = -1;
#pragma omp parallel for schedule(dynamic) reduction(max : bad)
    for (size_t i = 0; i < r->nmodules; i++) {
        if (vq_module_sha(t, r->modules[i].name, set, r->sha[i], NULL) != VQ_OK) bad = (int64_t)i;
        vq_tensor_set_forget(set);
    }
    return bad < 0 ? VQ_OK
                   : vq_fail(e, VQ_E_LIMIT, "%s: no memory for a digest", r->modules[bad].name);
}

vq_status vq_rounding_digests(vq_rounded *r, const vq_plan *p, const char *dir, vq_arena *a,
                              vq_err *e)
{
    vq_tensor_set set;
    VQ_TRY(vq_tensor_set_open(&set, p->target->container, dir, a, e));
    const vq_status s = digest_all(r, p->target, &set, e);
    vq_tensor_set_close(&set);
    return s;
}
