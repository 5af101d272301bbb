/* scale_row.c -- vq_group_scale for the groups of a row, and the effective scales of a row. Rules
 * that are rare or not elementwise (f16 scales, e8m0 of subnormal ranges) go to the scalar
 * definition. */
#include <float.h>

#include "kernels/simd/grid_lanes.h"

/* The inputs of one call. */
typedef struct groups {
    const vq_num *num;
    const float *lo, *hi;
    size_t n;
    vq_global_scale global_scale;
    vq_dtype arith;
    float *scale;
    int16_t *zero;
} groups;

static void scale_scalar(const groups *g, size_t i)
{
    vq_group_scale(g->num, g->lo[i], g->hi[i], g->global_scale, g->arith, g->scale + i,
                   g->zero ? g->zero + i : NULL);
}

static inline vf round_lanes(vq_dtype t, vf x)
{
    return t == VQ_BF16 ? vf_round_bf16(x) : x;
}

/* The largest magnitude of a group whose range always holds zero. */
static inline vf amax_lanes(const vq_num *num, vf lo, vf hi)
{
    const vf zero = {0}, low = -vf_min(lo, zero), high = vf_max(hi, zero);
    return num->grid.is_signed ? vf_max(high, low) : high;
}

/* What one rule needs besides the range. */
typedef struct rule {
    grid_lanes grid; /* of coded scales */
    const groups *g;
    vq_dtype arith, type;
    float qmax, second, least, top;
    float code_min, code_max; /* asymmetric ints */
    int32_t emax,
        over; /* e8m0: exponent of the grid's maximum; mantissa from which the exponent goes up */
    float of_zero; /* scale of a group of zeros */
} rule;

static inline vf coded_ct_lanes(const rule *r, vf lo, vf hi)
{
    const vf a = round_lanes(r->arith, amax_lanes(r->g->num, lo, hi) / r->qmax);
    const vf seen = r->g->global_scale.divides ? r->second * a : a / r->second;
    const vf s = decode_float_lanes(&r->grid, encode_float_lanes(&r->grid, seen));
    return vf_pick(s > 0.0F, s, vf_all(0.125F));
}

static inline vf coded_lanes(const rule *r, vf lo, vf hi)
{
    const vf a = amax_lanes(r->g->num, lo, hi);
    const vf s = r->g->global_scale.divides ? a / r->qmax * r->second : a / (r->qmax * r->second);
    const vf coded = decode_float_lanes(&r->grid, encode_float_lanes(&r->grid, s));
    const vf floored = vf_pick(s > r->least, coded, vf_all(r->least));
    return vf_pick(s > 0.0F, floored, vf_all(r->of_zero));
}

static inline vf stored_lanes(const rule *r, vf s)
{
    const vf top = vf_all(r->top);
    return vf_pick(s < top, round_lanes(r->type, s), top);
}

static inline vf float_lanes(const rule *r, vf lo, vf hi)
{
    const vf s = stored_lanes(r, round_lanes(r->arith, amax_lanes(r->g->num, lo, hi) / r->qmax));
    return vf_pick(s > 0.0F, s, vf_all(r->of_zero));
}

/* Ranges of normal floats; the caller redoes subnormal ones. */
static inline vf e8m0_lanes(const rule *r, vf lo, vf hi)
{
    const vf amax = amax_lanes(r->g->num, lo, hi);
    const vi bits = (vi)amax, lowest = vi_all(0), highest = vi_all(254);
    vi e = (bits >> 23) - r->emax - ((bits & 0x7FFFFF) >= r->over);
    e = vi_pick(e > lowest, e, lowest);
    e = vi_pick(e < highest, e, highest);
    const vf scale = (vf)vi_pick(e == 0, vi_all(1 << 22), e << 23);
    return vf_pick(amax > 0.0F, scale, vf_all(r->of_zero));
}

typedef vf (*scaler)(const rule *r, vf lo, vf hi);

static inline void scale_all(const rule *r, scaler scale)
{
    const groups *g = r->g;
    size_t i = 0;
    for (; i + VQ_L <= g->n; i += VQ_L)
        vf_store(g->scale + i, scale(r, vf_load(g->lo + i), vf_load(g->hi + i)));
    if (i == g->n) return;
    const vf lo = vf_load_n(g->lo + i, g->n - i, 0.0F), hi = vf_load_n(g->hi + i, g->n - i, 0.0F);
    vf_store_n(g->scale + i, g->n - i, scale(r, lo, hi));
}

/* Asymmetric ints: all codes over [lo, hi], which holds zero. */
static inline vf range_lanes(const rule *r, vf lo, vf hi, vi *zero)
{
    const vf none = {0}, low = vf_min(lo, none), high = vf_max(hi, none),
             least = vf_all(r->code_min), most = vf_all(r->code_max);
    const vf s = stored_lanes(
        r, round_lanes(r->arith, round_lanes(r->arith, high - low) / (r->code_max - r->code_min)));
    const vi live = s > 0.0F;
    const vf z =
        round_lanes(r->arith, least - round_lanes(r->arith, low / vf_pick(live, s, vf_all(1.0F))));
    *zero = vf_rint(vf_pick(z < least, least, vf_pick(z > most, most, z))) & live;
    return vf_pick(live, s, vf_all(r->of_zero));
}

static void scale_asymmetric(rule *r)
{
    const groups *g = r->g;
    const grid_lanes l = grid_lanes_of(&g->num->grid);
    r->code_min = l.lo;
    r->code_max = l.hi;
    for (size_t i = 0; i < g->n; i += VQ_L) {
        const size_t n = g->n - i < VQ_L ? g->n - i : VQ_L;
        int32_t lane[VQ_L];
        vi zero;
        const vf s =
            range_lanes(r, vf_load_n(g->lo + i, n, 0.0F), vf_load_n(g->hi + i, n, 0.0F), &zero);
        vf_store_n(g->scale + i, n, s);
        memcpy(lane, &zero, sizeof zero);
        for (size_t t = 0; t < n; t++) g->zero[i + t] = (int16_t)lane[t];
    }
}

static void scale_coded(rule *r)
{
    const vq_num *num = r->g->num;
    const vq_grid *grid = vq_scale_grid(num->scale);
    r->grid = grid_lanes_of(grid);
    r->second = num->global_scale ? r->g->global_scale.value : 1.0F;
    r->least = vq_decode(grid, 1);
    if (num->compat == VQ_COMPAT_CT)
        scale_all(r, coded_ct_lanes);
    else
        scale_all(r, coded_lanes);
}

/* Mantissa bits of amax from which the exponent is one more; 2^23 for never. Where rule bump starts
 * is read off the scalar rule. */
static int32_t e8m0_over(const vq_num *num, int32_t emax, int32_t max_bits)
{
    const int32_t never = 1 << 23;
    if (num->rule == VQ_RULE_CEIL) return (max_bits & 0x7FFFFF) + 1;
    for (int32_t rest = never / 2; num->rule == VQ_RULE_BUMP && rest > 0; rest /= 2) {
        const int32_t bits = (127 << 23) | (never - rest);
        float amax;
        memcpy(&amax, &bits, sizeof amax);
        if (vq_e8m0_exponent(&num->grid, num->rule, amax) > -emax) return never - rest;
    }
    return never;
}

/* The same for one group; negative where both ends are. */
static float amax_of(const groups *g, size_t i)
{
    return g->num->grid.is_signed && -g->lo[i] > g->hi[i] ? -g->lo[i] : g->hi[i];
}

static void scale_e8m0(rule *r)
{
    const groups *g = r->g;
    int32_t bits;
    memcpy(&bits, &g->num->grid.max, sizeof bits);
    r->emax = (bits >> 23) - 127;
    r->over = e8m0_over(g->num, r->emax, bits);
    scale_all(r, e8m0_lanes);
    for (size_t i = 0; i < g->n; i++) {
        const float amax = amax_of(g, i);
        if (amax > 0 && amax < FLT_MIN) scale_scalar(g, i);
    }
}

static bool is_vectorised(const vq_num *num)
{
    if (num->scale == VQ_SCALE_E8M0) return true;
    return num->scale != VQ_SCALE_F16 && (num->zero == VQ_ZERO_NONE || !vq_scale_grid(num->scale));
}

void VQ_FN(scale_row)(const vq_num *num, const float *lo, const float *hi, size_t n,
                      vq_global_scale global_scale, vq_dtype arith, float *scale, int16_t *zero)
{
    const groups g = {num, lo, hi, n, global_scale, arith, scale, zero};
    if (!is_vectorised(num)) {
        for (size_t i = 0; i < n; i++) scale_scalar(&g, i);
        return;
    }
    const bool bf16 = num->scale == VQ_SCALE_BF16;
    rule r = {.g = &g,
              .arith = num->compat == VQ_COMPAT_CT ? arith : VQ_F32,
              .type = bf16 ? VQ_BF16 : VQ_F32,
              .qmax = vq_qmax(num)};
    r.top = bf16 ? 0x1.fep127F : FLT_MAX;
    int16_t zero_of_zero;
    vq_group_scale(num, 0.0F, 0.0F, global_scale, arith, &r.of_zero, &zero_of_zero);
    if (num->scale == VQ_SCALE_E8M0)
        scale_e8m0(&r);
    else if (vq_scale_grid(num->scale))
        scale_coded(&r);
    else if (num->zero == VQ_ZERO_INT)
        scale_asymmetric(&r);
    else
        scale_all(&r, float_lanes);
}

static inline vf effective_lanes(bool global_scale, bool divides, float value, vf s)
{
    return !global_scale ? s : divides ? s / value : s * value;
}

void VQ_FN(effective_row)(const vq_num *num, const float *scale, size_t n,
                          vq_global_scale global_scale, float *effective)
{
    const float factor =
        vq_effective_scale(num, 1.0F, (vq_global_scale){1.0F, false}); /* of the rule: 1 or 4/3 */
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L)
        vf_store(effective + i, effective_lanes(num->global_scale, global_scale.divides,
                                                global_scale.value, vf_load(scale + i) * factor));
    for (; i < n; i++) effective[i] = vq_effective_scale(num, scale[i], global_scale);
}
