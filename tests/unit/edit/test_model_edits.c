/* test_model_edits.c -- every transform of a whole model, alone and after another, leaves the
 * logits of every family alone. */
#include "decoder_world.h"
#include "edit/model_edits.h"
#include "show.h"

typedef struct changed {
    decoder_world w;
    vq_model_edits m;
    vq_residual_stats stream;
} changed;

/* Statistics as if calibration had seen inputs whose channels have sizes in no order. */
static void open_changed(changed *c, const char *type)
{
    vq_err e = {0};
    world_open(&c->w, type, 21);
    vq_model_edits_init(&c->m, &c->w.graph, &c->w.arena);
    c->stream = (vq_residual_stats){.arena = &c->w.arena};
    const int64_t k = c->w.config.hidden;
    static float absmax[32], hessian[32 * 32];
    for (int i = 0; i < 32; i++) absmax[i] = (float)(i * 11 % 32);
    for (int i = 0; i < 32; i++) hessian[i * 33] = (float)(i * 5 % 32);
    const vq_stats s[] = {{.k = k, .absmax = absmax, .hessian = hessian},
                          {.k = k},
                          {.k = k, .absmax = absmax},
                          {.k = 64}};
    for (int layer = 0; layer < 2; layer++)
        assert_int_equal(
            vq_residual_stats_add(&c->stream, &c->w.graph, layer, s, 4, &c->w.scratch, &e), VQ_OK);
    for (int i = 0; i < 32; i++)
        assert_float_equal(c->stream.absmax[i], 4 * absmax[i],
                           0); /* q/k/v and gate/up, two layers */
    for (int i = 0; i < 32; i++) assert_float_equal(c->stream.square[i], 2 * hessian[i * 33], 0);
}

static vq_status pass(changed *c, const char *name, const char *option, const char *value,
                      vq_err *e)
{
    vq_option_set o;
    const vq_transform *t = vq_transform_find(name);
    assert_int_equal(t->scope, VQ_SCOPE_MODEL);
    vq_option_defaults(&o, t->options);
    if (option) assert_int_equal(vq_option_parse(&o, option, value, e), VQ_OK);
    return vq_model_edits_pass(&c->m, t, &o, &c->w.weights.source, &c->w.kernels, &c->stream,
                               &c->w.scratch, e);
}

static void apply(changed *c, const char *name, const char *option, const char *value)
{
    vq_err e = {0};
    if (pass(c, name, option, value, &e) != VQ_OK) print_message("%s\n", e.text);
    assert_int_equal(e.status, VQ_OK);
}

/* Logits of the edited graph and tensors against those of the model as it is; at least `tensors` of
 * them changed. */
static double change_of_logits(changed *c, int tensors)
{
    vq_err e = {0};
    vq_overlay o;
    const vq_edited d = {&c->m.graph, &c->w.weights.source, &c->w.kernels, &c->m.edits};
    assert_int_equal(vq_overlay_init(&o, &c->w.weights.source, 128, &c->w.arena, &e), VQ_OK);
    assert_int_equal(vq_edited_whole(&d, false, &o, &c->w.arena, &e), VQ_OK);
    assert_ge(o.count, tensors);
    float *want = world_logits(&c->w, &c->w.weights.source);
    const vq_graph graph = c->w.graph;
    c->w.graph = c->m.graph;
    float *got = world_logits(&c->w, &o.source);
    c->w.graph = graph;
    const double change = world_distance(&c->w, got, want);
    free(got);
    free(want);
    return change;
}

static const struct {
    const char *name, *option, *value;
    int tensors; /* changed at least, of a model of two blocks */
} passes[] = {
    {"rotate", NULL, NULL, 21},
    {"rotate", "r1", "16", 21},
    {"rotate", "r1", "none", 4},
    {"rotate", "r2", "false", 21},
    {"ksort", NULL, NULL, 4},
    {"ksort", "mode", "pairs", 4},
    {"ksort", "mode", "free", 4},
    {"stream_order", NULL, NULL, 20},
    {"stream_order", "by", "hessian", 20},
};

static void test_each_pass_keeps_the_logits(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
            changed c;
            open_changed(&c, world_families[f]);
            apply(&c, passes[i].name, passes[i].option, passes[i].value);
            const double change = change_of_logits(&c, passes[i].tensors);
            if (change >= 1e-5)
                print_message("%s %s: %g\n", world_families[f], passes[i].name, change);
            assert_lt(change, 1e-5);
            world_close(&c.w);
        }
    }
}

static void test_passes_one_after_the_other(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        changed c;
        open_changed(&c, world_families[f]);
        apply(&c, "stream_order", NULL, NULL);
        apply(&c, "ksort", NULL, NULL);
        apply(&c, "rotate", NULL, NULL);
        apply(&c, "rotate", "r1", "16");
        assert_lt(change_of_logits(&c, 21), 1e-5);
        world_close(&c.w);
    }
}

/* What was to be seen: norms of ones and an own head; edits of one tensor left out show in the
 * logits. */
static void test_what_rotate_makes(void **state)
{
    (void)state;
    changed c;
    vq_err e = {0};
    vq_tensor t;
    float *w;
    open_changed(&c, "qwen3");
    memory_data(&c.w.weights, "model.layers.0.input_layernorm.weight")[5] =
        0; /* a dead channel stays one */
    apply(&c, "rotate", NULL, NULL);
    assert_true(c.m.untied && !c.m.graph.nodes[c.m.graph.count - 1].tied &&
                c.w.graph.nodes[c.w.graph.count - 1].tied);
    const vq_edited d = {&c.m.graph, &c.w.weights.source, &c.w.kernels, &c.m.edits};
    assert_int_equal(
        vq_edited_load(&d, "model.layers.0.input_layernorm.weight", &c.w.arena, &t, &w, &e), VQ_OK);
    for (int i = 0; i < 32; i++) assert_float_equal(w[i], 1, 0);
    assert_lt(change_of_logits(&c, 21), 1e-5);
    for (int i = 0; i < c.m.edits.count; i++)
        if (strcmp(c.m.edits.list[i].tensor, "model.layers.1.mlp.down_proj.weight") == 0)
            c.m.edits.list[i].tensor = "nothing";
    assert_gt(change_of_logits(&c, 20), 1e-2);
    world_close(&c.w);
}

static void test_ksort_stores_its_order(void **state)
{
    (void)state;
    changed c;
    open_changed(&c, "llama");
    apply(&c, "ksort", "mode", "free");
    assert_true(c.m.ordered);
    const int32_t *order = world_key_orders(&c.m.graph, 1);
    const float *k = memory_data(&c.w.weights, "model.layers.1.self_attn.k_proj.weight");
    float norms[16];
    vq_row_norms(k, NULL, 16, 32, norms);
    for (int i = 1; i < 8; i++) {
        assert_ge(norms[order[i]], norms[order[i - 1]]);
        assert_ge(norms[8 + order[8 + i]], norms[8 + order[7 + i]]);
    }
    c.m.graph.nodes = c.w.graph.nodes; /* a rope that does not know the order */
    assert_gt(change_of_logits(&c, 4), 1e-3);
    world_close(&c.w);
}

static void test_a_bias_is_one_more_column(void **state)
{
    (void)state;
    const float w[] = {3, 0, 0, 2}, bias[] = {4, 0};
    float norms[2];
    vq_row_norms(w, bias, 2, 2, norms);
    assert_float_equal(norms[0], 5, 0);
    assert_float_equal(norms[1], 2, 0);
}

static void refused(changed *c, const char *name, const char *option, const char *value,
                    const char *why)
{
    vq_err e = {0};
    assert_int_equal(pass(c, name, option, value, &e), VQ_E_RECIPE);
    if (!strstr(e.text, why)) print_message("%s\n", e.text);
    assert_non_null(strstr(e.text, why));
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    changed c;
    vq_err e = {0};
    open_changed(&c, "llama");
    refused(&c, "rotate", "r1", "64", "up to 32");
    c.w.graph.nodes[0].width = c.m.graph.nodes[0].width = 24;
    refused(&c, "rotate", NULL, NULL, "up to 8");
    c.w.graph.nodes[0].width = c.m.graph.nodes[0].width = 32;
    vq_option_set o;
    vq_option_defaults(&o, vq_transform_rotate.options);
    assert_int_equal(vq_option_parse(&o, "r1", "none", &e), VQ_OK);
    assert_int_equal(vq_option_parse(&o, "r2", "false", &e), VQ_OK);
    assert_int_equal(vq_model_edits_pass(&c.m, &vq_transform_rotate, &o, &c.w.weights.source,
                                         &c.w.kernels, NULL, &c.w.scratch, &e),
                     VQ_E_RECIPE);
    apply(&c, "ksort", NULL, NULL);
    refused(&c, "ksort", NULL, NULL, "in order already");
    apply(&c, "rotate", NULL, NULL);
    refused(&c, "stream_order", NULL, NULL, "before the pass");
    world_close(&c.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_keeps_the_logits),
        cmocka_unit_test(test_passes_one_after_the_other),
        cmocka_unit_test(test_what_rotate_makes),
        cmocka_unit_test(test_ksort_stores_its_order),
        cmocka_unit_test(test_a_bias_is_one_more_column),
        cmocka_unit_test(test_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
