/* curvature.c -- sums of outer products over tokens, one sample after another. */
#include "calib/curvature.h"

#include <assert.h>
#include <math.h>

#include "base/parallel.h"

void vq_outer_add(float *sum, const vq_kernels *kr, const vq_rows *x, int64_t skip)
{
    for (int64_t s = 0; s < x->samples; s++) {
        const float *first = x->x + (s * x->length + skip) * x->width;
        if (x->length > skip)
            vq_gemm_tn_add_lower(kr, x->length - skip, x->width, first, x->width, sum, x->width);
    }
}

/* A diagonal that is finite bounds every other entry. */
vq_status vq_outer_end(float *sum, int64_t width, const char *name, const char *what, vq_err *e)
{
    for (int64_t i = 0; i < width; i++)
        if (!isfinite(sum[i * width + i]))
            return vq_fail(e, VQ_E_NUMERIC, "%s: the sum for its %s is not finite at channel %lld",
                           name, what, (long long)i);
    vq_mirror_lower(sum, width);
    return VQ_OK;
}

vq_status vq_curvature_new(vq_curvature *c, const char *name, int64_t n, int64_t k, unsigned needs,
                           vq_arena *a, vq_err *e)
{
    *c = (vq_curvature){.name = name, .n = n};
    if (needs & VQ_NEED_FISHER) {
        c->input = VQ_NEW(a, float, k *k, "input curvature", e);
        if (!c->input) return e->status;
    }
    if (needs & VQ_NEED_OUTPUT) {
        c->output = VQ_NEW(a, float, n *n, "output curvature", e);
        if (!c->output) return e->status;
    }
    return VQ_OK;
}

/* Row t of x times |g_t|: its outer product is then |g_t|^2 x_t x_t^T. */
static void weigh_rows(const vq_kernels *kr, const float *x, int64_t k, const float *g, int64_t n,
                       int64_t rows, float *out)
{
#pragma omp parallel for schedule(static) if (rows * (k + n) > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < rows; t++) {
        const float *row = g + t * n;
        const float weight = (float)sqrt(kr->dot(row, row, (size_t)n));
        for (int64_t i = 0; i < k; i++) out[t * k + i] = weight * x[t * k + i];
    }
}

vq_status vq_curvature_add(vq_curvature *c, const vq_kernels *kr, const vq_rows *x,
                           const vq_rows *g, bool whole, vq_arena *scratch, vq_err *e)
{
    assert(x->samples == g->samples && x->length == g->length && g->width == c->n);
    if (c->output) vq_outer_add(c->output, kr, g, whole);
    if (!c->input) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(scratch);
    float *weighed =
        VQ_ALLOC(scratch, float, x->length * x->width, "weighed inputs of a sample", e);
    if (!weighed) return e->status;
    const vq_rows one = {.x = weighed, .samples = 1, .length = x->length, .width = x->width};
    for (int64_t s = 0; s < x->samples; s++) {
        const int64_t first = s * x->length;
        weigh_rows(kr, x->x + first * x->width, x->width, g->x + first * g->width, g->width,
                   x->length, weighed);
        vq_outer_add(c->input, kr, &one, 0);
    }
    vq_arena_rewind(scratch, mark);
    return VQ_OK;
}

vq_status vq_curvature_end(vq_curvature *c, int64_t k, vq_err *e)
{
    if (c->input) VQ_TRY(vq_outer_end(c->input, k, c->name, "input curvature", e));
    return c->output ? vq_outer_end(c->output, c->n, c->name, "output curvature", e) : VQ_OK;
}
