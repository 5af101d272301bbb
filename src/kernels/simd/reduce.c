/* reduce.c -- ranges and sums over a row, 16 partial results each (lanes.h). */
#include "kernels/simd/lanes.h"

int VQ_FN(all_finite)(const float *x, size_t n)
{
    vi bad = {0};
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) bad |= vf_magnitude(vf_load(x + i)) >= 0x7F800000;
    if (i < n) bad |= vf_magnitude(vf_load_n(x + i, n - i, 0.0F)) >= 0x7F800000;
    int32_t lane[VQ_L], any = 0;
    memcpy(lane, &bad, sizeof bad);
    for (size_t l = 0; l < VQ_L; l++) any |= lane[l];
    return any == 0;
}

float VQ_FN(absmax)(const float *x, size_t n)
{
    vi most = {0};
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) {
        const vi a = vf_magnitude(vf_load(x + i));
        most = vi_pick(a > most, a, most);
    }
    if (i < n) {
        const vi a = vf_magnitude(vf_load_n(x + i, n - i, 0.0F));
        most = vi_pick(a > most, a, most);
    }
    int32_t lane[VQ_L], top = 0;
    memcpy(lane, &most, sizeof most);
    for (size_t l = 0; l < VQ_L; l++) top = lane[l] > top ? lane[l] : top;
    float out;
    memcpy(&out, &top, sizeof out);
    return out;
}

typedef struct range {
    vf lo[VQ_ACC], hi[VQ_ACC];
} range;

static inline void range_step(range *r, const float *x)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        const vf v = vf_load(x + a * VQ_L);
        r->lo[a] = vf_min(v, r->lo[a]);
        r->hi[a] = vf_max(v, r->hi[a]);
    }
}

/* One run: whole steps of 16, then a step whose missing places repeat the first element. */
static inline void range_of(const float *x, size_t n, float *lo, float *hi)
{
    range r;
    for (size_t a = 0; a < VQ_ACC; a++) r.lo[a] = r.hi[a] = vf_all(x[0]);
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) range_step(&r, x + i);
    if (i < n) {
        float tail[VQ_PARTS];
        vq_pad(tail, x + i, n - i, x[0]);
        range_step(&r, tail);
    }
    *lo = vf_lowest(r.lo);
    *hi = vf_highest(r.hi);
}

void VQ_FN(range_blocks)(const float *x, size_t n, size_t block, float *lo, float *hi)
{
    for (size_t i = 0, g = 0; i < n; i += block, g++)
        range_of(x + i, n - i < block ? n - i : block, lo + g, hi + g);
}

void VQ_FN(range_columns)(float *lo, float *hi, const float *x, size_t ldx, size_t rows, size_t n)
{
    size_t i = 0;
    for (; i + 4 * VQ_L <= n; i += 4 * VQ_L) {
        vf least[4], most[4];
        memcpy(least, lo + i, sizeof least);
        memcpy(most, hi + i, sizeof most);
        for (size_t r = 0; r < rows; r++) {
            for (size_t a = 0; a < 4; a++) {
                const vf v = vf_load(x + r * ldx + i + a * VQ_L);
                least[a] = vf_min(v, least[a]);
                most[a] = vf_max(v, most[a]);
            }
        }
        memcpy(lo + i, least, sizeof least);
        memcpy(hi + i, most, sizeof most);
    }
    for (; i < n; i++) {
        for (size_t r = 0; r < rows; r++) {
            const float v = x[r * ldx + i];
            lo[i] = v < lo[i] ? v : lo[i];
            hi[i] = v > hi[i] ? v : hi[i];
        }
    }
}

static inline void error_step(vq_sum *xx, vq_sum *dd, const float *x, const float *y)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        vd v[2], d[2];
        const vf u = vf_load(x + a * VQ_L);
        vf_widen(u, v);
        vf_widen(u - vf_load(y + a * VQ_L), d);
        for (size_t h = 0; h < 2; h++) {
            xx->part[2 * a + h] += v[h] * v[h];
            dd->part[2 * a + h] += d[h] * d[h];
        }
    }
}

static inline void dot_step(vq_sum *s, const float *x, const float *y)
{
    for (size_t a = 0; a < VQ_ACC; a++) {
        vd u[2], v[2];
        vf_widen(vf_load(x + a * VQ_L), u);
        vf_widen(vf_load(y + a * VQ_L), v);
        for (size_t h = 0; h < 2; h++) s->part[2 * a + h] += u[h] * v[h];
    }
}

void VQ_FN(error_sums)(const float *x, const float *y, size_t n, double *xx, double *dd)
{
    vq_sum sx = {0}, sd = {0};
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) error_step(&sx, &sd, x + i, y + i);
    if (i < n) {
        float tx[VQ_PARTS], ty[VQ_PARTS];
        vq_pad(tx, x + i, n - i, 0.0F);
        vq_pad(ty, y + i, n - i, 0.0F);
        error_step(&sx, &sd, tx, ty);
    }
    *xx = vd_total(&sx);
    *dd = vd_total(&sd);
}

double VQ_FN(dot)(const float *x, const float *y, size_t n)
{
    vq_sum s = {0};
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS) dot_step(&s, x + i, y + i);
    if (i < n) {
        float tx[VQ_PARTS], ty[VQ_PARTS];
        vq_pad(tx, x + i, n - i, 0.0F);
        vq_pad(ty, y + i, n - i, 0.0F);
        dot_step(&s, tx, ty);
    }
    return vd_total(&s);
}

/* A vector of floats is two of doubles. */
static inline void squares_step(double *sum, vf x, vf y, vd weight)
{
    vd d[2], s[2];
    vf_widen(x - y, d);
    memcpy(s, sum, sizeof s);
    for (size_t h = 0; h < 2; h++) s[h] += weight * (d[h] * d[h]);
    memcpy(sum, s, sizeof s);
}

void VQ_FN(add_squares)(double *sum, const float *x, const float *y, double weight, size_t n)
{
    const vd w = weight - (vd){0};
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) squares_step(sum + i, vf_load(x + i), vf_load(y + i), w);
    for (; i < n; i++) {
        const double d = (double)(x[i] - y[i]);
        sum[i] += weight * (d * d);
    }
}
