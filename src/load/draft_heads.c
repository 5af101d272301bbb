/* draft_heads.c -- draft heads by what publishers call them. */
#include "load/draft_heads.h"

#include <string.h>

/* Steps of a path, between dots. Sources: Qwen3-Next and GLM (mtp), MiMo (mtp_layers, nextn),
 * EAGLE, Medusa. */
static const char *const names[] = {"mtp",   "mtp_layers", "mtp_block",   "nextn",  "nextn_layers",
                                    "eagle", "eagle_head", "eagle3",      "medusa", "medusa_head",
                                    "draft", "draft_head", "draft_model", NULL};

static bool has_step(const char *path, const char *step)
{
    const size_t n = strlen(step);
    for (const char *at = path; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
        if (strncmp(at, step, n) == 0 && (at[n] == '.' || at[n] == '\0')) return true;
    return false;
}

/* Of an architecture that nobody knows only the config can tell, where it speaks of such layers. */
static bool beyond_config(const vq_model *m, const char *module, int layer)
{
    static const char *const counts[] = {"num_nextn_predict_layers", "num_mtp_layers",
                                         "mtp_num_hidden_layers", NULL};
    const json_t *root = m->checkpoint.config.root;
    const json_int_t layers = json_integer_value(json_object_get(root, "num_hidden_layers"));
    bool drafts = false;
    for (int i = 0; counts[i]; i++)
        drafts |= json_integer_value(json_object_get(root, counts[i])) > 0;
    return drafts && layers > 0 && layer >= layers && strncmp(module, "model.layers.", 13) == 0;
}

bool vq_is_draft(const vq_model *m, const char *module, int layer)
{
    if (m->arch && vq_graph_find(&m->graph, module) >= 0) return false;
    for (int i = 0; names[i]; i++)
        if (has_step(module, names[i])) return true;
    return m->arch ? vq_graph_block_of(&m->graph, module) >= m->graph.layers
                   : beyond_config(m, module, layer);
}
