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

/* Float scales of int and fp8 weights and of static inputs have the model's type. */
static void adapt(vq_dtype model, vq_scheme *s)
{
    vq_scale_type t;
    if (!vq_scale_find(model, &t)) return;
    if (s->has_weight && float_scale(&s->weight)) s->weight.scale = t;
    if (s->has_act && float_scale(&s->act) && s->act.when == VQ_STATIC) s->act.scale = t;
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
