/* sampling.c -- greedy choice, and seeded draws from a softmax that is cut. */
#include "run/generate/sampling.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

static int32_t most_likely(const float *logits, int64_t vocab)
{
    int64_t best = 0;
    for (int64_t v = 0; v < vocab; v++) {
        if (isnan(logits[v])) return -1;
        if (logits[v] > logits[best]) best = v;
    }
    return isfinite(logits[best]) ? (int32_t)best : -1;
}

/* Larger logits first; of equal ones the lower id. */
static int by_logit(const void *a, const void *b)
{
    const vq_candidate *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static double weight(const vq_sampling *s, const vq_candidate *c, int64_t i)
{
    return exp(((double)c[i].logit - (double)c[0].logit) / s->temperature);
}

/* A token stays when what is likelier has less than top_p together. */
static int64_t cut_mass(const vq_sampling *s, const vq_candidate *c, int64_t n, double *kept)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += weight(s, c, i);
    int64_t stay = 0;
    for (*kept = 0; stay < n && *kept < s->top_p * sum; stay++) *kept += weight(s, c, stay);
    return stay;
}

int32_t vq_sample(const vq_sampling *s, const float *logits, int64_t vocab, uint64_t position,
                  vq_candidate *room)
{
    const int32_t best = most_likely(logits, vocab);
    if (best < 0 || s->temperature <= 0) return best;
    for (int64_t v = 0; v < vocab; v++) room[v] = (vq_candidate){logits[v], (int32_t)v};
    qsort(room, (size_t)vocab, sizeof *room, by_logit);
    double kept, reached = 0;
    const int64_t top = s->top_k > 0 && s->top_k < vocab ? s->top_k : vocab,
                  n = cut_mass(s, room, top, &kept);
    const double target = vq_rng_unit(s->seed, position) * kept;
    for (int64_t i = 0; i < n; i++) {
        reached += weight(s, room, i);
        if (reached > target) return room[i].id;
    }
    return room[n > 0 ? n - 1 : 0].id;
}
