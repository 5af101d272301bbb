/* expert_input.c -- the rows of the tokens that go to one expert. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/experts/experts.h"

static int64_t count_rows(const float *shares, int64_t tokens, int64_t experts)
{
    int64_t rows = 0;
    for (int64_t t = 0; t < tokens; t++) rows += shares[t * experts] != 0;
    return rows;
}

/* The route stays as long as the values of the part do. */
static vq_status make_route(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_expert *expert = n->args;
    const int64_t of = expert->experts, tokens = f->rows[n->in[0]];
    const float *shares = f->values[n->in[1]] + expert->index;
    const int64_t rows = count_rows(shares, tokens, of);
    int32_t *token = VQ_ALLOC(f->exec->arena, int32_t, rows, "tokens of an expert", e);
    float *share = token ? VQ_ALLOC(f->exec->arena, float, rows, "tokens of an expert", e) : NULL;
    if (!share) return e->status;
    for (int64_t t = 0, i = 0; t < tokens; t++) {
        if (shares[t * of] == 0) continue;
        token[i] = (int32_t)t;
        share[i++] = shares[t * of];
    }
    f->rows[id] = rows;
    f->routes[id] = (vq_route){token, share};
    return VQ_OK;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    VQ_TRY(make_route(n, id, f, e));
    VQ_TRY(vq_frame_take_room(f, n, id, e));
    const float *in = f->values[n->in[0]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < f->rows[id]; i++)
        memcpy(out + i * n->width, in + f->routes[id].token[i] * n->width,
               (size_t)n->width * sizeof *out);
    return VQ_OK;
}

/* The choice passes nothing to the shares; what a share counts is told by expert_output. */
static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const int64_t tokens = f->rows[n->in[0]], experts = ((const vq_expert *)n->args)->experts;
    const float *g = f->grads[id];
    float *to = f->into[0];
    if (!f->adds[1]) memset(f->into[1], 0, (size_t)(tokens * experts) * sizeof *to);
    if (!f->adds[0]) memset(to, 0, (size_t)(tokens * n->width) * sizeof *to);
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < f->rows[id]; i++)
        f->exec->kernels->add(to + f->routes[id].token[i] * n->width, g + i * n->width,
                              (size_t)n->width);
    return VQ_OK;
}

const vq_op vq_op_expert_input = {.name = "expert_input",
                                  .fixes_rows = true,
                                  .back_adds = 3,
                                  .forward = forward,
                                  .backward = backward,
                                  .rows = VQ_ROW_SAME};
