/* report_eval.c -- perplexity of models on texts, alone or paired with a reference. */
#include "report/report.h"

#include "run/run.h"
#include "json/json_make.h"

static void put_figure(vq_json_maker *m, json_t *o, const char *name, const char *error,
                       vq_figure f)
{
    vq_put_real(m, o, name, f.mean);
    vq_put_real(m, o, error, f.error);
}

static void put_side(vq_json_maker *m, json_t *o, const vq_eval_row *r, const vq_side_result *side)
{
    vq_put_real(m, o, "perplexity", side->perplexity);
    put_figure(m, o, "nll", "nll_stderr", side->nll);
    vq_put_int(m, o, "tokens", r->tokens);
    vq_put_int(m, o, "windows", r->windows);
}

static void put_run(vq_json_maker *m, json_t *o, const vq_eval_result *r)
{
    int64_t tokens = 0;
    for (int i = 0; i < r->models * r->texts; i++) tokens += r->rows[i].tokens;
    vq_put_int(m, o, "window", r->window);
    vq_put_real(m, o, "seconds", r->seconds);
    vq_put_real(m, o, "tokens_per_second", (double)tokens / r->seconds);
}

static void put_data(vq_json_maker *m, json_t *o, const vq_eval_row *r)
{
    vq_put_text(m, o, "data_sha256", r->data);
    if (!r->paired) return;
    put_side(m, vq_put_object(m, o, "ref"), r, &r->ref);
    put_figure(m, o, "delta_nll", "delta_nll_stderr", r->delta_nll);
    put_figure(m, o, "kl", "kl_stderr", r->kl);
    put_figure(m, o, "top1_agreement", "top1_agreement_stderr", r->agreement);
}

static void put_texts(vq_json_maker *m, json_t *o, const vq_eval_row *rows, int n)
{
    json_t *texts = vq_put_array(m, o, "texts");
    for (int i = 0; i < n; i++) {
        json_t *text = vq_add_object(m, texts);
        vq_put_text(m, text, "data", rows[i].text);
        put_side(m, text, &rows[i], &rows[i].model);
        put_data(m, text, &rows[i]);
    }
    const vq_eval_row *worst = vq_eval_worst(rows, n);
    if (!worst) return;
    json_t *at = vq_put_object(m, o, "worst");
    vq_put_text(m, at, "data", worst->text);
    put_figure(m, at, "kl", "kl_stderr", worst->kl);
}

static void put_models(vq_json_maker *m, json_t *o, const vq_eval_result *r)
{
    json_t *models = vq_put_array(m, o, "models");
    for (int i = 0; i < r->models; i++) {
        json_t *model = vq_add_object(m, models);
        vq_put_text(m, model, "model", r->rows[i * r->texts].path);
        put_texts(m, model, r->rows + (ptrdiff_t)i * r->texts, r->texts);
    }
}

vq_status vq_report_eval(const vq_eval_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    if (r->models > 1) put_models(&m, o, r);
    if (r->models == 1 && r->texts > 1) put_texts(&m, o, r->rows, r->texts);
    if (r->models == 1 && r->texts == 1) put_side(&m, o, r->rows, &r->rows->model);
    put_run(&m, o, r);
    if (r->models == 1 && r->texts == 1) put_data(&m, o, r->rows);
    return vq_make_done(&m, o, "result", out, e);
}
