/* ct_target.c -- compressed-tensors as a target: folders for vLLM, SGLang and transformers. Source:
 * compressed-tensors 0.20. */
#include <string.h>

#include "formats/ct/ct_config.h"
#include "formats/ct/ct_layouts.h"
#include "formats/safetensors/st_container.h"

static const char *const suffixes[] = {
    "weight_packed", "weight",      "weight_scale",     "weight_zero_point",  "weight_global_scale",
    "weight_shape",  "input_scale", "input_zero_point", "input_global_scale", NULL};
static const char *const runtimes[] = {"vllm", "sglang", NULL};
static const char *const files[] = {"config.json", NULL};

static bool float_scale(const vq_num *n)
{
    return n->scale <= VQ_SCALE_BF16;
}

static vq_status other_scale(const char *id, const char *of, const char *why, vq_scale_type t,
                             vq_err *e)
{
    static const char *const names[] = {"f32", "f16", "bf16"};
    return vq_fail(e, VQ_E_RECIPE,
                   "scheme %s: compressed-tensors has the scales of %s in %s: say scale: %s, or "
                   "nothing; --set output.format=vq has others",
                   id, of, why, names[t]);
}

/* Float scales of int and fp8 weights and of static inputs have the model's type. */
static vq_status adapt_stored(const char *id, const char *of, vq_scale_type t, vq_num *n, vq_err *e)
{
    if (n->scale_given && n->scale != t) return other_scale(id, of, "the model's type", t, e);
    n->scale = t;
    return VQ_OK;
}

/* Of inputs whose scales are made on the way, the config says no more than their grid and group:
 * readers take the one way of the peer. */
static vq_status check_dynamic(const char *id, const vq_num *n, vq_err *e)
{
    static const char of[] = "inputs made at run time";
    const char *key = n->range != VQ_RANGE_FULL                              ? "range: full"
                      : n->scale == VQ_SCALE_E8M0 && n->rule != VQ_RULE_BUMP ? "rule: bump"
                      : n->compat == VQ_COMPAT_MODELOPT ? "compat: compressed-tensors"
                                                        : NULL;
    if (float_scale(n) && n->scale != VQ_SCALE_F32)
        return other_scale(id, of, "f32", VQ_SCALE_F32, e);
    if (!key) return VQ_OK;
    return vq_fail(
        e, VQ_E_RECIPE,
        "scheme %s: compressed-tensors cannot say how scales of %s differ from %s: leave "
        "it out, or use --set output.format=vq",
        id, of, key);
}

static vq_status adapt(vq_dtype model, vq_scheme *s, vq_err *e)
{
    vq_scale_type t;
    if (s->has_act && s->act.when == VQ_DYNAMIC) VQ_TRY(check_dynamic(s->id, &s->act, e));
    if (!vq_scale_find(model, &t)) return VQ_OK;
    if (s->has_weight && float_scale(&s->weight))
        VQ_TRY(adapt_stored(s->id, "weights", t, &s->weight, e));
    if (s->has_act && float_scale(&s->act) && s->act.when == VQ_STATIC)
        VQ_TRY(adapt_stored(s->id, "static inputs", t, &s->act, e));
    return VQ_OK;
}

static vq_status takes(const vq_module *m, vq_err *e)
{
    const vq_num *w = &m->scheme->weight;
    if (!float_scale(w) || vq_scale_dtype(w) == m->model_dtype) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "compressed-tensors stores scales in the model's type %s, not in %s",
                   vq_dtype_name(m->model_dtype), vq_dtype_name(vq_scale_dtype(w)));
}

static bool owns(const vq_folder *f)
{
    return f->method && strcmp(f->method, "compressed-tensors") == 0;
}

const vq_target vq_target_ct = {
    .name = "compressed-tensors",
    .container = &vq_container_safetensors,
    .layouts = vq_layouts_ct,
    .suffixes = suffixes,
    .global_scale_divides = true,
    .act_global_scale = true,
    .adapt = adapt,
    .takes = takes,
    .runtimes = runtimes,
    .files = files,
    .write_config = vq_ct_config_write,
    .owns = owns,
    .read_config = vq_ct_modules_read,
};
