/* variants.h -- number formats that between them take every path of the quantizing kernels, and
 * rows of awkward values. */
#ifndef VQ_TESTS_VARIANTS_H
#define VQ_TESTS_VARIANTS_H

#include <math.h>

#include "kernels/kernels.h"

typedef void (*num_check)(void *ctx, const vq_num *num);

/* The compatibility modes of one format, its narrow range, and the float scale types or the
 * exponent rules that it can have. */
static inline void each_variant(const vq_num *base, num_check check, void *ctx)
{
    for (int c = VQ_COMPAT_NONE; c <= VQ_COMPAT_MODELOPT; c++) {
        vq_num num = *base;
        num.compat = (vq_compat)c;
        if (num.scale == VQ_SCALE_E8M0) {
            for (int r = VQ_RULE_FLOOR; r <= VQ_RULE_FOUR_THIRDS; r++) {
                num.rule = (vq_rule)r;
                check(ctx, &num);
            }
            continue;
        }
        check(ctx, &num);
        if (vq_scale_grid(num.scale)) continue;
        num.range = VQ_RANGE_NARROW;
        for (int s = VQ_SCALE_F32; s <= VQ_SCALE_BF16; s++) {
            num.scale = (vq_scale_type)s;
            check(ctx, &num);
        }
    }
}

/* Every preset and a few made ones, grids of at most 8 bits. */
static inline void each_num(num_check check, void *ctx)
{
    const char *const made[] = {"bfp12-64", "bfp16-32", "int2-g16", "int8-g128", "int3-g32-asym"};
    const char *const grids[] = {"e3m0", "e2m0", "e4m3", "e5m2",  "e3m4", "ue5m3",
                                 "u8",   "e8m0", "e1m2", "iq4nl", "nf4"};
    vq_scheme buf;
    for (int i = 0; vq_scheme_at(i); i++) each_variant(&vq_scheme_at(i)->weight, check, ctx);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        const vq_scheme *s = vq_scheme_find(made[i], &buf);
        if (s) each_variant(&s->weight, check, ctx);
    }
    for (size_t i = 0; i < sizeof grids / sizeof grids[0]; i++) {
        vq_num num = {.group = {VQ_PER_BLOCK, 1, 16}, .scale = VQ_SCALE_F32};
        if (vq_grid_parse(grids[i], &num.grid)) each_variant(&num, check, ctx);
    }
    vq_num table = {.group = {VQ_PER_BLOCK, 1, 16}, .scale = VQ_SCALE_E8M0};
    if (!vq_grid_parse("iq4nl", &table.grid)) return;
    each_variant(&table, check, ctx);
    table.scale = VQ_SCALE_E4M3, table.global_scale = true;
    each_variant(&table, check, ctx);
}

/* Values of many sizes, exact ties, zeros of both signs, subnormals; `seed` makes rows differ,
 * `spread` is the reach of the exponents. */
static inline void fill_row(float *x, size_t n, uint32_t seed, int spread)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        const float base = (float)((int32_t)seed >> 8) * 0x1p-23F;
        const int e = (int)((seed >> 7) % (uint32_t)(2 * spread + 1)) - spread;
        const float tie = (float)((int)(seed >> 20) % 64 - 32) * 0.125F;
        x[i] = seed % 31 == 0   ? 0.0F
               : seed % 37 == 0 ? -0.0F
               : seed % 5 == 0  ? tie
                                : ldexpf(base, e);
    }
}

#endif
