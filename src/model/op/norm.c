/* norm.c -- RMSNorm: y = x / rms(x) * w over each token's row, or over each head of it with one w for
 * all heads. */
#include "model/op/norm.h"

#include <math.h>

#include "base/parallel.h"
#include "model/op/dense.h"

/* What is normed is a run of this many values. */
static int64_t width_of(const vq_node *n)
{
    return n->heads ? n->head_dim : n->width;
}

static int64_t runs_of(const vq_node *n, int64_t rows)
{
    return n->heads ? rows * n->heads : rows;
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    const vq_norm *args = n->args;
    out[0] = (vq_param){.module = n->name,
                        .suffix = "",
                        .ndim = 1,
                        .shape = {width_of(n)},
                        .plus_one = args && args->plus_one,
                        .channels = !n->heads};
    return 1;
}

/* The weight that works, in exec's arena. */
static vq_status load(const vq_exec *x, const vq_node *n, const float **w, vq_err *e)
{
    const vq_norm *args = n->args;
    const int64_t width = width_of(n);
    vq_tensor t;
    float *stored;
    VQ_TRY(x->source->tensor(x->source->self, n->name, &t, e));
    VQ_TRY(vq_dense_vector(x, &t, width, &stored, e));
    for (int64_t i = 0; args && args->plus_one && i < width; i++) stored[i] += 1;
    *w = stored;
    return VQ_OK;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const int64_t width = width_of(n), runs = runs_of(n, f->rows[id]);
    const float *weight = NULL, *in = f->values[n->in[0]];
    VQ_TRY(load(x, n, &weight, e));
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (runs * width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < runs; i++)
        x->kernels->rms_norm(in + i * width, weight, n->eps, (size_t)width, out + i * width);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)b, (void)rows;
    return (size_t)width_of(n) * sizeof(float);
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

/* The gradient of the weight is for who asks: each element summed over the runs in order. */
static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const int64_t width = width_of(n), runs = runs_of(n, f->rows[id]);
    const rows_of r = {x->kernels, f->values[n->in[0]], f->grads[id], runs, width, n->eps};
    if (f->hooks && f->hooks->vector) VQ_TRY(tell_weight(&r, id, f, e));
    const float *weight = NULL;
    VQ_TRY(load(x, n, &weight, e));
    float *dx = f->into[0];
#pragma omp parallel for schedule(static) if (runs * width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < runs; i++)
        x->kernels->rms_norm_back(r.x + i * width, weight, r.g + i * width, n->eps, (size_t)width,
                                  dx + i * width);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

static size_t back_scratch(const vq_node *n, const vq_linear *l, const vq_exec *x,
                           const vq_batch *b, int64_t rows)
{
    (void)l, (void)x, (void)b;
    return (size_t)(runs_of(n, rows) + 2 * width_of(n)) * sizeof(float);
}

const vq_op vq_op_rms_norm = {.name = "rms_norm",
                              .back_reads = true,
                              .forward = forward,
                              .scratch = scratch,
                              .backward = backward,
                              .back_scratch = back_scratch,
                              .params = params,
                              .rows = VQ_ROW_RMS,
                              .absorb = VQ_ABSORB_WEIGHT};

const vq_op vq_op_head_norm = {.name = "head_norm",
                               .in_place = true,
                               .back_reads = true,
                               .forward = forward,
                               .scratch = scratch,
                               .backward = backward,
                               .back_scratch = back_scratch,
                               .params = params,
                               .heads = VQ_HEAD_NORM};
