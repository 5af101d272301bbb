/* trial.c -- candidates for the weights of a group, judged by the output of their block. */
#include "run/block/trial.h"

#include <string.h>

#include "kernels/bf16_product.h"

static vq_status run_block(const vq_block_trial *t, float *out, vq_err *e)
{
    vq_exec x = t->run->models.current;
    x.kernels = &t->kernels;
    const size_t n = (size_t)(t->shape.sequences * t->shape.length *
                              vq_record_width(t->run->models.graph, 1 + t->block->layer));
    memcpy(out, t->input, n * sizeof *out);
    return vq_exec_block(&x, &t->shape, t->block->layer, out, e);
}

vq_status vq_block_trial_open(vq_block_trial *t, bool bf16, vq_err *e)
{
    t->kernels = t->run->job->kernels;
    if (bf16) VQ_TRY(vq_bf16_take(&t->kernels, &t->run->scratch, e));
    VQ_TRY(vq_calib_batch(t->run->activations.current, 0, &t->shape, &t->input, e));
    const int64_t most =
        VQ_TRIAL_TOKENS / t->shape.length > 1 ? VQ_TRIAL_TOKENS / t->shape.length : 1;
    if (t->shape.sequences > most) t->shape.sequences = most;
    const int64_t n = t->shape.sequences * t->shape.length *
                      vq_record_width(t->run->models.graph, 1 + t->block->layer);
    t->reference = VQ_ALLOC(&t->run->scratch, float, 2 * n, "outputs of a trial", e);
    if (!t->reference) return e->status;
    t->output = t->reference + n;
    return run_block(t, t->reference, e);
}

static double mean_square(const float *x, const float *y, int64_t rows, int64_t width,
                          const vq_kernels *kr)
{
    double sum = 0, xx, dd;
    for (int64_t r = 0; r < rows; r++) {
        kr->error_sums(x + r * width, y + r * width, (size_t)width, &xx, &dd);
        sum += dd;
    }
    return sum / (double)(rows * width);
}

vq_status vq_block_try(void *ctx, const float *const *weights, double *mse, vq_err *e)
{
    vq_block_trial *t = ctx;
    const int64_t k = t->job->stats->k;
    for (int i = 0; i < t->job->nconsumers; i++) {
        const vq_consumer *c = &t->job->consumers[i];
        const char *name = vq_arena_text(&t->run->scratch, e, "%s.weight", c->name);
        if (!name) return e->status;
        VQ_TRY(vq_overlay_dense(&t->block->overlay, name, weights[i], (int64_t[]){c->n, k}, 2, e));
    }
    VQ_TRY(run_block(t, t->output, e));
    *mse = mean_square(t->reference, t->output, t->shape.sequences * t->shape.length,
                       vq_record_width(t->run->models.graph, 1 + t->block->layer),
                       &t->run->job->kernels);
    return vq_step(&t->run->job->reporter, "transforming", t->block->layer,
                   t->run->models.graph->layers, e);
}
