/* op.c -- questions to ops that have an answer where the struct is silent. */
#include "model/op/op.h"

#include <stdio.h>

int vq_op_params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    return n->op->params ? n->op->params(n, out) : 0;
}

const char *vq_param_name(const vq_param *p, char *buf)
{
    (void)snprintf(buf, VQ_PARAM_NAME, "%s%s", p->module, p->suffix);
    return buf;
}

vq_seen_rows vq_frame_seen(const vq_frame *f, int id, int64_t width)
{
    return (vq_seen_rows){
        .x = f->values[id], .count = f->rows[id], .width = width, .token = f->routes[id].token};
}

vq_status vq_frame_take_room(vq_frame *f, const vq_node *n, int id, vq_err *e)
{
    const int64_t floats = f->rows[id] * n->width;
    if (f->values[id]) return VQ_OK;
    f->values[id] = VQ_ALLOC(f->exec->arena, float, 2 * floats, "values of an expert", e);
    if (!f->values[id]) return e->status;
    f->grads[id] = f->values[id] + floats;
    return VQ_OK;
}

const vq_node *vq_graph_lacks(const vq_graph *g, vq_op_need need)
{
    for (int id = 0; id < g->count; id++) {
        const vq_op *op = g->nodes[id].op;
        const bool can = need == VQ_OP_BACKWARD
                             ? op->backward != NULL
                             : op->forward_dot != NULL && op->backward_dot != NULL;
        if (g->nodes[id].layer >= 0 && !can) return &g->nodes[id];
    }
    return NULL;
}
