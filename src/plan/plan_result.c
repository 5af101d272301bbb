/* plan_result.c -- a plan as plain rows that outlive it. */
#include "plan/plan_result.h"

#include "plan/cost/rates.h"

static const char *rule_text(const vq_plan *p, const vq_plan_weight *w)
{
    static const char *const why[] = {[-VQ_RULE_ROUTER] = "routers are kept",
                                      [-VQ_RULE_DRAFT] = "draft heads are kept",
                                      [-VQ_RULE_TOWER] = "beside the language model",
                                      [-VQ_RULE_NO_LINEAR] = "no linear"};
    return w->rule < 0 ? why[-w->rule] : p->recipe->rules[w->rule].text;
}

static vq_status tell_weight(const vq_plan *p, const vq_plan_weight *w, vq_planned_tensor *out,
                             vq_arena *a, vq_err *e)
{
    *out = (vq_planned_tensor){
        .name = vq_arena_text(a, e, "%s", w->module),
        .role = vq_role_name(w->role),
        .scheme = w->quantized ? vq_arena_text(a, e, "%s", w->scheme.id) : "keep",
        .rule = vq_arena_text(a, e, "%s", rule_text(p, w)),
        .shape = {w->tensor->shape[0], w->tensor->shape[1]},
        .bytes = vq_plan_stored_bytes(w),
    };
    return out->name && out->scheme && out->rule ? VQ_OK : e->status;
}

vq_status vq_plan_tell(const vq_plan *p, vq_plan_result *r, vq_arena *a, vq_err *e)
{
    vq_planned_tensor *list = VQ_ALLOC(a, vq_planned_tensor, p->nweights, "the plan's rows", e);
    double bits = 0, most = 0, elements = 0;
    uint64_t more = 0;
    if (!list) return e->status;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        VQ_TRY(tell_weight(p, w, &list[i], a, e));
        if (!w->quantized) continue;
        const uint64_t at_most = vq_plan_most_bytes(p, w);
        bits += 8 * (double)list[i].bytes;
        most += 8 * (double)at_most;
        more += at_most - list[i].bytes;
        elements += (double)vq_tensor_numel(w->tensor);
    }
    *r = (vq_plan_result){.tensors = list,
                          .ntensors = (size_t)p->nweights,
                          .bits_per_weight = bits / elements,
                          .bits_per_weight_most = most / elements,
                          .bytes = vq_plan_bytes(p),
                          .bytes_most = vq_plan_bytes(p) + more};
    return VQ_OK;
}

/* Threads share out nearly everything. */
vq_status vq_plan_tell_time(const vq_plan *p, const vq_job *job, const vq_cost work[VQ_STAGES],
                            vq_plan_result *r, vq_err *e)
{
    vq_rates rates;
    VQ_TRY(vq_rates_measure(&rates, p, job, e));
    r->seconds = 0;
    for (int i = 0; i < VQ_STAGES; i++) {
        r->stages[i] = vq_cost_seconds(&work[i], &rates) / (job->threads > 0 ? job->threads : 1);
        r->seconds += r->stages[i];
    }
    return VQ_OK;
}
