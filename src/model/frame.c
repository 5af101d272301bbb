/* frame.c -- plan the buffers of a part, then run its nodes over them. */
#include "model/frame.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"

/* Does nothing after node id, up to the end of the part, read the value? */
static bool is_last_reader(const vq_graph *g, int end, int id, int value)
{
    for (int later = id + 1; later < end; later++)
        for (int i = 0; i < g->nodes[later].nin; i++)
            if (g->nodes[later].in[i] == value) return false;
    return true;
}

static int buffer_of(const vq_frame_plan *p, int value)
{
    return value < p->first ? 0 : p->buffer[value - p->first];
}

/* The tightest free buffer that is wide enough, else the widest free one (it grows), else a new one. Buffer 0 cannot grow and is left
 * alone. */
static int take_buffer(vq_frame_plan *p, const bool *busy, int64_t width)
{
    int best = -1;
    for (int i = 1; i < p->count; i++) {
        if (busy[i]) continue;
        const bool fits = p->width[i] >= width, best_fits = best >= 0 && p->width[best] >= width;
        const bool tighter = best < 0 || (fits && !best_fits) || (fits && p->width[i] < p->width[best]) ||
                             (!fits && !best_fits && p->width[i] > p->width[best]);
        if (tighter) best = i;
    }
    if (best < 0) {
        best = p->count++;
        p->width[best] = 0;
    }
    if (p->width[best] < width) p->width[best] = width;
    return best;
}

static bool takes_over(const vq_graph *g, const vq_frame_plan *p, int id)
{
    const vq_node *n = &g->nodes[id];
    if (!vq_op_of(n->op)->in_place || n->nin == 0) return false;
    return g->nodes[n->in[0]].width == n->width && is_last_reader(g, p->end, id, n->in[0]);
}

void vq_frame_plan_part(vq_frame_plan *p, const vq_graph *g, int part)
{
    *p = (vq_frame_plan){.first = g->first[part], .end = vq_graph_end(g, part), .count = 1};
    assert(p->end - p->first <= VQ_PART_NODES);
    p->width[0] = g->hidden;
    bool busy[VQ_PART_NODES + 1] = {true};
    for (int id = p->first; id < p->end; id++) {
        const vq_node *n = &g->nodes[id];
        const int buffer = takes_over(g, p, id) ? buffer_of(p, n->in[0]) : take_buffer(p, busy, n->width);
        for (int i = 0; i < n->nin; i++) {
            const int from = buffer_of(p, n->in[i]);
            if (from > 0 && is_last_reader(g, p->end, id, n->in[i])) busy[from] = false;
        }
        busy[buffer] = true;
        p->buffer[id - p->first] = buffer;
    }
}

static bool has_rope(const vq_graph *g, const vq_frame_plan *p)
{
    for (int id = p->first; id < p->end; id++)
        if (g->nodes[id].op == VQ_OP_ROPE) return true;
    return false;
}

static int64_t plan_width(const vq_frame_plan *p)
{
    int64_t width = 0;
    for (int i = 1; i < p->count; i++) width += p->width[i];
    return width;
}

/* Small requests open chunks of their own size class in the arena; a part has at most this much of it. */
enum { SMALL_CHUNKS = 6 * (64 << 10) };

size_t vq_frame_bytes(const vq_exec *x, const vq_batch *b, int part)
{
    vq_frame_plan p;
    vq_frame_plan_part(&p, x->graph, part);
    size_t bytes = (size_t)(plan_width(&p) * b->sequences * b->length) * sizeof(float) + (size_t)x->graph->count * sizeof(float *);
    if (has_rope(x->graph, &p)) bytes += (size_t)(2 * b->length * x->graph->rope_half) * sizeof(float);
    size_t scratch = 0;
    for (int id = p.first; id < p.end; id++) {
        const vq_op *op = vq_op_of(x->graph->nodes[id].op);
        const size_t need = op->scratch ? op->scratch(&x->graph->nodes[id], x, b) : 0;
        if (need > scratch) scratch = need;
    }
    return bytes + scratch + SMALL_CHUNKS;
}

static vq_status open_values(vq_frame *f, const vq_frame_plan *p, float *h, vq_err *e)
{
    vq_arena *a = f->exec->arena;
    f->values = VQ_NEW(a, float *, f->exec->graph->count, "values of a block", e);
    float *buffers = f->values ? VQ_ALLOC(a, float, plan_width(p) * f->tokens, "values of a block", e) : NULL;
    if (!buffers) return e->status;
    float *start[VQ_PART_NODES + 1] = {h};
    for (int i = 1; i < p->count; i++) {
        start[i] = buffers;
        buffers += p->width[i] * f->tokens;
    }
    if (p->first > 0) f->values[p->first - 1] = h;
    for (int id = p->first; id < p->end; id++) f->values[id] = start[p->buffer[id - p->first]];
    return VQ_OK;
}

/* Angles in f32, as the models were trained. */
static vq_status open_angles(vq_frame *f, vq_err *e)
{
    const vq_graph *g = f->exec->graph;
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

static vq_status run_nodes(vq_frame *f, const vq_frame_plan *p, vq_err *e)
{
    const vq_graph *g = f->exec->graph;
    for (int id = p->first; id < p->end; id++) {
        const vq_node *n = &g->nodes[id];
        const vq_op *op = vq_op_of(n->op);
        if (n->op != VQ_OP_LINEAR) vq_frame_drop_coded(f);
        if (op->forward(n, id, f, e) != VQ_OK) return vq_at(e, "%s", n->role == VQ_ROLE_OTHER ? op->name : vq_role_name(n->role));
    }
    return VQ_OK;
}

static vq_status run_in_arena(const vq_exec *x, const vq_batch *b, int part, float *h, vq_err *e)
{
    vq_frame_plan p;
    vq_frame_plan_part(&p, x->graph, part);
    vq_frame f = {.exec = x, .batch = b, .tokens = b->sequences * b->length, .coded_value = -1};
    VQ_TRY(open_values(&f, &p, h, e));
    if (has_rope(x->graph, &p)) VQ_TRY(open_angles(&f, e));
    f.base = vq_arena_here(x->arena);
    VQ_TRY(run_nodes(&f, &p, e));
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
