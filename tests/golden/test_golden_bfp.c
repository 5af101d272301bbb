/* test_golden_bfp.c -- block floating point against dmx-compressor. The reference adds and takes
 * away 6 times the shared power of two in f32 and so rounds twice, which moves elements beside a
 * tie by one step; it has no shared exponents for subnormal blocks and overflows from 2^126. Every
 * other difference fails. */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "base/num/qtensor.h"
#include "show.h"

static const int lengths[] = {12, 14, 16, 24}; /* mantissa + 8 */
static const int blocks[] = {16, 32, 64, 128};
static const char *const cases[] = {"norm_outlier", "edge"};

/* Is x, in steps, so near to the middle between two steps that the reference's first rounding can
 * put it there? */
static bool beside_a_tie(double x, double step, int mantissa)
{
    const double part = fabs(x) / step - floor(fabs(x) / step);
    return fabs(part - 0.5) <= ldexp(1, mantissa - 24);
}

static bool explained(float x, float got, float reference, float scale, int mantissa)
{
    if (got == reference) return true;
    if (scale < FLT_MIN || scale >= 0x1p126F) return true;
    const double step = ldexp((double)scale, 2 - mantissa);
    return beside_a_tie((double)x, step, mantissa) && fabs((double)got - (double)reference) == step;
}

static void check(golden_file *f, const char *name, int n, int block)
{
    vq_err e = {0};
    vq_scheme buf;
    char id[32];
    (void)snprintf(id, sizeof id, "bfp%d-%d", n, block);
    const vq_tensor *t = golden_find(f, "%s.x", name),
                    *want = golden_find(f, "%s.BFP%d_%d.dequant", name, n, block);
    assert_non_null(want);
    const float *x = golden_f32(f, t), *reference = golden_f32(f, want);
    vq_qtensor q;
    assert_int_equal(vq_qtensor_new(&q, &vq_scheme_find(id, &buf)->weight, t->shape[0], t->shape[1],
                                    &f->arena, &e),
                     VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, x, (vq_global_scale){1, false}, VQ_F32, &e), VQ_OK);
    float *out = VQ_ALLOC(&f->arena, float, q.rows *q.cols, "values", &e);
    vq_dequantize_ref(&q, 0, q.rows, out);
    int64_t moved = 0;
    for (int64_t i = 0; i < q.rows * q.cols; i++) {
        moved += out[i] != reference[i];
        if (!explained(x[i], out[i], reference[i], q.scale[i / block], n - 8))
            fail_msg("%s %s: %a became %a, in the reference %a", name, id, (double)x[i],
                     (double)out[i], (double)reference[i]);
    }
    assert_le(moved, q.rows * q.cols / 50);
}

static void decodes_to_the_same_values(void **state)
{
    golden_file *f = (golden_file *)*state;
    for (size_t c = 0; c < 2; c++)
        for (size_t i = 0; i < 4; i++)
            for (size_t b = 0; b < 4; b++) check(f, cases[c], lengths[i], blocks[b]);
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
