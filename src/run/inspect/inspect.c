/* inspect.c -- says what a path is: model, artifact, single file or statistics; tensors, types,
 * schemes. */
#include <stdio.h>

#include "load/model.h"
#include "run/inspect/inspect_stats.h"
#include "run/run.h"

static json_t *tensor_json(const vq_tensor *t)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++)
        (void)json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    return json_pack("{s:s, s:s, s:o, s:I}", "name", t->name, "dtype", vq_dtype_name(t->dtype),
                     "shape", shape, "bytes", (json_int_t)t->bytes);
}

static void count_into(json_t *counts, const char *key, json_int_t by)
{
    const json_int_t now = json_integer_value(json_object_get(counts, key));
    (void)json_object_set_new(counts, key, json_integer(now + by));
}

static void describe_weights(json_t *out, const vq_tensor_set *s)
{
    json_t *list = json_array(), *bytes = json_object(), *files = json_array();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(list, tensor_json(s->sorted[i]));
        count_into(bytes, vq_dtype_name(s->sorted[i]->dtype), (json_int_t)s->sorted[i]->bytes);
    }
    for (size_t i = 0; i < s->nfiles; i++)
        (void)json_array_append_new(files,
                                    json_pack("{s:s, s:I}", "name", vq_base_name(s->files[i].path),
                                              "bytes", (json_int_t)s->files[i].map.size));
    (void)json_object_set_new(out, "files", files);
    (void)json_object_set_new(out, "bytes_by_dtype", bytes);
    (void)json_object_set_new(out, "tensors", list);
}

static vq_status describe_schemes(json_t *out, const vq_checkpoint *c, vq_arena *a, vq_err *e)
{
    const char *const *names;
    const bool *quantized;
    size_t n;
    VQ_TRY(vq_checkpoint_modules(c, a, &names, &quantized, &n, e));
    json_t *schemes = json_object();
    for (size_t i = 0; i < n; i++) {
        vq_linear l;
        char weight[160], act[160], rotated[40] = "", text[380];
        if (!quantized[i]) continue;
        const vq_status s = c->source.linear(c->source.self, names[i], 0, 0, &l, e);
        if (s != VQ_OK) {
            json_decref(schemes);
            return s;
        }
        (void)vq_num_text(&l.scheme.weight, weight, sizeof weight);
        if (l.scheme.has_act) (void)vq_num_text(&l.scheme.act, act, sizeof act);
        if (l.hadamard)
            (void)snprintf(rotated, sizeof rotated, "; input rotated by %lld",
                           (long long)l.hadamard);
        (void)snprintf(text, sizeof text, "weight %s%s%s%s%s", weight,
                       l.scheme.has_act ? "; input " : "", l.scheme.has_act ? act : "", rotated,
                       l.arc_s ? "; ARC" : "");
        count_into(schemes, text, 1);
    }
    (void)json_object_set_new(out, "modules_by_scheme", schemes);
    return VQ_OK;
}

static vq_status describe_model(json_t *out, const vq_model *m, vq_arena *a, vq_err *e)
{
    const vq_hf_config *c = &m->checkpoint.config;
    const char *kind = c->quantized ? "artifact" : "model";
    (void)json_object_set_new(out, "kind", json_string(kind));
    if (*c->model_type) (void)json_object_set_new(out, "architecture", json_string(c->model_type));
    if (c->quantized) (void)json_object_set_new(out, "quant_method", json_string(c->quant_method));
    (void)json_object_set_new(out, "can_run", json_boolean(m->arch != NULL));
    if (c->quantized) VQ_TRY(describe_schemes(out, &m->checkpoint, a, e));
    describe_weights(out, &m->checkpoint.weights);
    return VQ_OK;
}

static vq_status inspect_model(const char *path, json_t **result, vq_arena *a, vq_err *e)
{
    vq_model m;
    VQ_TRY(vq_model_open(&m, path, a, e));
    json_t *out = json_object();
    const vq_status s = describe_model(out, &m, a, e);
    vq_model_close(&m);
    if (s == VQ_OK)
        *result = out;
    else
        json_decref(out);
    return s;
}

vq_status vq_run_inspect(vq_job *job, const char *path, json_t **result, vq_err *e)
{
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    const vq_status s = vq_is_stats_path(path) ? vq_inspect_stats(path, result, &a, e)
                                               : inspect_model(path, result, &a, e);
    vq_arena_done(&a);
    return s;
}
