/* bench_kernels.c -- speed of the kernels: CSV rows
 * op,format,isa,threads,m,n,k,seconds,gb_s,gflop_s. Best of several short runs. gb_s of the
 * quantizers counts their input as bf16. Usage: bench_kernels [level ...] */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/bf16_product.h"

#define RUNS 7

typedef struct bench {
    vq_kernels kr;
    const vq_num *num;
    vq_qtensor q;
    const char *format;
    int64_t m, n, k;
    uint16_t *half;
    float *x, *y, *z, *c;
    uint8_t *codes;
    float *scale;
    int16_t *zero;
    int32_t *order;
} bench;

static void *room(size_t count, size_t size)
{
    void *p = aligned_alloc(64, (count * size + 63) / 64 * 64);
    if (!p) {
        (void)fprintf(stderr, "no memory\n");
        exit(4);
    }
    memset(p, 0, count * size);
    return p;
}

typedef void (*body)(bench *b);

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_of(bench *b, body run)
{
    double best = 1e9;
    for (int r = 0; r < RUNS; r++) {
        const double from = now();
        run(b);
        const double s = now() - from;
        best = s < best ? s : best;
    }
    return best;
}

static void report(bench *b, const char *op, body run, double bytes, double flop)
{
    const double s = best_of(b, run);
    printf("%s,%s,%s,%d,%lld,%lld,%lld,%.6f,%.2f,%.1f\n", op, b->format, b->kr.isa,
           omp_get_max_threads(), (long long)b->m, (long long)b->n, (long long)b->k, s,
           bytes / s * 1e-9, flop / s * 1e-9);
}

/* Kernels of one row, over m rows of k elements that stay in the cache. */
#define ROWS(name, call)                                                                           \
    static void name(bench *b)                                                                     \
    {                                                                                              \
        const size_t k = (size_t)b->k;                                                             \
        for (int64_t r = 0; r < b->m; r++) {                                                       \
            call;                                                                                  \
        }                                                                                          \
    }
ROWS(run_bf16, b->kr.bf16_to_f32(b->half, b->y, k))
ROWS(run_finite, b->scale[0] = (float)b->kr.all_finite(b->x, k))
ROWS(run_range16, b->kr.range_blocks(b->x, k, 16, b->scale, b->scale + k))
ROWS(run_range64, b->kr.range_blocks(b->x, k, 64, b->scale, b->scale + k))
ROWS(run_error, double xx; double dd; b->kr.error_sums(b->x, b->y, k, &xx, &dd);
     b->scale[0] = (float)dd)
ROWS(run_rms, b->kr.rms_norm(b->x, b->y, 1e-5F, k, b->z))
ROWS(run_silu, b->kr.silu_mul(b->x, b->y, k, b->z))
ROWS(run_softmax, memcpy(b->z, b->x, k * 4); b->kr.softmax(b->z, k, k, 0.125F))
ROWS(run_lse, b->scale[0] = (float)b->kr.log_sum_exp(b->x, k))
ROWS(run_kl, b->scale[0] = (float)b->kr.kl_row(b->x, 9.0, b->y, 9.0, k))
ROWS(run_encode, b->kr.encode_row(b->num, b->x, k, (size_t)b->num->group.cols, b->scale,
                                  b->num->zero == VQ_ZERO_INT ? b->zero : NULL, b->codes))
ROWS(run_decode, b->kr.decode_row(b->num, b->codes, k, (size_t)b->num->group.cols, b->scale,
                                  b->num->zero == VQ_ZERO_INT ? b->zero : NULL, b->y))
ROWS(run_scale, b->kr.scale_row(b->num, b->x, b->y, k, (vq_global_scale){1.0F, false}, VQ_F32,
                                b->scale, b->zero))

static void bench_rows(bench *b)
{
    const struct {
        const char *name;
        body run;
        double bytes; /* per element, read and written */
    } ops[] = {{"bf16_to_f32", run_bf16, 6},       {"all_finite", run_finite, 4},
               {"range_blocks16", run_range16, 4}, {"range_blocks64", run_range64, 4},
               {"error_sums", run_error, 8},       {"rms_norm", run_rms, 12},
               {"silu_mul", run_silu, 12},         {"softmax", run_softmax, 8},
               {"log_sum_exp", run_lse, 4},        {"kl_row", run_kl, 8}};
    b->format = "f32";
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        report(b, ops[i].name, ops[i].run, ops[i].bytes * (double)b->m * (double)b->k, 0);
}

static void run_quantize(bench *b)
{
    vq_err e;
    const vq_global_scale global_scale = vq_global_scale_from_amax(b->num, 4.0F, VQ_F32);
    const int64_t rows = b->m;
    for (int64_t r = 0; r < rows; r++) { /* row by row, as a reader of bf16 would */
        vq_qtensor q = b->q;
        b->kr.bf16_to_f32(b->half, b->y, (size_t)b->k);
        q.rows = 1;
        q.groups = q.per_row;
        (void)vq_quantize_rows(&b->kr, &q, b->y, global_scale, VQ_F32, NULL, NULL, &e);
    }
}

static void run_quantize_all(bench *b)
{
    vq_err e;
    (void)vq_quantize_rows(&b->kr, &b->q, b->x, vq_global_scale_from_amax(b->num, 4.0F, VQ_F32),
                           VQ_F32, NULL, NULL, &e);
}

/* Inputs of a linear: as they are, and with the last eighth of the channels as residuals. */
static void run_inputs(bench *b)
{
    vq_err e;
    (void)vq_fake_quant(&b->kr, &(vq_act_spec){.num = b->num}, b->x, b->m, b->k, b->y, &e);
}

static void run_residuals(bench *b)
{
    vq_err e;
    const vq_act_spec spec = {.num = b->num, .order = b->order, .s = b->k / 8};
    (void)vq_fake_quant(&b->kr, &spec, b->x, b->m, b->k, b->y, &e);
}

static void bench_inputs(bench *b)
{
    const char *const ids[] = {"nvfp4", "mxfp4", "mxfp8", "fp8", "int8"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        vq_scheme buf;
        const vq_scheme *s = vq_scheme_find(ids[i], &buf);
        b->num = &s->act;
        b->format = ids[i];
        report(b, "fake_quant", run_inputs, 8 * (double)b->m * (double)b->k, 0);
        if (i == 0)
            report(b, "fake_quant_arc", run_residuals, 8.5 * (double)b->m * (double)b->k, 0);
    }
}

static void bench_quantizers(bench *b)
{
    const char *const ids[] = {"nvfp4", "mxfp4",    "mxfp8",         "fp8",
                               "int8",  "int4-g64", "int4-g32-asym", "bfp12-64"};
    const double elements = (double)b->m * (double)b->k;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        vq_scheme buf;
        vq_arena a;
        vq_err e;
        const vq_scheme *s = vq_scheme_find(ids[i], &buf);
        if (!s) continue;
        vq_arena_init(&a, NULL);
        b->num = &s->weight;
        b->format = ids[i];
        if (vq_qtensor_new(&b->q, b->num, b->m, b->k, &a, &e) == VQ_OK) {
            for (int64_t g = 0; g < b->k; g++) b->scale[g] = 0.5F;
            report(b, "quantize_rows", run_quantize_all, 2 * elements, 0);
            if (b->num->group.kind == VQ_PER_BLOCK) {
                report(b, "bf16_row_quantize", run_quantize, 2 * elements, 0);
                report(b, "scale_row", run_scale, 8 * elements, 0);
                for (int64_t g = 0; g < b->k; g++) b->scale[g] = 0.5F;
                report(b, "encode_row", run_encode, 5 * elements, 0);
                report(b, "decode_row", run_decode, 5 * elements, 0);
            }
        }
        vq_arena_done(&a);
    }
}

static void run_gemm(bench *b)
{
    vq_gemm_nt(&b->kr, b->m, b->n, b->k, b->x, b->k, b->y, b->k, b->c, b->n);
}

static void run_gemm_back(bench *b)
{
    vq_gemm_nn(&b->kr, b->m, b->n, b->k, b->x, b->k, b->y, b->n, b->c, b->n);
}

static void run_gram(bench *b)
{
    vq_gemm_tn_add_lower(&b->kr, b->m, b->n, b->x, b->n, b->c, b->n);
}

/* m, n, k of the products of a block of 576 channels, forwards and backwards; Gram matrices sum
 * over m. */
static void bench_gemm(bench *b, const char *format)
{
    static const int64_t shapes[][3] = {{2048, 576, 576},
                                        {2048, 1536, 576},
                                        {2048, 576, 1536},
                                        {8192, 576, 576},
                                        {2048, 6144, 576}};
    b->format = format;
    b->kr.bf16 = strcmp(format, "bf16") == 0 ? room(VQ_BF16_ROOM, sizeof *b->kr.bf16) : NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        b->m = shapes[i][0], b->n = shapes[i][1], b->k = shapes[i][2];
        const double flop = 2.0 * (double)b->m * (double)b->n * (double)b->k;
        report(b, "gemm_nt", run_gemm, 0, flop);
        report(b, "gemm_nn", run_gemm_back, 0, flop);
    }
    for (size_t i = 0; i < 2; i++) {
        b->m = 512, b->n = shapes[i][1], b->k = b->n;
        report(b, "gemm_tn_add_lower", run_gram, 0,
               (double)b->m * (double)b->n * (double)(b->n + 1));
    }
    free(b->kr.bf16);
    b->kr.bf16 = NULL;
}

/* As fast as this machine multiplies pairs of bf16: one tile of which everything is in the
 * first-level cache. */
static void run_pairs(bench *b)
{
    const uint32_t *panels = (const uint32_t *)(const void *)b->x;
    for (int64_t r = 0; r < b->m; r++)
        b->kr.pairs->tile(panels,
                          b->kr.pairs->same_sides ? (size_t)b->kr.pairs->rows : (size_t)b->k / 2,
                          panels + 4096, (size_t)b->k / 2, false, b->z, VQ_PAIRS_COLS);
}

static void bench_pairs(bench *b)
{
    if (!b->kr.pairs) return;
    b->format = "bf16";
    b->m = 4096, b->n = VQ_PAIRS_COLS, b->k = 192;
    report(b, "bf16_pairs_peak", run_pairs, 0,
           2.0 * (double)b->m * (double)b->kr.pairs->rows * VQ_PAIRS_COLS * (double)b->k);
}

static void fill(float *x, size_t n)
{
    uint32_t s = 1;
    for (size_t i = 0; i < n; i++) {
        s = s * 1664525U + 1013904223U;
        x[i] = (float)(int32_t)s * 0x1p-30F;
    }
}

static void bench_level(bench *b, const char *isa)
{
    vq_err e;
    if (vq_kernels_select(&b->kr, isa, false, &e) != VQ_OK) {
        (void)fprintf(stderr, "%s\n", e.text);
        return;
    }
    b->m = 1024, b->n = 0, b->k = 1536;
    bench_rows(b);
    bench_quantizers(b);
    bench_inputs(b);
    bench_gemm(b, "f32");
    bench_gemm(b, "bf16");
    bench_pairs(b);
}

int main(int argc, char **argv)
{
    const size_t most = 8192 * 1536;
    bench b = {.half = room(8192, 2),
               .x = room(most, 4),
               .y = room(most, 4),
               .z = room(8192, 4),
               .c = room(2048 * 6144, 4)};
    b.codes = room(8192, 1), b.scale = room(16384, 4), b.zero = room(16384, 2),
    b.order = room(8192, 4);
    for (int i = 0; i < 1536; i++) b.order[i] = (i * 1025) % 1536;
    fill(b.x, most);
    fill(b.y, most);
    for (size_t i = 0; i < 8192; i++) b.half[i] = vq_f32_to_bf16(b.x[i]);
    printf("op,format,isa,threads,m,n,k,seconds,gb_s,gflop_s\n");
    const char *const all[] = {"ref", "avx2", "avx512"};
    for (int i = 1; i < argc; i++) bench_level(&b, argv[i]);
    for (size_t i = 0; argc == 1 && i < 3; i++) bench_level(&b, all[i]);
    return 0;
}
