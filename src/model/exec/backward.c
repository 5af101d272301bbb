/* backward.c -- a block forwards with every value kept that its derivatives read, then backwards. */
#include "model/exec/backward.h"

#include <string.h>

#include "base/parallel.h"
#include "model/exec/back_plan.h"
#include "model/exec/finite.h"
#include "model/exec/frame.h"

/* Gradients that are made apart and added to what another reader has begun. */
static size_t rest_bytes(const vq_program *p, const vq_batch *b, int id)
{
    const vq_node *n = &p->nodes[id];
    size_t bytes = 0;
    for (int i = 0; i < n->nin; i++)
        if (vq_back_begun(p, id, i) && !(n->op->back_adds >> i & 1))
            bytes += (size_t)(vq_program_rows(p, n->in[i], b) * p->nodes[n->in[i]].width) *
                     sizeof(float);
    return bytes;
}

static size_t back_scratch(const vq_exec *x, const vq_program *p, const vq_batch *b)
{
    size_t most = vq_frame_scratch(x, p, b);
    for (int id = p->ninputs; id < p->count; id++) {
        const vq_op *op = p->nodes[id].op;
        const size_t need = rest_bytes(p, b, id) +
                            (op->back_scratch ? op->back_scratch(&p->nodes[id], &p->linears[id], x,
                                                                 b, vq_program_rows(p, id, b))
                                              : 0);
        if (need > most) most = need;
    }
    return most;
}

/* Values of experts and their gradients: all of them together have the rows that were sent. */
static size_t late_bytes(const vq_program *p, const vq_batch *b)
{
    enum { ALIGNED = 64 };
    double floats = 0;
    size_t arrays = 0;
    for (int id = p->ninputs; id < p->count; id++) {
        floats += 2 * p->nodes[id].routed * (double)vq_program_rows(p, id, b) *
                  (double)p->nodes[id].width;
        arrays += p->nodes[id].routed > 0;
    }
    return (size_t)floats * sizeof(float) + arrays * ALIGNED;
}

size_t vq_back_bytes(const vq_exec *x, const vq_batch *b, int part)
{
    vq_program p;
    vq_back_plan plan;
    vq_err ignored;
    vq_arena a;
    size_t bytes = 0;
    vq_arena_init(&a, NULL);
    if (vq_program_make(&p, x, part, &a, &ignored) == VQ_OK &&
        vq_back_plan_make(&plan, &p, b, &a, &ignored) == VQ_OK)
        bytes = (size_t)vq_buffers_floats(&plan.buffers) * sizeof(float) + late_bytes(&p, b) +
                vq_frame_fixed_bytes(&p, b) + back_scratch(x, &p, b) + VQ_SMALL_CHUNKS;
    vq_arena_done(&a);
    return bytes;
}

size_t vq_exec_backward_bytes(const vq_exec *x, const vq_batch *b)
{
    size_t most = 0;
    for (int layer = 0; layer < x->graph->layers; layer++) {
        const size_t bytes = vq_back_bytes(x, b, 1 + layer);
        if (bytes > most) most = bytes;
    }
    return most;
}

static float *start_of(float *const *start, int buffer)
{
    return buffer == VQ_MADE_LATE ? NULL : start[buffer];
}

/* h: the record that the part is given, which the plan gives to nobody; g: gradient of its own. */
static vq_status open_buffers(vq_frame *f, const vq_program *p, const vq_back_plan *plan,
                              const float *h, float *g, vq_err *e)
{
    float **start;
    VQ_TRY(vq_buffers_place(&plan->buffers, g, &start, f->exec->arena, e));
    for (int id = 0; id < p->ninputs; id++) {
        f->values[id] = (float *)(uintptr_t)h;
        h += vq_program_rows(p, id, f->batch) * p->nodes[id].width;
    }
    for (int id = p->ninputs; id < p->count; id++) f->values[id] = start_of(start, plan->value[id]);
    for (int id = 0; id < p->count; id++) f->grads[id] = start_of(start, plan->grad[id]);
    return VQ_OK;
}

/* More than one value lives on: their gradients lie behind one another in a copy of g. */
static vq_status part_gradients(vq_frame *f, const vq_program *p, const float *g, vq_err *e)
{
    int64_t floats = 0;
    if (p->nout == 1) return VQ_OK;
    for (int i = 0; i < p->nout; i++)
        floats += vq_program_rows(p, p->out[i], f->batch) * p->nodes[p->out[i]].width;
    float *copy = VQ_ALLOC(f->exec->arena, float, floats, "gradients of a block", e);
    if (!copy) return e->status;
    memcpy(copy, g, (size_t)floats * sizeof *g);
    for (int i = 0; i < p->nout; i++) {
        f->grads[p->out[i]] = copy;
        copy += vq_program_rows(p, p->out[i], f->batch) * p->nodes[p->out[i]].width;
    }
    return VQ_OK;
}

static void add_rows(const vq_frame *f, float *to, const float *from, int64_t rows, int64_t width)
{
#pragma omp parallel for schedule(static) if (rows * width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < rows; t++)
        f->exec->kernels->add(to + t * width, from + t * width, (size_t)width);
}

/* A gradient that another reader has begun is made apart and added, unless the op does that. */
static vq_status back_node(vq_frame *f, const vq_program *p, int id, vq_err *e)
{
    const vq_node *n = &p->nodes[id];
    float *rest[VQ_OP_INPUTS] = {NULL};
    for (int i = 0; i < n->nin; i++) {
        const int value = n->in[i];
        const bool begun = vq_back_begun(p, id, i);
        f->into[i] = f->grads[value];
        f->adds[i] = begun && (n->op->back_adds >> i & 1);
        if (!begun || f->adds[i]) continue;
        rest[i] = VQ_ALLOC(f->exec->arena, float, f->rows[value] * p->nodes[value].width,
                           "gradient of a value", e);
        if (!rest[i]) return e->status;
        f->into[i] = rest[i];
    }
    VQ_TRY(n->op->backward(n, id, f, e));
    for (int i = 0; i < n->nin; i++)
        if (rest[i])
            add_rows(f, f->grads[n->in[i]], rest[i], f->rows[n->in[i]], p->nodes[n->in[i]].width);
    return VQ_OK;
}

static vq_status back_nodes(vq_frame *f, const vq_program *p, vq_err *e)
{
    for (int id = p->count - 1; id >= p->ninputs; id--) {
        const vq_arena_mark mark = vq_arena_here(f->exec->arena);
        if (back_node(f, p, id, e) != VQ_OK)
            return vq_at(e, "backward of %s", vq_node_label(&p->nodes[id]));
        vq_arena_rewind(f->exec->arena, mark);
    }
    return VQ_OK;
}

/* Gradient of the record that the part was given, in the order of that record. An input that nobody
 * reads has none. */
static void copy_back(const vq_frame *f, const vq_program *p, float *g)
{
    for (int id = 0; id < p->ninputs; id++) {
        const size_t floats = (size_t)(vq_program_rows(p, id, f->batch) * p->nodes[id].width);
        if (!f->grads[id])
            memset(g, 0, floats * sizeof *g);
        else if (f->grads[id] != g)
            memmove(g, f->grads[id], floats * sizeof *g);
        g += floats;
    }
}

static vq_status run_in_arena(const vq_exec *x, const vq_back_job *job, const vq_grad_hooks *hooks,
                              vq_err *e)
{
    vq_program p;
    vq_back_plan plan;
    vq_frame f;
    VQ_TRY(vq_program_make(&p, x, job->part, x->arena, e));
    VQ_TRY(vq_back_plan_make(&plan, &p, job->batch, x->arena, e));
    VQ_TRY(vq_frame_open(&f, x, &p, job->batch, e));
    VQ_TRY(open_buffers(&f, &p, &plan, job->h, job->g, e));
    f.hooks = hooks;
    VQ_TRY(vq_frame_forward(&f, &p, e));
    const float *out = f.values[p.out[0]];
    VQ_TRY(vq_check_finite(x, job->batch, out, p.nodes[p.out[0]].width, "output", e));
    if (job->loss)
        VQ_TRY(
            job->loss(job->loss_ctx, out, job->batch->sequences * job->batch->length, job->g, e));
    VQ_TRY(part_gradients(&f, &p, job->g, e));
    VQ_TRY(back_nodes(&f, &p, e));
    copy_back(&f, &p, job->g);
    return p.ninputs ? vq_check_finite(x, job->batch, job->g, p.nodes[0].width, "gradient", e)
                     : VQ_OK;
}

vq_status vq_back_run(const vq_exec *x, const vq_back_job *job, const vq_grad_hooks *hooks,
                      vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = run_in_arena(x, job, hooks, e);
    vq_arena_rewind(x->arena, mark);
    return status;
}

vq_status vq_exec_block_step(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                             vq_block_loss loss, void *loss_ctx, float *g,
                             const vq_grad_hooks *hooks, vq_err *e)
{
    const vq_back_job job = {
        .batch = b, .part = 1 + layer, .h = h, .g = g, .loss = loss, .loss_ctx = loss_ctx};
    return vq_back_run(x, &job, hooks, e) == VQ_OK ? VQ_OK : vq_at(e, "layer %d", layer);
}

vq_status vq_exec_block_backward(const vq_exec *x, const vq_batch *b, int layer, const float *h,
                                 float *g, const vq_grad_hooks *hooks, vq_err *e)
{
    return vq_exec_block_step(x, b, layer, h, NULL, NULL, g, hooks, e);
}
