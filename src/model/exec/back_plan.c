/* back_plan.c -- lifetimes over both directions: node id runs forwards at moment id, the loss is at
 * count, node id runs backwards at 2 count - id. */
#include "model/exec/back_plan.h"

#include <limits.h>

static int backwards_at(const vq_program *p, int id)
{
    return 2 * p->count - id;
}

static bool lives_on(const vq_program *p, int value)
{
    for (int i = 0; i < p->nout; i++)
        if (p->out[i] == value) return true;
    return false;
}

/* Does the backward of node id read the value? Of a linear it is the hooks that see its raw input. */
static bool read_backwards(const vq_program *p, int id, int value)
{
    const vq_node *n = &p->nodes[id];
    if (p->raw[id] >= 0) return p->raw[id] == value;
    for (int i = 0; n->op->back_reads && i < n->nin; i++)
        if (n->in[i] == value && !(n->op->back_ignores >> i & 1)) return true;
    return false;
}

/* Last moment at which a value is read. */
static int value_until(const vq_program *p, int value)
{
    int until = lives_on(p, value) ? p->count : value;
    for (int id = p->count - 1; id > value && id >= p->ninputs; id--) {
        if (!vq_program_reads(p, id, value)) continue;
        const int at = read_backwards(p, id, value) ? backwards_at(p, id) : id;
        if (at > until) until = at;
    }
    return until;
}

static int64_t floats_of(const vq_program *p, int id, const vq_batch *b)
{
    return vq_program_rows(p, id, b) * p->nodes[id].width;
}

static bool may_take_over(const vq_program *p, int id)
{
    const vq_node *n = &p->nodes[id];
    if (!n->op->in_place || n->nin == 0) return false;
    const vq_node *from = &p->nodes[n->in[0]];
    return from->width == n->width && from->rows == n->rows && from->routed == n->routed;
}

/* The part's input stays the caller's; buffers of values that end here can be taken over. */
static void place_value(vq_back_plan *plan, const vq_program *p, const vq_batch *b, int id)
{
    const vq_node *n = &p->nodes[id];
    const int until = value_until(p, id);
    if (n->routed > 0) {
        plan->value[id] = VQ_MADE_LATE;
    } else if (may_take_over(p, id) && n->in[0] >= p->ninputs && value_until(p, n->in[0]) == id) {
        plan->value[id] = plan->value[n->in[0]];
        plan->buffers.until[plan->value[id]] = until;
    } else {
        plan->value[id] = vq_buffers_take(&plan->buffers, id, until, floats_of(p, id, b));
    }
}

bool vq_back_begun(const vq_program *p, int id, int i)
{
    const int value = p->nodes[id].in[i];
    if (lives_on(p, value)) return true;
    for (int later = id + 1; later < p->count; later++)
        for (int j = 0; j < p->nodes[later].nin; j++)
            if (p->nodes[later].in[j] == value) return true;
    for (int other = 0; other < i; other++)
        if (p->nodes[id].in[other] == value) return true;
    return false;
}

static void place_grads(vq_back_plan *plan, const vq_program *p, const vq_batch *b, int id)
{
    const vq_node *n = &p->nodes[id];
    const int now = backwards_at(p, id);
    for (int i = 0; i < n->nin; i++) {
        const int value = n->in[i], until = value < p->ninputs ? INT_MAX : backwards_at(p, value);
        if (vq_back_begun(p, id, i)) continue;
        int *buffer = &plan->grad[value];
        if (p->nodes[value].routed > 0) {
            *buffer = VQ_MADE_LATE;
        } else if (i == 0 && may_take_over(p, id) && plan->grad[id] != VQ_MADE_LATE) {
            *buffer = plan->grad[id];
            plan->buffers.until[*buffer] = until;
        } else {
            *buffer = vq_buffers_take(&plan->buffers, now, until, floats_of(p, value, b));
        }
    }
}

vq_status vq_back_plan_make(vq_back_plan *plan, const vq_program *p, const vq_batch *b, vq_arena *a,
                            vq_err *e)
{
    plan->value = VQ_ALLOC(a, int, 2 * p->count, "buffers of a block", e);
    if (!plan->value) return e->status;
    plan->grad = plan->value + p->count;
    VQ_TRY(vq_buffers_init(&plan->buffers, 2 * p->count + 1, 0, a, e));
    for (int id = 0; id < p->count; id++) plan->grad[id] = VQ_MADE_LATE;
    for (int id = p->ninputs; id < p->count; id++) place_value(plan, p, b, id);
    for (int i = 0; i < p->nout; i++) plan->grad[p->out[i]] = 0;
    for (int id = p->count - 1; id >= p->ninputs; id--) place_grads(plan, p, b, id);
    return VQ_OK;
}
