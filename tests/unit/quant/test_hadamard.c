/* test_hadamard.c -- which blocks fit, what the options change, and that two rotations are none. */
#include "base/exchange/edit.h"
#include "show.h"
#include "transform_world.h"

static vq_err err;

static vq_input_map map_of(int64_t k, vq_producer producer, const char *option, const char *value)
{
    vq_scheme buf;
    const vq_option_set o = world_options(&vq_transform_hadamard, option, value);
    const vq_stats stats = {.k = k};
    vq_transform_job job = {.options = &o,
                            .stats = &stats,
                            .scheme = vq_scheme_find("mxfp4", &buf),
                            .producer = producer};
    if (vq_transform_hadamard.run(&job, &err) != VQ_OK) fail_msg("%s", err.text);
    assert_true(!job.map.scale && !job.map.order && !job.map.s && !job.map.fold_order);
    return job.map;
}

static void test_block(void **state)
{
    (void)state;
    const vq_producer none = {.kind = VQ_PRODUCER_NONE};
    assert_int_equal(map_of(576, none, NULL, NULL).hadamard, 32);
    assert_int_equal(map_of(576, none, "block", "16").hadamard, 16);
    assert_int_equal(map_of(2048, none, "block", "1024").hadamard, 1024);
    assert_int_equal(map_of(576, none, "block", "full").hadamard, 576); /* 36 * 16 */
    assert_int_equal(map_of(11008, none, "block", "full").hadamard,
                     256); /* 256 * 43: no matrix of order 172 */
    assert_int_equal(map_of(4096, none, "block", "full").hadamard, 4096);
}

static void test_fold(void **state)
{
    (void)state;
    const vq_producer values = {.kind = VQ_PRODUCER_VALUES,
                                .heads = 9,
                                .kv_heads = 3,
                                .head_dim = 64},
                      rows = {.kind = VQ_PRODUCER_ROWS}, norm = {.kind = VQ_PRODUCER_NORM};
    assert_true(map_of(576, values, NULL, NULL).fold_hadamard);
    assert_true(map_of(576, values, "block", "64").fold_hadamard);
    assert_false(map_of(576, values, "fold", "online").fold_hadamard);
    assert_false(
        map_of(576, rows, NULL, NULL).fold_hadamard); /* silu_mul does not commute with it */
    assert_false(map_of(576, norm, NULL, NULL).fold_hadamard);
    const vq_producer narrow = {
        .kind = VQ_PRODUCER_VALUES, .heads = 32, .kv_heads = 32, .head_dim = 48};
    assert_false(map_of(1536, narrow, NULL, NULL)
                     .fold_hadamard); /* a block would reach into the next head */
    assert_true(map_of(1536, narrow, "block", "16").fold_hadamard);
}

static void refuse(int64_t k, const char *block, const char *says)
{
    vq_scheme buf;
    const vq_option_set o = world_options(&vq_transform_hadamard, "block", block);
    assert_int_equal(vq_transform_hadamard.applies(&o, vq_scheme_find("mxfp4", &buf), k, &err),
                     VQ_E_RECIPE);
    assert_string_equal(err.text, says);
}

static void test_sizes_that_do_not_fit(void **state)
{
    (void)state;
    refuse(576, "128", "hadamard: blocks of 128 do not fit 576 input channels; 16, 32, 64 do");
    refuse(100, "16",
           "hadamard: blocks of 16 do not fit 100 input channels; no power of two from 16 on does");
    refuse(72, "full",
           "hadamard: blocks of 8 do not fit 72 input channels; no power of two from 16 on does");
    vq_option_set o = world_options(&vq_transform_hadamard, NULL, NULL);
    assert_int_equal(vq_option_parse(&o, "block", "48", &err), VQ_E_RECIPE);
    assert_int_equal(vq_option_parse(&o, "block", "2048", &err), VQ_E_RECIPE);
}

/* x rotated, W's columns rotated in the same way: the product stays; rotated again, x is x. */
static void test_product_is_kept(void **state)
{
    (void)state;
    enum { K = 96, N = 10, TOKENS = 6 };
    transform_world w;
    world_open(&w);
    float *x = world_matrix(&w, TOKENS, K, 2), *weight = world_matrix(&w, N, K, 4);
    const double *in = world_inputs(&w, TOKENS, K, 2),
                 *want = world_product(&w, in, weight, TOKENS, N, K);
    const vq_edit d = {
        .tensor = "w", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = 32, .n = K};
    assert_int_equal(vq_edit_apply(&d, weight, N, K, &w.scratch, &w.err), VQ_OK);
    for (int t = 0; t < TOKENS; t++) w.kernels.hadamard_row(x + t * K, K, 32);
    double *rotated = VQ_ALLOC(&w.arena, double, TOKENS *K, "x", &w.err);
    for (int i = 0; i < TOKENS * K; i++) rotated[i] = (double)x[i];
    const double *got = world_product(&w, rotated, weight, TOKENS, N, K);
    for (int i = 0; i < TOKENS * N; i++) assert_near(got[i], want[i], 5e-4);
    for (int t = 0; t < TOKENS; t++) w.kernels.hadamard_row(x + t * K, K, 32);
    for (int i = 0; i < TOKENS * K; i++) assert_near(x[i], in[i], 1e-5);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_sizes_that_do_not_fit),
        cmocka_unit_test(test_product_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
