/* round_each.c -- rounding with error feedback: elements with scales of their own, at once or each
 * after the one before it; what a scale would lose; and the feedback itself. */
#include "kernels/simd/round_lanes.h"

static inline vf load_zeros(const int16_t *zero, size_t n)
{
    float lane[VQ_L] = {0};
    for (size_t i = 0; zero && i < n; i++) lane[i] = (float)zero[i];
    return vf_load(lane);
}

static inline void store_low_bytes(uint8_t *codes, size_t n, vi code)
{
    const vu8 c = vu8_of(code);
    uint8_t lane[VQ_L];
    memcpy(lane, &c, sizeof c);
    for (size_t i = 0; i < n; i++) codes[i] = lane[i];
}

/* The operands of one call. */
typedef struct each {
    const float *x, *scale;
    const int16_t *zero;
    uint8_t *codes;
    float *y;
} each;

/* n <= VQ_L elements from i on; missing lanes hold 0 over 1. */
static inline void round_some(const grid_lanes *l, vq_grid_kind kind, const each *e, size_t i,
                              size_t n)
{
    const bool full = n == VQ_L;
    vi code;
    const vf x = full ? vf_load(e->x + i) : vf_load_n(e->x + i, n, 0.0F),
             s = full ? vf_load(e->scale + i) : vf_load_n(e->scale + i, n, 1.0F);
    const vf y = round_lanes(l, kind, x, s, load_zeros(e->zero ? e->zero + i : NULL, n), &code);
    if (full)
        vf_store(e->y + i, y);
    else
        vf_store_n(e->y + i, n, y);
    store_low_bytes(e->codes + i, n, code);
}

static inline void round_all(const grid_lanes *l, vq_grid_kind kind, const each *e, size_t n)
{
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) round_some(l, kind, e, i, VQ_L);
    if (i < n) round_some(l, kind, e, i, n - i);
}

void VQ_FN(round_each)(const vq_num *num, const float *x, size_t n, const float *scale,
                       const int16_t *zero, uint8_t *codes, float *y)
{
    const each e = {x, scale, zero, codes, y};
    const grid_lanes l = grid_lanes_of_num(num);
    if (!encode_is_vectorised(num))
        for (size_t i = 0; i < n; i++)
            y[i] = round_scalar(num, x[i], scale[i], zero ? zero[i] : 0, codes + i);
    else if (num->grid.kind == VQ_GRID_INT)
        round_all(&l, VQ_GRID_INT, &e, n);
    else if (num->grid.kind == VQ_GRID_TABLE)
        round_all(&l, VQ_GRID_TABLE, &e, n);
    else
        round_all(&l, VQ_GRID_FLOAT, &e, n);
}

/* y[i] += c x[i] */
static inline void add_scaled(float *y, const float *x, float c, size_t n)
{
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) vf_store(y + i, vf_load(y + i) + c * vf_load(x + i));
    for (; i < n; i++) y[i] += c * x[i];
}

static inline float round_one(const vq_num *num, const grid_lanes *l, float x, float scale,
                              int zero, uint8_t *out)
{
    vi code;
    if (!l) return round_scalar(num, x, scale, zero, out);
    const vf y =
        round_lanes(l, num->grid.kind, vf_all(x), vf_all(scale), vf_all((float)zero), &code);
    *out = (uint8_t)code[0];
    return y[0];
}

void VQ_FN(round_chain)(const vq_num *num, float *x, size_t n, const float *base,
                        const float *scale, const int16_t *zero, const float *v, size_t ldv,
                        uint8_t *codes, float *y)
{
    const grid_lanes lanes = grid_lanes_of_num(num), *l = encode_is_vectorised(num) ? &lanes : NULL;
    for (size_t i = 0; i < n; i++) {
        y[i] = round_one(num, l, x[i], scale[i], zero ? zero[i] : 0, codes + i);
        add_scaled(x + i + 1, v + i * ldv + i + 1, base[i] - y[i], n - i - 1);
    }
}

void VQ_FN(rounding_errors)(const vq_num *num, const float *x, const float *d, size_t n,
                            size_t block, const float *scale, const int16_t *zero, double *error)
{
    const grid_lanes l = grid_lanes_of_num(num);
    const bool fast = encode_is_vectorised(num);
    for (size_t i = 0, g = 0; i < n; i += block, g++) {
        const run r = {x + i, d ? d + i : NULL, n - i < block ? n - i : block, scale[g],
                       zero ? (float)zero[g] : 0.0F};
        if (!fast)
            error[g] += (double)run_error_scalar(num, &r);
        else if (num->grid.kind == VQ_GRID_INT)
            error[g] += (double)run_error(&l, VQ_GRID_INT, &r);
        else if (num->grid.kind == VQ_GRID_TABLE)
            error[g] += (double)run_error(&l, VQ_GRID_TABLE, &r);
        else
            error[g] += (double)run_error(&l, VQ_GRID_FLOAT, &r);
    }
}

void VQ_FN(add_rows)(float *y, const float *x, size_t ldx, const float *c, size_t ldc, size_t rows,
                     size_t n)
{
    size_t i = 0;
    for (; i + 4 * VQ_L <= n; i += 4 * VQ_L) {
        vf sum[4];
        for (size_t a = 0; a < 4; a++) sum[a] = vf_load(y + i + a * VQ_L);
        for (size_t r = 0; r < rows; r++)
            for (size_t a = 0; a < 4; a++)
                sum[a] += c[r * ldc] * vf_load(x + r * ldx + i + a * VQ_L);
        for (size_t a = 0; a < 4; a++) vf_store(y + i + a * VQ_L, sum[a]);
    }
    for (size_t r = 0; i < n && r < rows; r++)
        add_scaled(y + i, x + r * ldx + i, c[r * ldc], n - i);
}
