/* block_check.c -- after a pass over the groups of a block: does the block still compute what it
 * did? */
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "edit/function_check.h"
#include "run/block/block_scope.h"

enum { CHECK_TOKENS = 256 };

/* Made-up input [CHECK_TOKENS][hidden] with unit variance: an exact transform keeps the output for
 * any input. */
static vq_status made_up_input(vq_run *r, vq_batch *shape, const float **h, vq_err *e)
{
    const int64_t n = vq_record_most(r->models.graph, 1, CHECK_TOKENS);
    float *x = VQ_ALLOC(&r->scratch, float, n, "input of a check", e);
    if (!x) return VQ_E_LIMIT;
    for (int64_t i = 0; i < n; i++)
        x[i] = sqrtf(12) * ((float)vq_rng_unit(r->plan->recipe->calib.seed, (uint64_t)i) - 0.5F);
    *shape = (vq_batch){.sequences = 1, .length = CHECK_TOKENS};
    *h = x;
    return VQ_OK;
}

/* The input of the check: at most CHECK_TOKENS tokens of the first samples. When a step has already
 * run the block over its samples, `current` holds its outputs, not its inputs. They serve as well,
 * since a pass must keep the function on any input. */
static vq_status check_input(vq_run *r, vq_batch *shape, const float **h, vq_err *e)
{
    if (!r->activations.current) return made_up_input(r, shape, h, e);
    VQ_TRY(vq_calib_batch(r->activations.current, 0, shape, h, e));
    if (shape->length > CHECK_TOKENS) shape->length = CHECK_TOKENS;
    if (shape->sequences > CHECK_TOKENS / shape->length)
        shape->sequences = CHECK_TOKENS / shape->length;
    return VQ_OK;
}

vq_status vq_block_check(vq_run *r, vq_block *b, const char *pass, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&r->scratch);
    const bool fatal = r->plan->recipe->function == VQ_SEVERITY_ERROR;
    vq_exec edited = r->models.current;
    vq_batch shape;
    const float *h;
    double distance;
    char name[128];
    (void)snprintf(name, sizeof name, "%s, layer %d", pass, b->layer);
    edited.quantize_inputs = false;
    VQ_TRY(vq_block_apply_exact(r, b, e));
    VQ_TRY(check_input(r, &shape, &h, e));
    VQ_TRY(vq_function_block(&r->models.original, &edited, &shape, b->layer, h, &distance, e));
    vq_arena_rewind(&r->scratch, mark);
    vq_say(&r->job->reporter, 2, "%s: outputs change by %.1e of their size", name, distance);
    return vq_function_judge(name, distance, fatal, &r->job->reporter, e);
}
