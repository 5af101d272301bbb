/* tiled_cholesky.h -- Cholesky factor of a large symmetric matrix whose lower triangle is kept as strips of rows. */
#ifndef VQ_QUANT_TILED_CHOLESKY_H
#define VQ_QUANT_TILED_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

/* Strip i holds rows [i size, (i + 1) size) up to and with the tile on the diagonal, row-major, (i + 1) size columns: all that lies left of
 * a tile is one matrix. Beyond n lie ones on the diagonal, else zeros. */
typedef struct vq_tiles {
    int64_t n, size, count; /* rows; rows of a strip; strips */
    double *data;
} vq_tiles;

/* vq_tiles_shape -- for n rows, data NULL. The size of a tile depends on n alone. */
vq_tiles vq_tiles_shape(int64_t n);
/* vq_tiles_doubles -- of data: the strips and one tile more, for the inverse of the one on the diagonal. */
static inline int64_t vq_tiles_doubles(const vq_tiles *t)
{
    return (t->count * (t->count + 1) / 2 + 1) * t->size * t->size;
}
/* vq_tiles_row -- row i of the lower triangle: columns [0, i]. */
static inline double *vq_tiles_row(const vq_tiles *t, int64_t i)
{
    const int64_t strip = i / t->size;
    return t->data + strip * (strip + 1) / 2 * t->size * t->size + i % t->size * (strip + 1) * t->size;
}

/* vq_tiles_cholesky -- overwrite A with L, A = L L^T; false when a pivot is not above `least`. Parallel over tiles, each of which is summed
 *   in a fixed order by one thread: same bits for every thread count. strict: loops instead of BLAS. test tests/unit/test_factor.c */
bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict);

#endif
