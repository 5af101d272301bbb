/* dispatch.c -- which level of kernels runs: asked for by name, or the best that this machine has.
 */
#include <cblas.h>
#include <stdio.h>
#include <string.h>

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
    {
        .isa = "amx", /* products of bf16 (pairs); all else as avx512 */
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
    if (level == 3) return machine_has(2) && vq_bf16_pairs_amx();
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

const char *vq_kernels_blas(const vq_kernels *kr)
{
    static char text[96];
    const char *config = openblas_get_config();
    const size_t name = strcspn(config, " ");
    const int both = (int)(name + (config[name] ? 1 + strcspn(config + name + 1, " ") : 0));
    (void)snprintf(text, sizeof text, "%s, %.*s%s%s", openblas_get_corename(), both, config,
                   kr->pairs ? ", " : "", kr->pairs ? kr->pairs->name : "");
    return text;
}

vq_status vq_kernels_select(vq_kernels *out, const char *isa, bool strict, vq_err *e)
{
    size_t level = 0;
    if (!isa || strcmp(isa, "auto") == 0)
        level = best_level();
    else
        while (level < LEVELS && strcmp(levels[level].isa, isa) != 0) level++;
    if (level == LEVELS)
        return vq_fail(e, VQ_E_RECIPE, "no kernels named %s: use auto, ref, avx2, avx512 or amx",
                       isa);
    if (!machine_has(level))
        return vq_fail(e, VQ_E_LIMIT, "this machine has no %s; its best is %s", isa,
                       vq_kernels_best());
    openblas_set_num_threads(1); /* gemm.c brings the threads */
    *out = levels[level];
    out->strict = strict;
    if (strcmp(out->isa, "avx512") == 0) out->pairs = vq_bf16_pairs_avx512();
    if (strcmp(out->isa, "amx") == 0) out->pairs = vq_bf16_pairs_amx();
    return VQ_OK;
}
