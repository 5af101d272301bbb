/* frame.c -- plan the buffers of a part, then run its nodes over them. */
#include "model/exec/frame.h"

#include <string.h>

#include "model/op/attention/rope.h"

static int64_t floats_of(const vq_program *p, int id, const vq_batch *b)
{
    return vq_program_rows(p, id, b) * p->nodes[id].width;
}

/* One value in, one value out that is made here: the usual case, in which nothing is copied. */
static bool is_plain(const vq_program *p)
{
    return p->ninputs <= 1 && p->nout == 1 && p->out[0] >= p->ninputs;
}

static bool takes_over(const vq_program *p, int id, const vq_batch *b, bool apart)
{
    const vq_node *n = &p->nodes[id];
    if (!n->op->in_place || n->nin == 0) return false;
    if (n->in[0] < p->ninputs && (apart || !is_plain(p))) return false;
    return floats_of(p, n->in[0], b) == floats_of(p, id, b) &&
           p->nodes[n->in[0]].width == n->width && vq_program_last_reader(p, n->in[0]) == id;
}

vq_status vq_frame_plan_make(vq_frame_plan *plan, const vq_program *p, const vq_batch *b,
                             bool apart, vq_arena *a, vq_err *e)
{
    plan->buffer = VQ_ALLOC(a, int, p->count, "buffers of a block", e);
    if (!plan->buffer) return e->status;
    VQ_TRY(vq_buffers_init(&plan->buffers, p->count + 1, 0, a, e));
    const bool plain = is_plain(p), to_caller = plain && (apart || p->ninputs == 0);
    for (int id = 0; id < p->count; id++) {
        const int until = vq_program_last_reader(p, id);
        int *buffer = &plan->buffer[id];
        *buffer = 0;
        if (id < p->ninputs || (to_caller && id == p->out[0])) continue;
        if (takes_over(p, id, b, apart)) {
            *buffer = plan->buffer[p->nodes[id].in[0]];
            plan->buffers.until[*buffer] = until;
        } else {
            *buffer = vq_buffers_take(&plan->buffers, id, until, floats_of(p, id, b));
        }
    }
    return VQ_OK;
}

/* Angles of every table that the part's nodes turn by. */
static vq_status open_angles(vq_frame *f, const vq_program *p, vq_err *e)
{
    for (int id = p->ninputs; id < p->count; id++) {
        const vq_node *n = &p->nodes[id];
        const vq_rope_table *table = n->op->table ? n->op->table(n) : NULL;
        if (!table || vq_angles_find(f->angles, table)) continue;
        VQ_TRY(vq_angles_make(&f->angles, table, f->batch, f->exec->arena, e));
    }
    return VQ_OK;
}

static size_t angle_bytes(const vq_program *p, const vq_batch *b)
{
    size_t bytes = 0;
    const vq_rope_table *last = NULL;
    for (int id = p->ninputs; id < p->count; id++) {
        const vq_node *n = &p->nodes[id];
        const vq_rope_table *table = n->op->table ? n->op->table(n) : NULL;
        if (table && table != last) bytes += vq_angles_bytes(table, b);
        if (table) last = table;
    }
    return bytes;
}

/* Tokens and shares of experts: all of them together have the rows that were sent. */
static size_t route_bytes(const vq_program *p, const vq_batch *b)
{
    enum { ALIGNED = 64 };
    double rows = 0;
    size_t arrays = 0;
    for (int id = p->ninputs; id < p->count; id++) {
        if (!p->nodes[id].op->fixes_rows || p->nodes[id].routed == 0) continue;
        rows += p->nodes[id].routed * (double)vq_program_rows(p, id, b);
        arrays += 2;
    }
    return (size_t)(rows * (sizeof(int32_t) + sizeof(float))) + arrays * ALIGNED;
}

size_t vq_frame_fixed_bytes(const vq_program *p, const vq_batch *b)
{
    const size_t each = 2 * sizeof(float *) + sizeof(int64_t) + sizeof(vq_route) +
                        sizeof(vq_linear) + sizeof(vq_node) + 8 * sizeof(int);
    return 2 * (size_t)p->count * each + angle_bytes(p, b) + route_bytes(p, b);
}

size_t vq_frame_scratch(const vq_exec *x, const vq_program *p, const vq_batch *b)
{
    size_t most = 0;
    for (int id = p->ninputs; id < p->count; id++) {
        const vq_op *op = p->nodes[id].op;
        const size_t need = op->scratch ? op->scratch(&p->nodes[id], &p->linears[id], x, b,
                                                      vq_program_rows(p, id, b))
                                        : 0;
        if (need > most) most = need;
    }
    return most;
}

size_t vq_frame_bytes(const vq_exec *x, const vq_batch *b, int part)
{
    vq_program p;
    vq_frame_plan plan;
    vq_err ignored;
    vq_arena a;
    size_t bytes = 0;
    vq_arena_init(&a, NULL);
    if (vq_program_make(&p, x, part, &a, &ignored) == VQ_OK &&
        vq_frame_plan_make(&plan, &p, b, false, &a, &ignored) == VQ_OK)
        bytes = (size_t)vq_buffers_floats(&plan.buffers) * sizeof(float) +
                vq_frame_fixed_bytes(&p, b) + vq_frame_scratch(x, &p, b) + VQ_SMALL_CHUNKS;
    vq_arena_done(&a);
    return bytes;
}

vq_status vq_frame_open(vq_frame *f, const vq_exec *x, const vq_program *p, const vq_batch *b,
                        vq_err *e)
{
    vq_arena *a = x->arena;
    *f = (vq_frame){.exec = x, .batch = b, .linears = p->linears, .node = p->node, .raw = p->raw};
    f->values = VQ_NEW(a, float *, 2 * p->count, "values of a block", e);
    f->rows = f->values ? VQ_ALLOC(a, int64_t, p->count, "values of a block", e) : NULL;
    f->routes = f->rows ? VQ_NEW(a, vq_route, p->count, "values of a block", e) : NULL;
    if (!f->routes) return e->status;
    f->grads = f->values + p->count;
    for (int id = 0; id < p->count; id++) f->rows[id] = vq_program_rows(p, id, b);
    return open_angles(f, p, e);
}

/* Rows of a value that only some tokens have go by those of its first operand. */
static void follow_rows(vq_frame *f, const vq_node *n, int id)
{
    if (n->routed == 0 || n->op->fixes_rows) return;
    f->rows[id] = f->rows[n->in[0]];
    f->routes[id] = f->routes[n->in[0]];
}

vq_status vq_frame_forward(vq_frame *f, const vq_program *p, vq_err *e)
{
    const vq_exec *x = f->exec;
    for (int id = p->ninputs; id < p->count; id++) {
        const vq_node *n = &p->nodes[id];
        follow_rows(f, n, id);
        if (!n->op->fixes_rows) VQ_TRY(vq_frame_take_room(f, n, id, e));
        if (x->hook && p->seen[id] >= 0) {
            const int raw = p->node[id] < 0 ? n->in[0] : p->raw[id];
            const vq_seen_rows seen = vq_frame_seen(f, raw, p->nodes[raw].width);
            if (x->hook(x->hook_ctx, p->seen[id], &seen, e) != VQ_OK)
                return vq_at(e, "%s", vq_node_label(&x->graph->nodes[p->seen[id]]));
        }
        if (n->op->forward(n, id, f, e) != VQ_OK) return vq_at(e, "%s", vq_node_label(n));
    }
    return VQ_OK;
}

/* Through a copy: the values may lie where the record goes, in another order. */
vq_status vq_frame_copy_out(const vq_frame *f, const vq_program *p, float *const *values,
                            float *out, vq_err *e)
{
    if (p->nout == 1) {
        const size_t floats = (size_t)floats_of(p, p->out[0], f->batch);
        if (values[p->out[0]] != out) memmove(out, values[p->out[0]], floats * sizeof *out);
        return VQ_OK;
    }
    int64_t floats = 0, at = 0;
    for (int i = 0; i < p->nout; i++) floats += floats_of(p, p->out[i], f->batch);
    float *copy = VQ_ALLOC(f->exec->arena, float, floats, "values between blocks", e);
    if (!copy) return e->status;
    for (int i = 0; i < p->nout; at += floats_of(p, p->out[i++], f->batch))
        memcpy(copy + at, values[p->out[i]],
               (size_t)floats_of(p, p->out[i], f->batch) * sizeof *copy);
    memcpy(out, copy, (size_t)floats * sizeof *out);
    return VQ_OK;
}

static vq_status run_in_arena(const vq_exec *x, const vq_frame_job *job, vq_err *e)
{
    vq_program p;
    vq_frame f;
    vq_frame_plan plan;
    float **start;
    const bool apart = job->in != job->out;
    VQ_TRY(vq_program_make(&p, x, job->part, x->arena, e));
    VQ_TRY(vq_frame_plan_make(&plan, &p, job->batch, apart, x->arena, e));
    VQ_TRY(vq_frame_open(&f, x, &p, job->batch, e));
    VQ_TRY(vq_buffers_place(&plan.buffers, job->out, &start, x->arena, e));
    f.ids = job->ids;
    const float *in = job->in;
    for (int id = 0; id < p.ninputs; in += floats_of(&p, id++, job->batch))
        f.values[id] =
            (float *)(uintptr_t)in; /* the plan gives it to nobody where it is not ours */
    for (int id = p.ninputs; id < p.count; id++) f.values[id] = start[plan.buffer[id]];
    VQ_TRY(vq_frame_forward(&f, &p, e));
    return vq_frame_copy_out(&f, &p, f.values, job->out, e);
}

vq_status vq_frame_run(const vq_exec *x, const vq_frame_job *job, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = run_in_arena(x, job, e);
    vq_arena_rewind(x->arena, mark);
    return status;
}
