/* plan_report.c -- what a plan costs, and how it is told. */
#include "plan/plan.h"

#include <string.h>

vq_module vq_plan_module(const vq_plan *p, const vq_plan_weight *w, int64_t arc_s)
{
    return (vq_module){
        .name = w->module,
        .n = w->tensor->shape[0],
        .k = w->tensor->shape[1],
        .arc_s = arc_s,
        .scheme = &w->scheme,
        .model_dtype = p->model->dtype,
    };
}

uint64_t vq_plan_stored_bytes(const vq_plan_weight *w)
{
    if (!w->quantized) return w->tensor->bytes;
    const double bits = vq_num_bits(&w->scheme.weight, w->tensor->shape[0], w->tensor->shape[1]);
    return (uint64_t)(bits * (double)w->tensor->shape[0] * (double)w->tensor->shape[1] / 8);
}

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

uint64_t vq_plan_bytes(const vq_plan *p)
{
    uint64_t bytes = 0;
    const vq_st_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; i < s->count; i++) bytes += s->sorted[i]->bytes;
    for (int i = 0; i < p->nweights; i++)
        bytes = bytes - p->weights[i].tensor->bytes + vq_plan_stored_bytes(&p->weights[i]);
    return bytes;
}

json_t *vq_plan_json(const vq_plan *p)
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
                     bits / elements, "bytes", bytes, "peak_ram", (json_int_t)p->peak_bytes, "disk",
                     bytes);
}
