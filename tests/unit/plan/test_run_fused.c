/* test_run_fused.c -- names of modules that runtimes fuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/fused.h"

static void test_followers(void **state)
{
    (void)state;
    char name[64];
    assert_true(vq_fused_follower("model.layers.0.self_attn.q_proj", 0, name, sizeof name));
    assert_string_equal(name, "model.layers.0.self_attn.k_proj");
    assert_true(vq_fused_follower("q_proj", 1, name, sizeof name));
    assert_string_equal(name, "v_proj");
    assert_true(vq_fused_follower("a.gate_proj", 0, name, sizeof name));
    assert_string_equal(name, "a.up_proj");
    assert_false(vq_fused_follower("a.gate_proj", 1, name, sizeof name));
    assert_false(vq_fused_follower("a.down_proj", 0, name, sizeof name));
    assert_false(vq_fused_follower("model.layers.0.self_attn.q_proj", 0, name, 8));
}

static void test_follows(void **state)
{
    (void)state;
    assert_true(vq_fused_follows("x.k_proj"));
    assert_true(vq_fused_follows("up_proj"));
    assert_false(vq_fused_follows("x.q_proj"));
    assert_false(vq_fused_follows("x.o_proj"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_followers),
                                       cmocka_unit_test(test_follows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
