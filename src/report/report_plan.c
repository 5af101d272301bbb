/* report_plan.c -- what a plan says of every tensor, and what it costs. */
#include "report/report.h"

#include "json/json_make.h"

static void add_tensor(vq_json_maker *m, json_t *list, const vq_planned_tensor *t)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "name", t->name);
    vq_put_text(m, o, "role", t->role);
    json_t *shape = vq_put_array(m, o, "shape");
    for (int i = 0; i < 2; i++) vq_add_int(m, shape, t->shape[i]);
    vq_put_text(m, o, "scheme", t->scheme);
    vq_put_text(m, o, "rule", t->rule);
    vq_put_int(m, o, "bytes", (int64_t)t->bytes);
}

static void put_options(vq_json_maker *m, json_t *o, const vq_option_row *options, size_t n)
{
    json_t *list = vq_put_array(m, o, "options");
    for (size_t i = 0; i < n; i++) {
        json_t *one = vq_add_object(m, list);
        vq_put_text(m, one, "name", options[i].name);
        vq_put_text(m, one, "value", options[i].value);
        vq_put_text(m, one, "origin", options[i].origin);
    }
}

static void put_sources(vq_json_maker *m, json_t *o, const vq_plan_result *r)
{
    json_t *list = vq_put_array(m, o, "sources");
    for (int i = 0; i < r->nsources; i++) {
        json_t *one = vq_add_object(m, list);
        vq_put_text(m, one, "kind", r->sources[i].kind);
        vq_put_text(m, one, "path", r->sources[i].path);
        vq_put_int(m, one, "tokens", r->sources[i].samples * r->seqlen);
    }
}

vq_status vq_report_plan(const vq_plan_result *r, const vq_option_row *options, size_t noptions,
                         json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    json_t *tensors = vq_put_array(&m, o, "tensors");
    for (size_t i = 0; i < r->ntensors; i++) add_tensor(&m, tensors, &r->tensors[i]);
    vq_put_real(&m, o, "bits_per_weight", r->bits_per_weight);
    vq_put_real(&m, o, "bits_per_weight_most", r->bits_per_weight_most);
    vq_put_int(&m, o, "bytes", (int64_t)r->bytes);
    vq_put_int(&m, o, "bytes_most", (int64_t)r->bytes_most);
    vq_put_int(&m, o, "peak_ram", (int64_t)r->peak_bytes);
    vq_put_int(&m, o, "outside_ram", (int64_t)r->outside_bytes);
    vq_put_int(&m, o, "disk", (int64_t)r->disk);
    vq_put_int(&m, o, "disk_work", (int64_t)r->disk_work);
    vq_put_text(&m, o, "out", r->out);
    vq_put_flag(&m, o, "own_text", r->own_text);
    put_sources(&m, o, r);
    vq_put_flag(&m, o, "fits", r->fits);
    vq_put_real(&m, o, "seconds", r->seconds);
    json_t *stages = vq_put_object(&m, o, "stages");
    for (int i = 0; i < VQ_STAGES; i++) vq_put_real(&m, stages, vq_stage_names[i], r->stages[i]);
    put_options(&m, o, options, noptions);
    return vq_make_done(&m, o, "plan", out, e);
}
