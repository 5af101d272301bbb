/* test_summary.c -- which runtimes an artifact is said to load in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "formats/target.h"
#include "run/quantize/summary.h"

static const vq_scheme nvfp4 = {.has_weight = true, .weight = {.global_scale = true}},
                       int8 = {.has_weight = true},
                       int4 = {.has_weight = true,
                               .weight = {.group = {.kind = VQ_PER_BLOCK, .rows = 1, .cols = 32}}};

static bool says_of(const char *runtime, vq_plan_weight *weights, int n, bool known)
{
    static const vq_arch arch;
    const vq_model model = {.arch = known ? &arch : NULL};
    const vq_scheme *scheme = &weights[0].scheme;
    const vq_recipe recipe = {.schemes = &scheme, .nschemes = 1};
    const vq_plan p = {.recipe = &recipe,
                       .model = &model,
                       .target = vq_target_find("compressed-tensors"),
                       .weights = weights,
                       .nweights = n};
    const char *list[VQ_SUMMARY_RUNTIMES + 1];
    vq_summary_loaders(&p, list);
    for (int i = 0; list[i]; i++)
        if (strcmp(list[i], runtime) == 0) return true;
    return false;
}

static bool says(const char *runtime, const char *module, const vq_scheme *scheme, bool known)
{
    vq_plan_weight weight = {.module = module, .scheme = *scheme, .quantized = true};
    return says_of(runtime, &weight, 1, known);
}

/* transformers decodes every layer by the first group of quantization_config. */
static void test_mixed(void **state)
{
    vq_plan_weight two[] = {{.module = "a", .scheme = int4, .quantized = true},
                            {.module = "b", .scheme = int4, .quantized = true}};
    (void)state;
    assert_true(says_of("transformers", two, 2, true));
    two[0].scheme.weight.zero = two[1].scheme.weight.zero = VQ_ZERO_INT;
    assert_true(says_of("transformers", two, 2, true)); /* one group */
    two[1].scheme.weight.group.cols = 64;
    assert_false(says_of("transformers", two, 2, true));
    assert_true(says_of("vllm", two, 2, true));
    two[0].quantized = false;
    assert_true(says_of("transformers", two, 2, true));
    two[0] = (vq_plan_weight){.module = "a", .scheme = int4, .quantized = true};
    assert_false(says_of("transformers", two, 2, true));
    two[1].scheme.weight.zero = VQ_ZERO_NONE;
    assert_true(says_of("transformers", two, 2, true)); /* loads without dequantize=True */
}

static void test_loaders(void **state)
{
    static const char linear[] = "model.layers.0.mlp.up_proj",
                      expert[] = "model.layers.0.mlp.experts.3.up_proj";
    (void)state;
    assert_true(says("transformers", linear, &nvfp4, true));
    assert_true(says("transformers", expert, &int8, true));
    assert_false(
        says("transformers", expert, &nvfp4, true)); /* joins them, and computes another thing */
    assert_true(says("vllm", expert, &nvfp4, true));
    assert_false(says("vllm", linear, &int8, false)); /* nobody knows whether it has the model */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loaders),
                                       cmocka_unit_test(test_mixed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
