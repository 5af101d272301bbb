/* ct_layouts.c -- the layouts of compressed-tensors as table rows. Source:
 * compressed-tensors 0.20. */
#include "formats/ct/ct_layouts.h"

#include <string.h>

static bool grid_is(const vq_num *n, const char *name)
{
    char buf[16];
    return strcmp(vq_grid_name(&n->grid, buf), name) == 0;
}

static bool signed_int(const vq_num *n)
{
    return n->grid.kind == VQ_GRID_INT && n->grid.is_signed && !n->grid.bfp && n->grid.frac == 0 &&
           n->grid.bits <= 8;
}

static bool float_scale(const vq_num *n)
{
    return n->scale <= VQ_SCALE_BF16 && !n->global_scale;
}

static bool block(const vq_num *n, int32_t cols)
{
    return n->group.kind == VQ_PER_BLOCK && n->group.rows == 1 &&
           (cols == 0 || n->group.cols == cols);
}

static bool mx(const vq_num *n, const char *grid)
{
    return grid_is(n, grid) && block(n, 32) && n->scale == VQ_SCALE_E8M0 &&
           n->rule != VQ_RULE_FOUR_THIRDS && n->zero == VQ_ZERO_NONE;
}

/* One scale for the whole input, fixed, or one per token, made on the way. */
static bool whole_or_token(const vq_num *a)
{
    return (a->group.kind == VQ_PER_TENSOR && a->when == VQ_STATIC) ||
           (a->group.kind == VQ_PER_TOKEN && a->when == VQ_DYNAMIC);
}

static bool holds_nvfp4(const vq_num *w)
{
    return grid_is(w, "e2m1") && block(w, 16) && w->scale == VQ_SCALE_E4M3 && w->global_scale &&
           w->zero == VQ_ZERO_NONE;
}
static bool act_nvfp4(const vq_num *w, const vq_num *a)
{
    (void)w;
    return holds_nvfp4(a);
}

static bool holds_mxfp4(const vq_num *w)
{
    return mx(w, "e2m1");
}
static bool holds_mxfp6(const vq_num *w)
{
    return mx(w, "e2m3");
}
static bool holds_mxfp8(const vq_num *w)
{
    return mx(w, "e4m3");
}
static bool act_mx(const vq_num *w, const vq_num *a)
{
    (void)w;
    return a->when == VQ_DYNAMIC && (mx(a, "e2m1") || mx(a, "e2m3") || mx(a, "e4m3"));
}

static bool holds_int(const vq_num *w)
{
    return signed_int(w) && float_scale(w) &&
           (w->group.kind == VQ_PER_TENSOR || w->group.kind == VQ_PER_CHANNEL || block(w, 0));
}
static bool act_int(const vq_num *w, const vq_num *a)
{
    (void)w;
    return signed_int(a) && float_scale(a) && whole_or_token(a);
}

static bool holds_packed(const vq_num *w)
{
    return signed_int(w) && float_scale(w) && (w->group.kind == VQ_PER_CHANNEL || block(w, 0));
}

static bool holds_fp8(const vq_num *w)
{
    return grid_is(w, "e4m3") && float_scale(w) && w->zero == VQ_ZERO_NONE &&
           w->group.kind != VQ_PER_TOKEN;
}
static bool act_fp8(const vq_num *w, const vq_num *a)
{
    (void)w;
    return grid_is(a, "e4m3") && float_scale(a) && a->zero == VQ_ZERO_NONE &&
           (whole_or_token(a) || (block(a, 0) && a->when == VQ_DYNAMIC));
}

#define ONE(t) (t), (t)
#define SCALE_OF_SCHEME ONE(VQ_DTYPES)

const vq_layout vq_layouts_ct[] = {
    {.name = "nvfp4-pack-quantized",
     .loads_as_bf16 = true,
     .holds = holds_nvfp4,
     .takes_act = act_nvfp4,
     .fields = {{"weight_packed", VQ_FIELD_CODES, ONE(VQ_U8)},
                {"weight_scale", VQ_FIELD_SCALE, ONE(VQ_F8_E4M3)},
                {"weight_global_scale", VQ_FIELD_GLOBAL_SCALE, ONE(VQ_F32)},
                {"input_global_scale", VQ_FIELD_ACT_GLOBAL_SCALE, ONE(VQ_F32)}}},
    {.name = "mxfp4-pack-quantized",
     .loads_as_bf16 = true,
     .holds = holds_mxfp4,
     .takes_act = act_mx,
     .fields = {{"weight_packed", VQ_FIELD_CODES, ONE(VQ_U8)},
                {"weight_scale", VQ_FIELD_SCALE, VQ_U8, VQ_F8_E8M0}}},
    {.name = "mxfp6-pack-quantized",
     .loads_as_bf16 = true,
     .holds = holds_mxfp6,
     .takes_act = act_mx,
     .fields = {{"weight_packed", VQ_FIELD_CODES, ONE(VQ_U8)},
                {"weight_scale", VQ_FIELD_SCALE, VQ_U8, VQ_F8_E8M0}}},
    {.name = "mxfp8-quantized",
     .loads_as_bf16 = true,
     .holds = holds_mxfp8,
     .takes_act = act_mx,
     .fields = {{"weight", VQ_FIELD_CODES, ONE(VQ_F8_E4M3)},
                {"weight_scale", VQ_FIELD_SCALE, VQ_U8, VQ_F8_E8M0}}},
    {.name = "int-quantized",
     .with_act = true,
     .bytes = true,
     .holds = holds_int,
     .takes_act = act_int,
     .fields = {{"weight", VQ_FIELD_CODES, ONE(VQ_I8)},
                {"weight_scale", VQ_FIELD_SCALE, SCALE_OF_SCHEME},
                {"weight_zero_point", VQ_FIELD_ZERO, ONE(VQ_I8)},
                {"input_scale", VQ_FIELD_ACT_SCALE, SCALE_OF_SCHEME},
                {"input_zero_point", VQ_FIELD_ACT_ZERO, ONE(VQ_I8)}}},
    {.name = "pack-quantized",
     .offset = true,
     .holds = holds_packed,
     .takes_act = act_int,
     .fields = {{"weight_packed", VQ_FIELD_CODES, ONE(VQ_I32)},
                {"weight_scale", VQ_FIELD_SCALE, SCALE_OF_SCHEME},
                {"weight_zero_point", VQ_FIELD_ZERO_DOWN, ONE(VQ_I32)},
                {"weight_shape", VQ_FIELD_SHAPE, VQ_I64, VQ_I32},
                {"input_scale", VQ_FIELD_ACT_SCALE, SCALE_OF_SCHEME},
                {"input_zero_point", VQ_FIELD_ACT_ZERO, ONE(VQ_I8)}}},
    {.name = "float-quantized",
     .holds = holds_fp8,
     .takes_act = act_fp8,
     .fields = {{"weight", VQ_FIELD_CODES, ONE(VQ_F8_E4M3)},
                {"weight_scale", VQ_FIELD_SCALE, SCALE_OF_SCHEME},
                {"input_scale", VQ_FIELD_ACT_SCALE, SCALE_OF_SCHEME}}},
    {.name = NULL},
};
