/* model_check.c -- does a checkpoint hold what its architecture needs? Headers only, so that a plan
 * can say no. */
#include "load/model.h"

#include <stdio.h>

static vq_status check_vector(const vq_source *s, const char *name, int64_t n, vq_err *e)
{
    vq_tensor t;
    float none;
    VQ_TRY(s->tensor(s->self, name, &t, e));
    VQ_TRY(vq_to_f32(&t, 0, 0, &none, e)); /* says whether the type is a float type */
    if (vq_tensor_numel(&t) == n) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s holds %lld numbers; config.json asks for %lld", name,
                   (long long)vq_tensor_numel(&t), (long long)n);
}

static vq_status check_table(const vq_source *s, const char *module, int64_t rows, int64_t width,
                             vq_err *e)
{
    char name[256], shape[128];
    vq_tensor t;
    (void)snprintf(name, sizeof name, "%s.weight", module);
    VQ_TRY(s->tensor(s->self, name, &t, e));
    if (t.ndim != 2 || t.shape[0] != rows || t.shape[1] != width)
        return vq_fail(e, VQ_E_INPUT, "%s has the shape %s; config.json asks for [%lld, %lld]",
                       name, vq_shape_text(t.shape, t.ndim, shape, sizeof shape), (long long)rows,
                       (long long)width);
    return check_vector(s, name, rows * width, e);
}

static vq_status check_linear(const vq_source *s, const vq_node *n, vq_err *e)
{
    vq_linear l;
    VQ_TRY(s->linear(s->self, n->name, n->width, n->in_width, &l, e));
    if (!n->bias || l.bias.data) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s.bias is missing; this architecture has one", n->name);
}

static vq_status check_node(const vq_model *m, const vq_node *n, vq_err *e)
{
    const vq_source *s = &m->checkpoint.source;
    switch (n->op) {
    case VQ_OP_EMBEDDING:
        return check_table(s, n->name, m->graph.vocab, n->width, e);
    case VQ_OP_LINEAR:
        return n->tied ? VQ_OK : check_linear(s, n, e);
    case VQ_OP_RMS_NORM:
        return check_vector(s, n->name, n->width, e);
    case VQ_OP_HEAD_NORM:
        return check_vector(s, n->name, n->head_dim, e);
    default:
        return VQ_OK;
    }
}

vq_status vq_model_check(const vq_model *m, vq_err *e)
{
    for (int i = 0; m->arch && i < m->graph.count; i++)
        VQ_TRY(check_node(m, &m->graph.nodes[i], e));
    return VQ_OK;
}
