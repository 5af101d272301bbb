/* report_verify.c -- an artifact's checks. */
#include "report/report.h"

#include "json/json_make.h"

static void put_worst(vq_json_maker *m, json_t *o, const vq_verify_result *r)
{
    if (!r->worst) {
        vq_put_text(m, o, "worst", NULL);
        return;
    }
    json_t *worst = vq_put_object(m, o, "worst");
    vq_put_text(m, worst, "tensor", r->worst);
    vq_put_real(m, worst, "error", r->worst_error);
    vq_put_real(m, worst, "bound", r->worst_bound);
}

vq_status vq_report_verify(const vq_verify_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_int(&m, o, "tensors", (int64_t)r->tensors);
    vq_put_int(&m, o, "not_compared", (int64_t)r->not_compared);
    json_t *kernels = vq_put_array(&m, o, "checked_kernels");
    vq_add(&m, kernels, vq_make_text(&m, "decode_row"));
    vq_add(&m, kernels, vq_make_text(&m, r->isa));
    json_t *failures = vq_put_array(&m, o, "failures");
    for (size_t i = 0; i < r->nfailures; i++) {
        json_t *one = vq_add_object(&m, failures);
        vq_put_text(&m, one, "tensor", r->failures[i].tensor);
        vq_put_text(&m, one, "what", r->failures[i].what);
    }
    put_worst(&m, o, r);
    return vq_make_done(&m, o, "result", out, e);
}
