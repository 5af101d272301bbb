/* plan_report.c -- how a plan is told. */
#include "plan/plan.h"

static const char *rule_text(const vq_plan *p, const vq_plan_weight *w)
{
    if (w->rule == VQ_RULE_ROUTER) return "routers are kept";
    return w->rule == VQ_RULE_BEYOND ? "behind the last block" : p->recipe->rules[w->rule].text;
}

static json_t *weight_json(const vq_plan *p, const vq_plan_weight *w)
{
    return json_pack("{s:s, s:s, s:[I,I], s:s, s:s, s:I}", "name", w->module, "role",
                     vq_role_name(w->role), "shape", (json_int_t)w->tensor->shape[0],
                     (json_int_t)w->tensor->shape[1], "scheme",
                     w->quantized ? w->scheme.id : "keep", "rule", rule_text(p, w), "bytes",
                     (json_int_t)vq_plan_stored_bytes(w));
}

json_t *vq_plan_json(const vq_plan *p, uint64_t peak_bytes)
{
    json_t *list = json_array();
    double bits = 0, elements = 0;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        (void)json_array_append_new(list, weight_json(p, w));
        if (!w->quantized) continue;
        bits += 8 * (double)vq_plan_stored_bytes(w);
        elements += (double)vq_tensor_numel(w->tensor);
    }
    const json_int_t bytes = (json_int_t)vq_plan_bytes(p);
    return json_pack("{s:o, s:f, s:I, s:I, s:I}", "tensors", list, "bits_per_weight",
                     bits / elements, "bytes", bytes, "peak_ram", (json_int_t)peak_bytes, "disk",
                     bytes);
}
