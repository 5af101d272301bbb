/* tiled_cholesky.h -- Cholesky factor of a large symmetric matrix whose lower triangle is kept as square tiles. */
#ifndef VQ_QUANT_TILED_CHOLESKY_H
#define VQ_QUANT_TILED_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

/* Tiles by rows of tiles: tile (i, j), j <= i, is the i (i + 1) / 2 + j -th, row-major. Beyond n lie ones on the diagonal, else zeros. */
typedef struct vq_tiles {
    int64_t n, size, count; /* rows; rows of a tile; rows of tiles */
    double *data;
} vq_tiles;

/* vq_tiles_shape -- for n rows, data NULL. The size of a tile depends on n alone. */
vq_tiles vq_tiles_shape(int64_t n);
static inline int64_t vq_tiles_doubles(const vq_tiles *t)
{
    return t->count * (t->count + 1) / 2 * t->size * t->size;
}
static inline double *vq_tile(const vq_tiles *t, int64_t i, int64_t j)
{
    return t->data + (i * (i + 1) / 2 + j) * t->size * t->size;
}
static inline double *vq_tiles_at(const vq_tiles *t, int64_t i, int64_t j)
{
    return vq_tile(t, i / t->size, j / t->size) + i % t->size * t->size + j % t->size;
}

/* vq_tiles_cholesky -- overwrite A with L, A = L L^T; false when a pivot is not above `least`. Parallel over tiles, each of which is summed
 *   in a fixed order by one thread: same bits for every thread count. strict: loops instead of BLAS. test tests/unit/test_factor.c */
bool vq_tiles_cholesky(const vq_tiles *t, double least, bool strict);

#endif
