/* test_run_plan.c -- what recipes become on a model: every weight decided, members that runtimes
 * fuse kept together, what does not fit refused with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "plan/plan_result.h"
#include "plan_world.h"
#include "show.h"

#define HEAD "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\n"
#define NO_DATA "calib: {data: none}\n"
#define TAIL "passes:\n  - {do: round, method: rtn}\noutput: {format: compressed-tensors}\n"
#define KEEP_ENDS "  - {match: {name: [\"*embed*\", \"*lm_head*\"]}, use: keep, optional: true}\n"

static vq_status plan_make(plan_world *t, const char *model, const char *text)
{
    plan_world_start(t, NULL);
    return plan_world_make(t, model, text);
}

static void refused(const char *model, const char *text, vq_status status, const char *const *says)
{
    plan_world t;
    if (plan_make(&t, model, text) != status)
        fail_msg("not refused as it should be: %s", t.err.text);
    for (; *says; says++)
        if (!strstr(t.err.text, *says)) fail_msg("'%s' lacks '%s'", t.err.text, *says);
    plan_world_close(&t);
}
#define REFUSED(model, text, status, ...)                                                          \
    refused(model, text, status, (const char *const[]){__VA_ARGS__, NULL})

static const vq_plan_weight *weight(const vq_plan *p, const char *module)
{
    for (int i = 0; i < p->nweights; i++)
        if (strcmp(p->weights[i].module, module) == 0) return &p->weights[i];
    fail_msg("%s is not in the plan", module);
    return NULL;
}

static void test_every_weight_once(void **state)
{
    (void)state;
    plan_world t;
    if (plan_make(&t, TINY,
                  HEAD NO_DATA
                  "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n" KEEP_ENDS TAIL) != VQ_OK)
        fail_msg("%s", t.err.text);
    int seen = 0;
    for (int i = 0; i < t.plan.ngroups; i++)
        for (int j = 0; j < t.plan.groups[i].count; j++) {
            const vq_plan_weight *w = &t.plan.weights[t.plan.groups[i].weights[j]];
            assert_true(w->quantized);
            assert_int_equal(w->group, i);
            assert_int_equal(w->layer, t.plan.groups[i].layer);
            seen++;
        }
    int quantized = 0;
    for (int i = 0; i < t.plan.nweights; i++) quantized += t.plan.weights[i].quantized;
    assert_int_equal(seen, quantized);
    const vq_plan_weight *q = weight(&t.plan, "model.layers.1.self_attn.q_proj"),
                         *k = weight(&t.plan, "model.layers.1.self_attn.k_proj");
    assert_int_equal(q->group, k->group);
    assert_true(t.plan.groups[q->group].fused);
    assert_string_equal(vq_role_name(q->role), "attn.q");
    assert_false(weight(&t.plan, "model.embed_tokens")->quantized);
    assert_int_equal(t.plan.needs, 0);
    plan_world_close(&t);
}

static void test_rules(void **state)
{
    (void)state;
    REFUSED(TINY,
            HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n  - {match: {name: "
                         "[\"*.dwon_proj\"]}, use: keep}\n" TAIL,
            VQ_E_RECIPE, "rule 1 (line 8)", "did you mean 'down_proj'");
    REFUSED(TINY,
            HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n  - {match: {role: "
                         "[moe.up]}, use: keep}\n" TAIL,
            VQ_E_RECIPE, "role 'moe.up': did you mean 'mlp.up'");
    REFUSED(TINY,
            HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n  - {match: "
                         "{layers: 90-99}, use: keep}\n" TAIL,
            VQ_E_RECIPE, "rule 1 (line 8)", "decides no tensor");
    REFUSED(TINY, HEAD NO_DATA "rules:\n  - {match: {name: [\"*.mlp.*\"]}, use: nvfp4a16}\n" TAIL,
            VQ_E_RECIPE, "no rule decides");
    REFUSED(TINY, HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: keep}\n" TAIL,
            VQ_E_RECIPE, "nothing would be quantized");
}

static void test_fused(void **state)
{
    (void)state;
    REFUSED(TINY,
            HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n" KEEP_ENDS
                         "  - {match: {name: [\"*.1.*.k_proj\"]}, use: mxfp4a16}\n" TAIL,
            VQ_E_RECIPE, "layers.1.self_attn.q_proj", "layers.1.self_attn.k_proj", "nvfp4a16",
            "mxfp4a16");
    REFUSED(TINY,
            HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n" KEEP_ENDS
                         "  - {match: {name: [\"*.k_proj\"]}, use: keep}\n" TAIL,
            VQ_E_RECIPE, "the rules keep model.layers.0.self_attn.k_proj");
    plan_world t; /* where no runtime fuses, a kept member leaves the others together */
    if (plan_make(&t, TINY,
                  HEAD NO_DATA
                  "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n" KEEP_ENDS
                  "  - {match: {name: [\"*.k_proj\"]}, use: keep}\n"
                  "passes:\n  - {do: round, method: rtn}\noutput: {format: vq}\n") != VQ_OK)
        fail_msg("%s", t.err.text);
    const vq_plan_weight *q = weight(&t.plan, "model.layers.0.self_attn.q_proj"),
                         *v = weight(&t.plan, "model.layers.0.self_attn.v_proj");
    assert_int_equal(q->group, v->group);
    assert_int_equal(t.plan.groups[q->group].count, 2);
    assert_int_equal(weight(&t.plan, "model.layers.0.self_attn.k_proj")->group, -1);
    plan_world_close(&t);
}

static void test_passes_and_formats(void **state)
{
    (void)state;
    static const char arc[] =
        HEAD "calib: {data: self}\nrules:\n  - {match: {name: [\"*\"]}, use: %s}\n" KEEP_ENDS
             "passes:\n  - {do: arc}\n  - {do: round, method: rtn}\noutput: {format: %s}\n";
    char text[1024];
    snprintf(text, sizeof text, arc, "nvfp4", "compressed-tensors");
    REFUSED(TINY, text, VQ_E_RECIPE, "pass arc", "compressed-tensors");
    snprintf(text, sizeof text, arc, "int4-g64", "vq");
    REFUSED(TINY, text, VQ_E_RECIPE, "pass arc");
    REFUSED(TINY, HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4}\n" KEEP_ENDS TAIL,
            VQ_E_RECIPE, "calib.data");
    plan_world t;
    snprintf(text, sizeof text, arc, "nvfp4", "vq");
    if (plan_make(&t, TINY, text) != VQ_OK) fail_msg("%s", t.err.text);
    assert_int_equal(t.plan.npasses, 1);
    assert_ne(t.plan.needs, 0);
    assert_gt(vq_schedule_bytes(&t.schedule, &t.job), 0);
    plan_world_close(&t);
}

/* A folder whose architecture nobody knows, with the given safetensors header. */
static void stranger(scratch *s, const char *header, size_t data)
{
    scratch_text(s, "config.json",
                 "{\"model_type\": \"stranger\", \"architectures\": [\"StrangerForCausalLM\"]}");
    scratch_safetensors(s, "model.safetensors", header, -1, data);
}

#define MATRIX(name, type, rows, cols, from, to)                                                   \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" #rows "," #cols                             \
    "],\"data_offsets\":[" #from "," #to "]}"
#define ALL_INT4 HEAD NO_DATA "rules:\n  - {match: {name: [\"*\"]}, use: int4-g64}\n" TAIL

static void test_unknown_architecture(void **state)
{
    scratch *s = *state;
    stranger(s,
             "{" MATRIX("layers.7.q_proj.weight", "F32", 2, 64, 0, 512) "," MATRIX(
                 "layers.7.k_proj.weight", "F32", 2, 64, 512,
                 1024) "," MATRIX("other.weight", "BF16", 2, 128, 1024, 1536) "}",
             1536);
    plan_world t;
    if (plan_make(&t, s->dir, ALL_INT4) != VQ_OK) fail_msg("%s", t.err.text);
    const vq_plan_weight *q = weight(&t.plan, "layers.7.q_proj"),
                         *k = weight(&t.plan, "layers.7.k_proj");
    assert_int_equal(q->layer, 7);
    assert_int_equal(q->group, k->group);
    assert_true(t.plan.groups[q->group].fused);
    assert_int_equal(t.plan.groups[q->group].stats, -1);
    assert_int_equal(weight(&t.plan, "other")->layer, -1);
    assert_int_equal(t.plan.ngroups, 2);
    vq_plan_result told;
    if (vq_plan_tell(&t.plan, &told, &t.arena, &t.err) != VQ_OK) fail_msg("%s", t.err.text);
    assert_int_equal(told.ntensors, 3);
    /* int4-g64 on a model of bf16 or f32: 4 bits and one float scale per 64 */
    assert_ge(told.bits_per_weight, 4.25);
    assert_le(told.bits_per_weight, 4.5);
    plan_world_close(&t);
}

static void test_tensors_that_do_not_fit(void **state)
{
    scratch *s = *state;
    stranger(s, "{" MATRIX("a.weight", "F32", 4, 96, 0, 1536) "}", 1536);
    REFUSED(s->dir, ALL_INT4, VQ_E_RECIPE, "a > ", "96", "32");
    stranger(s, "{" MATRIX("a.weight", "I32", 4, 64, 0, 1024) "}", 1024);
    REFUSED(s->dir, ALL_INT4, VQ_E_INPUT, "a.weight", "I32");
    stranger(s, "{" MATRIX("a", "F32", 4, 64, 0, 1024) "}", 1024);
    REFUSED(s->dir, ALL_INT4, VQ_E_INPUT, "nothing to quantize");
}

#define DATA "calib: {data: self, samples: 2, seqlen: 32}\n"
#define ALL(scheme) "rules:\n  - {match: {name: [\"*\"]}, use: " scheme "}\n" KEEP_ENDS
#define PASSES(list) "passes:\n" list "  - {do: round, method: rtn}\n"
#define VQ_OUT "output: {format: vq}\n"

static void test_order_of_passes(void **state)
{
    (void)state;
    REFUSED(TINY, HEAD DATA ALL("nvfp4") PASSES("  - {do: smooth}\n  - {do: rotate}\n") VQ_OUT,
            VQ_E_RECIPE, "pass rotate changes the whole model: put it before smooth");
    REFUSED(TINY,
            HEAD DATA ALL("nvfp4") PASSES("  - {do: arc, count: all}\n  - {do: smooth}\n") VQ_OUT,
            VQ_E_RECIPE,
            "pass smooth works on inputs before the runtime changes them: put it before arc");
    REFUSED(TINY,
            HEAD DATA ALL("nvfp4")
                PASSES("  - {do: hadamard, block: 16}\n  - {do: arc, count: all}\n") VQ_OUT,
            VQ_E_RECIPE, "passes hadamard and arc both", "leave one of them out");
    REFUSED(TINY,
            HEAD DATA ALL("nvfp4") PASSES("  - {do: smooth}\n  - {do: arc, count: official}\n")
                VQ_OUT,
            VQ_E_RECIPE,
            "arc needs statistics of the input (tail) that pass smooth does not carry over");
    REFUSED(TINY, HEAD DATA ALL("fp8-static") PASSES("  - {do: hadamard, block: 16}\n") VQ_OUT,
            VQ_E_RECIPE, "down_proj > a static scale needs",
            "that pass hadamard does not carry over");
    REFUSED(TINY,
            HEAD DATA ALL("int4-g64")
                PASSES("  - {do: ksort}\n") "output: {format: compressed-tensors}\n",
            VQ_E_RECIPE, "--set output.format=vq");
    static const char *const fine[] = {
        HEAD DATA ALL("nvfp4") PASSES(
            "  - {do: rotate}\n  - {do: ksort}\n  - {do: smooth}\n  - {do: arc, count: all}\n")
            VQ_OUT,
        HEAD DATA ALL("nvfp4")
            PASSES("  - {do: order}\n  - {do: awq}\n  - {do: hadamard, block: 16}\n") VQ_OUT,
        HEAD DATA ALL("fp8-static") PASSES("  - {do: smooth}\n") VQ_OUT,
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        plan_world t;
        if (plan_make(&t, TINY, fine[i]) != VQ_OK) fail_msg("%s", t.err.text);
        plan_world_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_weight_once),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_passes_and_formats),
        cmocka_unit_test(test_order_of_passes),
        cmocka_unit_test_setup_teardown(test_unknown_architecture, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tensors_that_do_not_fit, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
