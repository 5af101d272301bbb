/* layer_norm.c -- y = (x - mean) / sd * w + b over each token's row. */
#include <math.h>

#include "base/parallel.h"
#include "model/op/dense.h"
#include "model/op/norm.h"

static vq_status load(const vq_exec *x, const vq_node *n, const char *suffix, float **out,
                      vq_err *e)
{
    const vq_param p = {.module = n->name, .suffix = suffix};
    char name[VQ_PARAM_NAME];
    vq_tensor t;
    VQ_TRY(x->source->tensor(x->source->self, vq_param_name(&p, name), &t, e));
    return vq_dense_vector(x, &t, n->width, out, e);
}

static void moments(const float *x, int64_t n, float eps, double *mean, double *inverse)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *inverse = 1 / sqrt(squares / (double)n + (double)eps);
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const float *in = f->values[n->in[0]];
    float *out = f->values[id], *w, *b;
    VQ_TRY(load(f->exec, n, ".weight", &w, e));
    VQ_TRY(load(f->exec, n, ".bias", &b, e));
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++) {
        const float *x = in + t * n->width;
        float *y = out + t * n->width;
        double mean, inverse;
        moments(x, n->width, n->eps, &mean, &inverse);
        for (int64_t i = 0; i < n->width; i++)
            y[i] = (float)(((double)x[i] - mean) * inverse) * w[i] + b[i];
    }
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

/* dx = (w g - mean(w g) - xhat mean(w g xhat)) / sd */
static void back_row(const float *x, const float *g, const float *w, int64_t n, float eps,
                     float *dx)
{
    double mean, inverse, sum = 0, along = 0;
    moments(x, n, eps, &mean, &inverse);
    for (int64_t i = 0; i < n; i++) {
        const double wg = (double)w[i] * (double)g[i];
        sum += wg;
        along += wg * ((double)x[i] - mean) * inverse;
    }
    sum /= (double)n;
    along /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double hat = ((double)x[i] - mean) * inverse;
        dx[i] = (float)(((double)w[i] * (double)g[i] - sum - hat * along) * inverse);
    }
}

/* dw = sum of g xhat, db = sum of g, over the rows in order. */
static vq_status tell_vectors(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    vq_arena *a = f->exec->arena;
    const int64_t width = n->width;
    double *sums = VQ_NEW(a, double, 2 * width, "gradient of a norm", e);
    float *told = sums ? VQ_ALLOC(a, float, 2 * width, "gradient of a norm", e) : NULL;
    if (!told) return e->status;
    for (int64_t t = 0; t < f->rows[id]; t++) {
        const float *x = f->values[n->in[0]] + t * width, *g = f->grads[id] + t * width;
        double mean, inverse;
        moments(x, width, n->eps, &mean, &inverse);
        for (int64_t i = 0; i < width; i++) {
            sums[i] += (double)g[i] * ((double)x[i] - mean) * inverse;
            sums[width + i] += (double)g[i];
        }
    }
    for (int64_t i = 0; i < 2 * width; i++) told[i] = (float)sums[i];
    const vq_grad_hooks *h = f->hooks;
    VQ_TRY(h->vector(h->ctx, f->node[id], 0, told, width, e));
    return h->vector(h->ctx, f->node[id], 1, told + width, width, e);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const int64_t width = n->width;
    float *w;
    if (f->hooks && f->hooks->vector) VQ_TRY(tell_vectors(n, id, f, e));
    VQ_TRY(load(f->exec, n, ".weight", &w, e));
#pragma omp parallel for schedule(static) if (f->rows[id] * width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        back_row(f->values[n->in[0]] + t * width, f->grads[id] + t * width, w, width, n->eps,
                 f->into[0] + t * width);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)b, (void)rows;
    return 2 * (size_t)n->width * sizeof(float);
}

static size_t back_scratch(const vq_node *n, const vq_linear *l, const vq_exec *x,
                           const vq_batch *b, int64_t rows)
{
    (void)l, (void)x, (void)b, (void)rows;
    return (size_t)n->width * (2 * sizeof(double) + 3 * sizeof(float));
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    out[0] = (vq_param){n->name, ".weight", {n->width}, 1, .channels = true};
    out[1] = (vq_param){n->name, ".bias", {n->width}, 1, .channels = true};
    return 2;
}

const vq_op vq_op_layer_norm = {.name = "layer_norm",
                                .back_reads = true,
                                .forward = forward,
                                .scratch = scratch,
                                .backward = backward,
                                .back_scratch = back_scratch,
                                .params = params,
                                .absorb = VQ_ABSORB_WEIGHT};
