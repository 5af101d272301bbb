/* model_check.c -- does a checkpoint hold what its architecture needs? Headers only, so that a plan
 * can say no. */
#include "load/model.h"

#include "model/op/op.h"

/* Says whether the type is a float type. */
static vq_status check_float(const vq_tensor *t, vq_err *e)
{
    float none;
    return vq_to_f32(t, 0, 0, &none, e);
}

static vq_status check_vector(const vq_source *s, const char *name, int64_t n, vq_err *e)
{
    vq_tensor t;
    char shape[128];
    VQ_TRY(s->tensor(s->self, name, &t, e));
    VQ_TRY(check_float(&t, e));
    if (vq_tensor_numel(&t) != n)
        return vq_fail(e, VQ_E_INPUT, "%s holds %lld numbers; config.json asks for %lld", name,
                       (long long)vq_tensor_numel(&t), (long long)n);
    for (int i = 0; i < t.ndim; i++)
        if (t.shape[i] != 1 && t.shape[i] != n)
            return vq_fail(e, VQ_E_INPUT, "%s has the shape %s; config.json asks for a vector",
                           name, vq_shape_text(t.shape, t.ndim, shape, sizeof shape));
    return VQ_OK;
}

static vq_status check_table(const vq_source *s, const char *name, const vq_param *p, vq_err *e)
{
    char shape[128];
    vq_tensor t;
    VQ_TRY(s->tensor(s->self, name, &t, e));
    if (t.ndim != 2 || t.shape[0] != p->shape[0] || t.shape[1] != p->shape[1])
        return vq_fail(e, VQ_E_INPUT, "%s has the shape %s; config.json asks for [%lld, %lld]",
                       name, vq_shape_text(t.shape, t.ndim, shape, sizeof shape),
                       (long long)p->shape[0], (long long)p->shape[1]);
    return check_float(&t, e);
}

static vq_status check_linear(const vq_source *s, const vq_node *n, vq_err *e)
{
    vq_linear l;
    VQ_TRY(s->linear(s->self, n->name, n->width, n->in_width, &l, e));
    if (!n->bias || l.bias.data) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s.bias is missing; this architecture has one", n->name);
}

static vq_status check_node(const vq_source *s, const vq_node *n, vq_err *e)
{
    vq_param params[VQ_OP_PARAMS];
    char name[VQ_PARAM_NAME];
    const int count = vq_op_params(n, params);
    if (n->op->linear) return n->tied ? VQ_OK : check_linear(s, n, e);
    for (int i = 0; i < count; i++) {
        (void)vq_param_name(&params[i], name);
        VQ_TRY(params[i].ndim == 1 ? check_vector(s, name, params[i].shape[0], e)
                                   : check_table(s, name, &params[i], e));
    }
    return VQ_OK;
}

vq_status vq_model_check(const vq_model *m, vq_err *e)
{
    for (int i = 0; m->arch && i < m->graph.count; i++)
        VQ_TRY(check_node(&m->checkpoint.source, &m->graph.nodes[i], e));
    return VQ_OK;
}
