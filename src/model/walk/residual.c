/* residual.c -- follows the residual stream from the embedding through the adds to the head. */
#include <string.h>

#include "model/op/op.h"
#include "model/walk/targets.h"

typedef struct walk {
    const vq_graph *g;
    vq_residual *s;
    int *behind; /* per value: -1 not of the stream, 0 the stream itself, 1 + norm node: normed
                 * stream */
} walk;

static vq_status blocked(const walk *w, int id, const char *does, vq_err *e)
{
    const vq_node *n = &w->g->nodes[id];
    return vq_fail(e, VQ_E_INPUT,
                   "%s%s%s %s the residual stream of this model; transforms of the stream know "
                   "embeddings, RMS norms before linears, linears and sums",
                   n->op->name, n->name[0] ? " " : "", n->name, does);
}

/* The linear that makes what is added, times a number or not; -1: something else makes it, or others
 * read it. */
static int writer_of(const walk *w, int value)
{
    while (vq_graph_consumers(w->g, value, NULL, 0) == 1) {
        const vq_node *n = &w->g->nodes[value];
        if (n->op->linear) return value;
        if (n->op->rows != VQ_ROW_SAME) break;
        value = n->in[0];
    }
    return -1;
}

/* One operand of the sum is the stream; the other is what a linear adds to it, or the stream again.
 */
static vq_status take_sum(walk *w, int id, vq_err *e)
{
    const vq_node *n = &w->g->nodes[id];
    const int terms = n->op->terms ? n->op->terms : n->nin;
    for (int i = 0; i < terms; i++) {
        const int from = n->in[i];
        if (w->behind[from] == 0) continue;
        const int writer = w->behind[from] > 0 ? -1 : writer_of(w, from);
        if (writer < 0) return blocked(w, from, "is added to", e);
        w->s->writers[w->s->nwriters++] = writer;
    }
    w->behind[id] = 0;
    return VQ_OK;
}

static vq_status take_reader(walk *w, int id, int operand, vq_err *e)
{
    const vq_node *n = &w->g->nodes[id];
    const int behind = w->behind[n->in[operand]];
    if (behind == 0 && n->op->rows == VQ_ROW_SUM) return take_sum(w, id, e);
    if (n->op->linear) {
        w->s->readers[w->s->nreaders++] = (vq_residual_reader){.linear = id, .norm = behind - 1};
        return VQ_OK;
    }
    if (n->op->rows == VQ_ROW_SAME && operand == 0) {
        w->behind[id] = behind;
        return VQ_OK;
    }
    if (behind > 0 || n->op->rows != VQ_ROW_RMS) return blocked(w, id, "reads", e);
    w->s->norms[w->s->nnorms++] = id;
    w->behind[id] = 1 + id;
    return VQ_OK;
}

static vq_status follow(walk *w, vq_err *e)
{
    for (int id = w->s->embedding + 1; id < w->g->count; id++) {
        const vq_node *n = &w->g->nodes[id];
        int operand = -1;
        for (int i = 0; i < n->nin && operand < 0; i++)
            if (w->behind[n->in[i]] >= 0) operand = i;
        if (operand >= 0) VQ_TRY(take_reader(w, id, operand, e));
    }
    return VQ_OK;
}

vq_status vq_residual_find(const vq_graph *g, vq_arena *a, vq_residual *s, vq_err *e)
{
    *s = (vq_residual){.embedding = g->embedding,
                       .writers = VQ_ALLOC(a, int, 2 * g->count, "residual stream", e),
                       .norms = VQ_ALLOC(a, int, g->count, "residual stream", e),
                       .readers = VQ_ALLOC(a, vq_residual_reader, g->count, "residual stream", e)};
    walk w = {.g = g, .s = s, .behind = VQ_ALLOC(a, int, g->count, "residual stream", e)};
    if (!s->writers || !s->norms || !s->readers || !w.behind) return VQ_E_LIMIT;
    if (g->nodes[s->embedding].op->rows != VQ_ROW_TABLE)
        return blocked(&w, s->embedding, "begins", e);
    for (int id = 0; id < g->count; id++) w.behind[id] = -1;
    w.behind[s->embedding] = 0;
    VQ_TRY(follow(&w, e));
    const int first =
        g->parts[0].carry[0]; /* not the stream behind a projection of the embedding */
    return w.behind[first] == 0 ? VQ_OK : blocked(&w, first, "begins", e);
}
