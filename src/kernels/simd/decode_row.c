/* decode_row.c -- vq_decode_at for a row: value of the code, less the zero point, times the group's
 * scale. */
#include "kernels/simd/grid_lanes.h"

static inline vi load_codes(const uint8_t *codes, size_t n)
{
    vu8 c = {0};
    if (n >= VQ_L)
        memcpy(&c, codes, sizeof c);
    else
        memcpy(&c, codes, n);
    return vi_of_u8(c);
}

/* One group; `decode` is a constant of the caller and is inlined. */
static inline void decode_group(const grid_lanes *l, decoder decode, const uint8_t *codes, size_t n,
                                float scale, float zero, float *x)
{
    size_t i = 0;
    for (; i + VQ_L <= n; i += VQ_L)
        vf_store(x + i, (decode(l, load_codes(codes + i, VQ_L)) - zero) * scale);
    if (i < n) vf_store_n(x + i, n - i, (decode(l, load_codes(codes + i, n - i)) - zero) * scale);
}

/* One row as groups of `block` elements. */
typedef struct row {
    const uint8_t *codes;
    size_t n, block;
    const float *scale;
    const int16_t *zero;
    float *x;
} row;

static inline void decode_groups(const grid_lanes *l, decoder decode, const row *r)
{
    for (size_t i = 0, g = 0; i < r->n; i += r->block, g++) {
        const size_t n = r->n - i < r->block ? r->n - i : r->block;
        decode_group(l, decode, r->codes + i, n, r->scale[g], r->zero ? (float)r->zero[g] : 0.0F,
                     r->x + i);
    }
}

static void decode_scalar(const vq_num *num, const row *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const size_t g = i / r->block;
        r->x[i] = vq_decode_at(num, r->codes[i], r->scale[g], r->zero ? r->zero[g] : 0);
    }
}

void VQ_FN(decode_row)(const vq_num *num, const uint8_t *codes, size_t n, size_t block,
                       const float *scale, const int16_t *zero, float *x)
{
    const row r = {codes, n, block, scale, zero, x};
    if (!grid_is_plain(&num->grid)) {
        decode_scalar(num, &r);
        return;
    }
    const grid_lanes l = grid_lanes_of(&num->grid);
    if (num->grid.kind == VQ_GRID_INT)
        decode_groups(&l, decode_int_lanes, &r);
    else if (num->grid.kind == VQ_GRID_TABLE)
        decode_groups(&l, decode_table_lanes, &r);
    else
        decode_groups(&l, decode_float_lanes, &r);
}
