/* num.h -- number formats as data: what one stored number, one scale and one group look like.
 *
 * A vq_num is one NUM of the recipe grammar: element grid x group x scale type x optional second
 * scale x zero point. num.c is the scalar definition of every grid; the vector encoders in
 * src/kernels are tested against it. Source: OCP MX v1.0, NVFP4, spec tables; test
 * tests/unit/base/test_num.c, tests/unit/base/test_num_group.c,
 * tests/golden/test_golden_scalar.c */
#ifndef VQ_BASE_NUM_NUM_H
#define VQ_BASE_NUM_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum vq_grid_kind {
    VQ_GRID_INT,   /* two's complement of `bits`, value c * 2^-frac. i2..i8: frac 0. bfpP: frac P-2,
                  * symmetric. u2..u8: unsigned */
    VQ_GRID_FLOAT, /* sign | ebits | mbits, bias; subnormals; specials as the format has them */
    VQ_GRID_TABLE, /* any values: code c means table[c] */
} vq_grid_kind;

typedef struct vq_grid {
    vq_grid_kind kind;
    bool is_signed;
    uint8_t bits;      /* all bits of a code, 2..16 */
    uint8_t ebits;     /* float only */
    uint8_t mbits;     /* float only */
    int16_t bias;      /* float only */
    uint8_t frac;      /* int only: binary point */
    bool bfp;          /* bfpP: symmetric range +-(2^(P-1)-1), scale = shared exponent */
    uint16_t max_code; /* float: code of the largest finite magnitude (e4m3: 0x7E) */
    float max; /* largest finite magnitude; int and table: the largest value, though one below zero
              * may be further away */
    const float
        *table; /* table only: [2^bits] rising values of both signs, at most VQ_TABLE; the middles
                * between them are rounded to f32, and decide */
} vq_grid;
enum { VQ_TABLE = 16 }; /* most values of a table */

typedef enum vq_group_kind {
    VQ_PER_TENSOR,
    VQ_PER_CHANNEL,
    VQ_PER_TOKEN,
    VQ_PER_BLOCK
} vq_group_kind;
typedef struct vq_group_shape {
    vq_group_kind kind;
    int32_t rows,
        cols; /* VQ_PER_BLOCK: 1 x n (block:n) or r x c (block:RxC, edge blocks may be partial) */
} vq_group_shape;

typedef enum vq_scale_type {
    VQ_SCALE_F32,
    VQ_SCALE_F16,
    VQ_SCALE_BF16,
    VQ_SCALE_E4M3,
    VQ_SCALE_UE5M3,
    VQ_SCALE_E8M0
} vq_scale_type;
typedef enum vq_zero { VQ_ZERO_NONE, VQ_ZERO_INT } vq_zero;
typedef enum vq_when { VQ_STATIC, VQ_DYNAMIC } vq_when;
typedef enum vq_observer { VQ_OBS_ABSMAX, VQ_OBS_MINMAX, VQ_OBS_PERCENTILE } vq_observer;
typedef enum vq_rule { VQ_RULE_FLOOR, VQ_RULE_BUMP, VQ_RULE_CEIL, VQ_RULE_FOUR_THIRDS } vq_rule;
typedef enum vq_range { VQ_RANGE_FULL, VQ_RANGE_NARROW } vq_range; /* scale amax/7.5 or amax/7 */
typedef enum vq_compat { VQ_COMPAT_NONE, VQ_COMPAT_CT, VQ_COMPAT_MODELOPT } vq_compat;

typedef struct vq_num {
    vq_grid grid;
    vq_group_shape group;
    vq_scale_type scale;
    bool scale_given; /* the recipe's words, which a format must not change; else a preset's type or
                        * the default. No part of what is equal */
    bool global_scale; /* second-level f32 scale per tensor (NVFP4) */
    vq_zero zero;
    vq_when when;
    vq_observer observer;
    double percentile; /* observer percentile:P, in percent */
    vq_rule rule;      /* e8m0 scales */
    vq_range range;
    vq_compat compat;
} vq_num;

/* A scheme: how a linear's weight and its input are stored and computed. */
typedef struct vq_scheme {
    char id[32]; /* preset name or the recipe's own */
    bool has_weight, has_act;
    vq_num weight, act;
} vq_scheme;

/* vq_grid_parse -- "i4", "u8", "e2m1", "e4m3", "e3m4", "bfp4", "mxint8", "iq4nl", "ue5m3", "e8m0".
 * eXmY without a name of its own (X 1..7,
 * at most 16 bits): bias 2^(X-1)-1, no specials.   false when the text names no grid */
bool vq_grid_parse(const char *text, vq_grid *out);
/* vq_grid_at -- name of the i-th grid of the table of those with a name of their own, NULL past the
 * end; i<b>, u<b>, bfp<p> and eXmY are made from their names. */
const char *vq_grid_at(int i);
/* vq_grid_name -- the inverse, into buf (>= 16 bytes). */
const char *vq_grid_name(const vq_grid *g, char *buf);
bool vq_grid_equal(const vq_grid *a, const vq_grid *b);

/* vq_decode -- value of a code (low g->bits bits used). Exact. NaN and Inf codes give NaN and Inf.
 */
float vq_decode(const vq_grid *g, uint32_t code);
/* vq_encode -- nearest grid value, ties to the even code, saturating at +-max; -0 and negatives
 * that round to zero keep the sign bit on signed float grids; unsigned grids take negatives to zero
 * (e8m0: to 2^-127). NaN gives NaN where the grid has one, else the code of max (callers refuse NaN
 * before). Exact for every float, no libm. Elements of a group go through vq_encode_at (qtensor.h).
 */
uint32_t vq_encode(const vq_grid *g, float x);

/* vq_scale_grid -- the grid of a coded scale type (e4m3, ue5m3, e8m0), NULL for float scales. */
const vq_grid *vq_scale_grid(vq_scale_type t);
/* vq_scale_away -- the value `away` codes from a value above zero of the grid, or that value where
 * there is no such code from `first` on. */
float vq_scale_away(const vq_grid *g, float value, int away, int first);
/* vq_e8m0_exponent -- block exponent e (scale 2^e) under a rule: floor(log2 amax) - emax, where
 * emax = floor(log2 of the grid's largest value); bump: one more from the point where amax would
 * round past the largest value (e2m1 and 8-bit floats 1.75, e2m3 1.9375, times a power of two;
 * tables 1.75 too); ceil: the smallest e with amax <= max 2^e; four-thirds: as floor, and the
 * effective scale is 4/3 2^e. Clamped to -127..127; amax 0 gives -127, or -126 - emax under floor
 * (microxcaling). Subnormal amax is exact. source OCP MX v1.0 6.3, FP-Quant; test
 * tests/unit/base/test_scale.c, tests/golden/test_golden_mx.c */
int vq_e8m0_exponent(const vq_grid *g, vq_rule rule, float amax);

/* vq_group_size -- rows and columns that one scale covers in a [rows][cols] matrix. Group of (r,
 * k): (r / *group_rows) * per_row + k / *group_cols. */
void vq_group_size(const vq_num *n, int64_t rows, int64_t cols, int64_t *group_rows,
                   int64_t *group_cols);
/* vq_group_count -- groups of a [rows][cols] matrix: *per_row along K, *count in all; VQ_E_RECIPE
 * naming the sizes that divide when a 1 x n block does not divide cols. */
vq_status vq_group_count(const vq_num *n, int64_t rows, int64_t cols, int64_t *per_row,
                         int64_t *count, vq_err *e);
/* vq_grid_has_zero -- false: no code means zero, so that a group of zeros takes the smallest scale
 * of its type. */
bool vq_grid_has_zero(const vq_grid *g);
/* vq_num_takes_negative -- can a scale below zero be a meaning of its own: two's complement
 * elements without zero point (one more code below zero than above) and tables whose values are not
 * the same on both sides, scales of a type with a sign, no peer's rule about them. */
bool vq_num_takes_negative(const vq_num *n);
/* vq_num_bits -- stored bits per element of a [rows][cols] matrix: codes, scales, zero points,
 * second scale. */
double vq_num_bits(const vq_num *n, int64_t rows, int64_t cols);

/* vq_scheme_find -- preset by name (nvfp4, nvfp4a16, mxfp4, int4-g128, int4-g32-asym, bfp12-64,
 * ...); NULL when unknown. int<b>-g<n>[-asym] and int<b>-chan[-asym], bfp<n>-<block> (n = mantissa
 * + 8 bits) are generated for any legal number into *buf. Rows: scheme.c; `vq recipe show schemes`
 * prints them. */
const vq_scheme *vq_scheme_find(const char *id, vq_scheme *buf);
extern const char vq_scheme_families[]; /* how the names of generated ones are spelled */
const vq_scheme *vq_scheme_at(int i);   /* i-th row of the preset table, NULL past the end */
/* vq_num_text -- one line "e2m1 block:16 scale e4m3 global_scale f32 dynamic" into buf; what is at
 * its default is left out. */
const char *vq_num_text(const vq_num *n, char *buf, size_t len);
bool vq_num_equal(const vq_num *a, const vq_num *b);

#endif
