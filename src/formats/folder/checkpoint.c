/* checkpoint.c -- a model folder or file as a vq_source. */
#include "formats/folder/checkpoint.h"

#include <string.h>

#include "formats/folder/not_a_model.h"
#include "formats/layouts/module_map.h"

static vq_status get_tensor(void *self, const char *name, vq_tensor *out, vq_err *e)
{
    const vq_checkpoint *c = self;
    const vq_tensor *t = vq_tensor_set_find(&c->weights, name);
    if (!t) return vq_fail(e, VQ_E_INPUT, "%s is missing from %s", name, c->path);
    *out = *t;
    return VQ_OK;
}

static bool has_tensor(void *self, const char *name)
{
    const vq_checkpoint *c = self;
    return vq_tensor_set_find(&c->weights, name) != NULL;
}

static bool float_type(vq_dtype t)
{
    return t == VQ_F32 || t == VQ_F16 || t == VQ_BF16;
}

static const vq_tensor *dense_weight(const vq_checkpoint *c, const char *module)
{
    const vq_tensor *t = vq_tensor_set_member(&c->weights, module, "weight");
    if (t || !c->head || strcmp(module, c->head) != 0) return t;
    return vq_tensor_set_find(&c->weights, c->head_from);
}

static vq_status fill_dense(const vq_checkpoint *c, const char *module, vq_linear *out, vq_err *e)
{
    const vq_tensor *t = dense_weight(c, module);
    if (!t) return vq_fail(e, VQ_E_INPUT, "%s.weight is missing from %s", module, c->path);
    if (!float_type(t->dtype))
        return vq_fail(e, VQ_E_INPUT, "%s is %s; dense weights are F32, F16 or BF16", t->name,
                       vq_dtype_name(t->dtype));
    char shape[96];
    if (t->ndim != 2 || t->shape[0] < 1 || t->shape[1] < 1)
        return vq_fail(e, VQ_E_INPUT, "%s has the shape %s; a matrix is expected", t->name,
                       vq_shape_text(t->shape, t->ndim, shape, sizeof shape));
    *out = (vq_linear){
        .name = module, .n = t->shape[0], .k = t->shape[1], .k_stored = t->shape[1], .dense = *t};
    return VQ_OK;
}

static vq_status fill_bias(const vq_checkpoint *c, const char *module, vq_linear *out, vq_err *e)
{
    const vq_tensor *t = vq_tensor_set_member(&c->weights, module, "bias");
    if (!t) return VQ_OK;
    if (!float_type(t->dtype) || t->ndim != 1 || t->shape[0] != out->n)
        return vq_fail(e, VQ_E_INPUT, "%s is not %lld numbers of type F32, F16 or BF16", t->name,
                       (long long)out->n);
    out->bias = *t;
    return VQ_OK;
}

static vq_status get_linear(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                            vq_err *e)
{
    const vq_checkpoint *c = self;
    const vq_stored_module *s = vq_module_map_find(c->modules, module);
    if (s)
        *out = s->linear;
    else
        VQ_TRY(fill_dense(c, module, out, e));
    if ((n > 0 && out->n != n) || (k > 0 && out->k != k))
        return vq_fail(e, VQ_E_INPUT, "%s is [%lld, %lld]; config.json asks for [%lld, %lld]",
                       module, (long long)out->n, (long long)out->k, (long long)n, (long long)k);
    return fill_bias(c, module, out, e);
}

static vq_status get_rows(void *self, const vq_linear *l, int64_t r0, int64_t count,
                          vq_qtensor *out, vq_arena *a, vq_err *e)
{
    const vq_checkpoint *c = self;
    const vq_stored_module *s = vq_module_map_find(c->modules, l->name);
    if (!s) return vq_fail(e, VQ_E_BUG, "%s is not quantized", l->name);
    return vq_stored_rows(s, r0, count, out, a, e);
}

static const char *folder_of(const char *path, vq_arena *a, vq_err *e)
{
    if (vq_is_dir(path)) return vq_arena_text(a, e, "%s", path);
    const int n = (int)(vq_base_name(path) - path);
    if (n == 0) return vq_arena_text(a, e, ".");
    return vq_arena_text(a, e, "%.*s", n > 1 ? n - 1 : n, path);
}

static vq_status not_read(const char *method, bool own_file, vq_err *e)
{
    char known[256];
    (void)vq_fail(e, VQ_E_INPUT,
                  "quant_method %.40s cannot be read (%s can); give the original weights", method,
                  vq_target_names(known, sizeof known));
    return own_file ? vq_at(e, "hf_quant_config.json") : VQ_E_INPUT;
}

/* Every target is asked whether the folder is its own. A method that nobody knows is no dense
 * model: its tensors do not mean what they seem to. */
static vq_status find_modules(vq_checkpoint *c, bool modelopt, vq_err *e)
{
    const json_t *q = json_object_get(c->config.root, "quantization_config");
    const char *stated = json_string_value(json_object_get(q, "quant_method"));
    const char *method = modelopt               ? "modelopt"
                         : !c->config.quantized ? NULL
                         : stated               ? stated
                                                : "(missing)";
    const vq_folder f = {.config = c->config.root,
                         .quantization = c->config.quantized ? q : NULL,
                         .method = method,
                         .weights = &c->weights};
    c->target = vq_target_of(&f);
    if (!c->target) return method ? not_read(method, modelopt, e) : VQ_OK;
    VQ_TRY(vq_module_map_new(&c->modules, c->target, &f, c->arena, e));
    c->note = c->modules->note;
    return VQ_OK;
}

static vq_status read_config(vq_checkpoint *c, vq_err *e)
{
    const char *config = vq_join(c->arena, c->dir, "config.json", e),
               *modelopt = vq_join(c->arena, c->dir, "hf_quant_config.json", e);
    if (!config || !modelopt) return VQ_E_LIMIT;
    const bool known = vq_exists(config);
    if (known) VQ_TRY(vq_hf_config_read(&c->config, config, e));
    return find_modules(c, known && vq_exists(modelopt), e);
}

vq_status vq_checkpoint_open(vq_checkpoint *c, const char *path, vq_arena *a, vq_err *e)
{
    *c = (vq_checkpoint){.arena = a};
    c->source = (vq_source){
        .self = c, .tensor = get_tensor, .has = has_tensor, .linear = get_linear, .rows = get_rows};
    c->path = vq_arena_text(a, e, "%s", path);
    c->dir = c->path ? folder_of(path, a, e) : NULL;
    if (!c->dir) return VQ_E_LIMIT;
    if (vq_container_of(path)->fallback) VQ_TRY(vq_not_a_model(path, a, e));
    c->watch = vq_folder_watch(c->dir);
    const vq_status opened = vq_tensor_set_open(&c->weights, vq_container_of(path), path, a, e);
    if (opened != VQ_OK) {
        vq_unwatch(c->watch);
        return opened;
    }
    const vq_status status = read_config(c, e);
    if (status == VQ_OK) return VQ_OK;
    vq_checkpoint_close(c);
    return vq_at(e, "%s", path);
}

void vq_checkpoint_tie(vq_checkpoint *c, const char *head, const char *from)
{
    c->head = head;
    c->head_from = from;
}

void vq_checkpoint_transpose(vq_checkpoint *c, const char *module)
{
    const vq_tensor *t = vq_tensor_set_member(&c->weights, module, "weight");
    if (!t || t->ndim != 2 || t->transposed || t->coded || vq_module_map_find(c->modules, module))
        return;
    *(vq_tensor *)(uintptr_t)t = vq_tensor_turn(t); /* the set is ours */
}

void vq_checkpoint_close(vq_checkpoint *c)
{
    vq_tensor_set_close(&c->weights);
    vq_hf_config_done(&c->config);
    vq_unwatch(c->watch);
    c->watch = NULL;
    c->modules = NULL;
}
