/* vq_layouts.c -- the layout of format vq: any number format, any block, ARC. Source:
 * docs/format-vq.md. */
#include "formats/vq/vq_layouts.h"

/* Rows of per-token scales are a thing of activations. */
static bool holds_weight(const vq_num *w)
{
    return w->group.kind != VQ_PER_TOKEN;
}

static bool takes_any(const vq_num *w, const vq_num *a)
{
    (void)w;
    return a->group.kind != VQ_PER_CHANNEL;
}

const vq_layout vq_layouts_own[] = {
    {.name = "vq",
     .scalar = true,
     .never_dense = true,
     .holds = holds_weight,
     .takes_act = takes_any,
     .fields = {{"weight", VQ_FIELD_CODES, VQ_U8, VQ_U8},
                {"weight_scale", VQ_FIELD_SCALE, VQ_DTYPES, VQ_DTYPES},
                {"weight_zero_point", VQ_FIELD_ZERO, VQ_I16, VQ_I16},
                {"weight_scale_2", VQ_FIELD_GLOBAL_SCALE, VQ_F32, VQ_F32},
                {"input_scale", VQ_FIELD_ACT_ANY, VQ_F32, VQ_F32},
                {"input_zero_point", VQ_FIELD_ACT_ZERO, VQ_I16, VQ_I16},
                {"arc_order", VQ_FIELD_ORDER, VQ_I32, VQ_I32}}},
    {.name = NULL},
};
