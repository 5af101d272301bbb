/* backward.c -- a block forwards with every value kept that its derivatives read, then backwards.
 */
#include <string.h>

#include "base/parallel.h"
#include "model/exec/back_plan.h"
#include "model/exec/finite.h"
#include "model/exec/frame.h"

static size_t rest_bytes(const vq_graph *g, int end, int id, int64_t tokens)
{
    size_t bytes = 0;
    for (int i = 0; i < g->nodes[id].nin; i++)
        if (vq_back_begun(g, end, id, i))
            bytes += (size_t)(tokens * g->nodes[g->nodes[id].in[i]].width) * sizeof(float);
    return bytes;
}

static size_t part_bytes(const vq_exec *x, const vq_batch *b, int part)
{
    const vq_graph *g = x->graph;
    const int64_t tokens = b->sequences * b->length;
    vq_back_plan p;
    vq_back_plan_part(&p, g, part);
    size_t scratch = 0;
    for (int id = p.first; id < p.end; id++) {
        const vq_op *op = vq_op_of(g->nodes[id].op);
        const size_t there = op->scratch ? op->scratch(&g->nodes[id], x, b) : 0;
        const size_t back = rest_bytes(g, p.end, id, tokens) +
                            (op->back_scratch ? op->back_scratch(&g->nodes[id], x, b) : 0);
        if (there > scratch) scratch = there;
        if (back > scratch) scratch = back;
    }
    return (size_t)(vq_buffers_width(&p.buffers) * tokens) * sizeof(float) +
           2 * (size_t)g->count * sizeof(float *) + vq_frame_angle_bytes(g, b, p.first, p.end) +
           scratch + VQ_SMALL_CHUNKS;
}

size_t vq_exec_backward_bytes(const vq_exec *x, const vq_batch *b)
{
    size_t most = 0;
    for (int layer = 0; layer < x->graph->layers; layer++) {
        const size_t bytes = part_bytes(x, b, 1 + layer);
        if (bytes > most) most = bytes;
    }
    return most;
}

static vq_status open_buffers(vq_frame *f, const vq_back_plan *p, const float *h, float *g,
                              vq_err *e)
{
    vq_arena *a = f->exec->arena;
    const int count = f->exec->graph->count;
    f->values = VQ_NEW(a, float *, 2 * count, "values of a block", e);
    float *buffers = f->values ? VQ_ALLOC(a, float, vq_buffers_width(&p->buffers) * f->tokens,
                                          "values and gradients of a block", e)
                               : NULL;
    if (!buffers) return e->status;
    f->grads = f->values + count;
    float *start[VQ_BUFFERS_MAX] = {g};
    for (int i = 1; i < p->buffers.count; i++) {
        start[i] = buffers;
        buffers += p->buffers.width[i] * f->tokens;
    }
    f->values[p->first - 1] = (float *)(uintptr_t)h; /* the plan gives its buffer to nobody */
    f->grads[p->first - 1] = start[p->grad[0]];
    for (int id = p->first; id < p->end; id++) {
        f->values[id] = start[p->value[id - p->first]];
        f->grads[id] = start[p->grad[id - p->first + 1]];
    }
    return VQ_OK;
}

static void add_rows(const vq_frame *f, float *to, const float *from, int64_t width)
{
#pragma omp parallel for schedule(static) if (f->tokens * width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->tokens; t++)
        f->exec->kernels->add(to + t * width, from + t * width, (size_t)width);
}

/* A gradient that another reader has begun is made apart and added. */
static vq_status back_node(vq_frame *f, int end, int id, vq_err *e)
{
    const vq_graph *g = f->exec->graph;
    const vq_node *n = &g->nodes[id];
    float *rest[VQ_OP_INPUTS] = {NULL};
    for (int i = 0; i < n->nin; i++) {
        f->into[i] = f->grads[n->in[i]];
        if (!vq_back_begun(g, end, id, i)) continue;
        rest[i] = VQ_ALLOC(f->exec->arena, float, f->tokens * g->nodes[n->in[i]].width,
                           "gradient of a value", e);
        if (!rest[i]) return e->status;
        f->into[i] = rest[i];
    }
    VQ_TRY(vq_op_of(n->op)->backward(n, id, f, e));
    for (int i = 0; i < n->nin; i++)
        if (rest[i]) add_rows(f, f->grads[n->in[i]], rest[i], g->nodes[n->in[i]].width);
    return VQ_OK;
}

static vq_status back_nodes(vq_frame *f, int first, int end, vq_err *e)
{
    for (int id = end - 1; id >= first; id--) {
        const vq_arena_mark mark = vq_arena_here(f->exec->arena);
        if (back_node(f, end, id, e) != VQ_OK)
            return vq_at(e, "backward of %s", vq_frame_name(&f->exec->graph->nodes[id]));
        vq_arena_rewind(f->exec->arena, mark);
    }
    return VQ_OK;
}

/* What comes between forward and backward. */
typedef struct turning {
    vq_block_loss loss; /* NULL: g is set */
    void *ctx;
} turning;

static vq_status run_in_arena(vq_frame *f, int layer, const float *h, const turning *turn, float *g,
                              vq_err *e)
{
    const vq_exec *x = f->exec;
    vq_back_plan p;
    vq_back_plan_part(&p, x->graph, 1 + layer);
    VQ_TRY(open_buffers(f, &p, h, g, e));
    VQ_TRY(vq_frame_open_angles(f, p.first, p.end, e));
    f->base = vq_arena_here(x->arena);
    VQ_TRY(vq_frame_forward(f, p.first, p.end, e));
    vq_frame_drop_coded(f);
    const float *out = f->values[p.end - 1];
    VQ_TRY(vq_check_finite(x, f->batch, out, "output", e));
    if (turn->loss) VQ_TRY(turn->loss(turn->ctx, out, f->tokens, g, e));
    VQ_TRY(back_nodes(f, p.first, p.end, e));
    const float *first = f->grads[p.first - 1];
    if (first != g) memcpy(g, first, (size_t)(f->tokens * x->graph->hidden) * sizeof *g);
    return vq_check_finite(x, f->batch, g, "gradient", e);
}

static vq_status run(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                     const turning *turn, float *g, const vq_grad_hooks *hooks, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    vq_frame f = {.exec = x,
                  .batch = b,
                  .tokens = b->sequences * b->length,
                  .coded_value = -1,
                  .hooks = hooks};
    const vq_status status = run_in_arena(&f, layer, h, turn, g, e);
    vq_arena_rewind(x->arena, mark);
    return status == VQ_OK ? VQ_OK : vq_at(e, "layer %d", layer);
}

vq_status vq_exec_block_backward(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                                 float *g, const vq_grad_hooks *hooks, vq_err *e)
{
    return run(x, b, layer, h, &(turning){0}, g, hooks, e);
}

vq_status vq_exec_block_step(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                             vq_block_loss loss, void *loss_ctx, float *g,
                             const vq_grad_hooks *hooks, vq_err *e)
{
    return run(x, b, layer, h, &(turning){loss, loss_ctx}, g, hooks, e);
}
