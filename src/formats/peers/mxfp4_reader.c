/* mxfp4_reader.c -- gpt-oss as it is published (quant_method mxfp4): the experts of a layer in one
 * tensor, NAME_blocks U8 [experts][out][in / 32][16] and NAME_scales U8 [experts][out][in / 32].
 * Dense, the tensor is NAME [experts][in][out]. Source: transformers integrations/mxfp4.py
 * convert_moe_packed_tensors. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "formats/layouts/module_map.h"
#include "formats/safetensors/st_container.h"

#define BLOCKS "_blocks"
#define SCALES "_scales"

static const char *const suffixes[] = {"blocks", "scales", NULL};
static const char *const no_files[] = {NULL};

static bool is_mxfp4(const vq_num *n)
{
    return n->scale == VQ_SCALE_E8M0;
}

static bool no_act(const vq_num *w, const vq_num *a)
{
    (void)w;
    (void)a;
    return false;
}

static const vq_layout layouts[] = {
    {.name = "mxfp4",
     .holds = is_mxfp4,
     .takes_act = no_act,
     .fields = {{"blocks", VQ_FIELD_CODES, VQ_U8, VQ_U8},
                {"scales", VQ_FIELD_SCALE, VQ_U8, VQ_U8}}},
    {.name = NULL},
};

static bool owns(const vq_folder *f)
{
    return f->method && strcmp(f->method, "mxfp4") == 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static bool is_blocks(const vq_tensor *t)
{
    return ends_with(t->name, BLOCKS);
}

static vq_status check_shapes(const vq_tensor *blocks, const vq_tensor *scales, vq_err *e)
{
    char is[96];
    if (scales && blocks->dtype == VQ_U8 && scales->dtype == VQ_U8 && blocks->ndim == 4 &&
        scales->ndim == 3 && blocks->shape[3] == 16 && vq_tensor_numel(blocks) > 0 &&
        memcmp(blocks->shape, scales->shape, 3 * sizeof *blocks->shape) == 0)
        return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s is %s %s: U8 [experts, rows, groups, 16] is expected, and " SCALES
                   " U8 of the first three beside it",
                   blocks->name, vq_dtype_name(blocks->dtype),
                   vq_shape_text(blocks->shape, blocks->ndim, is, sizeof is));
}

/* Matrix i of a stack, row by row: the last dimensions as one. */
static const vq_tensor *matrix_of(const vq_tensor *t, int64_t i, vq_arena *a, vq_err *e)
{
    vq_tensor *one = VQ_NEW(a, vq_tensor, 1, "experts", e);
    if (!one) return NULL;
    *one = (vq_tensor){.name = t->name, .dtype = t->dtype, .ndim = 2, .shape = {t->shape[1]}};
    one->bytes = t->bytes / (size_t)t->shape[0];
    one->shape[1] = (int64_t)one->bytes / t->shape[1];
    one->data = (const char *)t->data + (size_t)i * one->bytes;
    return one;
}

/* Numbers in names have one width, so that the matrices of a stack stand in order. */
static vq_status add_stack(vq_module_map *m, const vq_tensor *blocks, const vq_tensor *scales,
                           vq_arena *a, vq_err *e)
{
    const int n = (int)(strlen(blocks->name) - strlen(BLOCKS));
    const char *stack = vq_arena_text(a, e, "%.*s", n, blocks->name);
    for (int64_t i = 0; stack && i < blocks->shape[0]; i++) {
        vq_stored_module *s = &m->modules[m->count++];
        *s = (vq_stored_module){.target = m->target, .layout = layouts, .stack = stack};
        s->linear.name = vq_arena_text(a, e, "%s.%06lld", stack, (long long)i);
        s->tensors[0] = matrix_of(blocks, i, a, e);
        s->tensors[1] = s->tensors[0] ? matrix_of(scales, i, a, e) : NULL;
        if (!s->linear.name || !s->tensors[1]) return e->status;
        vq_scheme *of = &s->linear.scheme;
        *of = (vq_scheme){.has_weight = true, .weight = {.scale = VQ_SCALE_E8M0}};
        (void)vq_grid_parse("e2m1", &of->weight.grid);
        of->weight.group = (vq_group_shape){.kind = VQ_PER_BLOCK, .rows = 1, .cols = 32};
        (void)snprintf(of->id, sizeof of->id, "mxfp4a16");
    }
    return stack ? VQ_OK : e->status;
}

/* Scales alone would be copied as if they were weights. */
static vq_status check_lone(const vq_folder *f, const vq_tensor *t, vq_arena *a, vq_err *e)
{
    if (t->dtype != VQ_U8 || !ends_with(t->name, SCALES)) return VQ_OK;
    const int n = (int)(strlen(t->name) - strlen(SCALES));
    const char *name = vq_arena_text(a, e, "%.*s" BLOCKS, n, t->name);
    if (!name) return e->status;
    if (vq_tensor_set_find(f->weights, name)) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s stands without its " BLOCKS, t->name);
}

static vq_status find_scales(const vq_folder *f, const vq_tensor *blocks, const vq_tensor **scales,
                             vq_arena *a, vq_err *e)
{
    const int n = (int)(strlen(blocks->name) - strlen(BLOCKS));
    const char *name = vq_arena_text(a, e, "%.*s" SCALES, n, blocks->name);
    if (!name) return e->status;
    *scales = vq_tensor_set_find(f->weights, name);
    return check_shapes(blocks, *scales, e);
}

static vq_status read_config(vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e)
{
    const vq_tensor_set *set = f->weights;
    const vq_tensor *scales = NULL;
    int64_t n = 0;
    for (size_t i = 0; i < set->count; i++) {
        VQ_TRY(check_lone(f, set->sorted[i], a, e));
        if (!is_blocks(set->sorted[i])) continue;
        VQ_TRY(find_scales(f, set->sorted[i], &scales, a, e));
        n += set->sorted[i]->shape[0];
    }
    if (n == 0)
        return vq_fail(e, VQ_E_INPUT,
                       "quantization_config says mxfp4, but no tensor is called *" BLOCKS);
    m->modules = VQ_NEW(a, vq_stored_module, n, "quantized modules", e);
    if (!m->modules) return e->status;
    for (size_t i = 0; i < set->count; i++) {
        if (!is_blocks(set->sorted[i])) continue;
        VQ_TRY(find_scales(f, set->sorted[i], &scales, a, e));
        assert(scales);
        VQ_TRY(add_stack(m, set->sorted[i], scales, a, e));
    }
    return VQ_OK;
}

const vq_target vq_reader_mxfp4 = {
    .name = "mxfp4",
    .container = &vq_container_safetensors,
    .layouts = layouts,
    .suffixes = suffixes,
    .files = no_files,
    .runtimes = no_files,
    .owns = owns,
    .read_config = read_config,
};
