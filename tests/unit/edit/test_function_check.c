/* test_function_check.c -- exact edits pass, deliberately wrong ones are caught, by the whole
 * model's logits and by a block's output. */
#include "decoder_world.h"
#include "edit/function_check.h"
#include "edit/map_edits.h"
#include "edit/model_edits.h"
#include "show.h"

/* Distance of the whole model; the edits are those of `m`. */
static double distance_of(const decoder_world *w, const vq_model_edits *m)
{
    vq_err e = {0};
    double distance = -1;
    const vq_edited d = {&m->graph, &w->weights.source, &w->kernels, &m->edits};
    const vq_status s = vq_function_model(&w->exec, &d, w->ids, 2, WORLD_TOKENS / 2, &distance, &e);
    if (s != VQ_OK) print_message("%s\n", e.text);
    assert_int_equal(s, VQ_OK);
    return distance;
}

static void rotate(decoder_world *w, vq_model_edits *m)
{
    vq_option_set o;
    vq_err e = {0};
    vq_model_edits_init(m, &w->graph, &w->arena);
    vq_option_defaults(&o, vq_transform_rotate.options);
    assert_int_equal(vq_model_edits_pass(m, &vq_transform_rotate, &o, &w->weights.source,
                                         &w->kernels, NULL, &w->scratch, &e),
                     VQ_OK);
}

static void test_rotation_of_every_family_passes_and_damage_does_not(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        decoder_world w;
        vq_model_edits m;
        world_open(&w, world_families[f], 31);
        vq_model_edits_init(&m, &w.graph, &w.arena);
        assert_eq(distance_of(&w, &m), 0);
        rotate(&w, &m);
        assert_lt(distance_of(&w, &m), VQ_FUNCTION_TOLERANCE / 10);
        for (int i = 0; i < m.edits.count; i += 7) { /* any edit left out is seen */
            const char *name = m.edits.list[i].tensor;
            if (!w.weights.source.has(w.weights.source.self, name))
                continue; /* a bias that the family lacks */
            m.edits.list[i].tensor = "nothing";
            assert_gt(distance_of(&w, &m), VQ_FUNCTION_TOLERANCE);
            m.edits.list[i].tensor = name;
        }
        world_close(&w);
    }
}

/* An order of the stream leaves a tied head tied: it reads the edited embedding. */
static void test_a_tied_head(void **state)
{
    (void)state;
    decoder_world w;
    vq_model_edits m;
    vq_option_set o;
    vq_err e = {0};
    double by[32];
    world_open(&w, "qwen2", 31);
    for (int i = 0; i < 32; i++) by[i] = i * 11 % 32;
    const vq_residual_stats stream = {.absmax = by, .width = 32};
    vq_model_edits_init(&m, &w.graph, &w.arena);
    vq_option_defaults(&o, vq_transform_stream_order.options);
    assert_int_equal(vq_model_edits_pass(&m, &vq_transform_stream_order, &o, &w.weights.source,
                                         &w.kernels, &stream, &w.scratch, &e),
                     VQ_OK);
    assert_false(m.untied);
    assert_lt(distance_of(&w, &m), VQ_FUNCTION_TOLERANCE / 10);
    world_close(&w);
}

/* A scale folded into a norm, with and without its inverse. */
static void test_blocks(void **state)
{
    (void)state;
    decoder_world w;
    vq_edits edits;
    vq_overlay o;
    vq_err e = {0};
    vq_linear_group *groups;
    int n;
    double distance;
    world_open(&w, "qwen2", 5);
    vq_edits_init(&edits, &w.arena);
    assert_int_equal(vq_graph_groups(&w.graph, &w.arena, &groups, &n, &e), VQ_OK);
    float scale[32], h[WORLD_TOKENS * 32];
    for (int i = 0; i < 32; i++) scale[i] = 0.25f + (float)i / 8;
    for (int i = 0; i < WORLD_TOKENS * 32; i++) h[i] = sinf((float)i);
    const vq_input_map map = {.scale = scale};
    assert_int_equal(vq_edits_from_map(&edits, &w.graph, &groups[0], &map, &e), VQ_OK);
    const vq_edited d = {&w.graph, &w.weights.source, &w.kernels, &edits};
    const vq_batch b = {.sequences = 1, .length = WORLD_TOKENS};
    assert_int_equal(vq_overlay_init(&o, &w.weights.source, 16, &w.arena, &e), VQ_OK);
    vq_exec edited = w.exec;
    edited.source = &o.source;
    assert_int_equal(vq_edited_part(&d, 1, false, &o, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_function_block(&w.exec, &edited, &b, 0, h, &distance, &e), VQ_OK);
    assert_gt(distance, 0);
    assert_lt(distance, VQ_FUNCTION_TOLERANCE / 10);
    scale[7] *= 1.01f; /* one per cent of one of 32 channels: not what the norm was divided by */
    assert_int_equal(vq_edited_part(&d, 1, false, &o, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_function_block(&w.exec, &edited, &b, 0, h, &distance, &e), VQ_OK);
    assert_gt(distance, VQ_FUNCTION_TOLERANCE);
    world_close(&w);
}

static void count_warning(void *ctx, const char *code, const char *where, const char *text)
{
    (void)text;
    assert_string_equal(code, "function-changed");
    assert_string_equal(where, "smooth");
    ++*(int *)ctx;
}

static void test_judgement(void **state)
{
    (void)state;
    vq_err e = {0};
    int warnings = 0;
    const vq_reporter w = {.ctx = &warnings, .warning = count_warning};
    assert_int_equal(vq_function_judge("smooth", 1e-5, true, &w, &e), VQ_OK);
    assert_int_equal(vq_function_judge("smooth", 1e-3, true, &w, &e), VQ_E_NUMERIC);
    assert_non_null(strstr(e.text, "smooth: outputs change by 1.0e-03"));
    assert_int_equal(vq_function_judge("smooth", (double)NAN, true, &w, &e), VQ_E_NUMERIC);
    assert_int_equal(warnings, 0);
    assert_int_equal(vq_function_judge("smooth", 1e-3, false, &w, &e), VQ_OK);
    assert_int_equal(warnings, 1);
}

/* Every allocation fails once: an error each time, nothing kept. */
static void test_limits(void **state)
{
    (void)state;
    decoder_world w;
    vq_model_edits m;
    vq_err e;
    double distance;
    world_open(&w, "qwen3", 31);
    rotate(&w, &m);
    const vq_edited d = {&m.graph, &w.weights.source, &w.kernels, &m.edits};
    for (size_t n = 1;; n++) {
        w.budget.fail_in = n;
        const vq_status s = vq_function_model(&w.exec, &d, w.ids, 1, WORLD_TOKENS, &distance, &e);
        w.budget.fail_in = 0;
        if (s == VQ_OK) break;
        assert_int_equal(s, VQ_E_LIMIT);
        assert_int_equal(w.budget.used, 0);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation_of_every_family_passes_and_damage_does_not),
        cmocka_unit_test(test_a_tied_head),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_judgement),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
