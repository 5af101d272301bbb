/* test_dequantized.c -- quantized checkpoints of every kind, read as dense models: the weights are
 * those that their makers' libraries decode (tests/quantized/make.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/safetensors/safetensors.h"
#include "load/model.h"
#include "load/weights.h"
#include "show.h"

#define FOLDER VQ_SOURCE_DIR "/tests/quantized/"

/* The library gives BF16 for some: then the decoded number is compared rounded. */
static const struct {
    const char *name, *said;
    int weights;
} cases[] = {
    {"ct-int4-group", "compressed-tensors: i4 block:32 scale f32 compat compressed-tensors", 1},
    {"ct-int4-zero", "", 1},
    {"ct-int8-packed", "", 1},
    {"ct-int8", "", 1},
    {"ct-naive", "", 1},
    {"ct-fp8", "", 1},
    {"ct-fp8-block", "", 1},
    {"ct-fp8-static", "", 1},
    {"ct-nvfp4", "", 1},
    {"ct-mxfp4", "", 1},
    {"fp8-block", "", 1},
    {"fp8-block-partial", "", 1},
    {"fp8-block-e8m0", "", 1},
    {"fp8-tensor", "", 1},
    {"fp8-channel", "", 1},
    {"mxfp4-experts", "", 11},
};

typedef struct world {
    vq_job job;
    vq_arena arena;
    vq_model model;
    vq_st_file expected;
    vq_err e;
} world;

static void must(world *w, vq_status s)
{
    if (s != VQ_OK) fail_msg("%s", w->e.text);
}

static void open_world(world *w, const char *name)
{
    char path[512];
    *w = (world){0};
    vq_arena_init(&w->arena, NULL);
    must(w, vq_kernels_select(&w->job.kernels, NULL, false, &w->e));
    snprintf(path, sizeof path, FOLDER "%s", name);
    must(w, vq_model_open_dense(&w->model, path, &w->job, &w->arena, &w->e));
    snprintf(path, sizeof path, FOLDER "%s/expected.st", name);
    must(w, vq_st_open(&w->expected, path, &w->arena, &w->e));
}

static void close_world(world *w)
{
    vq_st_close(&w->expected);
    vq_model_close(&w->model);
    assert_eq(w->job.budget.used, (size_t)0);
    vq_arena_done(&w->arena);
}

/* All slices of a tensor in one array. */
static vq_status keep(void *ctx, int64_t first, const float *x, int64_t n, vq_err *e)
{
    (void)e;
    memcpy((float *)ctx + first, x, (size_t)n * sizeof *x);
    return VQ_OK;
}

static void compare(const char *name, const vq_tensor *want, const float *got)
{
    const int64_t n = vq_tensor_numel(want);
    float *x = malloc((size_t)n * sizeof *x);
    assert_int_equal(vq_to_f32(want, 0, n, x, NULL), VQ_OK);
    for (int64_t i = 0; i < n; i++) {
        const float is = vq_round_to(want->dtype, got[i]);
        if (is != x[i])
            fail_msg("%s [%lld]: %.9g, %.9g expected", name, (long long)i, (double)is,
                     (double)x[i]);
    }
    free(x);
}

static void decodes_like_the_library(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        world w;
        open_world(&w, cases[c].name);
        const vq_tensor *want = &w.expected.tensors[0],
                        *t = vq_tensor_set_find(&w.model.checkpoint.weights, want->name);
        assert_non_null(t);
        assert_non_null(t->coded);
        assert_eq(t->ndim, want->ndim);
        for (int i = 0; i < t->ndim; i++) assert_eq(t->shape[i], want->shape[i]);
        assert_eq((int)w.model.dequantized.weights, cases[c].weights);
        if (*cases[c].said) assert_string_equal(w.model.dequantized.what, cases[c].said);
        assert_false(w.model.checkpoint.config.quantized);
        float *x = malloc((size_t)vq_tensor_numel(t) * sizeof *x);
        must(&w, vq_weights_slices(&w.job.kernels, t, keep, x, &w.e));
        compare(cases[c].name, want, x);
        free(x);
        close_world(&w);
    }
}

/* Any rows, in any order of the columns, are those of the whole. */
static void reads_in_part(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        world w;
        open_world(&w, cases[c].name);
        const vq_tensor *t =
            vq_tensor_set_find(&w.model.checkpoint.weights, w.expected.tensors[0].name);
        const int64_t k = t->shape[t->ndim - 1], n = vq_tensor_numel(t) / k;
        float *whole = malloc((size_t)(n * k) * sizeof *whole), row[128], amax = 0, absmax;
        must(&w, vq_weights_slices(&w.job.kernels, t, keep, whole, &w.e));
        for (int64_t r = 0; r < n; r++) {
            must(&w, t->coded->rows(t->coded->self, r, 1, row, &w.e));
            assert_memory_equal(row, whole + r * k, (size_t)k * sizeof *row);
            for (int64_t i = 0; i < k; i++) amax = fmaxf(amax, fabsf(row[i]));
        }
        must(&w, vq_weights_absmax(&w.job.kernels, t, &absmax, &w.e));
        assert_eq(absmax, amax);
        int32_t order[128];
        for (int64_t i = 0; i < k; i++) order[i] = (int32_t)(k - 1 - i);
        float *turned = malloc((size_t)(n * k) * sizeof *turned);
        if (t->ndim == 2) {
            must(&w, vq_weights_load(&w.job.kernels, t, order, turned, &w.e));
            for (int64_t i = 0; i < n * k; i++)
                assert_eq(turned[i], whole[i / k * k + k - 1 - i % k]);
        }
        free(turned);
        free(whole);
        close_world(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_like_the_library),
        cmocka_unit_test(reads_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
