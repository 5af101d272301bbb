/* coverage.c -- sketched sums of x x^T for each half of each source, and their angles. */
#include "calib/coverage.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"

#define CHANNEL_TILE 64
#define DEGREES (180 / M_PI)
/* A source alone excites a channel that is so many times louder in it than in any other, and has this
 * share of the mean over channels and sources: ten times what gptq adds to a diagonal by default. */
#define LOUDER 10
#define AUDIBLE 0.1

static vq_status make_hash(vq_cover_sums *s, vq_arena *a, vq_err *e)
{
    s->bucket = VQ_ALLOC(a, int32_t, s->k, "coverage of sources", e);
    s->sign = s->bucket ? VQ_ALLOC(a, float, s->k, "coverage of sources", e) : NULL;
    if (!s->sign) return e->status;
    for (int64_t c = 0; c < s->k; c++) {
        const uint64_t z = vq_rng_at(0, (uint64_t)c);
        s->bucket[c] = (int32_t)(z % VQ_COVER_BUCKETS);
        s->sign[c] = z >> 63 ? -1 : 1;
    }
    return VQ_OK;
}

vq_status vq_cover_new(vq_cover_sums *s, int64_t k, int sources, vq_arena *a, vq_err *e)
{
    const int64_t m = k < VQ_COVER_BUCKETS ? k : VQ_COVER_BUCKETS, halves = 2 * (int64_t)sources;
    *s = (vq_cover_sums){.k = k, .m = m, .sources = sources};
    if (k > m) VQ_TRY(make_hash(s, a, e));
    s->tokens = VQ_NEW(a, int64_t, halves, "coverage of sources", e);
    s->energy = s->tokens ? VQ_NEW(a, double, halves *k, "coverage of sources", e) : NULL;
    s->gram = s->energy ? VQ_NEW(a, float, halves *m *m, "coverage of sources", e) : NULL;
    s->products = s->gram ? VQ_ALLOC(a, double, halves *halves, "coverage of sources", e) : NULL;
    return s->products ? VQ_OK : e->status;
}

static void add_energy(double *sum, const float *x, int64_t tokens, int64_t k)
{
#pragma omp parallel for schedule(static) if (tokens * k > VQ_PARALLEL_MIN)
    for (int64_t c0 = 0; c0 < k; c0 += CHANNEL_TILE) {
        const int64_t c1 = c0 + CHANNEL_TILE < k ? c0 + CHANNEL_TILE : k;
        for (int64_t t = 0; t < tokens; t++)
            for (int64_t c = c0; c < c1; c++) sum[c] += (double)x[t * k + c] * (double)x[t * k + c];
    }
}

static void sketch(const vq_cover_sums *s, const float *x, int64_t tokens, float *out)
{
#pragma omp parallel for schedule(static) if (tokens * s->k > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < tokens; t++) {
        float *row = memset(out + t * s->m, 0, (size_t)s->m * sizeof *out);
        for (int64_t c = 0; c < s->k; c++) row[s->bucket[c]] += s->sign[c] * x[t * s->k + c];
    }
}

vq_status vq_cover_add(vq_cover_sums *s, const vq_kernels *kr, const vq_rows *x, const int *half,
                       vq_arena *scratch, vq_err *e)
{
    const int64_t tokens = x->length - 1; /* without the first */
    vq_kernels f32 = *kr;
    f32.bf16 = NULL; /* as the squares beside them */
    assert(x->width == s->k);
    if (tokens < 1) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(scratch);
    float *buckets =
        s->bucket ? VQ_ALLOC(scratch, float, tokens * s->m, "coverage of sources", e) : NULL;
    if (s->bucket && !buckets) return e->status;
    for (int64_t i = 0; i < x->samples; i++) {
        const float *in = x->x + (i * x->length + 1) * x->width;
        add_energy(s->energy + half[i] * s->k, in, tokens, s->k);
        if (s->bucket) sketch(s, in, tokens, buckets);
        vq_gemm_tn_add_lower(&f32, tokens, s->m, s->bucket ? buckets : in, s->m,
                             s->gram + half[i] * s->m * s->m, s->m);
        s->tokens[half[i]] += tokens;
    }
    vq_arena_rewind(scratch, mark);
    return VQ_OK;
}

/* What is left on the diagonal of a sketch without the squares of single channels: products of two
 * channels that share a bucket. */
static void take_squares_out(const vq_cover_sums *s, int half)
{
    float *gram = s->gram + half * s->m * s->m;
    const double *energy = s->energy + half * s->k;
    for (int64_t i = 0; i < s->m && !s->bucket; i++) gram[i * s->m + i] = 0;
    for (int64_t c = 0; c < s->k && s->bucket; c++) {
        float *at = &gram[s->bucket[c] * (s->m + 1)];
        *at = (float)((double)*at - energy[c]);
    }
}

/* <S, T> of two halves. Two channels that share a bucket stand twice in its entry, whose square
 * counts them four times and stands for two. */
static double product(const vq_cover_sums *s, int a, int b)
{
    const float *p = s->gram + a * s->m * s->m, *q = s->gram + b * s->m * s->m;
    double squares = 0, pairs = 0, shared = 0;
    for (int64_t c = 0; c < s->k; c++) squares += s->energy[a * s->k + c] * s->energy[b * s->k + c];
    for (int64_t i = 0; i < s->m; i++) {
        for (int64_t j = 0; j < i; j++) pairs += (double)p[i * s->m + j] * (double)q[i * s->m + j];
        shared += (double)p[i * s->m + i] * (double)q[i * s->m + i];
    }
    return squares + 2 * pairs + shared / 2;
}

static void all_products(const vq_cover_sums *s)
{
    const int n = 2 * s->sources;
    for (int i = 0; i < n; i++) take_squares_out(s, i);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            s->products[i * n + j] = s->products[j * n + i] = product(s, i, j);
}

/* <S, T> of two sources, each a mean over its tokens. */
static double between(const vq_cover_sums *s, int a, int b)
{
    const double *p = s->products + (2 * a) * (2 * s->sources) + 2 * b,
                 *q = p + 2 * s->sources; /* the rows of both halves of a */
    return (p[0] + p[1] + q[0] + q[1]) / (double)(s->tokens[2 * a] + s->tokens[2 * a + 1]) /
           (double)(s->tokens[2 * b] + s->tokens[2 * b + 1]);
}

/* Of two sums with these scalar products; NaN: one of them is 0. */
static double angle(double st, double ss, double tt)
{
    const double cosine = st / sqrt(ss) / sqrt(tt);
    return acos(cosine > 1 ? 1 : cosine < 0 ? 0 : cosine) * DEGREES;
}

static double angle_between(const vq_cover_sums *s, int a, int b)
{
    return a == b ? 0 : angle(between(s, a, b), between(s, a, a), between(s, b, b));
}

static double angle_to_others(const vq_cover_sums *s, int source)
{
    double with = 0, among = 0;
    for (int i = 0; i < s->sources; i++) {
        if (i == source) continue;
        with += between(s, source, i);
        for (int j = 0; j < s->sources; j++) among += j == source ? 0 : between(s, i, j);
    }
    return angle(with, between(s, source, source), among);
}

static double angle_of_halves(const vq_cover_sums *s, int source)
{
    const double *p = s->products + (2 * source) * (2 * s->sources) + 2 * source,
                 *q = p + 2 * s->sources;
    return angle(p[1], p[0], q[1]);
}

/* Mean square of a channel in a half; of one without tokens NaN. */
static double loudness(const vq_cover_sums *s, int half, int64_t c)
{
    return s->energy[half * s->k + c] / (double)s->tokens[half];
}

static double loudness_of(const vq_cover_sums *s, int source, int64_t c)
{
    const int h = 2 * source;
    return (s->energy[h * s->k + c] + s->energy[(h + 1) * s->k + c]) /
           (double)(s->tokens[h] + s->tokens[h + 1]);
}

static double mean_loudness(const vq_cover_sums *s)
{
    double sum = 0;
    for (int i = 0; i < s->sources; i++)
        for (int64_t c = 0; c < s->k; c++) sum += loudness_of(s, i, c);
    return sum / (double)s->sources / (double)s->k;
}

/* The source that alone excites a channel, in both of its halves: one odd token does not make a
 * source. -1: none does. */
static int lone_source(const vq_cover_sums *s, int64_t c, double mean)
{
    int most = 0;
    double first = -1, second = 0;
    for (int i = 0; i < s->sources; i++) {
        const double here = loudness_of(s, i, c);
        second = fmax(second, fmin(here, first));
        if (here > first) most = i;
        first = fmax(first, here);
    }
    const double enough = fmax(LOUDER * second, AUDIBLE * mean);
    /* a half without tokens is NaN, which is not above */
    return loudness(s, 2 * most, c) > enough && loudness(s, 2 * most + 1, c) > enough ? most : -1;
}

static void count_alone(const vq_cover_sums *s, int64_t *alone)
{
    const double mean = mean_loudness(s);
    for (int64_t c = 0; c < s->k; c++) {
        const int source = lone_source(s, c, mean);
        if (source >= 0) alone[source]++;
    }
}

vq_status vq_cover_end(vq_cover_sums *s, vq_covered *out, vq_arena *a, vq_err *e)
{
    const int n = s->sources;
    double *angles = VQ_ALLOC(a, double, n *(n + 2), "coverage of sources", e);
    int64_t *alone = angles ? VQ_NEW(a, int64_t, n, "coverage of sources", e) : NULL;
    if (!alone) return VQ_E_LIMIT; /* e may be NULL */
    double *others = angles + n * n, *halves = others + n;
    all_products(s);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) angles[i * n + j] = angle_between(s, i, j);
        others[i] = angle_to_others(s, i);
        halves[i] = angle_of_halves(s, i);
    }
    count_alone(s, alone);
    out->k = s->k;
    out->angles = angles;
    out->others = others;
    out->halves = halves;
    out->alone = alone;
    return VQ_OK;
}
