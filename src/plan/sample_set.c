/* sample_set.c -- how long calibration samples are, and how many come from where. */
#include "plan/sample_set.h"

#include <math.h>
#include <string.h>

int64_t vq_sample_tokens(const vq_plan *p)
{
    const int64_t len = p->recipe->calib.seqlen, max = p->model->graph.max_position;
    return max > 0 && len > max ? max : len;
}

/* A sample is one sequence from position 0 on: the model must know every position. */
vq_status vq_samples_check(const vq_plan *p, vq_err *e)
{
    const vq_calib_recipe *r = &p->recipe->calib;
    const int64_t max = p->model->graph.max_position;
    if (max <= 0 || r->seqlen <= max) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: calib.seqlen is %lld, and the context of the model %lld tokens: --set "
                   "calib.seqlen=%lld",
                   p->recipe->path, (long long)r->seqlen, (long long)max, (long long)max);
}

vq_calib_sources vq_sources_used(const vq_plan *p, vq_calib_sources given)
{
    static const vq_calib_source self = {.kind = VQ_KIND_SELF};
    const vq_calib_recipe *r = &p->recipe->calib;
    if (given.n) return given;
    return r->data == VQ_DATA_SELF ? (vq_calib_sources){&self, 1} : r->sources;
}

static bool same_sources(vq_calib_sources a, vq_calib_sources b)
{
    bool same = a.n == b.n;
    for (int i = 0; same && i < a.n; i++) {
        const vq_calib_source *x = &a.list[i], *y = &b.list[i];
        same = x->kind == y->kind && x->share == y->share && !x->path == !y->path &&
               (!x->path || strcmp(x->path, y->path) == 0);
    }
    return same;
}

static vq_status same_number(const vq_plan *p, const vq_plan *q, const char *key, int64_t a,
                             int64_t b, vq_err *e)
{
    if (a == b) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s has calib.%s %lld and %s %lld, and one file is made on the same samples for "
                   "all: --set calib.%s=%lld gives it to all",
                   p->recipe->path, key, (long long)a, q->recipe->path, (long long)b, key,
                   (long long)(a > b ? a : b));
}

vq_status vq_samples_agree(const vq_plan *p, const vq_plan *q, vq_calib_sources given, vq_err *e)
{
    const vq_calib_recipe *a = &p->recipe->calib, *b = &q->recipe->calib;
    VQ_TRY(same_number(p, q, "samples", a->samples, b->samples, e));
    VQ_TRY(same_number(p, q, "seqlen", a->seqlen, b->seqlen, e));
    VQ_TRY(same_number(p, q, "seed", (int64_t)a->seed, (int64_t)b->seed, e));
    const char *key = !same_sources(vq_sources_used(p, given), vq_sources_used(q, given)) ? "data"
                      : a->kind != b->kind                                                ? "kind"
                      : a->select != b->select                                            ? "select"
                      : a->plain_chat != b->plain_chat ? "template"
                                                       : NULL;
    if (!key) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s and %s have another calib.%s each, and one file is made on the same samples "
                   "for all: --set calib.%s=... gives it to all",
                   p->recipe->path, q->recipe->path, key, key);
}

/* Whole samples first; what they leave goes one by one to the largest remainders. */
static void apportion(const double *shares, int n, int64_t samples, int64_t *counts)
{
    int64_t left = samples;
    for (int i = 0; i < n; i++) {
        counts[i] = (int64_t)floor(shares[i] * (double)samples + 1e-9);
        left -= counts[i];
    }
    for (; left > 0; left--) {
        int most = 0;
        for (int i = 1; i < n; i++)
            if (shares[i] * (double)samples - (double)counts[i] >
                shares[most] * (double)samples - (double)counts[most] + 1e-9)
                most = i;
        counts[most]++;
    }
}

vq_status vq_sources_samples(const vq_plan *p, vq_calib_sources s, int64_t *counts, vq_arena *a,
                             vq_err *e)
{
    const int64_t samples = p->recipe->calib.samples;
    double *shares = VQ_ALLOC(a, double, s.n, "shares", e);
    if (!shares) return VQ_E_LIMIT;
    VQ_TRY(vq_sources_share(&s, shares, e));
    apportion(shares, s.n, samples, counts);
    for (int i = 0; i < s.n; i++)
        if (counts[i] < 1)
            return vq_fail(e, VQ_E_RECIPE,
                           "%s: its share of %.4g gives it none of the %lld calibration samples: "
                           "raise calib.samples or its share, or leave it out",
                           s.list[i].path ? s.list[i].path : "self", shares[i], (long long)samples);
    return VQ_OK;
}

int64_t vq_sources_own(const vq_plan *p, vq_calib_sources s, vq_arena *a)
{
    int64_t own = 0;
    const vq_arena_mark mark = vq_arena_here(a);
    int64_t *counts = VQ_ALLOC(a, int64_t, s.n, "shares", NULL);
    if (counts && vq_sources_samples(p, s, counts, a, NULL) == VQ_OK)
        for (int i = 0; i < s.n; i++) own += s.list[i].path ? 0 : counts[i];
    vq_arena_rewind(a, mark);
    return own;
}

int vq_samples_next(const vq_sample_part *parts, const int64_t *had, int n)
{
    int next = 0;
    double first = INFINITY;
    for (int i = 0; i < n; i++) {
        /* of the stretch of the whole that the part's next sample stands for */
        const double middle = ((double)had[i] + 0.5) / (double)parts[i].samples;
        if (had[i] >= parts[i].samples || middle >= first) continue;
        first = middle;
        next = i;
    }
    return next;
}

vq_status vq_sample_parts_copy(const vq_sample_part **parts, int n, vq_arena *a, vq_err *e)
{
    vq_sample_part *copy = VQ_NEW(a, vq_sample_part, n, "sources", e);
    if (!copy) return e->status;
    for (int i = 0; i < n; i++) {
        copy[i] = (*parts)[i];
        if (copy[i].path && !(copy[i].path = vq_arena_text(a, e, "%s", copy[i].path)))
            return e->status;
    }
    *parts = copy;
    return VQ_OK;
}
