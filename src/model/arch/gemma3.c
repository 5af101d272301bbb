/* gemma3.c -- Gemma 3 with images: the text model inside. The tower and the projector of images are
 * no part of the graph. */
#include "model/arch/gemma_like.h"

static vq_status build(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_config text;
    VQ_TRY(vq_config_inside(c, "text_config", &text, e));
    const vq_status s = vq_gemma3_build(&text, false, g, a, e);
    c->unsupported = text.unsupported;
    return s;
}

const vq_arch vq_arch_gemma3 = {"gemma3", "Gemma 3 4B to 27B, their text part", 2, 1, build};
