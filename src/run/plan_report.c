/* plan_report.c -- what a plan costs, and how it is told. */
#include "run/blocks.h"
#include "run/plan.h"

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

/* Bytes that a weight takes when stored; ARC's extra channels are only known after calibration. */
static uint64_t weight_bytes(const vq_plan_weight *w)
{
    if (!w->quantized) return w->tensor->bytes;
    const double bits = vq_num_bits(&w->scheme.weight, w->tensor->shape[0], w->tensor->shape[1]);
    return (uint64_t)(bits * (double)w->tensor->shape[0] * (double)w->tensor->shape[1] / 8);
}

/* Codes and scales of elements; ARC may double them. */
static uint64_t coded_bytes(const vq_num *num, uint64_t n, uint64_t k)
{
    int64_t per_row, groups = 0;
    vq_err ignored;
    if (vq_group_count(num, (int64_t)n, (int64_t)k, &per_row, &groups, &ignored) != VQ_OK) groups = 0;
    return n * k * (num->grid.bits > 8 ? 2 : 1) + (uint64_t)groups * (sizeof(float) + (num->zero ? sizeof(int16_t) : 0));
}

/* In f32 beside its codes while it is rounded, then while it is packed. */
static uint64_t weight_peak(const vq_plan *p, const vq_plan_weight *w)
{
    const vq_num *num = &w->scheme.weight;
    const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
    if (!w->quantized) return 0;
    uint64_t coded = coded_bytes(num, (uint64_t)n, (uint64_t)k), pack = weight_bytes(w);
    for (int i = 0; i < p->npasses; i++)
        if (p->passes[i].transform == &vq_transform_arc) pack = 2 * (pack + coded);
    const bool shared = p->groups[w->group].count > 1;
    const uint64_t round = p->rounder->scratch_bytes ? p->rounder->scratch_bytes(p->round_options, num, n, k, shared) : 0;
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

/* What the small things of a run take, and the buffers of BLAS and stacks when blocks are run, forwards or back: measured. */
enum { SMALL_MB = 2, SWEEP_MB = 11, GRADIENT_MB = 4 };

uint64_t vq_plan_peak(const vq_plan *p, const vq_job *job)
{
    const bool sweeps = p->needs || p->npasses, back = p->needs & VQ_NEED_GRADIENT && !p->has_stats;
    const unsigned small = SMALL_MB + (sweeps ? SWEEP_MB : 0U) + (back ? GRADIENT_MB : 0U);
    return vq_blocks_bytes(p, job) + ((uint64_t)small << 20);
}

static json_t *weight_json(const vq_plan *p, const vq_plan_weight *w)
{
    return json_pack("{s:s, s:s, s:[I,I], s:s, s:s, s:I}", "name", w->module, "role", vq_role_name(w->role), "shape",
                     (json_int_t)w->tensor->shape[0], (json_int_t)w->tensor->shape[1], "scheme", w->quantized ? w->scheme.id : "keep",
                     "rule", p->recipe->rules[w->rule].text, "bytes", (json_int_t)weight_bytes(w));
}

uint64_t vq_plan_bytes(const vq_plan *p)
{
    uint64_t bytes = 0;
    const vq_st_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; i < s->count; i++) bytes += s->sorted[i]->bytes;
    for (int i = 0; i < p->nweights; i++) bytes = bytes - p->weights[i].tensor->bytes + weight_bytes(&p->weights[i]);
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
        bits += 8 * (double)weight_bytes(w);
        elements += (double)vq_tensor_numel(w->tensor);
    }
    const json_int_t bytes = (json_int_t)vq_plan_bytes(p);
    return json_pack("{s:o, s:f, s:I, s:I, s:I}", "tensors", list, "bits_per_weight", bits / elements, "bytes", bytes, "peak_ram",
                     (json_int_t)p->peak_bytes, "disk", bytes);
}
