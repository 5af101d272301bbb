/* report_doctor.c -- what this machine has, and whether the self-test passes. */
#include "report/report.h"

#include "json/json_make.h"

static void put_checks(vq_json_maker *m, json_t *o, const vq_doctor_result *r)
{
    json_t *checks = vq_put_array(m, o, "checks");
    for (size_t i = 0; i < r->nchecks; i++) {
        json_t *row = vq_add_object(m, checks);
        vq_put_text(m, row, "name", r->checks[i].name);
        vq_put_flag(m, row, "ok", r->checks[i].ok);
        vq_put_text(m, row, "why", r->checks[i].why);
    }
}

vq_status vq_report_doctor(const vq_doctor_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "version", r->version);
    vq_put_text(&m, o, "cpu", r->cpu);
    vq_put_text(&m, o, "features", r->features);
    vq_put_text(&m, o, "isa", r->isa);
    vq_put_int(&m, o, "threads", r->threads);
    vq_put_int(&m, o, "processors", r->processors);
    vq_put_int(&m, o, "memory", (int64_t)r->memory);
    vq_put_int(&m, o, "memory_free", (int64_t)r->memory_free);
    vq_put_int(&m, o, "page", (int64_t)r->page);
    vq_put_int(&m, o, "disk_free", (int64_t)r->disk_free);
    vq_put_text(&m, o, "blas", r->blas);
    vq_put_text(&m, o, "libraries", r->libraries);
    vq_put_text(&m, o, "cuda", NULL);
    put_checks(&m, o, r);
    vq_put_real(&m, o, "seconds", r->seconds);
    return vq_make_done(&m, o, "result", out, e);
}
