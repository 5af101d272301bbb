/* plan_time.c -- multiply-adds, activations, weights and bytes of every stage of a plan. */
#include "plan/plan_time.h"

#include "model/op/op.h"
#include "plan/budget.h"
#include "plan/samples.h"
#include "train/block_train.h"

const char *const vq_stage_names[VQ_STAGES] = {"text",     "gradients", "statistics", "transforms",
                                               "rounding", "tuning",    "files"};

enum {
    QUERY_TILE = 64, /* attention computes whole tiles of queries */
    TIMES_STORED =
        4, /* an output is hashed when packed, in the manifest, when it is verified, and copied once
            */
    TIMES_KEPT =
        3 /* statistics in a file: hashed when written and when read, and looked through for NaN */
};

/* One pass over `tokens` tokens of a block in `batches` runs; every token sees `keys` keys on
 * average. */
typedef struct pass {
    const vq_graph *graph;
    double tokens, batches, keys;
    bool plain; /* in f32, not as a sweep does it */
} pass;

static double *products_of(vq_cost *c, const pass *s)
{
    return s->plain ? &c->plain : &c->products;
}

static void add_node(vq_cost *c, const pass *s, const vq_node *n, double times)
{
    const double tokens = s->tokens * times * (n->routed > 0 ? n->routed : 1);
    vq_op_work w = {.values = (double)n->width};
    if (n->op->work) {
        w.values = 0;
        n->op->work(n, s->keys, &w);
    }
    *products_of(c, s) += tokens * w.macs;
    c->decoded += s->batches * times * w.macs; /* a weight has as many elements */
    c->tiles += tokens * w.scores;
    c->values += tokens * w.values;
}

static void add_block(vq_cost *c, const pass *s, int layer)
{
    for (int id = s->graph->parts[1 + layer].first; id < vq_graph_end(s->graph, 1 + layer); id++)
        add_node(c, s, &s->graph->nodes[id], 1);
}

/* Forwards once more, and back: twice the products of an activation, scores and all, none of a
 * weight. */
static void add_block_back(vq_cost *c, const pass *s, int layer)
{
    for (int id = s->graph->parts[1 + layer].first; id < vq_graph_end(s->graph, 1 + layer); id++) {
        const vq_node *n = &s->graph->nodes[id];
        add_node(c, s, n, n->op->linear ? 2 : 3);
    }
}

static void add_head(vq_cost *c, const pass *s, double products)
{
    const double logits = s->tokens * (double)s->graph->vocab;
    *products_of(c, s) += products * logits * (double)s->graph->nodes[s->graph->lm_head].in_width;
    c->decoded += s->batches * products * (double)s->graph->vocab *
                  (double)s->graph->nodes[s->graph->lm_head].in_width;
    c->values += 2 * logits;
}

static double triangle(int64_t n)
{
    return (double)n * (double)(n + 1) / 2;
}

/* Sums over the inputs of a block's groups, and over the gradients at the outputs of its linears.
 */
static void add_observers(vq_cost *c, const vq_plan *p, int layer, double tokens, unsigned needs)
{
    const vq_graph *g = &p->model->graph;
    int value = -1;
    for (int id = g->parts[1 + layer].first; id < vq_graph_end(g, 1 + layer); id++) {
        const vq_node *n = &g->nodes[id];
        if (!n->op->linear) continue;
        const double rows = tokens * (n->routed > 0 ? n->routed : 1);
        if (n->in[0] != value) { /* the first of its group */
            c->values += 2 * rows * (double)n->in_width;
            if (needs & VQ_NEED_HESSIAN) c->outer += rows * triangle(n->in_width);
        }
        value = n->in[0];
        if (needs & VQ_NEED_FISHER) c->outer += rows * triangle(n->in_width);
        if (needs & VQ_NEED_OUTPUT) c->outer += rows * triangle(n->width);
    }
}

static pass sweep_pass(const vq_plan *p, const vq_job *job, unsigned needs)
{
    const int64_t length = vq_sample_tokens(p);
    const vq_calib_options o = vq_calibration_options(p, job, needs, NULL);
    const double tokens = (double)p->recipe->calib.samples * (double)length;
    return (pass){.graph = &p->model->graph,
                  .tokens = tokens,
                  .batches = tokens / (double)o.batch_tokens,
                  .keys = (double)(length + QUERY_TILE) / 2};
}

static void cost_text(vq_cost *c, const vq_plan *p)
{
    const int64_t length = vq_sample_tokens(p);
    const pass s = {.graph = &p->model->graph,
                    .tokens = (double)p->recipe->calib.samples * (double)length,
                    .batches = (double)length,
                    .keys = (double)length / 2,
                    .plain = true};
    for (int layer = 0; layer < s.graph->layers; layer++) add_block(c, &s, layer);
    add_head(c, &s, 1);
}

static void cost_gradients(vq_cost *c, const vq_plan *p, const vq_job *job)
{
    const pass s = sweep_pass(p, job, p->needs);
    for (int layer = 0; layer < s.graph->layers; layer++) {
        add_block(c, &s, layer);
        add_block_back(c, &s, layer);
        add_observers(c, p, layer, s.tokens, p->needs);
        c->hashed += TIMES_KEPT * (double)vq_statistics_bytes(p, p->needs);
    }
    add_head(c, &s, 2);
}

/* Gathering, and moving on where that is another run of the block. */
static void cost_statistics(vq_cost *c, const vq_plan *p, const vq_job *job, unsigned needs)
{
    const pass s = sweep_pass(p, job, needs);
    const bool quantized = p->recipe->calib.propagate_quantized, again = quantized || !needs;
    for (int layer = 0; layer < s.graph->layers; layer++) {
        if (needs) add_block(c, &s, layer);
        if (needs) add_observers(c, p, layer, s.tokens, needs);
        if (again && layer + 1 < s.graph->layers) add_block(c, &s, layer);
        if (quantized && p->rounder->block) add_block(c, &s, layer);
    }
}

/* Every candidate of a group runs some samples through the block, after its weights were rounded.
 */
static void cost_trials(vq_cost *c, const vq_plan *p, const vq_job *job)
{
    pass s = sweep_pass(p, job, 0);
    if (s.tokens > VQ_TRIAL_TOKENS) s.tokens = VQ_TRIAL_TOKENS;
    for (int i = 0; i < p->npasses; i++) {
        const double trials = p->passes[i].transform->trials
                                  ? (double)p->passes[i].transform->trials(p->passes[i].options)
                                  : 0;
        for (int j = 0; trials > 0 && j < p->ngroups; j++) {
            const vq_plan_group *g = &p->groups[j];
            const pass each = {.graph = s.graph,
                               .tokens = trials * s.tokens,
                               .batches = trials,
                               .keys = s.keys,
                               .plain = true};
            if (g->layer >= 0) add_block(c, &each, g->layer);
            for (int m = 0; m < g->count; m++)
                c->rounded += trials * (double)vq_tensor_numel(p->weights[g->weights[m]].tensor);
        }
    }
}

/* A step runs samples forwards and back, to the weights too. */
static void cost_training(vq_cost *c, const vq_plan *p, const vq_job *job)
{
    enum { UPDATES = 8 }; /* of a weight: gradient, step, code, value */
    const vq_learn_options o = vq_learn_options_of(p->round_options);
    pass s = sweep_pass(p, job, 0);
    const double looks = (double)vq_block_train_looks((int64_t)s.tokens);
    s.tokens = (double)o.steps * (double)o.tokens * 3 + looks;
    s.batches = (double)o.steps * (2 + UPDATES);
    for (int layer = 0; layer < s.graph->layers; layer++) add_block(c, &s, layer);
}

/* A step runs samples through the original, and through the student forwards and back. */
static void cost_finish(vq_cost *c, const vq_plan *p, const vq_job *job)
{
    const vq_tune_options o = vq_tune_options_of(p->finish_options);
    const int64_t length = vq_sample_tokens(p);
    pass s = sweep_pass(p, job, 0);
    s.tokens = (double)o.steps * (double)(o.tokens > length ? o.tokens / length * length : length);
    s.batches = (double)o.steps;
    for (int layer = 0; layer < s.graph->layers; layer++) {
        for (int models = 0; models < 2; models++) add_block(c, &s, layer);
        add_block_back(c, &s, layer);
    }
    add_head(c, &s, 3);
}

static void cost_rounding(vq_cost *c, const vq_plan *p)
{
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        if (!w->quantized) continue;
        const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
        const vq_round_work work = p->rounder->work
                                       ? p->rounder->work(p->round_options, &w->scheme.weight, n, k)
                                       : (vq_round_work){0};
        const bool first = p->groups[w->group].weights[0] == i;
        c->tiles += work.products;
        c->factors += work.factors + (first ? work.shared : 0);
        c->rounded += (double)n * (double)k;
        c->decoded += 2 * (double)n * (double)k; /* its range, then its values */
    }
}

static void cost_files(vq_cost *c, const vq_plan *p)
{
    const vq_st_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; i < s->count; i++) c->hashed += (double)s->sorted[i]->bytes;
    c->hashed += TIMES_STORED * (double)vq_plan_bytes(p);
}

void vq_plan_costs(const vq_plan *p, const vq_job *job, vq_cost cost[VQ_STAGES])
{
    const bool gathers = vq_plan_gathers(p);
    for (int i = 0; i < VQ_STAGES; i++) cost[i] = (vq_cost){0};
    cost_rounding(&cost[VQ_STAGE_ROUNDING], p);
    cost_files(&cost[VQ_STAGE_FILES], p);
    if (!p->model->arch) return;
    if (p->own_text) cost_text(&cost[VQ_STAGE_TEXT], p);
    if (p->finish) cost_finish(&cost[VQ_STAGE_FINISH], p, job);
    cost_trials(&cost[VQ_STAGE_TRANSFORMS], p, job);
    if (p->rounder->block) cost_training(&cost[VQ_STAGE_ROUNDING], p, job);
    if (p->needs & VQ_NEED_GRADIENT && !p->has_stats)
        cost_gradients(&cost[VQ_STAGE_GRADIENTS], p, job);
    if (gathers || vq_plan_trials(p))
        cost_statistics(&cost[VQ_STAGE_STATISTICS], p, job,
                        gathers ? p->needs & ~(unsigned)VQ_NEED_GRADIENT : 0);
}

/* What is not counted: threads that wait for each other, fresh pages, small ops. Between 0.98 (a
 * trial of awq) and 1.39 (a block of Llama-70B's shape) of what is counted was measured,
 * docs/results.md. */
static const double uncounted = 1.17;

double vq_cost_seconds(const vq_cost *c, const vq_rates *r)
{
    return uncounted * (c->products / r->products + c->plain / r->plain + c->outer / r->outer +
                        c->tiles / r->tiles + c->factors / r->factors + c->values / r->values +
                        c->decoded / r->decoded + c->rounded / r->rounded + c->hashed / r->hashed);
}
