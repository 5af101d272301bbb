/* scoring.c -- softmax statistics gathered tile by tile over the vocabulary. */
#include "run/eval/scoring.h"

#include <math.h>

#define TILE 1024 /* vocabulary entries at a time */

/* log(e^a + e^b); a may be -inf. */
static double log_add(double a, double b)
{
    const double hi = a > b ? a : b, lo = a > b ? b : a;
    return isinf(hi) ? hi : hi + log1p(exp(lo - hi));
}

static void start_row(vq_row_score *s)
{
    *s = (vq_row_score){.lse = -INFINITY, .best = -INFINITY, .best_id = -1};
}

static double add_tile(const vq_kernels *kr, vq_row_score *s, const float *logits, int64_t v0,
                       int64_t nv, int32_t target)
{
    const double lse = kr->log_sum_exp(logits, (size_t)nv);
    float lo, hi;
    kr->range_blocks(logits, (size_t)nv, (size_t)nv, &lo, &hi);
    s->lse = log_add(s->lse, lse);
    if (target >= v0 && target < v0 + nv) s->target = (double)logits[target - v0];
    if (!(hi > s->best)) return lse;
    int64_t i = 0;
    while (i < nv - 1 && logits[i] != hi) i++;
    s->best = hi;
    s->best_id = (int32_t)(v0 + i);
    return lse;
}

/* pair->kl holds E_p[p - q] over the tiles so far, p's weights normalised by ref->lse. */
static void add_pair(const vq_kernels *kr, vq_pair_score *pair, double lse_before, double lse_now,
                     const float *p, double lse_tile, const float *q, int64_t nv)
{
    const double mean = kr->kl_row(p, lse_tile, q, 0, (size_t)nv) + lse_tile;
    const double kept = isinf(lse_before) ? 0 : exp(lse_before - lse_now);
    pair->kl = pair->kl * kept + mean * exp(lse_tile - lse_now);
}

typedef struct tiles {
    const vq_exec *x, *ref;
    const float *normed, *ref_normed;
    float *logits, *ref_logits;
    int64_t rows;
    const int32_t *targets;
    vq_row_score *scores, *ref_scores;
    vq_pair_score *pairs;
} tiles;

static void score_tile(const tiles *t, int64_t v0, int64_t nv)
{
    const vq_kernels *kr = t->x->kernels;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < t->rows; r++) {
        const float *q = t->logits + r * nv;
        (void)add_tile(kr, &t->scores[r], q, v0, nv, t->targets[r]);
        if (!t->ref) continue;
        const float *p = t->ref_logits + r * nv;
        const double before = t->ref_scores[r].lse;
        const double tile = add_tile(kr, &t->ref_scores[r], p, v0, nv, t->targets[r]);
        add_pair(kr, &t->pairs[r], before, t->ref_scores[r].lse, p, tile, q, nv);
    }
}

static void finish_pairs(const tiles *t)
{
    for (int64_t r = 0; t->ref && r < t->rows; r++)
        t->pairs[r].kl += t->scores[r].lse - t->ref_scores[r].lse;
}

static vq_status walk(const tiles *t, vq_err *e)
{
    const int64_t vocab = t->x->graph->vocab;
    for (int64_t r = 0; r < t->rows; r++) {
        start_row(&t->scores[r]);
        if (t->ref) start_row(&t->ref_scores[r]);
        if (t->ref) t->pairs[r] = (vq_pair_score){0};
    }
    for (int64_t v0 = 0; v0 < vocab; v0 += TILE) {
        const int64_t nv = vocab - v0 < TILE ? vocab - v0 : TILE;
        VQ_TRY(vq_exec_logits(t->x, t->normed, t->rows, v0, nv, t->logits, e));
        if (t->ref)
            VQ_TRY(vq_exec_logits(t->ref, t->ref_normed, t->rows, v0, nv, t->ref_logits, e));
        score_tile(t, v0, nv);
    }
    finish_pairs(t);
    return VQ_OK;
}

vq_status vq_likelihood(const vq_exec *x, const float *normed, const vq_exec *ref,
                        const float *ref_normed, int64_t rows, const int32_t *targets,
                        vq_row_score *scores, vq_row_score *ref_scores, vq_pair_score *pairs,
                        vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    tiles t = {.x = x,
               .ref = ref,
               .normed = normed,
               .ref_normed = ref_normed,
               .rows = rows,
               .targets = targets};
    t.scores = scores;
    t.ref_scores = ref_scores;
    t.pairs = pairs;
    t.logits = VQ_ALLOC(x->arena, float, rows *TILE, "logits", e);
    t.ref_logits = ref ? VQ_ALLOC(x->arena, float, rows *TILE, "logits", e) : t.logits;
    const vq_status s = t.logits && t.ref_logits ? walk(&t, e) : e->status;
    vq_arena_rewind(x->arena, mark);
    return s;
}
