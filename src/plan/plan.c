/* plan.c -- what a finished plan says about a weight. */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "load/orphans.h"

/* Weights are sorted by the names of their tensors. */
static int weight_of(const vq_plan *p, const char *name)
{
    for (int low = 0, high = p->nweights; low < high;) {
        const int middle = low + (high - low) / 2,
                  order = strcmp(name, p->weights[middle].tensor->name);
        if (order == 0) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int vq_plan_weight_named(const vq_plan *p, const char *module)
{
    char name[1024];
    const int n = snprintf(name, sizeof name, "%s.weight", module);
    return n < (int)sizeof name ? weight_of(p, name) : -1;
}

/* compressed-tensors stores one second-level scale of the input, so calibration has to make it. The
 * vq format computes one per token: under a common scale, set by the few tokens with massive
 * activations, the block scales of all other tokens (and of ARC's residuals) become so small that
 * E4M3 holds them with few bits. */
bool vq_plan_observes(const vq_plan *p, const vq_plan_weight *w)
{
    const vq_num *act = &w->scheme.act;
    if (!w->quantized || !w->scheme.has_act || p->recipe->calib.data == VQ_DATA_NONE) return false;
    return act->when == VQ_STATIC || (act->global_scale && p->target->act_global_scale);
}

vq_dtype vq_plan_arith(const vq_plan *p, const vq_num *n)
{
    return n->compat == VQ_COMPAT_CT ? p->model->dtype : VQ_F32;
}

bool vq_plan_quantizes(const vq_plan *p, const char *tensor)
{
    const int i = weight_of(p, tensor);
    return i >= 0 && p->weights[i].quantized;
}

vq_module vq_plan_module(const vq_plan *p, const vq_plan_weight *w, int64_t arc_s)
{
    return (vq_module){
        .name = w->module,
        .n = w->tensor->shape[0],
        .k = w->tensor->shape[1],
        .arc_s = arc_s,
        .scheme = &w->scheme,
        .model_dtype = p->model->dtype,
    };
}

/* Stacks of experts of an architecture without a builder, convolutions: often most of a model. */
static void warn_of_stacks(const vq_plan *p, const vq_reporter *w)
{
    const vq_tensor_set *s = &p->model->checkpoint.weights;
    const vq_tensor *largest = NULL;
    uint64_t stacks = 0, all = 0;
    for (size_t i = 0; i < s->count; i++) {
        const vq_tensor *t = s->sorted[i];
        all += t->bytes;
        if (t->ndim < 3) continue;
        stacks += t->bytes;
        if (!largest || t->bytes > largest->bytes) largest = t;
    }
    if (largest && stacks > all / 10)
        vq_warn(w, "stacks-kept", largest->name,
                "tensors of three and more dimensions are copied as they are: %.0f %% of the bytes",
                100.0 * (double)stacks / (double)all);
}

/* Layers beyond those that the config counts, heads that predict further tokens. */
static void warn_of_drafts(const vq_plan *p, const vq_reporter *w)
{
    int i = 0;
    if (!p->ndraft) return;
    while (p->weights[i].rule != VQ_RULE_DRAFT) i++;
    if (p->model->arch &&
        vq_graph_block_of(&p->model->graph, p->weights[i].module) >= p->model->graph.layers)
        vq_warn(w, "layers-beyond", p->weights[i].module,
                "config.json says num_hidden_layers %d; %d weights behind these layers are copied "
                "as they are and never run",
                p->model->graph.layers, p->ndraft);
    else
        vq_warn(w, "draft-head", p->weights[i].module,
                "%d weights of a draft head are copied as they are and never run", p->ndraft);
}

bool vq_plan_loads_as_bf16(const vq_plan *p)
{
    bool any = false;
    for (int i = 0; i < p->nweights && !any && p->model->dtype != VQ_BF16; i++)
        any = p->weights[i].quantized &&
              vq_layout_for(p->target->layouts, &p->weights[i].scheme)->loads_as_bf16;
    return any;
}

void vq_plan_warn(const vq_plan *p, const vq_reporter *w)
{
    vq_model_warn(p->model, w);
    vq_orphans_warn(p->model, w);
    warn_of_stacks(p, w);
    if (vq_plan_loads_as_bf16(p))
        vq_warn(w, "loads-as-bf16", p->model->checkpoint.path,
                "the model is %s, but loaders decode this format to BF16: config.json will say "
                "bfloat16, and what stays dense is rounded when it is loaded",
                vq_dtype_name(p->model->dtype));
    warn_of_drafts(p, w);
}

uint64_t vq_plan_stored_bytes(const vq_plan_weight *w)
{
    if (!w->quantized) return w->tensor->bytes;
    const double bits = vq_num_bits(&w->scheme.weight, w->tensor->shape[0], w->tensor->shape[1]);
    return (uint64_t)(bits * (double)w->tensor->shape[0] * (double)w->tensor->shape[1] / 8);
}

/* Behind the channels stands the order of the layer's own, an int32 each. */
uint64_t vq_plan_most_bytes(const vq_plan *p, const vq_plan_weight *w)
{
    const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
    int64_t s = 0;
    for (int i = 0; w->quantized && i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        if (pass->transform->augments) s += pass->transform->augments(pass->options, &w->scheme, k);
    }
    if (!s) return vq_plan_stored_bytes(w);
    const double bits = vq_num_bits(&w->scheme.weight, n, k + s);
    return (uint64_t)(bits * (double)n * (double)(k + s) / 8) + sizeof(int32_t) * (uint64_t)k;
}

uint64_t vq_plan_bytes(const vq_plan *p)
{
    uint64_t bytes = 0;
    const vq_tensor_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; i < s->count; i++) bytes += s->sorted[i]->bytes;
    for (int i = 0; i < p->nweights; i++)
        bytes = bytes - p->weights[i].tensor->bytes + vq_plan_stored_bytes(&p->weights[i]);
    return bytes;
}
