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

static uint64_t weight_peak(const vq_plan *p, const vq_plan_weight *w)
{
    const uint64_t elements = (uint64_t)w->tensor->shape[0] * (uint64_t)w->tensor->shape[1];
    if (!w->quantized) return 0;
    const uint64_t code = w->scheme.weight.grid.bits > 8 ? 2 : 1;
    const uint64_t rounder = p->rounder->scratch_bytes
                                 ? p->rounder->scratch_bytes(p->round_options, &w->scheme.weight, w->tensor->shape[0], w->tensor->shape[1])
                                 : 0;
    return elements * (4 + 2 * code) + elements * 3 / 2 + rounder; /* f32, codes (twice with ARC), packed and scales */
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

uint64_t vq_plan_peak(const vq_plan *p, const vq_job *job)
{
    return vq_blocks_bytes(p, job) + ((uint64_t)8 << 20);
}

/* Bytes that a weight takes when stored; ARC's extra channels are only known after calibration. */
static uint64_t weight_bytes(const vq_plan_weight *w)
{
    if (!w->quantized) return w->tensor->bytes;
    const double bits = vq_num_bits(&w->scheme.weight, w->tensor->shape[0], w->tensor->shape[1]);
    return (uint64_t)(bits * (double)w->tensor->shape[0] * (double)w->tensor->shape[1] / 8);
}

static json_t *weight_json(const vq_plan *p, const vq_plan_weight *w)
{
    return json_pack("{s:s, s:s, s:[I,I], s:s, s:s, s:I}", "name", w->module, "role", vq_role_name(w->role), "shape",
                     (json_int_t)w->tensor->shape[0], (json_int_t)w->tensor->shape[1], "scheme", w->quantized ? w->scheme.id : "keep",
                     "rule", p->recipe->rules[w->rule].text, "bytes", (json_int_t)weight_bytes(w));
}

/* A step of training is three passes over its tokens, the teacher one. */
static double finish_tokens(const vq_plan *p)
{
    if (!p->finish) return 0;
    const vq_tune_options o = vq_tune_options_of(p->finish_options);
    return 4.0 * (double)(o.steps * o.tokens);
}

/* Measured on two cores: reading, rounding, packing, hashing and checking move about this much; calibration about this many multiply-adds.
 */
static double plan_seconds(const vq_plan *p, const vq_job *job)
{
    uint64_t in = 0, macs = 0;
    for (int i = 0; i < p->nweights; i++) {
        in += p->weights[i].tensor->bytes;
        if (p->weights[i].layer >= 0) macs += (uint64_t)vq_tensor_numel(p->weights[i].tensor);
    }
    const double threads = job->threads > 0 ? job->threads : 1;
    const double tokens = (p->needs ? (double)(p->recipe->calib.samples * p->recipe->calib.seqlen) : 0) + finish_tokens(p);
    return (double)in / (0.6e9 * threads) + (double)macs * tokens / (40e9 * threads);
}

json_t *vq_plan_json(const vq_plan *p, const vq_job *job)
{
    json_t *list = json_array();
    uint64_t bytes = 0, all = 0;
    double bits = 0, elements = 0;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        (void)json_array_append_new(list, weight_json(p, w));
        bytes += weight_bytes(w);
        if (!w->quantized) continue;
        bits += 8 * (double)weight_bytes(w);
        elements += (double)vq_tensor_numel(w->tensor);
    }
    const vq_st_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; i < s->count; i++) all += s->sorted[i]->bytes;
    for (int i = 0; i < p->nweights; i++) all -= p->weights[i].tensor->bytes;
    return json_pack("{s:o, s:f, s:I, s:I, s:I, s:f}", "tensors", list, "bits_per_weight", bits / elements, "bytes",
                     (json_int_t)(bytes + all), "peak_ram", (json_int_t)p->peak_bytes, "disk", (json_int_t)(bytes + all), "seconds",
                     plan_seconds(p, job));
}
