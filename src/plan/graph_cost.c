/* graph_cost.c -- work and memory of the graph's nodes: all that forecasts know of ops. */
#include "plan/graph_cost.h"

#include "base/exchange/stats.h"

static double *products_of(vq_cost *c, const vq_pass_shape *s)
{
    return s->plain ? &c->plain : &c->products;
}

static void add_node(vq_cost *c, const vq_pass_shape *s, const vq_node *n)
{
    if (n->op == VQ_OP_LINEAR) {
        *products_of(c, s) += s->tokens * (double)n->width * (double)n->in_width;
        c->decoded += s->batches * (double)n->width * (double)n->in_width;
    } else if (n->op == VQ_OP_ATTENTION) {
        c->tiles += s->tokens * 2 * s->keys * (double)n->width;
        c->values += s->tokens * s->keys * (double)n->heads;
    } else {
        c->values += s->tokens * (double)n->width;
    }
}

void vq_cost_add_block(vq_cost *c, const vq_pass_shape *s, int layer)
{
    for (int id = s->graph->first[1 + layer]; id < vq_graph_end(s->graph, 1 + layer); id++)
        add_node(c, s, &s->graph->nodes[id]);
}

/* Forwards once more, and back: twice the products of an activation, scores and all, none of a
 * weight. */
void vq_cost_add_block_back(vq_cost *c, const vq_pass_shape *s, int layer)
{
    for (int id = s->graph->first[1 + layer]; id < vq_graph_end(s->graph, 1 + layer); id++) {
        const vq_node *n = &s->graph->nodes[id];
        for (int times = n->op == VQ_OP_LINEAR ? 2 : 3; times > 0; times--) add_node(c, s, n);
    }
}

void vq_cost_add_head(vq_cost *c, const vq_pass_shape *s, double products)
{
    const double logits = s->tokens * (double)s->graph->vocab;
    *products_of(c, s) += products * logits * (double)s->graph->hidden;
    c->decoded += s->batches * products * (double)s->graph->vocab * (double)s->graph->hidden;
    c->values += 2 * logits;
}

static double triangle(int64_t n)
{
    return (double)n * (double)(n + 1) / 2;
}

/* Sums over the inputs of a block's groups, and over the gradients at the outputs of its linears.
 */
void vq_cost_add_observers(vq_cost *c, const vq_graph *g, int layer, double tokens, unsigned needs)
{
    int value = -1;
    for (int id = g->first[1 + layer]; id < vq_graph_end(g, 1 + layer); id++) {
        const vq_node *n = &g->nodes[id];
        if (n->op != VQ_OP_LINEAR) continue;
        if (n->in[0] != value) { /* the first of its group */
            c->values += 2 * tokens * (double)n->in_width;
            if (needs & VQ_NEED_HESSIAN) c->outer += tokens * triangle(n->in_width);
        }
        value = n->in[0];
        if (needs & VQ_NEED_FISHER) c->outer += tokens * triangle(n->in_width);
        if (needs & VQ_NEED_OUTPUT) c->outer += tokens * triangle(n->width);
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
        for (int id = g->first[1 + layer]; id < vq_graph_end(g, 1 + layer); id++)
            if (g->nodes[id].op == VQ_OP_LINEAR)
                block += (uint64_t)g->nodes[id].width * (uint64_t)g->nodes[id].in_width;
        if (block > most) most = block;
    }
    return most;
}
