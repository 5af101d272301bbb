/* block_loss.c -- weighted squared error of a block's output. */
#include "train/block_loss.h"

#include <string.h>

void vq_block_metric(const float *output, int64_t n, float *metric)
{
    const float share = 0.01F;
    double trace = 0;
    for (int64_t i = 0; i < n; i++) trace += (double)output[i * n + i];
    const float inverse = trace > 0 ? (float)((double)n / trace) : 0;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) metric[i * n + j] = output[i * n + j] * inverse;
        metric[i * n + i] += share;
    }
}

vq_status vq_block_error_init(vq_block_error *b, const vq_kernels *kr, int64_t width,
                              const float *metric, int64_t most_tokens, vq_arena *a, vq_err *e)
{
    *b = (vq_block_error){.kernels = kr, .width = width, .metric = metric};
    b->off = VQ_ALLOC(a, float, (metric ? 2 : 1) * most_tokens * width, "error of a block", e);
    b->each = VQ_ALLOC(a, double, most_tokens, "error of a block", e);
    return b->off && b->each ? VQ_OK : VQ_E_LIMIT;
}

/* off [width] = out - target of token t; returns |target|^2, by which the error is divided (1 for a
 * target of zeros). */
static double row_error(const vq_block_error *b, const float *out, int64_t t, float *off)
{
    const float *target = b->target + t * b->width;
    for (int64_t i = 0; i < b->width; i++) off[i] = out[t * b->width + i] - target[i];
    const double size = b->kernels->dot(target, target, (size_t)b->width);
    return size > 0 ? size : 1;
}

vq_status vq_block_error_add(void *ctx, const float *out, int64_t tokens, float *g, vq_err *e)
{
    vq_block_error *b = ctx;
    const int64_t w = b->width;
    (void)e;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) b->each[t] = row_error(b, out, t, b->off + t * w);
    float *through = b->off;
    if (b->metric) {
        through = b->off + tokens * w;
        vq_gemm_nn(b->kernels, tokens, w, w, b->off, w, b->metric, w, through, w);
    }
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        const double size = b->each[t];
        b->each[t] = b->kernels->dot(b->off + t * w, through + t * w, (size_t)w) / size;
        const float factor = (float)(2 / (size * (double)tokens));
        for (int64_t i = 0; g && i < w; i++) g[t * w + i] = factor * through[t * w + i];
    }
    for (int64_t t = 0; t < tokens; t++) b->total += b->each[t];
    return VQ_OK;
}
