/* test_golden_ksort.c -- orders of keys against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "golden_tensors.h"
#include "quant/model_job.h"
#include "show.h"

static golden_file file;

static const struct {
    const char *name;
    vq_ksort_mode mode;
} modes[] = {{"perm_free", VQ_KSORT_FREE},
             {"perm_pairs", VQ_KSORT_PAIRS},
             {"perm_pairs_interleaved", VQ_KSORT_INTERLEAVED}};

typedef struct keys {
    int64_t heads, d, k;
    float *w, *norms;
} keys;

static keys open_keys(void)
{
    const vq_tensor *norms = golden_find(&file, "row_norms"), *w = golden_find(&file, "Wk");
    assert_non_null(norms);
    assert_non_null(w);
    vq_err e = {0};
    keys s = {.heads = norms->shape[0],
              .d = norms->shape[1],
              .k = w->shape[1],
              .w = golden_f32(&file, w)};
    s.norms = VQ_ALLOC(&file.arena, float, s.heads *s.d, "norms", &e);
    vq_row_norms(s.w, NULL, s.heads * s.d, s.k, s.norms);
    return s;
}

static void test_row_norms(void **state)
{
    (void)state;
    const keys s = open_keys();
    const float *want = golden_f32(&file, golden_find(&file, "row_norms"));
    for (int64_t i = 0; i < s.heads * s.d; i++)
        assert_float_equal(s.norms[i], want[i], 1e-6f * want[i]);
}

static void test_orders(void **state)
{
    (void)state;
    const keys s = open_keys();
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        const vq_tensor *want = golden_find(&file, "%s", modes[m].name);
        assert_non_null(want);
        for (int64_t h = 0; h < s.heads; h++) {
            int32_t order[256];
            vq_err e;
            assert_le(s.d, 256);
            assert_int_equal(
                vq_ksort_order(modes[m].mode, s.norms + h * s.d, s.d, order, &file.arena, &e),
                VQ_OK);
            assert_memory_equal(order, (const int32_t *)want->data + h * s.d,
                                (size_t)s.d * sizeof *order);
        }
    }
}

int main(void)
{
    golden_open(&file, "formats-and-quantizers/ksort.safetensors");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_row_norms),
                                       cmocka_unit_test(test_orders)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&file);
    return failed;
}
