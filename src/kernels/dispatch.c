/* dispatch.c -- which level of kernels runs: asked for by name, or the best that this machine has.
 */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "kernels/bf16_product.h"

/* One declaration per kernel and level, and one table row per level, all from kernels.inc. */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define VQ_KERNEL(ret, name, args) ret vq_##name##_ref args;
#include "kernels/kernels.inc"
#undef VQ_KERNEL
#if defined(__x86_64__)
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define VQ_KERNEL(ret, name, args) ret vq_##name##_avx2 args;
#include "kernels/kernels.inc"
#undef VQ_KERNEL
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define VQ_KERNEL(ret, name, args) ret vq_##name##_avx512 args;
#include "kernels/kernels.inc"
#undef VQ_KERNEL
#endif

/* Rising order. */
static const vq_kernels levels[] = {
    {
        .isa = "ref",
#define VQ_KERNEL(ret, name, args) .name = vq_##name##_ref,
#include "kernels/kernels.inc"
#undef VQ_KERNEL
    },
#if defined(__x86_64__)
    {
        .isa = "avx2",
#define VQ_KERNEL(ret, name, args) .name = vq_##name##_avx2,
#include "kernels/kernels.inc"
#undef VQ_KERNEL
    },
    {
        .isa = "avx512",
#define VQ_KERNEL(ret, name, args) .name = vq_##name##_avx512,
#include "kernels/kernels.inc"
#undef VQ_KERNEL
    },
#endif
};
#define LEVELS (sizeof levels / sizeof levels[0])

static bool machine_has(size_t level)
{
#if defined(__x86_64__)
    if (level == 1) return __builtin_cpu_supports("avx2");
    if (level == 2)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    return level == 0;
}

static size_t best_level(void)
{
    size_t best = LEVELS - 1;
    while (!machine_has(best)) best--;
    return best;
}

const char *vq_kernels_best(void)
{
    return levels[best_level()].isa;
}

vq_status vq_kernels_select(vq_kernels *out, const char *isa, bool strict, vq_err *e)
{
    size_t level = 0;
    if (!isa || strcmp(isa, "auto") == 0)
        level = best_level();
    else
        while (level < LEVELS && strcmp(levels[level].isa, isa) != 0) level++;
    if (level == LEVELS)
        return vq_fail(e, VQ_E_RECIPE, "no kernels named %s: use auto, ref, avx2 or avx512", isa);
    if (!machine_has(level))
        return vq_fail(e, VQ_E_LIMIT, "this machine has no %s; its best is %s", isa,
                       vq_kernels_best());
    openblas_set_num_threads(1); /* gemm.c brings the threads */
    *out = levels[level];
    out->strict = strict;
    if (strcmp(out->isa, "avx512") == 0) out->pairs = vq_bf16_pairs_avx512();
    return VQ_OK;
}

enum { BLAS_BUFFER_MB = 128 };

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

vq_status vq_kernels_room(int threads, vq_err *e)
{
    const size_t mb = (size_t)BLAS_BUFFER_MB * (size_t)threads;
    void *room =
        mmap(NULL, mb << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED) {
        (void)munmap(room, mb << 20);
        return VQ_OK;
    }
    return vq_fail(e, VQ_E_LIMIT,
                   "OpenBLAS needs %zu MiB of address space (%d for each thread), which the system "
                   "refuses; raise the limit (ulimit -v) or lower --threads",
                   mb, BLAS_BUFFER_MB);
}
