/* kernels.h -- one table says which kernel runs. Reference kernels fill it, cpuid overwrites
 * entries, an option forces a level.
 *
 * Adding a kernel: one line in kernels.inc, one function in simd/ (compiled once per ISA level).
 * The scalar definitions of number formats live in base/num.c and base/qtensor.c; tests/kernels
 * compares every level with them. test tests/kernels/test_kernels.c */
#ifndef VQ_KERNELS_KERNELS_H
#define VQ_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/num/num.h"
#include "base/num/qtensor.h"

/* The values of a scale grid by code, what they come to with the second-level scale, and which
 * codes a search may give a group instead of the plain one. qmax: largest |value| of the elements'
 * grid. */
typedef struct vq_scale_codes {
    float value[256], effective[256], qmax;
    uint8_t first[256], last[256];
} vq_scale_codes;

/* A row of groups of `block` elements, their plain codes, and which of them take a negative scale.
 */
typedef struct vq_code_search {
    const vq_scale_codes *codes;
    const float *x, *d; /* [n]; d NULL: 1 */
    size_t n, block;
    const uint8_t *plain, *negative; /* [groups]; negative NULL: none */
    bool both;                       /* after the scales of that sign, those of the other one too */
} vq_code_search;
typedef struct vq_bf16_pairs vq_bf16_pairs; /* bf16_product.h */

typedef struct vq_kernels {
    const char *isa; /* "ref", "avx2", "avx512", "amx" */
    bool strict;     /* gemm by fixed-order loops instead of BLAS: same bits on every machine */
    uint32_t
        *bf16; /* set by who runs a model as its stored type says (vq_bf16_take): matrix products
               * then round their inputs to bf16 and sum in f32, one product at a time (tiles
               * apart). NULL, and in strict mode: f32 */
    const vq_bf16_pairs *pairs; /* what does it; NULL: BLAS on rounded copies */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define VQ_KERNEL(ret, name, args) ret(*name) args;
#include "kernels/kernels.inc"
#undef VQ_KERNEL
} vq_kernels;

/* vq_kernels_select -- table for a level (NULL or "auto": the best this machine has). VQ_E_RECIPE
 * for an unknown name, VQ_E_LIMIT when
 *   this machine lacks it. */
vq_status vq_kernels_select(vq_kernels *out, const char *isa, bool strict, vq_err *e);
/* vq_kernels_blas -- what makes matrix products: OpenBLAS's kernels for this machine, its version, and
 * what multiplies pairs of bf16; two of them round sums in another order. */
const char *vq_kernels_blas(const vq_kernels *kr);
/* vq_kernels_room -- before the first matrix product: OpenBLAS maps a buffer for each thread that
 * multiplies, and waits for ever where the address space (ulimit -v) has no room for it. So all are
 * mapped here, where VQ_E_LIMIT can be said. test tests/cli/address_space.sh */
vq_status vq_kernels_room(int threads, vq_err *e);
/* vq_kernels_buffers -- multiplies once, as large as a tile (factors: also sums of outer products and
 * in f64): OpenBLAS keeps the pages of its buffer. Bytes that the buffers of the other threads will
 * take beside it; a measure, 0 where there is no /proc. */
size_t vq_kernels_buffers(int threads, bool factors);
/* vq_kernels_best -- name of the best level here. */
const char *vq_kernels_best(void);

/* vq_gemm_nt -- C[M][N] = A[M][K] B[N][K]^T. Leading dimensions in elements. Runs on all OpenMP
 * threads over tiles whose
 *   shape does not depend on their number: same bits for every thread count. Call outside parallel
 *   regions. */
void vq_gemm_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc);
/* vq_gemm_nt_stored -- the same where kr->bf16 is set and not strict, of a B that is stored in BF16, rows
 * one after another, at any address. */
void vq_gemm_nt_stored(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                       int64_t lda, const void *b, float *c, int64_t ldc);
/* vq_gemm_nn -- C[M][N] = A[M][K] B[K][N]; _nn_add: C += that. Threads and bits as vq_gemm_nt. */
void vq_gemm_nn(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                const float *b, int64_t ldb, float *c, int64_t ldc);
void vq_gemm_nn_add(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc);
/* vq_gemm_tn_add -- C[N][K] += A[M][N]^T B[M][K], M (tokens) walked in order: sums of outer
 * products of rows, gradients of weights.
 * vq_gemm_tn_add_lower -- C[N][N] += A^T A, lower triangle and diagonal only; what lies above is
 * left as it is until vq_mirror_lower copies the lower triangle there. Threads and bits as
 * vq_gemm_nt. */
void vq_gemm_tn_add(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc);
void vq_gemm_tn_add_lower(const vq_kernels *kr, int64_t m, int64_t n, const float *a, int64_t lda,
                          float *c, int64_t ldc);
void vq_mirror_lower(float *c, int64_t n);
/* vq_gemm_tile_nt / _nn / _tn_add -- one tile on the calling thread (attention): C = alpha A B^T, C
 * = A B, C += A^T B. */
void vq_gemm_tile_nt(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, float alpha,
                     const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                     int64_t ldc);
void vq_gemm_tile_nn(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                     int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc);
void vq_gemm_tile_tn_add(const vq_kernels *kr, int64_t m, int64_t n, int64_t k, const float *a,
                         int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc);

/* vq_fake_quant -- what a quantized input means to the GEMM: rows x[m][k] -> out[m][k_out] f32
 * after quantizing and decoding under num.
 *   Per-token and dynamic block scales per row; act_global_scale.value 0: second scale from the
 *   row's own maximum; act_scale != 0: static per
 * tensor. order/s (ARC): gather by order, quantize, append the quantized residual of the last s
 * channels interleaved by blocks (spec 2.3, 2.4); then k_out = k + s. Without order out may be x.
 * Parallel over rows. scratch: none. VQ_E_NUMERIC when x has a NaN or Inf. source arXiv 2601.07475;
 * test tests/kernels/test_fake_quant.c, tests/golden/test_golden_arc.c */
typedef struct vq_act_spec {
    const vq_num *num;
    vq_global_scale global_scale;
    float scale;
    int16_t zero;
    const int32_t *order;
    int64_t s;
} vq_act_spec;
vq_status vq_fake_quant(const vq_kernels *kr, const vq_act_spec *spec, const float *x, int64_t m,
                        int64_t k, float *out, vq_err *e);
/* vq_act_encode -- the quantized form of one input row x[k], finite: codes[k + s], and per group of
 * the row (one when the scale covers the whole row) the stored scale and zero point, in the same
 * order; out[k + s] f32 is what they mean. Each of the four may be NULL. Returns the second scale
 * that was used. With order, formats with a second scale have the arithmetic of the ARC kernels: x
 * over the second scale, times the reciprocal of the stored scale; a group of zeros has the
 * smallest scale. Others are quantized as without order. The residual stays f32. k and s are
 * multiples of the block width, which is at most 1024. */
typedef struct vq_act_codes {
    uint8_t *codes;
    float *scale;
    int16_t *zero;
    float *out;
} vq_act_codes;
vq_global_scale vq_act_encode(const vq_kernels *kr, const vq_act_spec *spec, const float *x,
                              int64_t k, const vq_act_codes *to);

/* vq_decode_rows -- canonical rows [0, q->rows) to f32 [rows][ld]: parallel over rows. */
void vq_decode_rows(const vq_kernels *kr, const vq_qtensor *q, float *out, int64_t ld);
/* vq_quantize_rows -- fast equal of vq_quantize_ref: parallel over rows; also gives the sums for
 * SQNR (f64, fixed order; may be NULL). */
vq_status vq_quantize_rows(const vq_kernels *kr, vq_qtensor *q, const float *w,
                           vq_global_scale global_scale, vq_dtype arith, double *signal,
                           double *noise, vq_err *e);

#endif
