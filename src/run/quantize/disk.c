/* disk.c -- the files of an artifact, added up as they would be written. */
#include "run/quantize/disk.h"

#include <stdio.h>
#include <string.h>

#include "plan/cost/budget.h"
#include "plan/sample_set.h"
#include "run/quantize/outputs.h"

enum {
    INDEXED = 48,   /* of an index, beside a tensor's name */
    RECORDED = 320, /* of vq.json, beside the names of a linear and its scheme */
    LISTED = 120,   /* of vq.json, beside a file's name */
    SECTION = 2048, /* of headers of sections and statistics, for each linear */
    FRAME = 2048,   /* of vq.json, what is there once; of a file of weights, its first bytes */
};

/* A tensor with its line in the header and the index, whose offsets have at most 20 digits less what
 * no disk holds. */
static vq_status add_tensor(uint64_t *bytes, const char *name, const char *suffix, vq_dtype t,
                            const int64_t *shape, int ndim, vq_err *e)
{
    static const char rest[] = ",\"\":{\"dtype\":\"\",\"shape\":[],\"data_offsets\":[,]}";
    size_t data;
    VQ_TRY(vq_tensor_bytes(t, shape, ndim, &data, e));
    *bytes += data + 2 * (strlen(name) + strlen(suffix)) + sizeof rest + strlen(vq_dtype_name(t)) +
              2 * 12 + INDEXED;
    for (int i = 0; i < ndim; i++)
        *bytes += (size_t)snprintf(NULL, 0, "%lld,", (long long)shape[i]);
    return VQ_OK;
}

static vq_module most(const vq_plan *p, const vq_plan_weight *w)
{
    vq_module m = vq_plan_module(p, w, 0);
    for (int i = 0; i < p->npasses; i++) {
        const vq_plan_pass *pass = &p->passes[i];
        const vq_transform *t = pass->transform;
        if (t->augments) m.arc_s += t->augments(pass->options, &w->scheme, m.k);
        if (t->at_run_time && !t->augments) m.hadamard = m.k;
    }
    return m;
}

static vq_status add_module(uint64_t *bytes, const vq_plan *p, const vq_module *m, vq_err *e)
{
    const vq_layout *l = vq_layout_for(p->target->layouts, m->scheme);
    for (int i = 0; i < VQ_LAYOUT_FIELDS && l->fields[i].suffix; i++) {
        const vq_layout_field *f = &l->fields[i];
        int64_t shape[VQ_MAX_DIMS];
        if (!vq_layout_has(f, m)) continue;
        const int ndim = vq_layout_shape(l, f, m, shape);
        VQ_TRY(add_tensor(bytes, m->name, f->suffix, vq_layout_dtype(f, m), shape, ndim, e));
    }
    return VQ_OK;
}

/* What passes over the whole model add: an order of each matrix of keys, a head of its own. */
static vq_status add_made(uint64_t *bytes, const vq_plan *p, const vq_transform *t, vq_err *e)
{
    const vq_graph *g = &p->model->graph;
    const bool unties = t->unties && g->lm_head >= 0 && g->nodes[g->lm_head].tied;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        const vq_tensor *x = w->tensor;
        if (t->orders_keys && (w->role == VQ_ROLE_K || w->role == VQ_ROLE_QKV))
            VQ_TRY(add_tensor(bytes, w->module, "key_order", VQ_I32, x->shape, 1, e));
        if (unties && w->role == VQ_ROLE_EMBED)
            VQ_TRY(add_tensor(bytes, "lm_head", "weight", x->dtype, x->shape, x->ndim, e));
    }
    return VQ_OK;
}

static vq_status add_weights(uint64_t *bytes, const vq_plan *p, const vq_module *modules, size_t n,
                             vq_err *e)
{
    const vq_tensor_set *set = &p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        const vq_tensor *t = set->sorted[i];
        if (!vq_plan_quantizes(p, t->name))
            VQ_TRY(add_tensor(bytes, t->name, "", t->dtype, t->shape, t->ndim, e));
    }
    for (size_t i = 0; i < n; i++) VQ_TRY(add_module(bytes, p, &modules[i], e));
    for (int i = 0; i < p->npasses; i++) VQ_TRY(add_made(bytes, p, p->passes[i].transform, e));
    const uint64_t shard = p->recipe->shard;
    *bytes += FRAME + (shard ? *bytes / shard * FRAME : 0);
    return VQ_OK;
}

/* JSON has a backslash before quotes, backslashes and the ends of lines. */
static uint64_t escaped(const char *text)
{
    uint64_t n = strlen(text);
    for (; *text; text++) n += *text == '\n' || *text == '"' || *text == '\\';
    return n;
}

static void add_beside(uint64_t *bytes, const vq_plan *p, const vq_sidecars *beside,
                       const vq_module *modules, size_t n, const char *yaml)
{
    const vq_tensor_set *set = &p->model->checkpoint.weights;
    *bytes += FRAME + escaped(yaml);
    for (size_t i = 0; i < beside->n; i++)
        *bytes += beside->maps[i].size + strlen(beside->names[i]) + LISTED;
    for (size_t i = 0; i < set->nfiles; i++) *bytes += strlen(set->files[i].path) + LISTED;
    for (size_t i = 0; i < n; i++)
        *bytes += strlen(modules[i].name) + strlen(modules[i].scheme->id) + RECORDED;
}

vq_status vq_disk_most(const vq_plan *p, const vq_sidecars *beside, const char *yaml,
                       uint64_t *bytes, vq_arena *a, vq_err *e)
{
    size_t n = 0, config;
    vq_module *modules = VQ_ALLOC(a, vq_module, p->nquantized, "size of the artifact", e);
    if (!modules) return e->status;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized) modules[n++] = most(p, &p->weights[i]);
    *bytes = 0;
    VQ_TRY(add_weights(bytes, p, modules, n, e));
    add_beside(bytes, p, beside, modules, n, yaml);
    VQ_TRY(vq_outputs_config_bytes(p, modules, n, &config, a, e));
    *bytes += config;
    return VQ_OK;
}

/* Sections of the finished blocks, statistics of all of them, activations that memory has no room for
 * (the inputs of a block, its original ones or outputs beside them, and what tune keeps), ids of own
 * text. */
uint64_t vq_disk_work(const vq_schedule *s, const vq_job *job)
{
    const vq_plan *p = s->plan;
    const unsigned forwards = p->needs & ~(unsigned)VQ_NEED_GRADIENT;
    const uint64_t ids =
        (uint64_t)p->recipe->calib.samples * (uint64_t)vq_sample_tokens(p) * sizeof(int32_t);
    if (!s->by_blocks) return FRAME;
    uint64_t bytes = FRAME + ids;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized) bytes += vq_plan_most_bytes(p, &p->weights[i]) + SECTION;
    if (s->sweeps) bytes += (p->finish ? 3 : 2) * vq_activation_file_bytes(p, job, forwards);
    if (!s->gradients) return bytes;
    const uint64_t layers = (uint64_t)p->model->graph.layers;
    return bytes + layers * (vq_statistics_bytes(p, p->needs) + FRAME) +
           vq_activation_file_bytes(p, job, p->needs);
}
