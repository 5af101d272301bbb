/* hadamard.c -- rotation of an input by blocks: outliers spread over their block. source arXiv
 * 2509.23202 (MR-GPTQ), FP-Quant d2e3092 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num/hadamard_matrix.h"
#include "quant/transform.h"

/* The block for k channels; `full`: all of them, or the largest power of two that divides k. */
static int64_t block_of(const vq_option_set *o, int64_t k)
{
    const char *text = vq_option_get(o, "block")->s;
    if (strcmp(text, "full") != 0) return strtoll(text, NULL, 10);
    return vq_hadamard_core(k) > 0 ? k : k & -k;
}

/* "16, 32, 64 do", or that no size does. */
static const char *sizes_that_do(int64_t k, char *buf, size_t len)
{
    size_t at = 0;
    for (int64_t n = 16; n <= 1024 && k % n == 0; n *= 2)
        at += (size_t)snprintf(buf + at, len - at, "%s%lld", at ? ", " : "", (long long)n);
    (void)snprintf(buf + at, len - at, "%s", at ? " do" : "no power of two from 16 on does");
    return buf;
}

static vq_status applies(const vq_option_set *o, const vq_scheme *s, int64_t k, vq_err *e)
{
    (void)s;
    char sizes[80];
    const int64_t block = block_of(o, k);
    if (vq_hadamard_block(block) && k % block == 0) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE, "hadamard: blocks of %lld do not fit %lld input channels; %s",
                   (long long)block, (long long)k, sizes_that_do(k, sizes, sizeof sizes));
}

/* Only rows of values stand alone: a norm's weight and a product of two linears do not commute with
 * a rotation. */
static bool folds(const vq_transform_job *job, int64_t block)
{
    const bool may = vq_option_is(job->options, "fold", "auto");
    return may && job->producer.kind == VQ_PRODUCER_VALUES && job->producer.head_dim % block == 0;
}

static vq_status run(vq_transform_job *job, vq_err *e)
{
    const int64_t k = job->stats->k, block = block_of(job->options, k);
    VQ_TRY(applies(job->options, job->scheme, k, e));
    VQ_TRY(vq_producer_fits(&job->producer, k, e));
    job->map = (vq_input_map){.hadamard = block, .fold_hadamard = folds(job, block)};
    return VQ_OK;
}

static const vq_option options[] = {
    {"block", VQ_OPT_CHOICE, "32", 0, 0, "16|32|64|128|256|512|1024|full",
     "channels rotated together; full: all of the input where its width is a power of two, or that "
     "times 12, 20, 28, 36, ... (Paley); else "
     "the "
     "largest power of two that divides it"},
    {"fold", VQ_OPT_CHOICE, "auto", 0, 0, "auto|online",
     "auto: rotate the rows of v instead of the input of o where the block divides a head; online: "
     "the runtime rotates every input"},
    {.name = NULL},
};

const vq_transform vq_transform_hadamard = {
    .name = "hadamard",
    .doc = "rotation of inputs by Hadamard blocks, of the weights to match; at run time unless v "
           "absorbs it (output.format: vq)",
    .source = "arXiv 2509.23202; FP-Quant d2e3092",
    .options = options,
    .folds = true,
    .applies = applies,
    .at_run_time = true,
    .loses = VQ_NEED_RANGE | VQ_NEED_MEAN | VQ_NEED_TAIL | VQ_NEED_HISTOGRAM,
    .run = run,
};
