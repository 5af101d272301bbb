/* encode_row.c -- vq_encode_at for a row: divide by the group's scale, add its zero point, round to
 * the grid. */
#include "kernels/simd/grid_lanes.h"

static inline void store_codes(uint8_t *codes, size_t n, vi code)
{
    const vu8 c = vu8_of(code);
    if (n >= VQ_L) {
        memcpy(codes, &c, sizeof c);
        return;
    }
    uint8_t lane[VQ_L];
    memcpy(lane, &c, sizeof c);
    for (size_t i = 0; i < n; i++) codes[i] = lane[i];
}

/* One group; `encode` is a constant of the caller and is inlined. Missing lanes of the last vector
 * hold 0. */
static inline void encode_group(const grid_lanes *l, encoder encode, const float *x, size_t n,
                                float scale, float zero, uint8_t *codes)
{
    const vf s = vf_all(scale), z = vf_all(zero);
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L) store_codes(codes + i, VQ_L, encode(l, vf_load(x + i), s, z));
    if (i < n) store_codes(codes + i, n - i, encode(l, vf_load_n(x + i, n - i, 0.0F), s, z));
}

/* One row as groups of `block` elements. */
typedef struct row {
    const float *x;
    size_t n, block;
    const float *scale;
    const int16_t *zero;
    uint8_t *codes;
} row;

static inline void encode_groups(const grid_lanes *l, encoder encode, const row *r)
{
    for (size_t i = 0, g = 0; i < r->n; i += r->block, g++) {
        const size_t n = r->n - i < r->block ? r->n - i : r->block;
        encode_group(l, encode, r->x + i, n, r->scale[g], r->zero ? (float)r->zero[g] : 0.0F,
                     r->codes + i);
    }
}

/* The same with blocks of 16, whose short inner loop is then no loop at all. */
static inline void encode_groups_16(const grid_lanes *l, encoder encode, const row *r)
{
    for (size_t i = 0, g = 0; i < r->n; i += 16, g++)
        encode_group(l, encode, r->x + i, 16, r->scale[g], r->zero ? (float)r->zero[g] : 0.0F,
                     r->codes + i);
}

static void encode_scalar(const vq_num *num, const row *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const size_t g = i / r->block;
        r->codes[i] = (uint8_t)vq_encode_at(num, r->x[i], r->scale[g], r->zero ? r->zero[g] : 0);
    }
}

void VQ_FN(encode_row)(const vq_num *num, const float *x, size_t n, size_t block,
                       const float *scale, const int16_t *zero, uint8_t *codes)
{
    const row r = {x, n, block, scale, zero, codes};
    if (!encode_is_vectorised(num)) {
        encode_scalar(num, &r);
        return;
    }
    const grid_lanes l = grid_lanes_of_num(num);
    if (num->grid.kind == VQ_GRID_INT)
        encode_groups(&l, encode_int_at, &r);
    else if (num->grid.kind == VQ_GRID_TABLE)
        encode_groups(&l, encode_table_at, &r);
    else if (block == 16 && n % 16 == 0)
        encode_groups_16(&l, encode_float_at, &r);
    else
        encode_groups(&l, encode_float_at, &r);
}
