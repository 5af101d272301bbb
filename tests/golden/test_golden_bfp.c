/* test_golden_bfp.c -- block floating point against dmx-compressor: exact for short mantissas; the simulation rounds longer ones twice, and
 * has no shared exponent for blocks of subnormals. */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>
#include <float.h>

#include "base/qtensor.h"

static const struct {
    int n;
    double differing; /* share of elements that may differ */
} rows[] = {{12, 0}, {14, 0}, {16, 1.0 / 16384}, {24, 0.005}};
static const int blocks[] = {16, 32, 64, 128};
static const char *const cases[] = {"norm_outlier", "edge"};

static void check(golden_file *f, const char *name, int n, int block, double differing)
{
    vq_err e = {0};
    vq_scheme buf;
    char id[32];
    (void)snprintf(id, sizeof id, "bfp%d-%d", n, block);
    const vq_tensor *t = golden_find(f, "%s.x", name), *want = golden_find(f, "%s.BFP%d_%d.dequant", name, n, block);
    assert_non_null(want);
    const int64_t numel = vq_tensor_numel(t);
    vq_qtensor q;
    assert_int_equal(vq_qtensor_new(&q, &vq_scheme_find(id, &buf)->weight, t->shape[0], t->shape[1], &f->arena, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, golden_f32(f, t), (vq_super){1, false}, VQ_F32, &e), VQ_OK);
    float *out = VQ_ALLOC(&f->arena, float, numel, "values", &e);
    vq_dequantize_ref(&q, 0, q.rows, out);
    float *reference = golden_f32(f, want);
    for (int64_t g = 0; g < q.groups; g++)
        if (differing > 0 && q.scale[g] < FLT_MIN) memcpy(reference + g * block, out + g * block, (size_t)block * 4);
    const int64_t bad = differing_floats(out, reference, numel, id);
    assert_true((double)bad <= differing * (double)numel);
}

static void decodes_to_the_same_values(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t c = 0; c < 2; c++)
        for (size_t i = 0; i < 4; i++)
            for (size_t b = 0; b < 4; b++) check(f, cases[c], rows[i].n, blocks[b], rows[i].differing);
}

int main(void)
{
    golden_file f;
    golden_open(&f, "formats-and-quantizers/bfp.safetensors");
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(decodes_to_the_same_values, &f)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
