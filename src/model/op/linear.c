/* linear.c -- y = x W^T + b. The input is rotated and quantized first where the stored module and
 * the run ask for it. */
#include "model/op/linear.h"

#include <string.h>

#include "model/op/op.h"

static bool same_order(const int32_t *a, const int32_t *b, int64_t k)
{
    if (a == b) return true;
    return a && b && memcmp(a, b, (size_t)k * sizeof *a) == 0;
}

static bool same_spec(const vq_act_spec *a, const vq_act_spec *b, int64_t k)
{
    if (!a->num || !b->num) return a->num == b->num;
    return vq_num_equal(a->num, b->num) && a->global_scale.value == b->global_scale.value &&
           a->global_scale.divides == b->global_scale.divides && a->scale == b->scale &&
           a->zero == b->zero && a->s == b->s && same_order(a->order, b->order, k);
}

/* The rotated and quantized input, computed once for all linears that read the value in the same
 * way. */
static vq_status code_input(vq_frame *f, const vq_linear *l, int value, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_act_spec spec =
        vq_linear_codes_input(x, l) ? vq_linear_act_spec(l) : (vq_act_spec){.num = NULL};
    if (f->coded_value == value && f->coded_hadamard == l->hadamard &&
        same_spec(&spec, &f->coded_spec, l->k))
        return VQ_OK;
    vq_frame_drop_coded(f);
    vq_num *num = VQ_ALLOC(x->arena, vq_num, 1, "quantized input", e);
    f->coded = num ? VQ_ALLOC(x->arena, float, f->tokens *vq_linear_input_width(x, l),
                              "quantized input", e)
                   : NULL;
    f->coded_value = value; /* from here on the arena holds something to drop */
    if (!f->coded) return e->status;
    f->coded_hadamard = l->hadamard;
    f->coded_spec = spec;
    if (spec.num) {
        *num = l->scheme.act;
        f->coded_spec.num = num; /* l ends with this op */
    }
    return vq_linear_input(x, l, f->values[value], f->tokens, f->coded, e);
}

static bool is_first_of_group(const vq_graph *g, int id, int value)
{
    for (int i = value + 1; i < id; i++)
        if (g->nodes[i].op == VQ_OP_LINEAR && g->nodes[i].in[0] == value) return false;
    return true;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const int value = n->in[0];
    vq_linear l;
    VQ_TRY(x->source->linear(x->source->self, n->name, n->width, n->in_width, &l, e));
    if (n->bias && !l.bias.data)
        return vq_fail(e, VQ_E_INPUT, "%s.bias is missing; this architecture has one", n->name);
    if (x->hook && is_first_of_group(x->graph, id, value))
        VQ_TRY(x->hook(x->hook_ctx, id, f->values[value], f->tokens, n->in_width, e));
    const float *in = f->values[value];
    if (vq_linear_changes_input(x, &l)) {
        VQ_TRY(code_input(f, &l, value, e));
        in = f->coded;
    }
    return vq_linear_rows(x, &l, in, f->tokens, 0, n->width, f->values[id], n->width, e);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_exec *x = f->exec;
    const vq_grad_hooks *hooks = f->hooks;
    vq_linear l;
    if (hooks && hooks->linear)
        VQ_TRY(hooks->linear(hooks->ctx, id, f->values[n->in[0]], f->grads[id], f->tokens, e));
    VQ_TRY(x->source->linear(x->source->self, n->name, n->width, n->in_width, &l, e));
    VQ_TRY(vq_linear_rows_back(x, &l, f->grads[id], f->tokens, f->into[0], e));
    return hooks && hooks->input
               ? hooks->input(hooks->ctx, id, f->values[n->in[0]], f->into[0], f->tokens, e)
               : VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    vq_linear l;
    vq_err ignored;
    if (x->source->linear(x->source->self, n->name, n->width, n->in_width, &l, &ignored) != VQ_OK)
        return 0; /* running it says why */
    const int64_t tokens = b->sequences * b->length;
    const size_t changed = (size_t)(tokens * vq_linear_input_width(x, &l)) * sizeof(float) +
                           sizeof(vq_num),
                 making = vq_linear_input_scratch(x, &l, tokens),
                 product = vq_linear_scratch(x, &l);
    return (vq_linear_changes_input(x, &l) ? changed : 0) + (making > product ? making : product);
}

static size_t back_scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    (void)b;
    vq_linear l;
    vq_err ignored;
    if (x->source->linear(x->source->self, n->name, n->width, n->in_width, &l, &ignored) != VQ_OK)
        return 0;
    return vq_linear_back_scratch(&l);
}

const vq_op vq_op_linear = {.name = "linear",
                            .back_reads = true,
                            .forward = forward,
                            .scratch = scratch,
                            .backward = backward,
                            .back_scratch = back_scratch};
