/* test_dense.c -- stored matrices of every float type as f32; shapes that do not fit are refused by
 * name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "memory_source.h"
#include "model/op/dense.h"

enum { ROWS = 5, COLS = 37 };

/* Values that every type holds exactly. */
static float value_at(int64_t i)
{
    return (float)(i % 61 - 30) * 0.25f;
}

static size_t store(vq_dtype t, unsigned char *to, int64_t i)
{
    const float x = value_at(i);
    const double wide = (double)x;
    const uint16_t b = vq_f32_to_bf16(x), h = vq_f32_to_f16(x);
    const void *from = t == VQ_F32    ? (const void *)&x
                       : t == VQ_F64  ? (const void *)&wide
                       : t == VQ_BF16 ? (const void *)&b
                                      : (const void *)&h;
    const size_t size = (size_t)vq_dtype_bits(t) / 8;
    memcpy(to + (size_t)i * size, from, size);
    return size;
}

static void test_rows_and_gathered_rows(void **state)
{
    (void)state;
    static const vq_dtype types[] = {VQ_F32, VQ_BF16, VQ_F16, VQ_F64};
    static unsigned char bytes[1 + ROWS * COLS * 8];
    static const int32_t picked[4] = {4, 0, 0, 2};
    vq_kernels kr;
    vq_err e;
    assert_int_equal(vq_kernels_select(&kr, NULL, false, &e), VQ_OK);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t size = 0;
        for (int64_t j = 0; j < ROWS * COLS; j++)
            size = store(types[i], bytes + 1, j); /* mapped files are not aligned */
        const vq_tensor t = {.name = "t",
                             .dtype = types[i],
                             .ndim = 2,
                             .shape = {ROWS, COLS},
                             .data = bytes + 1,
                             .bytes = size * ROWS * COLS};
        float out[4 * COLS];
        assert_int_equal(vq_dense_rows(&kr, &t, 2, 3, COLS, out, &e), VQ_OK);
        for (int64_t j = 0; j < 3 * COLS; j++)
            assert_float_equal(out[j], value_at(2 * COLS + j), 0);
        assert_int_equal(vq_dense_gather(&kr, &t, picked, 4, COLS, out, &e), VQ_OK);
        for (int64_t j = 0; j < 4 * COLS; j++)
            assert_float_equal(out[j], value_at(picked[j / COLS] * COLS + j % COLS), 0);
    }
    const vq_tensor ints = {
        .name = "t", .dtype = VQ_I32, .ndim = 2, .shape = {1, 4}, .data = bytes, .bytes = 16};
    float out[4];
    assert_int_equal(vq_dense_rows(&kr, &ints, 0, 1, 4, out, &e), VQ_E_INPUT);
    assert_int_equal(vq_dense_gather(&kr, &ints, picked + 1, 1, 4, out, &e), VQ_E_INPUT);
}

static void test_shapes_that_do_not_fit(void **state)
{
    (void)state;
    memory_source m = {.seed = 1};
    m.source = (vq_source){.self = &m, .tensor = memory_tensor, .has = memory_has};
    memory_add(&m, "e.weight", 6, 4, 0, 1);
    memory_add(&m, "norm.weight", 0, 4, 0, 1);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_kernels kr;
    vq_err e;
    assert_int_equal(vq_kernels_select(&kr, NULL, false, &e), VQ_OK);
    const vq_exec x = {.source = &m.source, .kernels = &kr, .arena = &a};
    vq_node embed = {.name = "e", .width = 4, .in_width = 6};
    vq_tensor t;
    float *v;
    assert_int_equal(vq_embedding_table(&x, &embed, &t, &e), VQ_OK);
    embed.in_width = 7;
    assert_int_equal(vq_embedding_table(&x, &embed, &t, &e), VQ_E_INPUT);
    assert_string_equal(e.text, "e.weight has shape [6, 4]; the model needs [7, 4]");
    assert_int_equal(memory_tensor(&m, "norm.weight", &t, &e), VQ_OK);
    assert_int_equal(vq_dense_vector(&x, &t, 4, &v, &e), VQ_OK);
    assert_memory_equal(v, memory_data(&m, "norm.weight"), 4 * sizeof *v);
    assert_int_equal(vq_dense_vector(&x, &t, 5, &v, &e), VQ_E_INPUT);
    memory_close(&m);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_and_gathered_rows),
                                       cmocka_unit_test(test_shapes_that_do_not_fit)};
    return cmocka_run_group_tests_name("dense", tests, NULL, NULL);
}
