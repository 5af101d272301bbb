/* grid_lanes.h -- vq_encode and vq_decode (base/num.c) for a vector of values. Grids of at most 8
 * bits; vectorised are ints, tables and floats with a mantissa, e8m0 and mantissa-free grids (ties
 * to an even exponent) go element by element through base. NaN encodes like the largest value. */
#ifndef VQ_KERNELS_SIMD_GRID_LANES_H
#define VQ_KERNELS_SIMD_GRID_LANES_H

#include "kernels/simd/lanes.h"

/* What the lanes need of a grid, worked out once per row. */
typedef struct grid_lanes {
    const vq_grid *grid;
    float up, down; /* int: 2^frac and its inverse; float: down = value of the smallest subnormal */
    float lo, hi;   /* int: range of t = x * up */
    int32_t mask, sign;    /* bits of a code; its sign bit, 0 when unsigned */
    int32_t mbits, low;    /* float: mantissa bits, exponent field of the smallest normal as f32 */
    int32_t top, max_code; /* float: bits of the largest finite value as f32, its code */
    float beyond;    /* float: value of the code after max_code when there is one (Inf or NaN) */
    bool round_bf16; /* vq_encode_at: steps rounded to bf16 */
    vf table[VQ_ENTRIES]; /* table: its values */
    vf border
        [VQ_ENTRIES]; /* table: the largest number that goes to a code; infinite for the last one */
} grid_lanes;

static inline float grid_pow2(int e)
{
    const uint32_t u = (uint32_t)(e + 127) << 23;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline bool grid_is_plain(const vq_grid *g)
{
    return g->bits <= 8 && (g->kind != VQ_GRID_FLOAT || (g->mbits > 0 && g->ebits < 8));
}

/* The float below x. */
static inline float float_below(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = x > 0 ? bits - 1 : x < 0 ? bits + 1 : INT32_MIN + 1;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void table_lanes_of(const vq_grid *g, grid_lanes *l)
{
    float table[VQ_TABLE], border[VQ_TABLE];
    for (int c = 0; c < VQ_TABLE; c++) {
        const float middle =
            c < l->mask ? 0.5F * (g->table[c] + g->table[c + 1]) : __builtin_inff();
        table[c] = g->table[c < l->mask ? c : l->mask];
        border[c] = c < l->mask && c % 2 ? float_below(middle)
                                         : middle; /* a middle goes to the even code */
    }
    memcpy(l->table, table, sizeof table);
    memcpy(l->border, border, sizeof border);
}

static inline grid_lanes grid_lanes_of(const vq_grid *g)
{
    grid_lanes l = {
        .grid = g, .mask = (1 << g->bits) - 1, .sign = g->is_signed ? 1 << (g->bits - 1) : 0};
    if (g->kind == VQ_GRID_TABLE) {
        table_lanes_of(g, &l);
        return l;
    }
    if (g->kind == VQ_GRID_INT) {
        l.up = grid_pow2(g->frac);
        l.down = grid_pow2(-g->frac);
        l.lo = g->is_signed ? (float)(-l.sign + (g->bfp ? 1 : 0)) : 0.0F;
        l.hi = (float)(g->is_signed ? l.sign - 1 : l.mask);
        return l;
    }
    l.mbits = g->mbits;
    l.low = 128 - g->bias;
    l.down = grid_pow2(1 - g->bias - g->mbits);
    memcpy(&l.top, &g->max, sizeof l.top);
    l.max_code = g->max_code;
    l.beyond = vq_decode(g, (uint32_t)g->max_code + 1);
    return l;
}

static inline vi encode_int_lanes(const grid_lanes *l, vf y)
{
    const vf t = y * l->up, lo = vf_all(l->lo), hi = vf_all(l->hi);
    return vf_rint(vf_pick(t < hi, vf_max(t, lo), hi)) & l->mask;
}

/* Scale |y| so that the grid's last place is 1, let one float addition round, and put the exponent
 * above. */
static inline vi encode_float_lanes(const grid_lanes *l, vf y)
{
    const vi bits = vf_magnitude(y), top = vi_all(l->top), low = vi_all(l->low),
             negative = (vi)y >> 31;
    const vi a = vi_pick(bits < top, bits, top);
    const vi field = a >> 23, e = vi_pick(field > low, field, low);
    const vf unit = (vf)((l->mbits + 254 - e) << 23);
    const vi q = (vi)((vf)a * unit + 8388608.0F) - 0x4B000000;
    const vi code = ((e - low) << l->mbits) + q;
    return l->sign ? code | (negative & l->sign) : code & ~negative;
}

/* Four halvings of the codes; NaN is above every border. */
static inline vi encode_table_lanes(const grid_lanes *l, vf y)
{
    vi code = {0};
    for (int half = VQ_TABLE / 2; half > 0; half /= 2)
        code += ~(y <= vf_lookup(l->border, code + (half - 1))) & half;
    return code & l->mask;
}

static inline vf decode_table_lanes(const grid_lanes *l, vi code)
{
    return vf_lookup(l->table, code & l->mask);
}

static inline vf decode_int_lanes(const grid_lanes *l, vi code)
{
    const vi c = ((code & l->mask) ^ l->sign) - l->sign;
    return __builtin_convertvector(c, vf) * l->down;
}

static inline vf decode_float_lanes(const grid_lanes *l, vi code)
{
    const vi mag = code & (l->mask & ~l->sign);
    const vf small = __builtin_convertvector(mag, vf) * l->down;
    const vi normal = (mag + (l->low - 1) * (1 << l->mbits)) << (23 - l->mbits);
    vi v = vi_pick((mag >> l->mbits) == 0, (vi)small, normal);
    if (l->max_code < (l->mask & ~l->sign)) {
        v = vi_pick(mag > l->max_code, (vi)vf_all(__builtin_nanf("")), v);
        v = vi_pick(mag == l->max_code + 1, (vi)vf_all(l->beyond), v);
    }
    const vi negative = l->sign ? ((code & l->sign) != 0) & INT32_MIN : (vi){0};
    return (vf)(v | negative);
}

/* grid_lanes_of_num -- the same with what vq_encode_at does beyond the grid: narrow ranges, steps
 * rounded to bf16. */
static inline grid_lanes grid_lanes_of_num(const vq_num *num)
{
    grid_lanes l = grid_lanes_of(&num->grid);
    l.round_bf16 = num->compat == VQ_COMPAT_CT && !num->global_scale && num->scale == VQ_SCALE_BF16;
    if (num->range == VQ_RANGE_NARROW && l.sign) l.lo = -l.hi;
    return l;
}

/* Rounding of steps to f16, and ModelOpt's ties toward zero in e2m1 with e8m0 scales, are left to
 * the scalar definition. */
static inline bool encode_is_vectorised(const vq_num *num)
{
    const bool f16_steps =
        num->compat == VQ_COMPAT_CT && !num->global_scale && num->scale == VQ_SCALE_F16;
    const bool low_ties =
        num->compat == VQ_COMPAT_MODELOPT && num->scale == VQ_SCALE_E8M0 && num->grid.bits == 4;
    return grid_is_plain(&num->grid) && !f16_steps && !low_ties;
}

/* One vector of a group: vq_encode_at. */
typedef vi (*encoder)(const grid_lanes *l, vf x, vf scale, vf zero);

static inline vi encode_int_at(const grid_lanes *l, vf x, vf scale, vf zero)
{
    vf t = x / scale;
    if (l->round_bf16) t = vf_round_bf16(t);
    t += zero;
    if (l->round_bf16) t = vf_round_bf16(t);
    return encode_int_lanes(l, t);
}

static inline vi encode_float_at(const grid_lanes *l, vf x, vf scale, vf zero)
{
    (void)zero;
    vf t = x / scale;
    if (l->round_bf16) t = vf_round_bf16(t);
    return encode_float_lanes(l, t + 0.0F); /* -0 becomes +0 */
}

static inline vi encode_table_at(const grid_lanes *l, vf x, vf scale, vf zero)
{
    (void)zero;
    vf t = x / scale;
    if (l->round_bf16) t = vf_round_bf16(t);
    return encode_table_lanes(l, t);
}

/* And back: vq_decode without zero point and scale. */
typedef vf (*decoder)(const grid_lanes *l, vi code);

#endif
