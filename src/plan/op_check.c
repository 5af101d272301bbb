/* op_check.c -- what goes backwards needs ops that do. */
#include "plan/op_check.h"

#include "model/op/op.h"

static vq_status lacks(const vq_plan *p, const vq_node *n, const char *who, const char *instead,
                       vq_err *e)
{
    return vq_fail(
        e, VQ_E_RECIPE, "%s: %s needs gradients, and %s of layer %d%s%s has no backward: %s",
        p->recipe->path, who, n->op->name, n->layer, n->name[0] ? ", " : "", n->name, instead);
}

static vq_status check_passes(const vq_plan *p, const vq_node *n, vq_err *e)
{
    for (int i = 0; i < p->npasses; i++) {
        const vq_transform *t = p->passes[i].transform;
        if (t->needs && t->needs(p->passes[i].options) & VQ_NEED_GRADIENT)
            return lacks(p, n, t->name, "leave the pass out", e);
    }
    return VQ_OK;
}

vq_status vq_op_check(const vq_plan *p, vq_err *e)
{
    const vq_node *n = p->model->arch ? vq_graph_lacks(&p->model->graph, VQ_OP_BACKWARD) : NULL;
    const vq_rounder *r = p->rounder;
    if (!n) return VQ_OK;
    VQ_TRY(check_passes(p, n, e));
    if (r->needs && r->needs(p->round_options) & VQ_NEED_GRADIENT)
        return lacks(p, n, r->name, "curvature: input needs no gradients", e);
    if (r->block) return lacks(p, n, r->name, "method: gptq needs no gradients", e);
    return p->finish ? lacks(p, n, p->finish->name, "leave the pass out", e) : VQ_OK;
}
