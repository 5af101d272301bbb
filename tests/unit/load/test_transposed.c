/* test_transposed.c -- a matrix stored [in][out] and marked so reads as the one stored [out][in]:
 * every type, every reader; and the other way round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "load/weights.h"
#include "model/op/dense.h"
#include "show.h"

/* More rows than one strip of the reader, more columns than one slice of the search for the
 * maximum. */
enum { ROWS = 37, COLS = 1100, ALL = ROWS * COLS };

typedef struct both {
    vq_kernels kernels;
    unsigned char rows[1 + 8 * ALL], columns[1 + 8 * ALL]; /* mapped files are not aligned */
    vq_tensor plain, turned;
    float want[ALL], got[ALL];
} both;

static const vq_dtype types[] = {VQ_F32, VQ_F16, VQ_BF16, VQ_F64};

static void put(unsigned char *to, vq_dtype t, int64_t i, float x)
{
    const double wide = (double)x;
    const uint16_t half = t == VQ_BF16 ? vq_f32_to_bf16(x) : vq_f32_to_f16(x);
    const void *from = t == VQ_F32   ? (const void *)&x
                       : t == VQ_F64 ? (const void *)&wide
                                     : (const void *)&half;
    const size_t size = (size_t)vq_dtype_bits(t) / 8;
    memcpy(to + (size_t)i * size, from, size);
}

static void put_at(both *s, int64_t r, int64_t c, float x)
{
    put(s->rows + 1, s->plain.dtype, r * COLS + c, x);
    put(s->columns + 1, s->plain.dtype, c * ROWS + r, x);
}

static void store(both *s, vq_dtype t)
{
    const size_t bytes = (size_t)ALL * (size_t)vq_dtype_bits(t) / 8;
    const vq_tensor file = {.name = "m.weight",
                            .dtype = t,
                            .ndim = 2,
                            .shape = {COLS, ROWS},
                            .data = s->columns + 1,
                            .bytes = bytes};
    s->plain = file;
    s->plain.shape[0] = ROWS;
    s->plain.shape[1] = COLS;
    s->plain.data = s->rows + 1;
    s->turned = vq_tensor_turn(&file);
    for (int64_t i = 0; i < ALL; i++) put_at(s, i / COLS, i % COLS, (float)(i * 37 % 101 - 50) / 8);
}

static void same(const both *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) assert_eq(s->got[i], s->want[i]);
}

static void test_shapes(void **state)
{
    both *s = *state;
    store(s, VQ_F32);
    assert_true(s->turned.transposed && s->turned.shape[0] == ROWS && s->turned.shape[1] == COLS);
    const vq_tensor back = vq_tensor_as_stored(&s->turned);
    assert_true(!back.transposed && back.shape[0] == COLS && back.shape[1] == ROWS);
    assert_eq(vq_tensor_as_stored(&back).shape[0], COLS);
}

static void test_elements_and_rows(void **state)
{
    both *s = *state;
    static const int32_t picked[] = {36, 0, 17};
    vq_err e;
    for (int t = 0; t < 4; t++) {
        store(s, types[t]);
        assert_int_equal(vq_to_f32(&s->plain, 1050, 200, s->want, &e), VQ_OK);
        assert_int_equal(vq_to_f32(&s->turned, 1050, 200, s->got, &e), VQ_OK);
        same(s, 200);
        for (int64_t r0 = 0; r0 < 20; r0 += 19) {
            const int64_t n = 18 * COLS;
            assert_int_equal(vq_dense_rows(&s->kernels, &s->plain, r0, 18, COLS, s->want, &e), 0);
            assert_int_equal(vq_dense_rows(&s->kernels, &s->turned, r0, 18, COLS, s->got, &e), 0);
            same(s, n);
        }
        assert_int_equal(vq_dense_gather(&s->kernels, &s->plain, picked, 3, COLS, s->want, &e), 0);
        assert_int_equal(vq_dense_gather(&s->kernels, &s->turned, picked, 3, COLS, s->got, &e), 0);
        same(s, 3 * (int64_t)COLS);
    }
}

static void test_weights(void **state)
{
    both *s = *state;
    static int32_t order[COLS];
    vq_err e;
    float most[2];
    for (int i = 0; i < COLS; i++) order[i] = (i * 7 + 3) % COLS;
    for (int t = 0; t < 3; t++)
        for (int ordered = 0; ordered < 2; ordered++) {
            const int32_t *by = ordered ? order : NULL;
            store(s, types[t]);
            put_at(s, 31, 1090, -96);
            assert_int_equal(vq_weights_load(&s->kernels, &s->plain, by, s->want, &e), VQ_OK);
            assert_int_equal(vq_weights_load(&s->kernels, &s->turned, by, s->got, &e), VQ_OK);
            same(s, ALL);
            assert_int_equal(vq_weights_absmax(&s->kernels, &s->plain, &most[0], &e), VQ_OK);
            assert_int_equal(vq_weights_absmax(&s->kernels, &s->turned, &most[1], &e), VQ_OK);
            assert_true(most[0] == 96 && most[1] == 96);
            put_at(s, 31, 1090, NAN);
            assert_int_equal(vq_weights_load(&s->kernels, &s->turned, by, s->got, &e), VQ_E_INPUT);
            assert_non_null(strstr(e.text, "m.weight[31][1090] is NaN"));
            assert_int_equal(vq_weights_finite(&s->kernels, &s->turned, &e), VQ_E_INPUT);
        }
}

static int setup(void **state)
{
    static both s;
    vq_err e;
    *state = &s;
    return vq_kernels_select(&s.kernels, NULL, false, &e) == VQ_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_shapes, setup),
        cmocka_unit_test_setup(test_elements_and_rows, setup),
        cmocka_unit_test_setup(test_weights, setup),
    };
    return cmocka_run_group_tests_name("transposed", tests, NULL, NULL);
}
