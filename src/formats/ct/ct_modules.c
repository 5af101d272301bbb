/* ct_modules.c -- the modules that a compressed-tensors folder has: its config brought together
 * with the tensors that exist, both ways. */
#include <string.h>

#include "formats/ct/ct_config.h"
#include "formats/ct/ct_layouts.h"
#include "formats/layouts/module_map.h"

/* Tables of vectors that are looked up are no Linear modules, though they are matrices too. */
static bool is_embedding(const char *module)
{
    const char *last = vq_suffix_of(module);
    if (!*last) last = module;
    return strstr(last, "embed") || strcmp(last, "wte") == 0 || strcmp(last, "wpe") == 0;
}

static vq_status add_ct(vq_module_map *m, const vq_ct_config *c, const vq_tensor *t, vq_arena *a,
                        vq_err *e)
{
    const vq_ct_group *group;
    const bool codes = vq_holds_codes(t);
    const bool dense = !codes && t->ndim == 2 && strcmp(vq_suffix_of(t->name), "weight") == 0;
    if (!codes && !dense) return VQ_OK;
    const char *name = vq_module_of(t->name, a, e);
    if (!name) return VQ_E_LIMIT;
    VQ_TRY(vq_ct_config_group(c, name, &group, e));
    if (codes && !group)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s has quantized tensors; quantization_config ignores it or does not target it", name);
    if (dense && group && !is_embedding(name))
        return vq_fail(
            e, VQ_E_INPUT,
            "%s is stored dense; quantization_config puts it into %s and does not ignore it", name,
            group->name);
    if (!codes) return VQ_OK;
    if (m->count && strcmp(m->modules[m->count - 1].linear.name, name) == 0)
        return VQ_OK; /* weight beside weight_packed: a stray, found later */
    const vq_layout *layout = vq_layout_named(vq_layouts_ct, group->format, &group->scheme);
    m->modules[m->count++] = (vq_stored_module){
        .target = m->target,
        .layout = layout,
        .linear = {.name = name, .scheme = group->scheme},
    };
    return VQ_OK;
}

/* Transforms that a runtime has to do while it computes, and pruned storage, change what the
 * weights mean. */
static vq_status check_extras(vq_module_map *m, const json_t *q, vq_err *e)
{
    const char *sparse =
        json_string_value(json_object_get(json_object_get(q, "sparsity_config"), "format"));
    const json_t *cache = json_object_get(q, "kv_cache_scheme");
    if (sparse && strcmp(sparse, "dense") != 0)
        return vq_fail(e, VQ_E_INPUT, "sparsity_config: the format %.40s is not supported", sparse);
    if (json_object_size(json_object_get(json_object_get(q, "transform_config"), "config_groups")) >
        0)
        return vq_fail(e, VQ_E_INPUT, "transform_config: transforms are not supported");
    if (cache && !json_is_null(cache))
        m->note = "kv_cache_scheme is not used: keys and values are kept in full precision";
    return VQ_OK;
}

static vq_status fill_ct(vq_module_map *m, const vq_ct_config *c, const vq_tensor_set *set,
                         vq_arena *a, vq_err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < set->count; i++) n += vq_holds_codes(set->sorted[i]);
    m->modules = VQ_NEW(a, vq_stored_module, n, "quantized modules", e);
    if (!m->modules) return VQ_E_LIMIT;
    for (size_t i = 0; i < set->count; i++) VQ_TRY(add_ct(m, c, set->sorted[i], a, e));
    if (m->count == 0)
        return vq_fail(e, VQ_E_INPUT, "quantization_config is there, but no tensor is quantized");
    return VQ_OK;
}

vq_status vq_ct_modules_read(vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e)
{
    vq_ct_config *c;
    VQ_TRY(check_extras(m, f->quantization, e));
    VQ_TRY(vq_ct_config_read(&c, f->quantization, a, e));
    const vq_status status = fill_ct(m, c, f->weights, a, e);
    vq_ct_config_free(c);
    return status;
}
