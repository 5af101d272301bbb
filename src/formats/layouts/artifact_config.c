/* artifact_config.c -- the quantization_config of either format. */
#include "formats/ct/ct_config.h"
#include "formats/layouts/num_json.h"

static json_t *entry_of(const vq_module *m)
{
    json_t *scheme = json_pack("{s:o}", "weight", vq_num_write(&m->scheme->weight));
    if (scheme && m->scheme->has_act)
        json_object_set_new(scheme, "act", vq_num_write(&m->scheme->act));
    json_t *entry =
        json_pack("{s:[I,I], s:o}", "shape", (json_int_t)m->n, (json_int_t)m->k, "scheme", scheme);
    if (entry && m->arc_s > 0)
        json_object_set_new(entry, "arc", json_pack("{s:I}", "s", (json_int_t)m->arc_s));
    if (entry && m->hadamard > 0)
        json_object_set_new(entry, "hadamard", json_integer((json_int_t)m->hadamard));
    return entry;
}

static vq_status own_config(const vq_module *modules, size_t n, json_t **out, vq_err *e)
{
    json_t *list = json_object();
    int bad = list ? 0 : -1;
    for (size_t i = 0; i < n && !bad; i++)
        bad = json_object_set_new(list, modules[i].name, entry_of(&modules[i]));
    *out = bad ? NULL
               : json_pack("{s:s, s:i, s:O}", "quant_method", "vq", "version", 1, "modules", list);
    json_decref(list);
    return *out ? VQ_OK : vq_fail(e, VQ_E_LIMIT, "no memory for quantization_config");
}

vq_status vq_format_config(vq_format f, const vq_module *modules, size_t n,
                           const char *const *dense, size_t ndense, json_t **out, vq_err *e)
{
    *out = NULL;
    return f == VQ_FORMAT_VQ ? own_config(modules, n, out, e)
                             : vq_ct_config_write(modules, n, dense, ndense, out, e);
}
