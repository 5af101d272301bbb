/* round_mse.c -- round to nearest under the scales that lose least. */
#include <string.h>

#include "quant/mse_search.h"

/* llm-compressor 0.14 memoryless_mse: the range in steps of a hundredth down to 0.81 of itself. */
static float shrink(int step)
{
    return (float)(1.0 - step / 100.0);
}

/* nvfp4_expanded_mse: from 1.8 times the range in steps of a two-hundredth of that down to 0.81. */
static float half_shrink(int step)
{
    return (float)(1.0 - step / 200.0);
}

/* Ours for float scales: the range as it is, then 1.25 ... 0.6 of it. */
static float around(int step)
{
    return step == 0 ? 1.0F : 1.25F * (float)(1.0 - (step - 1) / 64.0);
}

/* Ours for coded scales: the codes whose values lie near the plain one. */
static const int8_t near_codes[] = {0, 1, -1, 2, -2, 3, -3, -4, -5, -6};
static const int8_t near_exponents[] = {0, 1, -1};

static const vq_mse_search memoryless = {.steps = 20, .patience = 5, .power = 2.4, .factor = shrink, .before_rounding = true};
static const vq_mse_search expanded = {
    .steps = 111, .patience = 0, .power = 2.4, .base = 1.8F, .factor = half_shrink, .before_rounding = true};
static const vq_mse_search stored_float = {.steps = 35, .power = 2.0, .factor = around};
static const vq_mse_search stored_code = {.steps = sizeof near_codes, .power = 2.0, .offset = near_codes};
static const vq_mse_search stored_exponent = {.steps = sizeof near_exponents, .power = 2.0, .offset = near_exponents};

const vq_mse_search *vq_mse_named(const char *name, const vq_num *num)
{
    if (strcmp(name, "memoryless") == 0) return &memoryless;
    if (strcmp(name, "expanded") == 0) return &expanded;
    if (num->scale == VQ_SCALE_E8M0) return &stored_exponent;
    return vq_scale_grid(num->scale) ? &stored_code : &stored_float;
}

static vq_status run(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    const vq_mse_search *s = vq_mse_named(vq_option_get(job->options, "search")->s, &q->num);
    uint8_t *best = VQ_ALLOC(job->scratch, uint8_t, q->groups, "chosen scales", e);
    if (!best) return VQ_E_LIMIT;
    VQ_TRY(vq_mse_choose(job, s, w, q, best, e));
    return vq_mse_apply(job, s, w, q, best, e);
}

static const vq_option options[] = {
    {"search", VQ_OPT_CHOICE, "stored", 0, 0, "stored|memoryless|expanded",
     "stored: least squared error over the scales that can be stored near the plain one; memoryless, expanded: llm-compressor 0.14 "
     "memoryless_mse "
     "and nvfp4_expanded_mse"},
    {.name = NULL},
};

const vq_rounder vq_round_mse = {
    .name = "mse",
    .doc = "round to nearest under the scale of each group that loses least",
    .source = "llm-compressor 0.14 observers/mse.py; arXiv 2512.02010",
    .options = options,
    .run = run,
};
