/* blas_buffers.c -- the room that OpenBLAS takes: a buffer for each thread that multiplies. */
#include <cblas.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "kernels/kernels.h"

enum { BUFFER_MB = 128 };
static int mapped; /* buffers, which OpenBLAS keeps */

/* x: zeros, of the result too. Sizes of tiles of gemm.c and of factors. */
static void multiply(float *x, bool factors)
{
    enum { ROWS = 512, COLS = 3072, DEPTH = 384, SIDE = 384, TOKENS = 2048 };
    float *out = x + COLS * DEPTH;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, ROWS, COLS, DEPTH, 1.0F, x, DEPTH, x,
                DEPTH, 0.0F, out, COLS);
    if (!factors) return;
    const double *a = (const double *)(const void *)x;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, SIDE, SIDE, SIDE, 1.0, a, SIDE, a, SIDE,
                0.0, (double *)(void *)out, SIDE);
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, SIDE, TOKENS, 1.0F, x, SIDE, 0.0F, out,
                SIDE);
}

size_t vq_kernels_buffers(int threads, bool factors)
{
    enum { INPUT = 3072 * 384, OUTPUT = 512 * 3072 };
    float *x = calloc(INPUT + OUTPUT, sizeof *x);
    if (!x) return 0; /* whoever multiplies next says so */
    const size_t before = vq_memory_anonymous();
    multiply(x, factors);
    free(x);
    const size_t after = vq_memory_anonymous();
    return after > before ? (after - before) * (size_t)(threads - 1) : 0;
}

static bool has_room(size_t mb)
{
    void *room =
        mmap(NULL, mb << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, mb << 20) == 0;
}

/* Every thread makes so many products at the same time. */
static void multiply_together(int threads, int products)
{
    enum { SIDE = 64 };
#pragma omp parallel num_threads(threads)
    {
        float x[SIDE * SIDE] = {0}, sum[SIDE * SIDE] = {0};
#pragma omp barrier
        for (int i = 0; i < products; i++)
            cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, SIDE, SIDE, 1.0F, x, SIDE, 0.0F, sum,
                        SIDE);
    }
}

/* OpenBLAS maps another buffer when all that it has are in use. So every thread has to be inside it at
 * one time, which takes a few tries where the processors are busy; without /proc one has to do. */
static void map_buffers(int threads)
{
    enum { FIRST = 64, MOST = FIRST << 10 };
    multiply_together(1, 1);
    const size_t before = vq_memory_mapped(), others = (size_t)(threads - 1) * BUFFER_MB << 20;
    for (int n = FIRST; n <= MOST && mapped < threads; n *= 2) {
        if (threads > 1) multiply_together(threads, n);
        if (!before || vq_memory_mapped() >= before + others) mapped = threads;
    }
}

vq_status vq_kernels_room(int threads, vq_err *e)
{
    const size_t mb = (size_t)BUFFER_MB * (size_t)threads;
    if (threads <= mapped) return VQ_OK;
    multiply_together(threads, 0); /* the threads and their stacks take room, too */
    if (!has_room(mb))
        return vq_fail(e, VQ_E_LIMIT,
                       "OpenBLAS needs %zu MiB of address space (%d for each thread), which the "
                       "system refuses; raise the limit (ulimit -v) or lower --threads",
                       mb, BUFFER_MB);
    map_buffers(threads);
    return VQ_OK;
}
