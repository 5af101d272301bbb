/* hadamard_matrix.h -- symmetric Hadamard matrices: Sylvester's where the size is a power of two,
 * else Paley's times Sylvester's where the size has such a factor. Over the root of its size each
 * is its own inverse. source Paley, On orthogonal matrices, 1933 (made symmetric by an order of its
 * rows); test tests/unit/base/test_hadamard_matrix.c */
#ifndef VQ_BASE_NUM_HADAMARD_MATRIX_H
#define VQ_BASE_NUM_HADAMARD_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

enum {
    VQ_HADAMARD_RUN =
        16, /* a size with a Paley factor is that factor times a power of two of at least this */
    VQ_HADAMARD_CORE = 256 /* largest Paley factor */
};

/* vq_hadamard_core -- the Paley factor of size n (12, 20, 28, 36, ...), 1 where n is a power of
 * two, 0: no matrix of this size is known. */
int64_t vq_hadamard_core(int64_t n);
/* vq_hadamard_block -- may the input of a linear be rotated in blocks of this size? From 16 on. */
static inline bool vq_hadamard_block(int64_t n)
{
    return n >= VQ_HADAMARD_RUN && vq_hadamard_core(n) > 0;
}
/* vq_hadamard_signs -- the Paley matrix of order m, as vq_hadamard_core gave it: signs [m][m] of 1
 * and -1. */
void vq_hadamard_signs(int64_t m, int8_t *signs);
/* vq_hadamard_times -- x [n][width] becomes the matrix of size n times x, not scaled. */
void vq_hadamard_times(double *x, int64_t n, int64_t width);

#endif
