/* block_check.c -- after a pass over the groups of a block: does the block still compute what it
 * did? */
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "edit/function_check.h"
#include "run/quantize/block_work.h"

enum { CHECK_TOKENS = 256 };

/* Without samples any input does: an exact transform keeps the output of all of them. */
static vq_status made_up_input(vq_work *w, vq_batch *shape, const float **h, vq_err *e)
{
    const int64_t n = vq_record_most(w->graph, 1, CHECK_TOKENS);
    float *x = VQ_ALLOC(&w->scratch, float, n, "input of a check", e);
    if (!x) return VQ_E_LIMIT;
    for (int64_t i = 0; i < n; i++)
        x[i] = sqrtf(12) * ((float)vq_rng_unit(w->plan->recipe->calib.seed, (uint64_t)i) - 0.5F);
    *shape = (vq_batch){.sequences = 1, .length = CHECK_TOKENS};
    *h = x;
    return VQ_OK;
}

/* The first tokens of the samples as they are now; whether they stand before or behind the block
 * makes no difference here. */
static vq_status check_input(vq_work *w, vq_batch *shape, const float **h, vq_err *e)
{
    if (!w->calib) return made_up_input(w, shape, h, e);
    VQ_TRY(vq_calib_batch(w->calib, 0, shape, h, e));
    if (shape->length > CHECK_TOKENS) shape->length = CHECK_TOKENS;
    if (shape->sequences > CHECK_TOKENS / shape->length)
        shape->sequences = CHECK_TOKENS / shape->length;
    return VQ_OK;
}

vq_status vq_work_check(vq_work *w, int layer, const char *pass, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&w->scratch);
    const bool fatal = w->plan->recipe->function == VQ_SEVERITY_ERROR;
    vq_exec edited = w->exec;
    vq_batch shape;
    const float *h;
    double distance;
    char name[128];
    (void)snprintf(name, sizeof name, "%s, layer %d", pass, layer);
    edited.quantize_inputs = false;
    VQ_TRY(vq_work_show_exact(w, layer, e));
    VQ_TRY(check_input(w, &shape, &h, e));
    VQ_TRY(vq_function_block(&w->original_exec, &edited, &shape, layer, h, &distance, e));
    vq_arena_rewind(&w->scratch, mark);
    vq_say(&w->j->job->reporter, 2, "%s: outputs change by %.1e of their size", name, distance);
    return vq_function_judge(name, distance, fatal, &w->j->job->reporter, e);
}
