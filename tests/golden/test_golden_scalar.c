/* test_golden_scalar.c -- every code decoded, thousands of floats encoded, against gfloat and
 * ml_dtypes. */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

#include "base/num/num.h"

#define SCALAR "formats-and-quantizers/formats_scalar.safetensors"

static const struct {
    const char *grid, *encoded;
    bool absolute;
} rows[] = {
    {"e2m1", "encode_sat", false}, {"e4m3", "encode_sat", false},
    {"e5m2", "encode_sat", false}, {"e3m2", "encode_sat", false},
    {"e2m3", "encode_sat", false}, {"e8m0", "encode_abs_rne_gfloat", true},
    {"ue5m3", "encode_abs", true}, {"mxint8", NULL, false},
};

static void decodes_every_code(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vq_grid g;
        assert_true(vq_grid_parse(rows[i].grid, &g));
        const vq_tensor *t = golden_find(f, "%s.decode", rows[i].grid);
        assert_non_null(t);
        assert_int_equal(vq_tensor_numel(t), 1 << g.bits);
        const float *want = golden_f32(f, t);
        for (uint32_t c = 0; c < 1U << g.bits; c++) {
            const float got = vq_decode(&g, c);
            if (want[c] != want[c])
                assert_true(got != got);
            else
                assert_memory_equal(&got, &want[c], 4);
        }
    }
}

static void encodes_every_input(void **state)
{
    golden_file *f = (golden_file *)*state;
    const vq_tensor *tx = golden_find(f, "x");
    const float *x = golden_f32(f, tx);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].encoded) continue;
        vq_grid g;
        assert_true(vq_grid_parse(rows[i].grid, &g));
        const vq_tensor *t = golden_find(f, "%s.%s", rows[i].grid, rows[i].encoded);
        assert_non_null(t);
        int bad = 0;
        for (int64_t k = 0; k < vq_tensor_numel(tx); k++) {
            /* The reference's e8m0 encoder wraps around below half of the smallest value. */
            if (g.ebits == 8 && x[k] != 0 && fabsf(x[k]) < 0x1p-128F) continue;
            const uint32_t got = vq_encode(&g, rows[i].absolute ? fabsf(x[k]) : x[k]);
            const uint32_t want = ((const uint8_t *)t->data)[k];
            if (got != want && bad++ < 3)
                print_message("%s: %a gives %u, reference %u\n", rows[i].grid, (double)x[k], got,
                              want);
        }
        assert_int_equal(bad, 0);
    }
}

int main(void)
{
    golden_file f;
    golden_open(&f, SCALAR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(decodes_every_code, &f),
        cmocka_unit_test_prestate(encodes_every_input, &f),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
