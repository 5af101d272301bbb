/* frame.c -- plan the buffers of a part, then run its nodes over them. */
#include "model/exec/frame.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"

/* The last node of the part that reads the value; the value's own node when none does. */
static int last_reader(const vq_graph *g, int end, int value)
{
    for (int id = end - 1; id > value; id--)
        for (int i = 0; i < g->nodes[id].nin; i++)
            if (g->nodes[id].in[i] == value) return id;
    return value;
}

static int buffer_of(const vq_frame_plan *p, int value)
{
    return value < p->first ? 0 : p->buffer[value - p->first];
}

static bool takes_over(const vq_graph *g, const vq_frame_plan *p, int id)
{
    const vq_node *n = &g->nodes[id];
    if (!vq_op_of(n->op)->in_place || n->nin == 0) return false;
    return g->nodes[n->in[0]].width == n->width && last_reader(g, p->end, n->in[0]) == id;
}

void vq_frame_plan_part(vq_frame_plan *p, const vq_graph *g, int part)
{
    *p = (vq_frame_plan){
        .first = g->first[part], .end = vq_graph_end(g, part), .buffers = {.count = 1}};
    assert(p->end - p->first <= VQ_PART_NODES);
    p->buffers.width[0] = g->hidden;
    for (int id = p->first; id < p->end; id++) {
        const vq_node *n = &g->nodes[id];
        const int until = id == p->end - 1 ? p->end : last_reader(g, p->end, id);
        int *buffer = &p->buffer[id - p->first];
        if (takes_over(g, p, id)) {
            *buffer = buffer_of(p, n->in[0]);
            p->buffers.until[*buffer] = until;
        } else {
            *buffer = vq_buffers_take(&p->buffers, id, until, n->width);
        }
    }
}

static bool has_rope(const vq_graph *g, int first, int end)
{
    for (int id = first; id < end; id++)
        if (g->nodes[id].op == VQ_OP_ROPE) return true;
    return false;
}

size_t vq_frame_angle_bytes(const vq_graph *g, const vq_batch *b, int first, int end)
{
    return has_rope(g, first, end) ? (size_t)(2 * b->length * g->rope_half) * sizeof(float) : 0;
}

size_t vq_frame_bytes(const vq_exec *x, const vq_batch *b, int part)
{
    vq_frame_plan p;
    vq_frame_plan_part(&p, x->graph, part);
    const size_t width = (size_t)vq_buffers_width(&p.buffers);
    const size_t bytes = width * (size_t)(b->sequences * b->length) * sizeof(float) +
                         (size_t)x->graph->count * sizeof(float *);
    size_t scratch = 0;
    for (int id = p.first; id < p.end; id++) {
        const vq_op *op = vq_op_of(x->graph->nodes[id].op);
        const size_t need = op->scratch ? op->scratch(&x->graph->nodes[id], x, b) : 0;
        if (need > scratch) scratch = need;
    }
    return bytes + vq_frame_angle_bytes(x->graph, b, p.first, p.end) + scratch + VQ_SMALL_CHUNKS;
}

static vq_status open_values(vq_frame *f, const vq_frame_plan *p, float *h, vq_err *e)
{
    vq_arena *a = f->exec->arena;
    f->values = VQ_NEW(a, float *, f->exec->graph->count, "values of a block", e);
    float *buffers = f->values ? VQ_ALLOC(a, float, vq_buffers_width(&p->buffers) * f->tokens,
                                          "values of a block", e)
                               : NULL;
    if (!buffers) return e->status;
    float *start[VQ_BUFFERS_MAX] = {h};
    for (int i = 1; i < p->buffers.count; i++) {
        start[i] = buffers;
        buffers += p->buffers.width[i] * f->tokens;
    }
    if (p->first > 0) f->values[p->first - 1] = h;
    for (int id = p->first; id < p->end; id++) f->values[id] = start[p->buffer[id - p->first]];
    return VQ_OK;
}

/* Angles in f32, as the models were trained. */
vq_status vq_frame_open_angles(vq_frame *f, int first, int end, vq_err *e)
{
    const vq_graph *g = f->exec->graph;
    if (!has_rope(g, first, end)) return VQ_OK;
    const int64_t half = g->rope_half, length = f->batch->length;
    float *cosines = VQ_ALLOC(f->exec->arena, float, length *half, "rope angles", e);
    float *sines = cosines ? VQ_ALLOC(f->exec->arena, float, length *half, "rope angles", e) : NULL;
    if (!sines) return e->status;
#pragma omp parallel for schedule(static) if (length > 1024)
    for (int64_t t = 0; t < length; t++) {
        const float position = (float)(f->batch->position + t);
        for (int64_t i = 0; i < half; i++) {
            const double angle = (double)(position * g->rope_inv_freq[i]);
            cosines[t * half + i] = (float)(cos(angle) * g->rope_scale);
            sines[t * half + i] = (float)(sin(angle) * g->rope_scale);
        }
    }
    f->cos = cosines;
    f->sin = sines;
    return VQ_OK;
}

void vq_frame_drop_coded(vq_frame *f)
{
    if (f->coded_value >= 0) vq_arena_rewind(f->exec->arena, f->base);
    f->coded_value = -1;
    f->coded = NULL;
}

const char *vq_frame_name(const vq_node *n)
{
    return n->role == VQ_ROLE_OTHER ? vq_op_of(n->op)->name : vq_role_name(n->role);
}

vq_status vq_frame_forward(vq_frame *f, int first, int end, vq_err *e)
{
    const vq_graph *g = f->exec->graph;
    for (int id = first; id < end; id++) {
        const vq_node *n = &g->nodes[id];
        if (n->op != VQ_OP_LINEAR) vq_frame_drop_coded(f);
        if (vq_op_of(n->op)->forward(n, id, f, e) != VQ_OK) return vq_at(e, "%s", vq_frame_name(n));
    }
    return VQ_OK;
}

static vq_status run_in_arena(const vq_exec *x, const vq_batch *b, int part, float *h, vq_err *e)
{
    vq_frame_plan p;
    vq_frame_plan_part(&p, x->graph, part);
    vq_frame f = {.exec = x, .batch = b, .tokens = b->sequences * b->length, .coded_value = -1};
    VQ_TRY(open_values(&f, &p, h, e));
    VQ_TRY(vq_frame_open_angles(&f, p.first, p.end, e));
    f.base = vq_arena_here(x->arena);
    VQ_TRY(vq_frame_forward(&f, p.first, p.end, e));
    const float *last = f.values[p.end - 1];
    if (last != h) memcpy(h, last, (size_t)(f.tokens * x->graph->hidden) * sizeof *h);
    return VQ_OK;
}

vq_status vq_frame_run(const vq_exec *x, const vq_batch *b, int part, float *h, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = run_in_arena(x, b, part, h, e);
    vq_arena_rewind(x->arena, mark);
    return status;
}
