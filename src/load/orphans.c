/* orphans.c -- tensors beside the graph, counted and named. */
#include "load/orphans.h"

#include <stdio.h>
#include <string.h>

#include "load/draft_heads.h"
#include "model/op/op.h"

static bool is_param(const vq_node *n, const char *name)
{
    vq_param params[VQ_OP_PARAMS];
    char one[VQ_PARAM_NAME];
    const int count = vq_op_params(n, params);
    for (int i = 0; i < count; i++)
        if (strcmp(vq_param_name(&params[i], one), name) == 0) return true;
    return false;
}

/* A node is called as its one tensor, or as what its tensors' names begin with. */
static bool is_read(const vq_graph *g, const char *name)
{
    char module[VQ_PARAM_NAME];
    const char *dot = strrchr(name, '.');
    int id = vq_graph_find(g, name);
    if (id >= 0 && is_param(&g->nodes[id], name)) return true;
    if (!dot || (size_t)(dot - name) >= sizeof module) return false;
    (void)snprintf(module, sizeof module, "%.*s", (int)(dot - name), name);
    id = vq_graph_find(g, module);
    return id >= 0 && is_param(&g->nodes[id], name);
}

static bool is_made_anew(const char *name)
{
    static const char *const ends[] = {"rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias",
                                       "position_ids"};
    const size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t m = strlen(ends[i]);
        if (n >= m && strcmp(name + n - m, ends[i]) == 0) return true;
    }
    return false;
}

void vq_orphans_warn(const vq_model *m, const vq_reporter *w)
{
    const vq_tensor_set *s = &m->checkpoint.weights;
    const char *first = NULL;
    char more[512] = "";
    size_t n = 0;
    if (!m->arch || m->checkpoint.modules) return;
    for (size_t i = 0; i < s->count; i++) {
        const char *name = s->sorted[i]->name;
        if (is_read(&m->graph, name) || is_made_anew(name) ||
            vq_is_draft(m, name, vq_graph_block_of(&m->graph, name)))
            continue;
        if (n++ == 0) first = name;
        if (n == 2) (void)snprintf(more, sizeof more, ", like %.400s", name);
    }
    if (n)
        vq_warn(w, "orphans", first,
                "%zu tensor%s of the model %s read by nothing that config.json asks for%s: not "
                "used by calibration and eval, and copied as %s",
                n, n == 1 ? "" : "s", n == 1 ? "is" : "are", more, n == 1 ? "it is" : "they are");
}
