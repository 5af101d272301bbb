/* test_edit.c -- edits against their closed forms, their inverses, and themselves on another number
 * of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/exchange/edit.h"

enum { ROWS = 48, COLS = 40 };

static vq_arena arena;

static int set_up(void **state)
{
    (void)state;
    vq_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

static void fill(float *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) w[i] = sinf((float)(i * i % 9973));
}

static void apply(const vq_edit *d, float *w, int64_t rows, int64_t cols)
{
    vq_err e = {0};
    assert_int_equal(vq_edit_apply(d, w, rows, cols, &arena, &e), VQ_OK);
}

static void test_scale_and_set(void **state)
{
    (void)state;
    float w[ROWS * COLS], old[ROWS * COLS], s[ROWS];
    for (int i = 0; i < ROWS; i++) s[i] = 0.5f + (float)i;
    fill(old, ROWS * COLS);
    memcpy(w, old, sizeof w);
    apply(
        &(vq_edit){
            .tensor = "w", .kind = VQ_EDIT_SCALE, .side = VQ_EDIT_ROWS, .scale = s, .n = ROWS},
        w, ROWS, COLS);
    for (int i = 0; i < ROWS * COLS; i++) assert_float_equal(w[i], old[i] * s[i / COLS], 0);
    memcpy(w, old, sizeof w);
    apply(
        &(vq_edit){
            .tensor = "w", .kind = VQ_EDIT_SCALE, .side = VQ_EDIT_COLS, .scale = s, .n = COLS},
        w, ROWS, COLS);
    for (int i = 0; i < ROWS * COLS; i++) assert_float_equal(w[i], old[i] * s[i % COLS], 0);
    apply(
        &(vq_edit){.tensor = "w", .kind = VQ_EDIT_SET, .side = VQ_EDIT_ROWS, .scale = s, .n = ROWS},
        w, ROWS, 1); /* a vector */
    assert_memory_equal(w, s, sizeof s);
}

static void test_gather(void **state)
{
    (void)state;
    float w[ROWS * COLS], old[ROWS * COLS];
    int32_t order[ROWS];
    fill(old, ROWS * COLS);
    for (int i = 0; i < ROWS; i++) order[i] = (i * 7 + 5) % ROWS;
    memcpy(w, old, sizeof w);
    apply(
        &(vq_edit){
            .tensor = "w", .kind = VQ_EDIT_GATHER, .side = VQ_EDIT_ROWS, .order = order, .n = ROWS},
        w, ROWS, COLS);
    for (int i = 0; i < ROWS * COLS; i++)
        assert_float_equal(w[i], old[order[i / COLS] * COLS + i % COLS], 0);
    for (int i = 0; i < COLS; i++) order[i] = (i * 3 + 1) % COLS;
    memcpy(w, old, sizeof w);
    apply(
        &(vq_edit){
            .tensor = "w", .kind = VQ_EDIT_GATHER, .side = VQ_EDIT_COLS, .order = order, .n = COLS},
        w, ROWS, COLS);
    for (int i = 0; i < ROWS * COLS; i++)
        assert_float_equal(w[i], old[i / COLS * COLS + order[i % COLS]], 0);
}

/* Entry (i, j) of Sylvester's matrix: the sign of the common bits. */
static double sylvester(int64_t i, int64_t j)
{
    return __builtin_parityll((unsigned long long)(i & j)) ? -1 : 1;
}

static void hadamard_matches_matrix(vq_edit_side side, int64_t block)
{
    float w[ROWS * COLS], old[ROWS * COLS];
    fill(old, ROWS * COLS);
    memcpy(w, old, sizeof w);
    const vq_edit d = {.tensor = "w",
                       .kind = VQ_EDIT_HADAMARD,
                       .side = side,
                       .block = block,
                       .n = side == VQ_EDIT_ROWS ? ROWS : COLS};
    apply(&d, w, ROWS, COLS);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t c = 0; c < COLS; c++) {
            const int64_t at = side == VQ_EDIT_ROWS ? r : c, first = at / block * block;
            double want = 0;
            for (int64_t i = 0; i < block; i++)
                want += sylvester(at - first, i) * (double)(side == VQ_EDIT_ROWS
                                                                ? old[(first + i) * COLS + c]
                                                                : old[r * COLS + first + i]);
            assert_float_equal(w[r * COLS + c], (float)(want / sqrt((double)block)), 1e-6);
        }
    }
    apply(&d, w, ROWS, COLS);
    for (int i = 0; i < ROWS * COLS; i++) assert_float_equal(w[i], old[i], 1e-6);
}

static void test_hadamard_is_the_matrix_and_its_own_inverse(void **state)
{
    (void)state;
    hadamard_matches_matrix(VQ_EDIT_ROWS, 16);
    hadamard_matches_matrix(VQ_EDIT_ROWS, 1);
    hadamard_matches_matrix(VQ_EDIT_COLS, 8);
    hadamard_matches_matrix(VQ_EDIT_COLS, 2);
}

static void test_threads_give_the_same_bits(void **state)
{
    (void)state;
    enum { N = 512, K = 320 };
    const size_t bytes = (size_t)N * K * sizeof(float);
    const vq_edit d[] = {
        {.tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_ROWS, .block = 128, .n = N},
        {.tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = 64, .n = K}};
    float *one = malloc(bytes), *two = malloc(bytes);
    const int threads = omp_get_max_threads();
    fill(one, N * K);
    memcpy(two, one, bytes);
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(1);
        apply(&d[i], one, N, K);
        omp_set_num_threads(2);
        apply(&d[i], two, N, K);
    }
    omp_set_num_threads(threads);
    assert_memory_equal(one, two, bytes);
    free(one);
    free(two);
}

static void test_sides_that_do_not_fit_are_bugs(void **state)
{
    (void)state;
    float w[6] = {0};
    const int32_t order[] = {0, 2};
    const vq_edit bad[] = {
        {.tensor = "w", .kind = VQ_EDIT_SCALE, .side = VQ_EDIT_ROWS, .scale = w, .n = 2},
        {.tensor = "w", .kind = VQ_EDIT_GATHER, .side = VQ_EDIT_COLS, .order = order, .n = 2},
        {.tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_ROWS, .block = 2, .n = 3},
        {.tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_ROWS, .block = 3, .n = 3},
        {.tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_ROWS, .block = 0, .n = 3}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        vq_err e;
        assert_int_equal(vq_edit_apply(&bad[i], w, 3, 2, &arena, &e), VQ_E_BUG);
    }
}

static void test_over_the_limit(void **state)
{
    (void)state;
    vq_budget budget = {.fail_in = 1};
    vq_arena small;
    vq_err e;
    float w[4] = {0};
    vq_arena_init(&small, &budget);
    const vq_edit d = {
        .tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = 2, .n = 2};
    assert_int_equal(vq_edit_apply(&d, w, 2, 2, &small, &e), VQ_E_LIMIT);
    budget.fail_in = 1;
    vq_edits list;
    vq_edits_init(&list, &small);
    assert_int_equal(vq_edits_add(&list, &d, &e), VQ_E_LIMIT);
    vq_arena_done(&small);
}

/* A list holds edits of many tensors; each gets its own, in the order in which they were added. */
static void test_lists(void **state)
{
    (void)state;
    static const float two[] = {2, 2}, up[] = {1, 10};
    static const int32_t swap[] = {1, 0};
    vq_edits list;
    vq_err e;
    vq_edits_init(&list, &arena);
    assert_false(vq_edits_touch(&list, "a"));
    for (int i = 0; i < 70; i++) {
        const vq_edit other = {.tensor = "b", .kind = VQ_EDIT_SCALE, .scale = two, .n = 2};
        assert_int_equal(vq_edits_add(&list, &other, &e), VQ_OK);
    }
    assert_int_equal(
        vq_edits_add(&list, &(vq_edit){.tensor = "a", .kind = VQ_EDIT_SCALE, .scale = up, .n = 2},
                     &e),
        VQ_OK);
    assert_int_equal(
        vq_edits_add(&list,
                     &(vq_edit){.tensor = "a", .kind = VQ_EDIT_GATHER, .order = swap, .n = 2}, &e),
        VQ_OK);
    float w[] = {3, 4};
    assert_true(vq_edits_touch(&list, "a") && vq_edits_touch(&list, "b"));
    assert_int_equal(vq_edits_run(&list, "a", w, 2, 1, &arena, &e), VQ_OK);
    assert_float_equal(w[0], 40, 0);
    assert_float_equal(w[1], 3, 0);
    assert_int_equal(vq_edits_run(&list, "c", w, 2, 1, &arena, &e), VQ_OK);
    assert_int_equal(vq_edits_run(&list, "a", w, 1, 2, &arena, &e), VQ_E_BUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale_and_set),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_hadamard_is_the_matrix_and_its_own_inverse),
        cmocka_unit_test(test_threads_give_the_same_bits),
        cmocka_unit_test(test_sides_that_do_not_fit_are_bugs),
        cmocka_unit_test(test_over_the_limit),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
