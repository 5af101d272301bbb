/* bf16_product.h -- matrix products whose inputs are rounded to bf16 and summed in f32: what a
 * model stored in bf16 is run with. test tests/kernels/test_bf16_product.c */
#ifndef VQ_KERNELS_BF16_PRODUCT_H
#define VQ_KERNELS_BF16_PRODUCT_H

#include "kernels/kernels.h"

/* Columns of C that one call makes, and rows at most. */
#define VQ_PAIRS_COLS 48
#define VQ_PAIRS_ROWS_MOST 32

/* Values of vq_kernels.bf16: packed columns of B, all of them for most products. */
#define VQ_BF16_ROOM ((int64_t)1 << 20)

/* vq_pack_pairs -- lanes of x, of k values each, as panels of `width` lanes that lie `pitch` u32
 * apart. A u32 is a pair: the values 2p and 2p + 1 of a lane, low half first, nearest even, f32
 * subnormals as 0, NaN as NaN; zeros where lanes or k end inside. */
typedef void vq_pack_pairs(const float *x, size_t ld, size_t lanes, size_t k, size_t width,
                           size_t pitch, uint32_t *out);

/* Kernels of machines that multiply pairs of bf16. */
struct vq_bf16_pairs {
    const char *name;
    int64_t rows;    /* lanes of a panel of A */
    int64_t whole;   /* panels are made of that many pairs at a time: zeros behind the last one */
    bool same_sides; /* a panel of B does for rows of A, too */
    /* [across]: lane i is row i of x[lanes][ld], or across column i of x[k][ld]. Panels of B are
     * u32 [pairs][48]; those of A [pairs][rows], or [rows][pairs] where same_sides is not set. */
    vq_pack_pairs *pack_a[2], *pack_b[2];
    /* pack_b[false] of values that are stored in BF16, at any address */
    void (*pack_stored)(const void *x, size_t ld, size_t lanes, size_t k, size_t width,
                        size_t pitch, uint32_t *out);
    /* C[rows][48] = (or += with add) the product of lanes of A and a panel of B, pair after pair;
     * step: u32 from one pair of A's to the next, or from lane to lane */
    void (*tile)(const uint32_t *a, size_t step, const uint32_t *b, size_t pairs, bool add,
                 float *c, size_t ldc);
};
/* vq_bf16_pairs_avx512 -- by VDPBF16PS; vq_bf16_pairs_amx -- by TDPBF16PS. NULL: this machine has
 * none. */
const vq_bf16_pairs *vq_bf16_pairs_avx512(void);
const vq_bf16_pairs *vq_bf16_pairs_amx(void);

/* One side of a product: [lanes][k], or across: [k][lanes]. Side b may be [lanes][k] as it is stored
 * in BF16, at any address; then x is NULL. */
typedef struct vq_bf16_side {
    const float *x;
    int64_t ld;
    bool across;
    const void *stored;
} vq_bf16_side;
static inline vq_bf16_side vq_bf16_rows(const float *x, int64_t ld)
{
    return (vq_bf16_side){.x = x, .ld = ld};
}
static inline vq_bf16_side vq_bf16_columns(const float *x, int64_t ld)
{
    return (vq_bf16_side){.x = x, .ld = ld, .across = true};
}

typedef struct vq_bf16_product {
    int64_t m, n, k;
    vq_bf16_side a, b; /* lanes of a: m, of b: n */
    float *c;          /* [m][ldc] */
    int64_t ldc;
    bool add,
        lower; /* add to what C holds; only where column <= row; then a and b are the same, and add
                * is set */
} vq_bf16_product;
/* vq_bf16_multiply -- C[i][j] = sum over k of bf16(a[i][k]) bf16(b[j][k]) in f32, in blocks of k
 * that depend on k alone: same bits for every thread count. Up to 1 MB of every thread's stack.
 * Call outside parallel regions. */
void vq_bf16_multiply(const vq_kernels *kr, const vq_bf16_product *p);
/* vq_bf16_multiply_tile -- the same on the calling thread, inside of a parallel region, without the
 * room. */
void vq_bf16_multiply_tile(const vq_kernels *kr, const vq_bf16_product *p);
/* vq_bf16_take -- kr's products take inputs in bf16 from now on, with the room from a. */
vq_status vq_bf16_take(vq_kernels *kr, vq_arena *a, vq_err *e);

#endif
