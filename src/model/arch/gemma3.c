/* gemma3.c -- Gemma 3 with images: the text model inside. The tower and the projector of images are
 * no part of the graph. */
#include "model/arch/gemma_like.h"

/* As on the hub, and as saved by transformers 4.52 and later. */
static const char *const prefixes[] = {"language_model.model.", "model.language_model.", NULL};

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    const char *prefix = vq_config_prefix(c, prefixes, "norm.weight"),
               *lm_head = prefix == prefixes[0] ? "language_model.lm_head" : "lm_head";
    vq_config text;
    bool tied;
    VQ_TRY(vq_config_inside(c, "text_config", &text, e));
    VQ_TRY(vq_config_flag(c, "tie_word_embeddings", true, &tied, e));
    const vq_status s = vq_gemma3_build(&text, prefix, lm_head, tied, false, g, a, e);
    c->unsupported = text.unsupported;
    return s;
}

const vq_arch vq_arch_gemma3 = {"gemma3", "Gemma 3 4B to 27B, their text part", 2, 1, build};
