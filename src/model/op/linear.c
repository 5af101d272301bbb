/* linear.c -- y = x W^T + b. */
#include "model/op/linear.h"
#include "model/op/act_quant.h"

#include "model/op/op.h"

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    return vq_linear_rows(f->exec, &f->linears[id], f->values[n->in[0]], f->rows[id], 0, n->width,
                          f->values[id], n->width, e);
}

/* Hooks see the gradient of the input as the model computes it. */
static vq_status tell_input(const vq_node *n, int id, vq_frame *f, const vq_seen_rows *seen,
                            const float *dx, vq_err *e)
{
    const vq_grad_hooks *hooks = f->hooks;
    const vq_exec *x = f->exec;
    vq_quantize q;
    if (!hooks || !hooks->input) return VQ_OK;
    if (n->in[0] == f->raw[id]) return hooks->input(hooks->ctx, f->node[id], seen, dx, e);
    const vq_arena_mark mark = vq_arena_here(x->arena);
    float *plain = VQ_ALLOC(x->arena, float, seen->count * seen->width, "gradient of an input", e);
    if (!plain) return e->status;
    (void)vq_quantize_of(x, &f->linears[id], &q);
    vq_quantize_back(x, &q, dx, seen->count, plain);
    const vq_status s = hooks->input(hooks->ctx, f->node[id], seen, plain, e);
    vq_arena_rewind(x->arena, mark);
    return s;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_grad_hooks *hooks = f->hooks;
    const vq_seen_rows seen = vq_frame_seen(f, f->raw[id], n->in_width);
    if (hooks && hooks->linear)
        VQ_TRY(hooks->linear(hooks->ctx, f->node[id], &seen, f->grads[id], e));
    VQ_TRY(vq_linear_rows_back(f->exec, &f->linears[id], f->grads[id], f->rows[id], f->into[0], e));
    return tell_input(n, id, f, &seen, f->into[0], e);
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)n, (void)b, (void)rows;
    return vq_linear_scratch(x, l);
}

static size_t back_scratch(const vq_node *n, const vq_linear *l, const vq_exec *x,
                           const vq_batch *b, int64_t rows)
{
    (void)b;
    const size_t product = vq_linear_scratch(x, l),
                 told = (size_t)(rows * n->in_width) * sizeof(float);
    return product > told ? product : told;
}

static void work(const vq_node *n, double keys, vq_op_work *w)
{
    (void)keys;
    w->macs = (double)n->width * (double)n->in_width;
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    if (n->tied) return 0;
    out[0] = (vq_param){n->name, ".weight", {n->width, n->in_width}, 2, .matrix = true};
    out[1] = (vq_param){n->name, ".bias", {n->width}, 1, .channels = true};
    return n->bias ? 2 : 1;
}

const vq_op vq_op_linear = {.name = "linear",
                            .linear = true,
                            .back_reads = true,
                            .forward = forward,
                            .scratch = scratch,
                            .backward = backward,
                            .back_scratch = back_scratch,
                            .work = work,
                            .params = params,
                            .rows = VQ_ROW_LINEAR,
                            .absorb = VQ_ABSORB_ROWS};
