/* module_map.c -- config and tensors of an artifact brought together, both ways. */
#include "formats/layouts/module_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/num/hadamard_matrix.h"
#include "formats/ct/ct_config.h"
#include "formats/layouts/num_json.h"

static int by_name(const void *a, const void *b)
{
    const vq_stored_module *x = a, *y = b;
    return strcmp(x->linear.name, y->linear.name);
}

const vq_stored_module *vq_module_map_find(const vq_module_map *m, const char *module)
{
    const vq_stored_module key = {.linear.name = module};
    return m && m->count ? bsearch(&key, m->modules, m->count, sizeof key, by_name) : NULL;
}

/* The part of a tensor's name behind the last dot; "" without one. */
static const char *suffix_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : "";
}

static char *module_of(const char *name, vq_arena *a, vq_err *e)
{
    const char *suffix = suffix_of(name);
    const int n = *suffix ? (int)(suffix - name) - 1 : (int)strlen(name);
    return vq_arena_text(a, e, "%.*s", n, name);
}

static bool dense_type(vq_dtype t)
{
    return t == VQ_F32 || t == VQ_F16 || t == VQ_BF16 || t == VQ_F64;
}

/* A tensor that only a quantized module has. */
static bool holds_codes(const vq_tensor *t)
{
    const char *suffix = suffix_of(t->name);
    return strcmp(suffix, "weight_packed") == 0 ||
           (strcmp(suffix, "weight") == 0 && t->ndim >= 2 && !dense_type(t->dtype));
}

/* Scales and the like must belong to a module, and to its layout. */
static vq_status check_stray(const vq_module_map *m, const vq_tensor *t, vq_arena *a, vq_err *e)
{
    static const char *const more[] = {"weight_g_idx", "weight_scale_inv", "qweight", "qzeros",
                                       "weight_scale_2"};
    const char *suffix = suffix_of(t->name);
    bool known = false;
    for (int i = 0; vq_layout_suffix(m->format, i); i++)
        known |= strcmp(vq_layout_suffix(m->format, i), suffix) == 0;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) known |= strcmp(more[i], suffix) == 0;
    if (!known || (strcmp(suffix, "weight") == 0 && !holds_codes(t))) return VQ_OK;
    const vq_arena_mark here = vq_arena_here(a);
    const char *name = module_of(t->name, a, e);
    if (!name) return VQ_E_LIMIT;
    const vq_stored_module *s = vq_module_map_find(m, name);
    bool used = false;
    for (int i = 0; s && i < VQ_LAYOUT_FIELDS; i++) used |= s->tensors[i] == t;
    vq_arena_rewind(a, here);
    if (used) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: %s", t->name,
                   s ? "the layout of its module has no such tensor"
                     : "it belongs to no quantized module of the config");
}

static vq_status check_strays(const vq_module_map *m, const vq_tensor_set *set, vq_arena *a,
                              vq_err *e)
{
    for (size_t i = 0; i < set->count; i++) VQ_TRY(check_stray(m, set->sorted[i], a, e));
    return VQ_OK;
}

/* Tables of vectors that are looked up are no Linear modules, though they are matrices too. */
static bool is_embedding(const char *module)
{
    const char *last = suffix_of(module);
    if (!*last) last = module;
    return strstr(last, "embed") || strcmp(last, "wte") == 0 || strcmp(last, "wpe") == 0;
}

static vq_status add_ct(vq_module_map *m, const vq_ct_config *c, const vq_tensor *t, vq_arena *a,
                        vq_err *e)
{
    const vq_ct_group *group;
    const bool codes = holds_codes(t);
    const bool dense = !codes && t->ndim == 2 && strcmp(suffix_of(t->name), "weight") == 0;
    if (!codes && !dense) return VQ_OK;
    const char *name = module_of(t->name, a, e);
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
    const vq_layout *layout = vq_layout_named(VQ_FORMAT_CT, group->format, &group->scheme);
    m->modules[m->count++] =
        (vq_stored_module){.linear = {.name = name, .scheme = group->scheme}, .layout = layout};
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
    for (size_t i = 0; i < set->count; i++) n += holds_codes(set->sorted[i]);
    m->modules = VQ_NEW(a, vq_stored_module, n, "quantized modules", e);
    if (!m->modules) return VQ_E_LIMIT;
    for (size_t i = 0; i < set->count; i++) VQ_TRY(add_ct(m, c, set->sorted[i], a, e));
    if (m->count == 0)
        return vq_fail(e, VQ_E_INPUT, "quantization_config is there, but no tensor is quantized");
    return VQ_OK;
}

vq_status vq_module_map_ct(vq_module_map *m, const json_t *q, const vq_tensor_set *set, vq_arena *a,
                           vq_err *e)
{
    vq_ct_config *c;
    VQ_TRY(check_extras(m, q, e));
    VQ_TRY(vq_ct_config_read(&c, q, a, e));
    const vq_status status = fill_ct(m, c, set, a, e);
    vq_ct_config_free(c);
    return status;
}

static vq_status read_int(const json_t *v, const char *what, int64_t *out, vq_err *e)
{
    *out = json_integer_value(v);
    if (json_is_integer(v) && *out >= 1 && *out <= INT32_MAX) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s is not a whole number from 1 to 2147483647", what);
}

static vq_status read_scheme(const json_t *o, vq_scheme *s, vq_err *e)
{
    const json_t *act = json_object_get(o, "act");
    s->has_weight = true;
    s->has_act = act != NULL;
    if (vq_num_read(json_object_get(o, "weight"), &s->weight, e) != VQ_OK)
        return vq_at(e, "scheme > weight");
    if (act && vq_num_read(act, &s->act, e) != VQ_OK) return vq_at(e, "scheme > act");
    vq_scheme_recognize(s, "own");
    return VQ_OK;
}

static vq_status read_arc(const json_t *entry, vq_linear *l, vq_err *e)
{
    const json_t *arc = json_object_get(entry, "arc");
    if (!arc) return VQ_OK;
    VQ_TRY(read_int(json_object_get(arc, "s"), "arc > s", &l->arc_s, e));
    const int64_t block = vq_arc_block(&l->scheme);
    if (block == 0)
        return vq_fail(e, VQ_E_INPUT, "arc: weight and input do not have blocks of the same width");
    if (l->arc_s % block || l->k % block || l->arc_s > l->k)
        return vq_fail(e, VQ_E_INPUT,
                       "arc: s = %lld does not fit %lld input channels in blocks of %lld",
                       (long long)l->arc_s, (long long)l->k, (long long)block);
    return VQ_OK;
}

static vq_status read_hadamard(const json_t *entry, vq_linear *l, vq_err *e)
{
    const json_t *block = json_object_get(entry, "hadamard");
    if (!block) return VQ_OK;
    VQ_TRY(read_int(block, "hadamard", &l->hadamard, e));
    if (vq_hadamard_block(l->hadamard) && l->k % l->hadamard == 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "hadamard: %lld does not fit %lld input channels; blocks divide them and are "
                   "powers of two from 16 on, or such times "
                   "12, 20, 28, 36, ...",
                   (long long)l->hadamard, (long long)l->k);
}

static vq_status add_own(vq_module_map *m, const char *name, const json_t *entry, vq_arena *a,
                         vq_err *e)
{
    vq_stored_module *s = &m->modules[m->count];
    vq_linear *l = &s->linear;
    const json_t *shape = json_object_get(entry, "shape");
    l->name = vq_arena_text(a, e, "%s", name);
    if (!l->name) return VQ_E_LIMIT;
    VQ_TRY(read_int(json_array_get(shape, 0), "shape", &l->n, e));
    VQ_TRY(read_int(json_array_get(shape, 1), "shape", &l->k, e));
    VQ_TRY(read_scheme(json_object_get(entry, "scheme"), &l->scheme, e));
    VQ_TRY(read_arc(entry, l, e));
    VQ_TRY(read_hadamard(entry, l, e));
    s->layout = vq_layout_for(VQ_FORMAT_VQ, &l->scheme);
    if (!s->layout)
        return vq_fail(e, VQ_E_INPUT, "scheme: weights per token or inputs per channel");
    m->count++;
    return VQ_OK;
}

vq_status vq_module_map_own(vq_module_map *m, const json_t *q, const vq_tensor_set *set,
                            vq_arena *a, vq_err *e)
{
    json_t *modules = json_object_get(q, "modules");
    const json_int_t version = json_integer_value(json_object_get(q, "version"));
    const char *name;
    json_t *entry;
    (void)set;
    if (version != 1)
        return vq_fail(
            e, VQ_E_INPUT,
            "quantization_config: version %lld of the vq format is not known; this program knows 1",
            (long long)version);
    if (json_object_size(modules) == 0)
        return vq_fail(e, VQ_E_INPUT, "quantization_config: modules are missing");
    m->modules = VQ_NEW(a, vq_stored_module, json_object_size(modules), "quantized modules", e);
    if (!m->modules) return VQ_E_LIMIT;
    json_object_foreach(modules, name,
                        entry) if (add_own(m, name, entry, a, e) !=
                                   VQ_OK) return vq_at(e, "quantization_config > modules > %.100s",
                                                       name);
    return VQ_OK;
}

vq_status vq_module_map_new(vq_module_map **out, const json_t *q, const vq_tensor_set *set,
                            vq_arena *a, vq_err *e)
{
    vq_module_map *m = *out = VQ_NEW(a, vq_module_map, 1, "quantized modules", e);
    const char *method = json_string_value(json_object_get(q, "quant_method"));
    if (!m) return VQ_E_LIMIT;
    if (!method || !vq_format_find(method, &m->format))
        return vq_fail(e, VQ_E_INPUT,
                       "quant_method %.40s is not supported; compressed-tensors and vq are",
                       method ? method : "(missing)");
    VQ_TRY((m->format == VQ_FORMAT_CT ? vq_module_map_ct : vq_module_map_own)(m, q, set, a, e));
    qsort(m->modules, m->count, sizeof *m->modules, by_name);
    for (size_t i = 0; i < m->count; i++) VQ_TRY(vq_stored_fill(&m->modules[i], set, a, e));
    return check_strays(m, set, a, e);
}
