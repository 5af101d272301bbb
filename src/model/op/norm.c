/* norm.c -- what the norms over rows and over heads share: the weight, the gradients of rows and of
 * the weight, summed over the rows. */
#include "model/op/norm.h"

#include <math.h>

#include "base/parallel.h"
#include "model/op/dense.h"

vq_param vq_norm_param(const vq_node *n, int64_t width, bool channels)
{
    const vq_norm *args = n->args;
    return (vq_param){.module = n->name,
                      .suffix = "",
                      .ndim = 1,
                      .shape = {width},
                      .plus_one = args && args->plus_one,
                      .channels = channels};
}

vq_status vq_norm_load(const vq_exec *x, const vq_node *n, int64_t width, const float **w,
                       vq_err *e)
{
    const vq_norm *args = n->args;
    vq_tensor t;
    float *stored;
    VQ_TRY(x->source->tensor(x->source->self, n->name, &t, e));
    VQ_TRY(vq_dense_vector(x, &t, width, &stored, e));
    for (int64_t i = 0; args && args->plus_one && i < width; i++) stored[i] += 1;
    *w = stored;
    return VQ_OK;
}

/* One cache line of each row: a thread owns columns and walks the rows in order. */
enum { COLUMNS = 16 };

typedef struct rows_of {
    const vq_kernels *kernels;
    const float *x, *g;
    int64_t count, width;
    float eps;
} rows_of;

static void invert(const rows_of *r, float *inverse)
{
#pragma omp parallel for schedule(static) if (r->count * r->width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < r->count; i++) {
        const float *x = r->x + i * r->width;
        inverse[i] =
            1.0F /
            sqrtf((float)(r->kernels->dot(x, x, (size_t)r->width) / (double)r->width) + r->eps);
    }
}

static void sum_columns(const rows_of *r, const float *inverse, int64_t from, int64_t n, float *out)
{
    double sum[COLUMNS] = {0};
    for (int64_t i = 0; i < r->count; i++) {
        const float *x = r->x + i * r->width + from, *g = r->g + i * r->width + from;
        for (int64_t c = 0; c < n; c++) sum[c] += (double)(g[c] * x[c]) * (double)inverse[i];
    }
    for (int64_t c = 0; c < n; c++) out[from + c] = (float)sum[c];
}

static vq_status tell_weight(const rows_of *r, int id, const vq_frame *f, vq_err *e)
{
    vq_arena *a = f->exec->arena;
    float *inverse = VQ_ALLOC(a, float, r->count, "gradient of a norm", e);
    float *sums = inverse ? VQ_ALLOC(a, float, r->width, "gradient of a norm", e) : NULL;
    if (!sums) return e->status;
    invert(r, inverse);
#pragma omp parallel for schedule(static) if (r->count * r->width > VQ_PARALLEL_MIN)
    for (int64_t c = 0; c < r->width; c += COLUMNS)
        sum_columns(r, inverse, c, r->width - c < COLUMNS ? r->width - c : COLUMNS, sums);
    return f->hooks->vector(f->hooks->ctx, f->node[id], 0, sums, r->width, e);
}

vq_status vq_norm_back(const vq_node *n, int id, vq_frame *f, int64_t rows, int64_t width,
                       vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const rows_of r = {x->kernels, f->values[n->in[0]], f->grads[id], rows, width, n->eps};
    if (f->hooks && f->hooks->vector) VQ_TRY(tell_weight(&r, id, f, e));
    const float *weight = NULL;
    VQ_TRY(vq_norm_load(x, n, width, &weight, e));
    float *dx = f->into[0];
#pragma omp parallel for schedule(static) if (rows * width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < rows; i++)
        x->kernels->rms_norm_back(r.x + i * width, weight, r.g + i * width, n->eps, (size_t)width,
                                  dx + i * width);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

size_t vq_norm_back_scratch(int64_t rows, int64_t width)
{
    return (size_t)(rows + 2 * width) * sizeof(float);
}
