/* pass_order.c -- the order of passes: the whole model, then groups, then what the runtime does to
 * inputs, then rounding. */
#include "plan/pass_order.h"

#include "calib/observer.h"
#include "calib/stats/stats_file.h"

/* VQ_E_RECIPE when transform `next` may not follow `first` directly. */
static vq_status check_pair(const vq_transform *first, const vq_transform *next, vq_err *e)
{
    if (next->scope == VQ_SCOPE_MODEL && first->scope == VQ_SCOPE_GROUP)
        return vq_fail(e, VQ_E_RECIPE, "pass %s changes the whole model: put it before %s",
                       next->name, first->name);
    if (next->at_run_time && first->at_run_time)
        return vq_fail(e, VQ_E_RECIPE,
                       "passes %s and %s both leave something to do to the input at run time: "
                       "leave one of them out",
                       first->name, next->name);
    if (first->at_run_time)
        return vq_fail(e, VQ_E_RECIPE,
                       "pass %s works on inputs before the runtime changes them: put it before %s",
                       next->name, first->name);
    return VQ_OK;
}

/* VQ_E_RECIPE when one of the first `before` passes loses statistics (vq_need bits `needs`) that
 * `who`, the name of a pass, rounder or static scale, still has to use. Statistics are of the input
 * as calibration saw it. Each pass changes the input and maps them along, except for those in its
 * `loses`. */
static vq_status check_needs(const vq_plan *p, int before, const char *who, unsigned needs,
                             vq_err *e)
{
    char text[128];
    for (int i = 0; i < before; i++) {
        const vq_transform *t = p->passes[i].transform;
        if (!(t->loses & needs)) continue;
        return vq_fail(e, VQ_E_RECIPE,
                       "%s needs statistics of the input (%s) that pass %s does not carry over: "
                       "leave one of them out",
                       who, vq_stats_needs_text(t->loses & needs, text, sizeof text), t->name);
    }
    return VQ_OK;
}

/* The static input scale of a weight is made after all passes, so its observer needs statistics
 * that all of them carry over. */
static vq_status check_scales(const vq_plan *p, const vq_plan_weight *w, vq_err *e)
{
    if (w->group < 0 || p->groups[w->group].stats < 0 || !vq_plan_observes(p, w)) return VQ_OK;
    const vq_status s =
        check_needs(p, p->npasses, "a static scale", vq_observer_needs(w->scheme.act.observer), e);
    return s == VQ_OK ? VQ_OK : vq_at(e, "%s", w->module);
}

vq_status vq_pass_place_check(const vq_transform *t, const vq_target *to, vq_err *e)
{
    if (t->at_run_time && !t->augments && !to->input_maps)
        return vq_fail(e, VQ_E_RECIPE,
                       "pass %s leaves a rotation of inputs to the runtime, which only format "
                       "vq stores: --set output.format=vq",
                       t->name);
    if (t->orders_keys && !to->key_orders)
        return vq_fail(e, VQ_E_RECIPE,
                       "pass %s needs rope to know the order of channels, which only format vq "
                       "stores: --set output.format=vq",
                       t->name);
    return VQ_OK;
}

vq_status vq_pass_order_check(const vq_plan *p, vq_err *e)
{
    for (int i = 0; i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        const vq_transform *t = pass->transform;
        if (i) VQ_TRY(check_pair(p->passes[i - 1].transform, t, e));
        if (t->needs) VQ_TRY(check_needs(p, i, t->name, t->needs(pass->options), e));
        VQ_TRY(vq_pass_place_check(t, p->target, e));
    }
    if (p->rounder->needs)
        VQ_TRY(
            check_needs(p, p->npasses, p->rounder->name, p->rounder->needs(p->round_options), e));
    for (int i = 0; i < p->nweights; i++) VQ_TRY(check_scales(p, &p->weights[i], e));
    return VQ_OK;
}
