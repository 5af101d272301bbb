/* figures.c -- means and standard errors over windows. */
#include "run/eval/figures.h"

#include <math.h>
#include <string.h>

/* Tokens of one window hang together: windows are the independent draws. */
static vq_figure figure_of(const double *x, const double *minus, int64_t n)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] - (minus ? minus[i] : 0);
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double d = x[i] - (minus ? minus[i] : 0) - mean;
        squares += d * d;
    }
    return (vq_figure){.mean = mean,
                       .error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN};
}

static vq_side_result side_of(const double *nll, int64_t windows)
{
    const vq_figure f = figure_of(nll, NULL, windows);
    return (vq_side_result){.perplexity = exp(f.mean), .nll = f, .window_nll = nll};
}

vq_eval_row vq_eval_figures(const char *model, const vq_windows *t, const vq_window_means *m,
                            bool paired)
{
    vq_eval_row r = {.path = model,
                     .text = t->path,
                     .windows = t->count,
                     .tokens = t->count * t->length,
                     .model = side_of(m->nll, t->count),
                     .paired = paired};
    memcpy(r.data, t->ids.sha256, sizeof r.data);
    if (!paired) return r;
    r.ref = side_of(m->ref, t->count);
    r.delta_nll = figure_of(m->nll, m->ref, t->count);
    r.kl = figure_of(m->kl, NULL, t->count);
    r.agreement = figure_of(m->agree, NULL, t->count);
    r.window_kl = m->kl;
    r.window_agreement = m->agree;
    return r;
}

const vq_eval_row *vq_eval_worst(const vq_eval_row *rows, int texts)
{
    const vq_eval_row *worst = rows;
    if (texts < 2 || !rows->paired) return NULL;
    for (int i = 1; i < texts; i++)
        if (rows[i].kl.mean > worst->kl.mean) worst = &rows[i];
    return worst;
}
