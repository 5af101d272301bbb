/* report_explain.c -- a recipe in words. */
#include "report/report.h"

#include "json/json_make.h"

static void add_rule(vq_json_maker *m, json_t *list, const vq_explained_rule *r, bool with_model)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "rule", r->rule);
    vq_put_text(m, o, "takes", r->takes);
    vq_put_text(m, o, "scheme", r->scheme);
    vq_put_text(m, o, "means", r->means);
    vq_put_flag(m, o, "optional", r->optional);
    if (!with_model) return;
    vq_put_int(m, o, "tensors", (int64_t)r->count);
    vq_put_int(m, o, "bytes_before", (int64_t)r->bytes_before);
    vq_put_int(m, o, "bytes", (int64_t)r->bytes);
    json_t *names = vq_put_array(m, o, "names");
    for (size_t i = 0; i < r->count && i < VQ_EXPLAIN_NAMES; i++)
        vq_add(m, names, vq_make_text(m, r->names[i]));
}

vq_status vq_report_explain(const vq_explain_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "name", r->name);
    vq_put_text(&m, o, "about", r->about);
    json_t *rules = vq_put_array(&m, o, "rules");
    for (size_t i = 0; i < r->nrules; i++) add_rule(&m, rules, &r->rules[i], r->with_model);
    json_t *passes = vq_put_array(&m, o, "passes");
    for (size_t i = 0; i < r->npasses; i++) {
        json_t *row = vq_add_object(&m, passes);
        vq_put_text(&m, row, "name", r->passes[i].name);
        vq_put_text(&m, row, "doc", r->passes[i].doc);
        vq_put_text(&m, row, "options", r->passes[i].options);
    }
    vq_put_text(&m, o, "data", r->data);
    vq_put_text(&m, o, "format", r->format);
    if (r->with_model) vq_put_text(&m, o, "statistics", r->statistics);
    if (r->with_model) vq_put_int(&m, o, "unruled", (int64_t)r->unruled);
    return vq_make_done(&m, o, "recipe", out, e);
}
