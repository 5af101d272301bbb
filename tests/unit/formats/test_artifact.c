/* test_artifact.c -- what the packers write, the reader gives back: every preset in both formats,
 * awkward shapes; what the config says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/folder/checkpoint.h"
#include "formats/safetensors/st_container.h"
#include "made_artifact.h"
#include "show.h"

#define OK(m, call)                                                                                \
    do {                                                                                           \
        if ((call) != VQ_OK) fail_msg("%s", (m)->err.text);                                        \
    } while (0)

static void made_init(made *m, const vq_target *f)
{
    memset(m, 0, sizeof *m);
    m->target = f;
    m->seed = 11;
    vq_arena_init(&m->arena, NULL);
}

static void same_qtensor(const vq_qtensor *got, const vq_qtensor *want, int64_t r0)
{
    int64_t gr, gc;
    vq_group_size(&want->num, want->rows, want->cols, &gr, &gc);
    const int64_t first = want->num.group.kind == VQ_PER_TENSOR ? 0 : r0 / gr * want->per_row;
    const size_t n = (size_t)(got->rows * got->cols);
    if (want->codes16)
        assert_memory_equal(got->codes16, want->codes16 + r0 * want->cols, 2 * n);
    else
        assert_memory_equal(got->codes, want->codes + r0 * want->cols, n);
    assert_memory_equal(got->scale, want->scale + first, (size_t)got->groups * sizeof *got->scale);
    if (want->zero)
        assert_memory_equal(got->zero, want->zero + first, (size_t)got->groups * sizeof *got->zero);
    else
        assert_null(got->zero);
    assert_true(!want->num.global_scale ||
                (got->global_scale == want->global_scale &&
                 got->global_scale_divides == want->global_scale_divides));
}

static void same_number(const vq_num *got, const vq_num *want)
{
    assert_true(vq_grid_equal(&got->grid, &want->grid));
    assert_eq(got->group.kind, want->group.kind);
    assert_eq(got->scale, want->scale);
    assert_eq(got->zero, want->zero);
    assert_eq(got->global_scale, want->global_scale);
    assert_true(got->group.kind != VQ_PER_BLOCK ||
                (got->group.rows == want->group.rows && got->group.cols == want->group.cols));
}

static void same_act(const vq_linear *l, const vq_module *m, const vq_module_extra *x)
{
    const vq_num *a = &m->scheme->act;
    assert_int_equal(l->scheme.has_act, m->scheme->has_act);
    if (!m->scheme->has_act) return;
    assert_int_equal(l->scheme.act.when, a->when);
    assert_true(vq_grid_equal(&l->scheme.act.grid, &a->grid));
    if (a->global_scale) {
        assert_eq(l->act_global_scale.value, x->act_global_scale.value);
        assert_eq(l->act_global_scale.divides, x->act_global_scale.divides);
    }
    if (a->when == VQ_STATIC && !a->global_scale) assert_eq(l->act_scale, x->act_scale);
    if (a->zero != VQ_ZERO_NONE && a->when == VQ_STATIC) assert_int_equal(l->act_zero, x->act_zero);
}

static void same_module(made *m, vq_checkpoint *c, size_t i)
{
    vq_linear l;
    vq_qtensor q;
    char sha[VQ_SHA256_TEXT];
    const vq_module *w = &m->modules[i];
    OK(m, c->source.linear(c, w->name, w->n, w->k, &l, &m->err));
    assert_true(l.quantized);
    assert_eq(l.n, w->n);
    assert_eq(l.k, w->k);
    assert_eq(l.k_stored, w->k + w->arc_s);
    assert_eq(l.arc_s, w->arc_s);
    assert_int_equal(l.hadamard, w->hadamard);
    same_number(&l.scheme.weight, &w->scheme->weight);
    same_act(&l, w, &m->extra[i]);
    if (w->arc_s > 0)
        assert_memory_equal(l.arc_order, m->extra[i].arc_order, (size_t)w->k * sizeof(int32_t));
    const int64_t step =
        w->scheme->weight.group.kind == VQ_PER_BLOCK ? w->scheme->weight.group.rows : 3;
    for (int64_t r = 0; r < w->n; r += step) {
        OK(m, c->source.rows(c, &l, r, w->n - r < step ? w->n - r : step, &q, &m->arena, &m->err));
        same_qtensor(&q, &m->q[i], r);
    }
    OK(m, c->source.rows(c, &l, 0, w->n, &q, &m->arena, &m->err));
    same_qtensor(&q, &m->q[i], 0);
    OK(m, vq_module_sha(m->target, w->name, &c->weights, sha, &m->err));
    assert_string_equal(sha, m->sha[i]);
}

/* Writes the module into the scratch folder and reads it back; false when the format does not take
 * it. */
static bool round_trip(scratch *s, const vq_target *f, const vq_scheme *scheme, int64_t n,
                       int64_t k, int64_t arc)
{
    made m;
    vq_checkpoint c;
    made_init(&m, f);
    const vq_status status = made_module(&m, "a.b", scheme, n, k, arc);
    if (status == VQ_OK) {
        OK(&m, made_write(&m, s->dir));
        OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
        same_module(&m, &c, 0);
        vq_checkpoint_close(&c);
    }
    vq_arena_done(&m.arena);
    return status == VQ_OK;
}

/* Integer groups may have negative scales in the vq format, in float and in coded types; nowhere
 * else. */
static void negative_scales(void **state)
{
    scratch *s = *state;
    for (int i = 0; i < 3; i++) {
        made m;
        vq_checkpoint c;
        vq_scheme buf, scheme = *vq_scheme_find("int4-g32", &buf);
        if (i == 1) scheme.weight.scale = VQ_SCALE_E4M3;
        made_init(&m, i == 2 ? CT : OWN);
        OK(&m, made_module(&m, "a", &scheme, 2, 64, 0));
        m.q[0].scale[1] = -0.3125F;
        m.q[0].scale[2] = -0.00390625F; /* subnormal in e4m3 */
        if (i == 2) {
            assert_int_equal(made_tensors(&m, s->dir), VQ_E_NUMERIC);
        } else {
            OK(&m, made_write(&m, s->dir));
            OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
            same_module(&m, &c, 0);
            vq_checkpoint_close(&c);
        }
        vq_arena_done(&m.arena);
    }
}

/* The first column count from k on that the scheme's blocks divide. */
static int64_t columns(const vq_scheme *s, int64_t k)
{
    int64_t per_row, groups;
    while (vq_group_count(&s->weight, 1, k, &per_row, &groups, NULL) != VQ_OK) k++;
    return k;
}

static void presets(void **state)
{
    static const char *const made_by_name[] = {
        "int2-g16",       "int3-g32", "int5-g8-asym", "int6-g24", "int7-chan-asym",
        "int8-chan-asym", "bfp12-64", "bfp10-16",     "bfp17-8",  "bfp24-32"};
    static const struct {
        int64_t n, k;
    } shapes[] = {{1, 1}, {5, 7}, {33, 96}, {130, 131}};
    int taken[2] = {0, 0}, table = 0;
    while (vq_scheme_at(table)) table++;
    for (int i = 0; i < table + (int)(sizeof made_by_name / sizeof *made_by_name); i++) {
        vq_scheme buf;
        const vq_scheme *p =
            i < table ? vq_scheme_at(i) : vq_scheme_find(made_by_name[i - table], &buf);
        assert_non_null(p);
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++)
            for (int f = 0; f < 2; f++)
                taken[f] +=
                    round_trip(*state, f ? OWN : CT, p, shapes[j].n, columns(p, shapes[j].k), 0);
        assert_true(round_trip(*state, OWN, p, 3, columns(p, 40),
                               0)); /* the own format takes every scheme */
    }
    assert_ge(taken[0], 80);
    assert_lt(taken[0], taken[1]);
}

static void augmented(void **state)
{
    const vq_scheme *nvfp4 = vq_scheme_find("nvfp4", NULL);
    assert_true(round_trip(*state, OWN, nvfp4, 9, 96, 32));
    assert_true(
        round_trip(*state, OWN, nvfp4, 9, 64, 64)); /* packed rows as wide as the dense ones */
    assert_false(round_trip(*state, CT, nvfp4, 9, 96, 32));
    vq_scheme s = *vq_scheme_find("mxfp8", NULL);
    assert_true(round_trip(*state, OWN, &s, 9, 96, 64));
    s.weight = vq_scheme_find("int4-g32-asym", NULL)->weight;
    assert_true(round_trip(*state, OWN, &s, 9, 96, 32));
}

/* Rotated inputs, alone and before the gather of ARC: the config holds the block,
 * compressed-tensors has no place for it. */
static void rotated(void **state)
{
    scratch *s = *state;
    for (int64_t arc = 0; arc <= 32; arc += 32) {
        made m;
        vq_checkpoint c;
        made_init(&m, OWN);
        m.hadamard = 32;
        OK(&m, made_module(&m, "a.b", vq_scheme_find("nvfp4", NULL), 5, 96, arc));
        OK(&m, made_write(&m, s->dir));
        OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
        same_module(&m, &c, 0);
        vq_checkpoint_close(&c);
        vq_arena_done(&m.arena);
    }
    made m;
    made_init(&m, CT);
    m.hadamard = 32;
    assert_int_equal(made_module(&m, "a.b", vq_scheme_find("nvfp4", NULL), 5, 96, 0), VQ_E_RECIPE);
    assert_string_equal(
        m.err.text,
        "compressed-tensors has no place for the rotation of an input; use --set output.format=vq");
    vq_arena_done(&m.arena);
}

static void single_numbers(void **state)
{
    vq_scheme s = *vq_scheme_find("fp8-static", NULL);
    assert_true(round_trip(*state, OWN, &s, 4, 8, 0));
    s = *vq_scheme_find("int8", NULL);
    s.act.when = VQ_STATIC;
    s.act.group.kind = VQ_PER_TENSOR;
    s.act.zero = VQ_ZERO_INT;
    s.weight.zero = VQ_ZERO_INT;
    assert_true(round_trip(*state, CT, &s, 4, 8, 0));
    assert_true(round_trip(*state, OWN, &s, 4, 8, 0));
    vq_grid_parse("i4", &s.weight.grid); /* W4A8: packed, with scales of the input */
    assert_true(round_trip(*state, CT, &s, 5, 9, 0));
}

/* A loader that does not know the format must not find a weight of the shape that it expects. */
static void own_weights_do_not_look_dense(void **state)
{
    scratch *s = *state;
    made m;
    vq_tensor_set set;
    made_init(&m, OWN);
    OK(&m, made_module(&m, "wide", vq_scheme_find("mxfp8", NULL), 4, 32, 0));
    OK(&m, made_write(&m, s->dir));
    OK(&m, vq_tensor_set_open(&set, &vq_container_safetensors, s->dir, &m.arena, &m.err));
    const vq_tensor *t = vq_tensor_set_find(&set, "wide.weight");
    assert_int_equal(t->dtype, VQ_U8);
    assert_int_equal(t->ndim, 3);
    vq_tensor_set_close(&set);
    vq_arena_done(&m.arena);
}

static json_t *config_of(made *m)
{
    json_t *q;
    OK(m, m->target->write_config(m->modules, m->count, m->dense, m->ndense, &q, &m->err));
    return q;
}

static const char *text_at(json_t *list, size_t i)
{
    return json_string_value(json_array_get(list, i));
}

static void one_scheme(void **state)
{
    (void)state;
    made m;
    made_init(&m, CT);
    OK(&m, made_module(&m, "model.layers.0.mlp.up_proj", vq_scheme_find("nvfp4", NULL), 2, 16, 0));
    OK(&m, made_module(&m, "model.layers.1.mlp.up_proj", vq_scheme_find("nvfp4", NULL), 2, 16, 0));
    m.dense[m.ndense++] = "model.layers.0.mlp.down_proj";
    m.dense[m.ndense++] = "model.layers.1.mlp.down_proj";
    json_t *q = config_of(&m), *groups = json_object_get(q, "config_groups"),
           *g = json_object_get(groups, "group_0");
    json_t *ignore = json_object_get(q, "ignore"), *act = json_object_get(g, "input_activations");
    assert_int_equal(json_object_size(groups), 1);
    assert_string_equal(text_at(json_object_get(g, "targets"), 0), "Linear");
    assert_string_equal(json_string_value(json_object_get(q, "format")), "nvfp4-pack-quantized");
    assert_string_equal(json_string_value(json_object_get(q, "quantization_status")), "compressed");
    assert_string_equal(json_string_value(json_object_get(act, "dynamic")), "local");
    assert_int_equal(json_array_size(ignore), 2);
    assert_string_equal(text_at(ignore, 0), "re:^model\\.layers\\.[0-9]+\\.mlp\\.down_proj$");
    assert_string_equal(text_at(ignore, 1), "lm_head");
    json_decref(q);
    vq_arena_done(&m.arena);
}

static void several_schemes(void **state)
{
    scratch *s = *state;
    made m;
    vq_checkpoint c;
    made_init(&m, CT);
    OK(&m, made_module(&m, "l.0.up", vq_scheme_find("nvfp4", NULL), 2, 32, 0));
    OK(&m, made_module(&m, "l.1.up", vq_scheme_find("nvfp4", NULL), 2, 32, 0));
    OK(&m, made_module(&m, "l.0.down", vq_scheme_find("fp8", NULL), 2, 32, 0));
    OK(&m, made_module(&m, "l.1.down", vq_scheme_find("int4-g32", NULL), 2, 32, 0));
    OK(&m, made_module(&m, "l.2.down", vq_scheme_find("fp8", NULL), 2, 32, 0));
    m.dense[m.ndense++] = "l.2.up";
    m.dense[m.ndense++] = "lm_head";
    json_t *q = config_of(&m), *groups = json_object_get(q, "config_groups");
    json_t *up = json_object_get(json_object_get(groups, "group_0"), "targets"),
           *down = json_object_get(json_object_get(groups, "group_1"), "targets");
    assert_int_equal(json_object_size(groups), 3);
    assert_string_equal(json_string_value(json_object_get(q, "format")), "mixed-precision");
    assert_int_equal(json_array_size(up), 2); /* l.2.up is dense: no expression for all */
    assert_string_equal(text_at(up, 0), "l.0.up");
    assert_int_equal(json_array_size(down), 2);
    assert_int_equal(json_array_size(json_object_get(q, "ignore")), 2);
    json_decref(q);
    OK(&m, made_write(&m, s->dir));
    OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
    for (size_t i = 0; i < m.count; i++) same_module(&m, &c, i);
    vq_checkpoint_close(&c);
    vq_arena_done(&m.arena);
}

static void expect_refusal(made *m, const vq_scheme *s, int64_t k, int64_t arc, const char *says)
{
    assert_int_equal(made_module(m, "a", s, 4, k, arc), VQ_E_RECIPE);
    if (!strstr(m->err.text, says)) fail_msg("\"%s\" does not say \"%s\"", m->err.text, says);
}

static void refusals(void **state)
{
    (void)state;
    made m;
    vq_scheme s;
    made_init(&m, CT);
    expect_refusal(&m, vq_scheme_find("nvfp4", NULL), 32, 16, "arc");
    expect_refusal(&m, vq_scheme_find("mxfp6-e3m2", NULL), 32, 0, "mxfp6-e3m2");
    expect_refusal(&m, vq_scheme_find("bfp12-16", &s), 32, 0, "--set output.format=vq can");
    expect_refusal(&m, vq_scheme_find("int4-g32", NULL), 33, 0, "do not divide");
    s = *vq_scheme_find("mxfp4", NULL);
    s.weight.rule = VQ_RULE_FOUR_THIRDS;
    expect_refusal(&m, &s, 32, 0, "compressed-tensors");
    s = *vq_scheme_find("nvfp4a16", NULL);
    s.weight.scale = VQ_SCALE_UE5M3;
    expect_refusal(&m, &s, 32, 0, "ue5m3");
    vq_module f32 = {
        .name = "a", .n = 4, .k = 32, .scheme = vq_scheme_find("fp8", NULL), .model_dtype = VQ_F32};
    assert_int_equal(vq_target_takes(CT, &f32, &m.err),
                     VQ_E_RECIPE); /* scales in bf16, model in f32 */
    vq_arena_done(&m.arena);
}

/* Scales that their type does not hold, and calibration that was not done, stop the writing. */
static void unwritable(void **state)
{
    scratch *s = *state;
    made m;
    made_init(&m, CT);
    OK(&m, made_module(&m, "a", vq_scheme_find("nvfp4", NULL), 2, 32, 0));
    m.q[0].scale[1] = 1.03f;
    assert_int_equal(made_tensors(&m, s->dir), VQ_E_NUMERIC);
    m.q[0].scale[1] = -1;
    assert_int_equal(made_tensors(&m, s->dir), VQ_E_NUMERIC);
    assert_non_null(strstr(m.err.text, "negative"));
    m.q[0].scale[1] = 1;
    m.extra[0].act_global_scale.value = 0;
    assert_int_equal(made_tensors(&m, s->dir), VQ_E_RECIPE);
    m.extra[0].act_global_scale.value = 1;
    m.q[0].global_scale_divides = false;
    assert_int_equal(made_tensors(&m, s->dir), VQ_E_BUG);
    vq_arena_done(&m.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
        T(presets),
        T(augmented),
        T(rotated),
        T(single_numbers),
        T(own_weights_do_not_look_dense),
        T(one_scheme),
        T(several_schemes),
        T(refusals),
        T(unwritable),
        T(negative_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
