/* test_summary.c -- which runtimes an artifact is said to load in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "formats/target.h"
#include "run/quantize/summary.h"

static const vq_scheme nvfp4 = {.has_weight = true, .weight = {.global_scale = true}},
                       int8 = {.has_weight = true};

static bool says(const char *runtime, const char *module, const vq_scheme *scheme, bool known)
{
    static const vq_arch arch;
    const vq_model model = {.arch = known ? &arch : NULL};
    const vq_recipe recipe = {.schemes = &scheme, .nschemes = 1};
    vq_plan_weight weight = {.module = module, .scheme = *scheme, .quantized = true};
    const vq_plan p = {.recipe = &recipe,
                       .model = &model,
                       .target = vq_target_find("compressed-tensors"),
                       .weights = &weight,
                       .nweights = 1};
    const char *list[VQ_SUMMARY_RUNTIMES + 1];
    vq_summary_loaders(&p, list);
    for (int i = 0; list[i]; i++)
        if (strcmp(list[i], runtime) == 0) return true;
    return false;
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loaders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
