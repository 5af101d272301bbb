/* report_eval.c -- perplexity, alone or paired with a reference. */
#include "report/report.h"

#include "json/json_make.h"

static void put_figure(vq_json_maker *m, json_t *o, const char *name, const char *error,
                       vq_figure f)
{
    vq_put_real(m, o, name, f.mean);
    vq_put_real(m, o, error, f.error);
}

static void put_side(vq_json_maker *m, json_t *o, const vq_eval_result *r,
                     const vq_side_result *side)
{
    vq_put_real(m, o, "perplexity", side->perplexity);
    put_figure(m, o, "nll", "nll_stderr", side->nll);
    vq_put_int(m, o, "tokens", r->tokens);
    vq_put_int(m, o, "windows", r->windows);
}

vq_status vq_report_eval(const vq_eval_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    put_side(&m, o, r, &r->model);
    vq_put_int(&m, o, "window", r->window);
    vq_put_real(&m, o, "seconds", r->seconds);
    vq_put_real(&m, o, "tokens_per_second", (double)r->tokens / r->seconds);
    vq_put_text(&m, o, "data_sha256", r->data);
    if (r->paired) {
        put_side(&m, vq_put_object(&m, o, "ref"), r, &r->ref);
        put_figure(&m, o, "delta_nll", "delta_nll_stderr", r->delta_nll);
        put_figure(&m, o, "kl", "kl_stderr", r->kl);
        put_figure(&m, o, "top1_agreement", "top1_agreement_stderr", r->agreement);
    }
    return vq_make_done(&m, o, "result", out, e);
}
