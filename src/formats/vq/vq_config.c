/* vq_config.c -- the quantization_config of the vq format: an entry per module with its shape, its
 * scheme, and what the runtime does to its input. */
#include "formats/vq/vq_config.h"

#include "base/num/hadamard_matrix.h"
#include "formats/layouts/module_map.h"
#include "formats/vq/num_json.h"
#include "json/json_make.h"

static void put_entry(vq_json_maker *to, json_t *list, const vq_module *m)
{
    json_t *entry = vq_put_object(to, list, m->name);
    json_t *shape = vq_put_array(to, entry, "shape");
    vq_add_int(to, shape, m->n);
    vq_add_int(to, shape, m->k);
    json_t *scheme = vq_put_object(to, entry, "scheme");
    vq_put(to, scheme, "weight", vq_num_write(&m->scheme->weight));
    if (m->scheme->has_act) vq_put(to, scheme, "act", vq_num_write(&m->scheme->act));
    if (m->arc_s > 0) vq_put_int(to, vq_put_object(to, entry, "arc"), "s", m->arc_s);
    if (m->hadamard > 0) vq_put_int(to, entry, "hadamard", m->hadamard);
}

vq_status vq_own_config_write(const vq_module *modules, size_t n, const char *const *dense,
                              size_t ndense, json_t **out, vq_err *e)
{
    (void)dense;
    (void)ndense;
    vq_json_maker m = {0};
    json_t *root = vq_make_object(&m);
    vq_put_text(&m, root, "quant_method", "vq");
    vq_put_int(&m, root, "version", 1);
    json_t *list = vq_put_object(&m, root, "modules");
    for (size_t i = 0; i < n; i++) put_entry(&m, list, &modules[i]);
    return vq_make_done(&m, root, "quantization_config", out, e);
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

static vq_status add_module(vq_module_map *m, const char *name, const json_t *entry, vq_arena *a,
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
    s->target = m->target;
    s->layout = vq_layout_for(m->target->layouts, &l->scheme);
    if (!s->layout)
        return vq_fail(e, VQ_E_INPUT, "scheme: weights per token or inputs per channel");
    m->count++;
    return VQ_OK;
}

vq_status vq_own_config_read(vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e)
{
    json_t *modules = json_object_get(f->quantization, "modules");
    const json_int_t version = json_integer_value(json_object_get(f->quantization, "version"));
    const char *name;
    json_t *entry;
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
                        entry) if (add_module(m, name, entry, a, e) !=
                                   VQ_OK) return vq_at(e, "quantization_config > modules > %.100s",
                                                       name);
    return VQ_OK;
}
