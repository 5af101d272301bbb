/* tiled_cholesky.h -- Cholesky factor of a large symmetric matrix of which the lower triangle is
 * kept, in bands of rows. */
#ifndef VQ_QUANT_ROUND_TILED_CHOLESKY_H
#define VQ_QUANT_ROUND_TILED_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

/* Band i holds rows [i * size, (i + 1) * size), each up to the end of the diagonal tile: [size][(i
 * + 1) * size], so that all that lies left of a tile is one matrix. Beyond n lie ones on the
 * diagonal, else zeros. */
typedef struct vq_tiles {
    int64_t n, size, count; /* rows; rows of a band; bands */
    double *data;
} vq_tiles;

/* vq_tiles_shape -- tiles for n rows, without data: the caller sets data [vq_tiles_doubles]. The
 * size of a band depends on n alone. */
vq_tiles vq_tiles_shape(int64_t n);
/* vq_tiles_doubles -- of data: the bands and, at the end, room for the inverse of a diagonal tile.
 */
static inline int64_t vq_tiles_doubles(const vq_tiles *t)
{
    return (t->count * (t->count + 1) / 2 + 1) * t->size * t->size;
}
/* Length of the rows of band i, and row `row` of the matrix: its columns from 0 on. */
static inline int64_t vq_tiles_length(const vq_tiles *t, int64_t i)
{
    return (i + 1) * t->size;
}
static inline double *vq_tiles_row(const vq_tiles *t, int64_t row)
{
    const int64_t i = row / t->size;
    return t->data + i * (i + 1) / 2 * t->size * t->size + row % t->size * vq_tiles_length(t, i);
}

/* vq_tiles_macs -- what vq_tiles_cholesky costs, in multiply-adds of its products: about n^3 / 6;
 * whole tiles on the diagonal, and solving against a triangle counted twice, for it runs at half
 * the speed. */
double vq_tiles_macs(const vq_tiles *t);
/* vq_tiles_cholesky -- overwrite A with L, A = L L^T; what lies above the diagonal is undefined.
 * false when a pivot is not above `least`.
 *   Parallel over tiles, each of which is summed in a fixed order by one thread: same bits for
 *   every thread count. strict: loops instead of BLAS. n^3 / 3 operations in f64. test
 *   tests/unit/quant/test_tiled_cholesky.c */
bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict);

#endif
