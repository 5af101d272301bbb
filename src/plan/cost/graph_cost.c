/* graph_cost.c -- work and memory of the graph's nodes: all that forecasts know of ops. */
#include "plan/cost/graph_cost.h"

#include "base/exchange/stats.h"
#include "model/op/op.h"

static double *products_of(vq_cost *c, const vq_pass_shape *s)
{
    return s->plain ? &c->plain : &c->products;
}

/* `times` runs of a node; experts see their share of the tokens. */
static void add_node(vq_cost *c, const vq_pass_shape *s, const vq_node *n, double times)
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

void vq_cost_add_block(vq_cost *c, const vq_pass_shape *s, int layer)
{
    for (int id = s->graph->parts[1 + layer].first; id < vq_graph_end(s->graph, 1 + layer); id++)
        add_node(c, s, &s->graph->nodes[id], 1);
}

/* The backward pass of a block runs its forward pass again. Gradients to the weights are not
 * computed, so a linear costs one more product (to its input); all other ops, attention among them,
 * two. */
void vq_cost_add_block_back(vq_cost *c, const vq_pass_shape *s, int layer)
{
    for (int id = s->graph->parts[1 + layer].first; id < vq_graph_end(s->graph, 1 + layer); id++) {
        const vq_node *n = &s->graph->nodes[id];
        add_node(c, s, n, n->op->linear ? 2 : 3);
    }
}

void vq_cost_add_head(vq_cost *c, const vq_pass_shape *s, double products)
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

/* Work of summing statistics: over the inputs of the block's groups (once per group) and over the
 * gradients of its linears (once per linear). */
void vq_cost_add_observers(vq_cost *c, const vq_graph *g, int layer, double tokens, unsigned needs)
{
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

uint64_t vq_group_bytes(const vq_graph *graph, const vq_linear_group *g, unsigned needs)
{
    const uint64_t k = (uint64_t)graph->nodes[g->linears[0]].in_width;
    uint64_t floats = needs & VQ_NEED_HESSIAN ? k * k : 0;
    for (int i = 0; i < g->count; i++) {
        const uint64_t n = (uint64_t)graph->nodes[g->linears[i]].width;
        floats += (needs & VQ_NEED_FISHER ? k * k : 0) + (needs & VQ_NEED_OUTPUT ? n * n : 0);
    }
    return floats * sizeof(float) + 5 * k * sizeof(float) +
           (needs & VQ_NEED_HISTOGRAM ? VQ_HIST_BINS * sizeof(uint64_t) : 0);
}

uint64_t vq_block_weights(const vq_graph *g)
{
    uint64_t most = 0;
    for (int layer = 0; layer < g->layers; layer++) {
        uint64_t block = 0;
        for (int id = g->parts[1 + layer].first; id < vq_graph_end(g, 1 + layer); id++)
            if (g->nodes[id].op->linear)
                block += (uint64_t)g->nodes[id].width * (uint64_t)g->nodes[id].in_width;
        if (block > most) most = block;
    }
    return most;
}
