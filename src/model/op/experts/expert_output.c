/* expert_output.c -- what one expert adds to the tokens that went to it. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/experts/experts.h"

enum { SUM, ROWS, SHARES }; /* operands */

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_route *route = &f->routes[n->in[ROWS]];
    const float *rows = f->values[n->in[ROWS]], *sum = f->values[n->in[SUM]];
    float *out = f->values[id];
    if (out != sum) memcpy(out, sum, (size_t)(f->rows[id] * n->width) * sizeof *out);
#pragma omp parallel for schedule(static) if (f->rows[n->in[ROWS]] * n->width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < f->rows[n->in[ROWS]]; i++)
        f->exec->kernels->add_rows(out + route->token[i] * n->width, rows + i * n->width,
                                   (size_t)n->width, &route->share[i], 1, 1, (size_t)n->width);
    return VQ_OK;
}

static void scale_row(const float *g, float share, int64_t n, float *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = share * g[i];
}

/* The gradient of the sum may lie where that of the output does; rows and shares never do. */
static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_expert *expert = n->args;
    const vq_route *route = &f->routes[n->in[ROWS]];
    const float *rows = f->values[n->in[ROWS]], *g = f->grads[id];
    const int64_t tokens = f->rows[id], count = f->rows[n->in[ROWS]];
    float *shares = f->into[SHARES];
    if (f->into[SUM] != g) memcpy(f->into[SUM], g, (size_t)(tokens * n->width) * sizeof *g);
    if (!f->adds[SHARES]) memset(shares, 0, (size_t)(tokens * expert->experts) * sizeof *shares);
#pragma omp parallel for schedule(static) if (count * n->width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < count; i++) {
        const int64_t t = route->token[i];
        const float *of = g + t * n->width;
        shares[t * expert->experts + expert->index] +=
            (float)f->exec->kernels->dot(of, rows + i * n->width, (size_t)n->width);
        scale_row(of, route->share[i], n->width, f->into[ROWS] + i * n->width);
    }
    return VQ_OK;
}

const vq_op vq_op_expert_output = {.name = "expert_output",
                                   .in_place = true,
                                   .back_reads = true,
                                   .back_ignores = 1U << SUM | 1U << SHARES,
                                   .back_adds = 1U << SHARES,
                                   .forward = forward,
                                   .backward = backward,
                                   .rows = VQ_ROW_SUM,
                                   .terms = 2};
