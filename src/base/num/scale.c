/* scale.c -- from the range of a group to its stored scale, and from an element to its code: every
 * rule of every scheme. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/num/grids.h"
#include "base/num/qtensor.h"

static const vq_grid coded_scales[] = {[VQ_SCALE_E4M3] = VQ_GRID_E4M3,
                                       [VQ_SCALE_UE5M3] = VQ_GRID_UE5M3,
                                       [VQ_SCALE_E8M0] = VQ_GRID_E8M0};

const vq_grid *vq_scale_grid(vq_scale_type t)
{
    return t < VQ_SCALE_E4M3 ? NULL : &coded_scales[t];
}

float vq_scale_away(const vq_grid *g, float value, int away, int first)
{
    const int code = (int)vq_encode(g, value) + away;
    return code < first || code > (int)g->max_code ? value : vq_decode(g, (uint32_t)code);
}

vq_dtype vq_scale_real(vq_scale_type t)
{
    return t == VQ_SCALE_BF16 ? VQ_BF16 : t == VQ_SCALE_F16 ? VQ_F16 : VQ_F32;
}

/* floor(log2 x) of a positive finite float, subnormals too. */
static int floor_log2(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u >> 23 ? (int)(u >> 23) - 127 : 31 - __builtin_clz(u) - 149;
}

/* Leading mantissa bits of the largest value: half a unit beyond them amax would round past it.
 * 8-bit floats follow compressed-tensors, which takes the one bit of e2m1 for them; tables do the
 * same. */
static int bump_bits(const vq_grid *g)
{
    if (g->kind == VQ_GRID_INT) return g->bits - 2;
    return g->bits == 6 ? g->mbits : 1;
}

int vq_e8m0_exponent(const vq_grid *g, vq_rule rule, float amax)
{
    const int emax = floor_log2(g->max);
    int e = (amax > 0                ? floor_log2(amax)
             : rule == VQ_RULE_FLOOR ? -126
                                     : -127) -
            emax; /* a zero block under the floor rule counts as FLT_MIN */
    if (rule == VQ_RULE_BUMP && amax > 0) {
        const float low = ldexpf(amax, -(e + emax)), step = ldexpf(1.0F, -bump_bits(g) - 1);
        if (low >= 2.0F - step) e++;
    } else if (rule == VQ_RULE_CEIL) {
        if (ldexp(amax, -e) > (double)g->max) e++;
    }
    return e < -127 ? -127 : e > 127 ? 127 : e;
}

float vq_qmax(const vq_num *num)
{
    const vq_grid *g = &num->grid;
    if (g->kind == VQ_GRID_TABLE) return 0.5F * (g->max - g->table[0]);
    if (g->kind == VQ_GRID_INT && g->is_signed && !g->bfp && num->range == VQ_RANGE_FULL) {
        const float steps = (float)((1 << g->bits) - 1) * 0.5F;
        return ldexpf(steps, -g->frac);
    }
    return g->max;
}

static float scale_top(const vq_num *num)
{
    const vq_grid *g = vq_scale_grid(num->scale);
    return g ? g->max : 1.0F;
}

vq_global_scale vq_global_scale_from_amax(const vq_num *num, float amax, vq_dtype arith)
{
    if (!num->global_scale) return (vq_global_scale){1.0F, num->compat == VQ_COMPAT_CT};
    const float top = scale_top(num) * vq_qmax(num);
    if (num->compat == VQ_COMPAT_CT) {
        const float inverse = vq_round_to(
            arith,
            1.0F / (amax > FLT_MIN ? amax : FLT_MIN)); /* number / tensor is two steps there */
        const float g = vq_round_to(arith, inverse * top);
        return (vq_global_scale){isfinite(g) ? g : 1.0F, true};
    }
    const float s = amax / top;
    return (vq_global_scale){s >= 0x1p-126F ? s : 1.0F, false};
}

vq_global_scale vq_global_scale_as_divisor(vq_global_scale s)
{
    return s.divides ? s : (vq_global_scale){1.0F / s.value, true};
}

float vq_effective_scale(const vq_num *num, float scale, vq_global_scale global_scale)
{
    const float s = num->rule == VQ_RULE_FOUR_THIRDS && num->scale == VQ_SCALE_E8M0
                        ? scale * (4.0F / 3.0F)
                        : scale;
    if (!num->global_scale) return s;
    return global_scale.divides ? s / global_scale.value : s * global_scale.value;
}

/* amax / qmax as a code of the scale grid, seen through the second scale. */
static float coded_scale(const vq_num *num, float amax, vq_global_scale global_scale,
                         vq_dtype arith)
{
    const vq_grid *g = vq_scale_grid(num->scale);
    const float qmax = vq_qmax(num), second = num->global_scale ? global_scale.value : 1.0F;
    if (num->compat == VQ_COMPAT_CT) {
        const float first = vq_round_to(arith, amax / qmax);
        const float s =
            vq_decode(g, vq_encode(g, global_scale.divides ? second * first : first / second));
        return s > 0 ? s : 0.125F;
    }
    const float s = global_scale.divides ? amax / qmax * second : amax / (qmax * second);
    const float least = vq_decode(g, 1);
    if (!(s > 0))
        return vq_grid_has_zero(&num->grid)
                   ? 1.0F
                   : least; /* zero, or too small to be seen beside the tensor's largest */
    return s > least ? vq_decode(g, vq_encode(g, s)) : least;
}

static float epsilon_of(vq_dtype t)
{
    return t == VQ_BF16 ? 0x1p-7F : t == VQ_F16 ? 0x1p-10F : FLT_EPSILON;
}

/* x in the stored type, finite. */
static float store(vq_dtype t, float x)
{
    const float top = t == VQ_F16 ? 65504.0F : t == VQ_BF16 ? 0x1.fep127F : FLT_MAX;
    return x < top ? vq_round_to(t, x) : top;
}

static float nonzero(const vq_num *num, float s)
{
    const vq_dtype t = vq_scale_real(num->scale);
    return s > 0                          ? s
           : vq_grid_has_zero(&num->grid) ? epsilon_of(t)
           : t == VQ_F16                  ? 0x1p-24F
                                          : FLT_MIN;
}

static int code_min(const vq_grid *g)
{
    return g->is_signed ? -(1 << (g->bits - 1)) : 0;
}

static int code_max(const vq_grid *g)
{
    return (1 << (g->is_signed ? g->bits - 1 : g->bits)) - 1;
}

/* Nearest integer, ties to even; |x| below 2^22. */
static int nearest(float x)
{
    return (int)((x + 0x1.8p23F) - 0x1.8p23F);
}

/* Asymmetric ints: all 2^bits codes over [lo, hi]. */
static void range_scale(const vq_num *num, float lo, float hi, vq_dtype arith, float *scale,
                        int16_t *zero)
{
    const int least = code_min(&num->grid), most = code_max(&num->grid);
    const float s = store(vq_scale_real(num->scale),
                          vq_round_to(arith, vq_round_to(arith, hi - lo) / (float)(most - least)));
    *scale = nonzero(num, s);
    *zero = 0;
    if (!(s > 0)) return;
    const float z = vq_round_to(arith, (float)least - vq_round_to(arith, lo / s));
    *zero = (int16_t)nearest(z < (float)least ? (float)least : z > (float)most ? (float)most : z);
}

void vq_group_scale(const vq_num *num, float lo, float hi, vq_global_scale global_scale,
                    vq_dtype arith, float *scale, int16_t *zero)
{
    lo = lo < 0 ? lo : 0;
    hi = hi > 0 ? hi : 0;
    if (num->compat != VQ_COMPAT_CT) arith = VQ_F32;
    const float amax = !num->grid.is_signed || hi > -lo ? hi : -lo;
    if (num->scale == VQ_SCALE_E8M0)
        *scale = ldexpf(1.0F, vq_e8m0_exponent(&num->grid, num->rule, amax));
    else if (vq_scale_grid(num->scale))
        *scale = coded_scale(num, amax, global_scale, arith);
    else if (num->zero == VQ_ZERO_INT)
        range_scale(num, lo, hi, arith, scale, zero);
    else
        *scale =
            nonzero(num, store(vq_scale_real(num->scale), vq_round_to(arith, amax / vq_qmax(num))));
}

/* ModelOpt's MXFP4 encoder counts the decision points below |t|, so a tie goes toward zero, and
 * signs whatever is not positive. */
static uint32_t encode_e2m1_low_ties(float t)
{
    static const float points[] = {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F};
    uint32_t code = t > 0 ? 0 : 8;
    for (int i = 0; i < 7; i++) code += fabsf(t) > points[i];
    return code;
}

static bool has_low_ties(const vq_num *num)
{
    return num->compat == VQ_COMPAT_MODELOPT && num->scale == VQ_SCALE_E8M0 &&
           num->grid.kind == VQ_GRID_FLOAT && num->grid.bits == 4;
}

static uint32_t encode_int_at(const vq_num *num, float t)
{
    const vq_grid *g = &num->grid;
    if (num->range == VQ_RANGE_NARROW && g->is_signed && t < -g->max) t = -g->max;
    return vq_encode(g, t);
}

uint32_t vq_encode_at(const vq_num *num, float x, float scale, int zero)
{
    const vq_dtype step =
        num->compat == VQ_COMPAT_CT && !num->global_scale ? vq_scale_real(num->scale) : VQ_F32;
    float t = vq_round_to(step, x / scale);
    if (zero) t = vq_round_to(step, t + (float)zero);
    if (num->grid.kind == VQ_GRID_INT) return encode_int_at(num, t);
    if (has_low_ties(num)) return encode_e2m1_low_ties(t);
    return vq_encode(&num->grid,
                     t + 0.0F); /* -0 becomes +0; negatives that round to zero keep their sign */
}

float vq_decode_at(const vq_num *num, uint32_t code, float scale, int zero)
{
    return (vq_decode(&num->grid, code) - (float)zero) * scale;
}
