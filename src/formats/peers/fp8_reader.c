/* fp8_reader.c -- checkpoints in FP8 as their makers publish them (quant_method fp8 and fbgemm_fp8):
 * E4M3 weights under one scale per block, row or matrix, a factor whatever its name says. Source:
 * DeepSeek-V3 inference/kernel.py weight_dequant; transformers integrations/finegrained_fp8.py. */
#include <string.h>

#include "formats/layouts/module_map.h"
#include "formats/safetensors/st_container.h"

static const char *const suffixes[] = {"weight",      "weight_scale_inv", "weight_scale",
                                       "input_scale", "activation_scale", NULL};
static const char *const no_files[] = {NULL};

static bool is_fp8(const vq_num *n)
{
    return n->grid.kind == VQ_GRID_FLOAT && n->grid.bits == 8 && n->grid.ebits == 4 &&
           n->zero == VQ_ZERO_NONE && !n->global_scale;
}

static bool takes_act(const vq_num *w, const vq_num *a)
{
    (void)w;
    return is_fp8(a);
}

#define FP8_LAYOUT(scale, input)                                                                   \
    {                                                                                              \
        .name = scale, .holds = is_fp8, .takes_act = takes_act, .fields = {                        \
            {"weight", VQ_FIELD_CODES, VQ_F8_E4M3, VQ_F8_E4M3},                                    \
            {scale, VQ_FIELD_SCALE, VQ_DTYPES, VQ_F8_E8M0},                                        \
            {input, VQ_FIELD_ACT_SCALE, VQ_DTYPES, VQ_DTYPES}                                      \
        }                                                                                          \
    }

/* By the names of the scales: of the weight, of the input where it is fixed. */
static const vq_layout layouts[] = {
    FP8_LAYOUT("weight_scale_inv", "activation_scale"),
    FP8_LAYOUT("weight_scale_inv", "input_scale"),
    FP8_LAYOUT("weight_scale", "input_scale"),
    FP8_LAYOUT("weight_scale", "activation_scale"),
    {.name = NULL},
};

static bool owns(const vq_folder *f)
{
    return f->method && (strcmp(f->method, "fp8") == 0 || strcmp(f->method, "fbgemm_fp8") == 0);
}

/* The layout whose tensors are there: that of a fixed input before the others. */
static const vq_layout *layout_of(const vq_tensor_set *set, const char *module, bool *fixed)
{
    const vq_layout *found = NULL;
    *fixed = false;
    for (const vq_layout *l = layouts; l->name && !*fixed; l++) {
        if (!vq_tensor_set_member(set, module, l->fields[1].suffix)) continue;
        *fixed = vq_tensor_set_member(set, module, l->fields[2].suffix) != NULL;
        if (!found || *fixed) found = l;
    }
    return found;
}

/* [rows, columns] that a scale covers, as the config says; none: {0, 0}. */
static vq_status read_block(const json_t *q, int32_t block[2], vq_err *e)
{
    const json_t *size = json_object_get(q, "weight_block_size");
    block[0] = block[1] = 0;
    if (!size || json_is_null(size)) return VQ_OK;
    for (size_t i = 0; i < 2; i++) {
        const json_int_t n = json_integer_value(json_array_get(size, i));
        if (json_array_size(size) != 2 || n < 1 || n > INT32_MAX)
            return vq_fail(e, VQ_E_INPUT,
                           "quantization_config > weight_block_size is not [rows, columns]");
        block[i] = (int32_t)n;
    }
    return VQ_OK;
}

/* What a scale covers is told by how many there are: one, one a row, or one a block. */
static vq_num weight_number(const vq_tensor *w, const vq_tensor *scale, const int32_t block[2])
{
    vq_num n = {.compat = VQ_COMPAT_CT};
    (void)vq_grid_parse("e4m3", &n.grid);
    const int64_t count = vq_tensor_numel(scale);
    n.group.kind = VQ_PER_BLOCK;
    n.group.rows = block[0];
    n.group.cols = block[1];
    if (count == 1 && (!block[0] || scale->ndim < 2))
        n.group = (vq_group_shape){.kind = VQ_PER_TENSOR};
    else if (!block[0] || (count == w->shape[0] && scale->ndim < 2))
        n.group = (vq_group_shape){.kind = VQ_PER_CHANNEL};
    if (scale->dtype == VQ_F8_E8M0) n.scale = VQ_SCALE_E8M0;
    return n;
}

/* Inputs: under a stored scale, one per token, or one per token and block of columns. */
static vq_num input_number(const vq_num *weight, bool fixed)
{
    vq_num n = {.compat = VQ_COMPAT_CT, .when = fixed ? VQ_STATIC : VQ_DYNAMIC};
    (void)vq_grid_parse("e4m3", &n.grid);
    n.group.kind = fixed ? VQ_PER_TENSOR : VQ_PER_TOKEN;
    if (!fixed && weight->group.kind == VQ_PER_BLOCK)
        n.group = (vq_group_shape){.kind = VQ_PER_BLOCK, .rows = 1, .cols = weight->group.cols};
    return n;
}

static vq_status add_module(vq_module_map *m, const vq_folder *f, const vq_tensor *t,
                            const int32_t block[2], vq_arena *a, vq_err *e)
{
    bool fixed;
    const char *name = vq_module_of(t->name, a, e);
    if (!name) return e->status;
    const vq_layout *layout = layout_of(f->weights, name, &fixed);
    if (t->ndim != 2 || t->dtype != VQ_F8_E4M3 || !layout)
        return vq_fail(e, VQ_E_INPUT,
                       "%s is %s without weight_scale_inv or weight_scale, or no matrix: what it "
                       "means is not known",
                       t->name, vq_dtype_name(t->dtype));
    vq_stored_module *s = &m->modules[m->count++];
    *s = (vq_stored_module){.target = m->target, .layout = layout, .linear = {.name = name}};
    vq_scheme *of = &s->linear.scheme;
    of->weight = weight_number(t, vq_tensor_set_member(f->weights, name, layout->name), block);
    of->act = input_number(&of->weight, fixed);
    of->has_weight = of->has_act = true;
    vq_scheme_recognize(of, "fp8");
    return VQ_OK;
}

static bool is_float8(const vq_tensor *t)
{
    return t->dtype == VQ_F8_E4M3 || t->dtype == VQ_F8_E5M2 || t->dtype == VQ_F8_E4M3FNUZ ||
           t->dtype == VQ_F8_E5M2FNUZ;
}

static vq_status read_config(vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e)
{
    const vq_tensor_set *set = f->weights;
    int32_t block[2];
    VQ_TRY(read_block(f->quantization, block, e));
    m->modules = VQ_NEW(a, vq_stored_module, set->count, "quantized modules", e);
    if (!m->modules) return e->status;
    for (size_t i = 0; i < set->count; i++)
        if (is_float8(set->sorted[i])) VQ_TRY(add_module(m, f, set->sorted[i], block, a, e));
    if (m->count) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "quantization_config says %s, but no tensor is F8_E4M3",
                   f->method);
}

const vq_target vq_reader_fp8 = {
    .name = "fp8",
    .container = &vq_container_safetensors,
    .layouts = layouts,
    .suffixes = suffixes,
    .files = no_files,
    .runtimes = no_files,
    .owns = owns,
    .read_config = read_config,
};
