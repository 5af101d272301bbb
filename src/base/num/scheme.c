/* scheme.c -- the preset table: names of schemes and the number formats behind them; families that
 * are made from their name. */
#include <stdio.h>
#include <string.h>

#include "base/num/grids.h"
#include "base/num/num.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are initializers */
#define BLOCK(n)                                                                                   \
    {                                                                                              \
        VQ_PER_BLOCK, 1, (n)                                                                       \
    }
#define NVFP4(w)                                                                                   \
    {                                                                                              \
        .grid = VQ_GRID_E2M1, .group = BLOCK(16), .scale = VQ_SCALE_E4M3, .global_scale = true,    \
        .when = (w)                                                                                \
    }
#define MX(g, w)                                                                                   \
    {                                                                                              \
        .grid = g, .group = BLOCK(32), .scale = VQ_SCALE_E8M0, .rule = VQ_RULE_BUMP, .when = (w)   \
    }
#define FP8(k, s, w)                                                                               \
    {                                                                                              \
        .grid = VQ_GRID_E4M3, .group = {(k), 0, 0}, .scale = (s), .when = (w)                      \
    }
#define FP8_BLOCK(r, c, s, w)                                                                      \
    {                                                                                              \
        .grid = VQ_GRID_E4M3, .group = {VQ_PER_BLOCK, (r), (c)}, .scale = (s), .when = (w)         \
    }
#define INT8(k, s, w)                                                                              \
    {                                                                                              \
        .grid = VQ_GRID_I(8), .group = {(k), 0, 0}, .scale = (s), .when = (w)                      \
    }
#define INT4(n, z)                                                                                 \
    {                                                                                              \
        .grid = VQ_GRID_I(4), .group = BLOCK(n), .scale = VQ_SCALE_BF16, .zero = (z)               \
    }
#define BOTH(name, w, a)                                                                           \
    {                                                                                              \
        .id = name, .has_weight = true, .has_act = true, .weight = w, .act = a                     \
    }
#define ONLY(name, w)                                                                              \
    {                                                                                              \
        .id = name, .has_weight = true, .weight = w                                                \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

static const vq_scheme presets[] = {
    BOTH("nvfp4", NVFP4(VQ_STATIC), NVFP4(VQ_DYNAMIC)),
    ONLY("nvfp4a16", NVFP4(VQ_STATIC)),
    BOTH("mxfp4", MX(VQ_GRID_E2M1, VQ_STATIC), MX(VQ_GRID_E2M1, VQ_DYNAMIC)),
    ONLY("mxfp4a16", MX(VQ_GRID_E2M1, VQ_STATIC)),
    BOTH("mxfp6-e2m3", MX(VQ_GRID_E2M3, VQ_STATIC), MX(VQ_GRID_E2M3, VQ_DYNAMIC)),
    BOTH("mxfp6-e3m2", MX(VQ_GRID_E3M2, VQ_STATIC), MX(VQ_GRID_E3M2, VQ_DYNAMIC)),
    BOTH("mxfp8", MX(VQ_GRID_E4M3, VQ_STATIC), MX(VQ_GRID_E4M3, VQ_DYNAMIC)),
    ONLY("mxfp8a16", MX(VQ_GRID_E4M3, VQ_STATIC)),
    BOTH("mxint8", MX(VQ_GRID_MXINT8, VQ_STATIC), MX(VQ_GRID_MXINT8, VQ_DYNAMIC)),
    BOTH("fp8", FP8(VQ_PER_CHANNEL, VQ_SCALE_BF16, VQ_STATIC),
         FP8(VQ_PER_TOKEN, VQ_SCALE_F32, VQ_DYNAMIC)),
    BOTH("fp8-static", FP8(VQ_PER_TENSOR, VQ_SCALE_BF16, VQ_STATIC),
         FP8(VQ_PER_TENSOR, VQ_SCALE_BF16, VQ_STATIC)),
    BOTH("fp8-block", FP8_BLOCK(128, 128, VQ_SCALE_BF16, VQ_STATIC),
         FP8_BLOCK(1, 128, VQ_SCALE_F32, VQ_DYNAMIC)),
    BOTH("int8", INT8(VQ_PER_CHANNEL, VQ_SCALE_BF16, VQ_STATIC),
         INT8(VQ_PER_TOKEN, VQ_SCALE_F32, VQ_DYNAMIC)),
    ONLY("int8-w8a16", INT8(VQ_PER_CHANNEL, VQ_SCALE_BF16, VQ_STATIC)),
    ONLY("int4-g32", INT4(32, VQ_ZERO_NONE)),
    ONLY("int4-g64", INT4(64, VQ_ZERO_NONE)),
    ONLY("int4-g128", INT4(128, VQ_ZERO_NONE)),
    ONLY("int4-g32-asym", INT4(32, VQ_ZERO_INT)),
    ONLY("int4-g64-asym", INT4(64, VQ_ZERO_INT)),
    ONLY("int4-g128-asym", INT4(128, VQ_ZERO_INT)),
};
#define PRESETS ((int)(sizeof presets / sizeof presets[0]))

const vq_scheme *vq_scheme_at(int i)
{
    return i >= 0 && i < PRESETS ? &presets[i] : NULL;
}

/* A number of 1 to 6 digits without leading zeros; advances *p. */
static bool number(const char **p, int *out)
{
    int v = 0, digits = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        v = 10 * v + (**p - '0');
        if (++digits > 6 || v == 0) return false;
    }
    *out = v;
    return digits > 0;
}

static bool skip(const char **p, const char *text)
{
    const size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0) return false;
    *p += n;
    return true;
}

const char vq_scheme_families[] =
    "int<2...8>-g<block>[-asym], int<2...8>-chan[-asym], bfp<10...24>[-<block>]";

/* int<b>-g<n>[-asym], int<b>-chan[-asym] */
static bool make_int(const char *p, vq_num *out)
{
    int bits, n;
    if (!skip(&p, "int") || !number(&p, &bits) || bits < 2 || bits > 8) return false;
    *out = (vq_num){.grid = VQ_GRID_I(bits), .scale = VQ_SCALE_BF16};
    if (skip(&p, "-chan"))
        out->group.kind = VQ_PER_CHANNEL;
    else if (skip(&p, "-g") && number(&p, &n))
        out->group = (vq_group_shape)BLOCK(n);
    else
        return false;
    if (skip(&p, "-asym")) out->zero = VQ_ZERO_INT;
    return *p == 0;
}

/* bfp<n>-<block>: n counts the mantissa with its sign and the 8 bits of the shared exponent;
 * bfp<n>: blocks of 64 */
static bool make_bfp(const char *p, vq_num *out)
{
    int n, block = 64;
    char grid[16];
    if (!skip(&p, "bfp") || !number(&p, &n) || n < 10 || n > 24) return false;
    if (*p && (!skip(&p, "-") || !number(&p, &block) || *p)) return false;
    *out = (vq_num){.group = BLOCK(block), .scale = VQ_SCALE_E8M0};
    (void)snprintf(grid, sizeof grid, "bfp%d", n - 8);
    return vq_grid_parse(grid, &out->grid);
}

const vq_scheme *vq_scheme_find(const char *id, vq_scheme *buf)
{
    for (int i = 0; i < PRESETS; i++)
        if (strcmp(presets[i].id, id) == 0) return &presets[i];
    vq_scheme s = {.has_weight = true};
    if (strlen(id) >= sizeof s.id || (!make_int(id, &s.weight) && !make_bfp(id, &s.weight)))
        return NULL;
    memcpy(s.id, id, strlen(id));
    *buf = s;
    return buf;
}
