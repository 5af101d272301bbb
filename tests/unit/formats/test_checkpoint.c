/* test_checkpoint.c -- folders as sources: dense and tied weights, artifacts whose config and
 * tensors disagree, targets, files beside the weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>

#include "formats/folder/checkpoint.h"
#include "made_artifact.h"
#include "show.h"

#define OK(m, call)                                                                                \
    do {                                                                                           \
        if ((call) != VQ_OK) fail_msg("%s", (m)->err.text);                                        \
    } while (0)

/* A folder with the artifact of this format: a.up, a.down of one scheme, a dense head. */
static void make(made *m, scratch *s, const vq_target *f, const char *scheme)
{
    vq_scheme buf;
    memset(m, 0, sizeof *m);
    m->target = f;
    m->seed = 5;
    vq_arena_init(&m->arena, NULL);
    OK(m, made_module(m, "a.up", vq_scheme_find(scheme, &buf), 4, 64, 0));
    OK(m, made_module(m, "a.down", vq_scheme_find(scheme, &buf), 4, 64, 0));
    m->dense[m->ndense++] = "lm_head";
    OK(m, made_write(m, s->dir));
}

/* Changes config.json of the folder: edit gets quantization_config. */
static void edit_config(scratch *s, void (*edit)(json_t *q))
{
    json_t *root = json_load_file(scratch_path(s, "config.json"), 0, NULL);
    assert_non_null(root);
    edit(json_object_get(root, "quantization_config"));
    char *text = json_dumps(root, 0);
    scratch_text(s, "config.json", text);
    free(text);
    json_decref(root);
}

static void expect_refusal(scratch *s, made *m, const char *says)
{
    vq_checkpoint c;
    const vq_status status = vq_checkpoint_open(&c, s->dir, &m->arena, &m->err);
    if (status != VQ_E_INPUT) fail_msg("%s: status %d", says, (int)status);
    if (!strstr(m->err.text, says)) fail_msg("\"%s\" does not say \"%s\"", m->err.text, says);
}

static json_t *group0(json_t *q)
{
    return json_object_get(json_object_get(q, "config_groups"), "group_0");
}
static json_t *weights(json_t *q)
{
    return json_object_get(group0(q), "weights");
}
static void set(json_t *o, const char *key, const char *text)
{
    json_object_set_new(o, key, json_string(text));
}

static void as_gptq(json_t *q)
{
    set(q, "quant_method", "gptq");
}
static void as_nothing(json_t *q)
{
    json_object_del(q, "quant_method");
}
static void frozen(json_t *q)
{
    set(q, "quantization_status", "frozen");
}
static void no_groups(json_t *q)
{
    json_object_del(q, "config_groups");
}
static void head_not_ignored(json_t *q)
{
    json_array_clear(json_object_get(q, "ignore"));
}
static void up_ignored(json_t *q)
{
    json_array_append_new(json_object_get(q, "ignore"), json_string("re:.*up"));
}
static void up_not_targeted(json_t *q)
{
    json_array_set_new(json_object_get(group0(q), "targets"), 0, json_string("a.down"));
}
static void other_group_size(json_t *q)
{
    json_object_set_new(weights(q), "group_size", json_integer(16));
}
static void no_group_size(json_t *q)
{
    json_object_set_new(weights(q), "group_size", json_integer(0));
}
static void other_bits(json_t *q)
{
    json_object_set_new(weights(q), "num_bits", json_integer(5));
}
static void no_bits(json_t *q)
{
    json_object_set_new(weights(q), "num_bits", json_integer(-3));
}
static void float_type(json_t *q)
{
    set(weights(q), "type", "float");
}
static void per_head(json_t *q)
{
    set(weights(q), "strategy", "attn_head");
}
static void block_without_size(json_t *q)
{
    set(weights(q), "strategy", "block");
}
static void dynamic_weight(json_t *q)
{
    json_object_set_new(weights(q), "dynamic", json_true());
}
static void asymmetric(json_t *q)
{
    json_object_set_new(weights(q), "symmetric", json_false());
}
static void unknown_key(json_t *q)
{
    set(weights(q), "nmu_bits", "4");
}
static void ordered(json_t *q)
{
    set(weights(q), "actorder", "group");
}
static void other_format(json_t *q)
{
    set(group0(q), "format", "marlin-24");
}
static void bad_expression(json_t *q)
{
    json_array_append_new(json_object_get(q, "ignore"), json_string("re:(a"));
}
static void endless_expression(json_t *q)
{
    json_array_append_new(json_object_get(q, "ignore"), json_string("re:(.?){200}[0-9]"));
}
static void preset_group(json_t *q)
{
    json_object_set_new(json_object_get(q, "config_groups"), "W4A16", json_pack("[s]", "Linear"));
}
static void outputs(json_t *q)
{
    json_object_set_new(group0(q), "output_activations", json_object());
}
static void target_number(json_t *q)
{
    json_array_append_new(json_object_get(group0(q), "targets"), json_integer(3));
}
static void sparse(json_t *q)
{
    json_object_set_new(q, "sparsity_config", json_pack("{s:s}", "format", "sparse-24-bitmask"));
}
static void rotated(json_t *q)
{
    json_object_set_new(q, "transform_config", json_pack("{s:{s:{}}}", "config_groups", "u"));
}

static void config_against_tensors(void **state)
{
    static const struct {
        void (*edit)(json_t *q);
        const char *says;
    } cases[] = {
        {as_gptq, "quant_method gptq"},
        {as_nothing, "quant_method"},
        {frozen, "quantization_status"},
        {no_groups, "config_groups"},
        {head_not_ignored, "lm_head"},
        {up_ignored, "a.up"},
        {up_not_targeted, "a.up"},
        {other_group_size, "weight_scale"},
        {no_group_size, "group_size"},
        {other_bits, "weight_packed"},
        {no_bits, "-3 bits"},
        {float_type, "pack-quantized"},
        {per_head, "attn_head"},
        {block_without_size, "block_structure"},
        {dynamic_weight, "dynamic"},
        {asymmetric, "weight_zero_point"},
        {unknown_key, "nmu_bits"},
        {ordered, "actorder"},
        {other_format, "marlin-24"},
        {bad_expression, "ignore"},
        {endless_expression, "steps"},
        {preset_group, "W4A16"},
        {outputs, "output_activations"},
        {target_number, "targets"},
        {sparse, "sparsity_config"},
        {rotated, "transform_config"},
    };
    scratch *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made m;
        make(&m, s, CT, "int4-g32");
        edit_config(s, cases[i].edit);
        expect_refusal(s, &m, cases[i].says);
        vq_arena_done(&m.arena);
    }
}

static json_t *up(json_t *q)
{
    return json_object_get(json_object_get(q, "modules"), "a.up");
}
static json_t *up_weight(json_t *q)
{
    return json_object_get(json_object_get(up(q), "scheme"), "weight");
}
static void version_two(json_t *q)
{
    json_object_set_new(q, "version", json_integer(2));
}
static void no_modules(json_t *q)
{
    json_object_clear(json_object_get(q, "modules"));
}
static void one_forgotten(json_t *q)
{
    json_object_del(json_object_get(q, "modules"), "a.up");
}
static void one_too_many(json_t *q)
{
    json_object_set_new(json_object_get(q, "modules"), "b", json_deep_copy(up(q)));
}
static void no_shape(json_t *q)
{
    json_object_del(up(q), "shape");
}
static void huge(json_t *q)
{
    json_object_set_new(up(q), "shape", json_pack("[I,I]", (json_int_t)1 << 31, (json_int_t)64));
}
static void wider(json_t *q)
{
    json_object_set_new(up(q), "shape", json_pack("[i,i]", 4, 128));
}
static void no_scheme(json_t *q)
{
    json_object_del(up(q), "scheme");
}
static void other_grid(json_t *q)
{
    set(up_weight(q), "grid", "e9m9");
}
static void other_group(json_t *q)
{
    set(up_weight(q), "group", "block:0");
}
static void odd_block(json_t *q)
{
    set(up_weight(q), "group", "block:48");
}
static void other_scale(json_t *q)
{
    set(up_weight(q), "scale", "f64");
}
static void strange_key(json_t *q)
{
    set(up_weight(q), "sclae", "f32");
}
static void lone_global_scale(json_t *q)
{
    set(up_weight(q), "scale", "f32");
}
static void arc_of_nine(json_t *q)
{
    json_object_set_new(up(q), "arc", json_pack("{s:i}", "s", 9));
}
static void arc_unsaid(json_t *q)
{
    json_object_set_new(up(q), "arc", json_pack("{s:i}", "s", 16));
}

static void rotation_by_48(json_t *q)
{
    json_object_set_new(up(q), "hadamard", json_integer(48));
}
static void rotation_too_wide(json_t *q)
{
    json_object_set_new(up(q), "hadamard", json_integer(1024));
}
static void rotation_by_text(json_t *q)
{
    json_object_set_new(up(q), "hadamard", json_string("32"));
}

static void own_config_against_tensors(void **state)
{
    static const struct {
        void (*edit)(json_t *q);
        const char *says;
    } cases[] = {
        {version_two, "version 2"},
        {no_modules, "modules"},
        {one_forgotten, "a.up"},
        {one_too_many, "missing"},
        {no_shape, "shape"},
        {huge, "shape"},
        {wider, "weight has"},
        {no_scheme, "scheme"},
        {other_grid, "e9m9"},
        {other_group, "block:0"},
        {odd_block, "blocks of 48"},
        {other_scale, "f64"},
        {strange_key, "sclae"},
        {lone_global_scale, "second-level"},
        {arc_of_nine, "arc"},
        {arc_unsaid, "weight has"},
        {rotation_by_48, "hadamard: 48 does not fit"},
        {rotation_too_wide, "1024 does not fit"},
        {rotation_by_text, "hadamard is not a whole number"},
    };
    scratch *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made m;
        make(&m, s, OWN, "nvfp4");
        edit_config(s, cases[i].edit);
        expect_refusal(s, &m, cases[i].says);
        vq_arena_done(&m.arena);
    }
}

/* Residuals come by whole blocks of the scheme, and only where weight and input have the same. */
static void arc_by_32(json_t *q)
{
    json_object_set_new(up(q), "arc", json_pack("{s:i}", "s", 16));
}

static void residuals_need_their_blocks(void **state)
{
    static const struct {
        const char *scheme, *says;
    } cases[] = {{"mxfp4", "blocks of 32"},
                 {"int4-g32", "blocks of the same width"},
                 {"fp8-block", "blocks of the same width"}};
    scratch *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made m;
        make(&m, s, OWN, cases[i].scheme);
        edit_config(s, arc_by_32);
        expect_refusal(s, &m, cases[i].says);
        vq_arena_done(&m.arena);
    }
}

static void orders_are_checked(void **state)
{
    static const int32_t wrong[] = {-1, 96, 7 /* twice */};
    scratch *s = *state;
    for (int i = 0; i < 3; i++) {
        made m;
        make(&m, s, OWN, "nvfp4");
        OK(&m, made_module(&m, "b", vq_scheme_find("nvfp4", NULL), 2, 96, 16));
        int32_t order[96];
        for (int k = 0; k < 96; k++) order[k] = k;
        order[50] = wrong[i];
        m.extra[2].arc_order = order;
        OK(&m, made_write(&m, s->dir));
        expect_refusal(s, &m, "arc_order");
        vq_arena_done(&m.arena);
    }
}

static void first_target_wins(json_t *q)
{
    json_t *groups = json_object_get(q, "config_groups"), *other = json_deep_copy(group0(q));
    json_object_set_new(json_object_get(other, "weights"), "group_size",
                        json_integer(16)); /* would not fit the tensors */
    json_object_set_new(other, "targets", json_pack("[s,s]", "re:a\\..*", "Linear"));
    json_object_set_new(group0(q), "targets", json_pack("[s,s]", "a.down", "re:^a.up$"));
    json_object_set_new(groups, "group_1", other);
    json_array_append_new(json_object_get(q, "ignore"),
                          json_string("re:(up|down)")); /* a name must match from its start */
    json_object_set_new(q, "kv_cache_scheme", json_deep_copy(weights(q)));
}

/* Exact names win over expressions, the first expression over later ones and over the class; a
 * quantized cache is only noted. */
static void precedence(void **state)
{
    scratch *s = *state;
    made m;
    vq_checkpoint c;
    make(&m, s, CT, "int4-g32");
    edit_config(s, first_target_wins);
    OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
    assert_non_null(strstr(c.note, "kv_cache_scheme"));
    vq_checkpoint_close(&c);
    vq_arena_done(&m.arena);
}

static void strays(void **state)
{
    scratch *s = *state;
    made m;
    make(&m, s, CT, "int4-g32");
    m.dense[m.ndense++] = "a.up.weight_g_idx"; /* its tensor: a.up.weight_g_idx.weight, harmless */
    OK(&m, made_write(&m, s->dir));
    vq_checkpoint c;
    OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
    vq_checkpoint_close(&c);
    scratch_safetensors(
        s, "model.safetensors",
        "{\"b.weight_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", -1, 4);
    expect_refusal(s, &m, "no tensor is quantized");
    vq_arena_done(&m.arena);
}

static void hostile_numbers(void **state)
{
    static const float bad[] = {0, -1, NAN, INFINITY};
    scratch *s = *state;
    for (int i = 0; i < 4; i++) {
        made m;
        vq_checkpoint c;
        vq_linear l;
        vq_qtensor q;
        make(&m, s, CT, "nvfp4");
        m.q[0].global_scale = bad[i];
        m.extra[0].act_global_scale.value = bad[i] == 0 ? NAN : bad[i];
        OK(&m, made_write(&m, s->dir));
        OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
        OK(&m, c.source.linear(&c, "a.up", 4, 64, &l, &m.err));
        OK(&m, c.source.rows(&c, &l, 1, 2, &q, &m.arena, &m.err));
        assert_memory_equal(&q.global_scale, &m.q[0].global_scale, sizeof q.global_scale);
        assert_int_equal(c.source.rows(&c, &l, 3, 2, &q, &m.arena, &m.err), VQ_E_BUG);
        assert_int_equal(c.source.linear(&c, "a.up", 4, 32, &l, &m.err), VQ_E_INPUT);
        vq_checkpoint_close(&c);
        vq_arena_done(&m.arena);
    }
}

#define DENSE_HEADER                                                                               \
    "{\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[3,4],\"data_offsets\":[0,24]}," \
    "\"m.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},\"m.bias\":{"       \
    "\"dtype\":\"F32\",\"shape\":[2],"                                                             \
    "\"data_offsets\":[48,56]},\"n.weight\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[" \
    "56,64]},\"n.bias\":{\"dtype\":"                                                               \
    "\"F16\",\"shape\":[3],\"data_offsets\":[64,70]},\"o.weight\":{\"dtype\":\"I32\",\"shape\":["  \
    "1,1],\"data_offsets\":[70,74]},"                                                              \
    "\"p.weight\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[74,80]}}"

static void dense(void **state)
{
    static const char *const refused[] = {"n", "o", "p", "q", "lm_head.x"};
    scratch *s = *state;
    vq_arena a;
    vq_checkpoint c;
    vq_linear l;
    vq_tensor t;
    vq_err err = {0};
    vq_arena_init(&a, NULL);
    scratch_safetensors(s, "model.safetensors", DENSE_HEADER, -1, 80);
    scratch_text(s, "config.json", "{\"model_type\":\"llama\"}");
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path(s, "model.safetensors"));
    assert_int_equal(vq_checkpoint_open(&c, path, &a, &err), VQ_OK);
    assert_int_equal(c.source.linear(&c, "m", 2, 3, &l, &err), VQ_OK);
    assert_true(!l.quantized);
    assert_eq(l.n, 2);
    assert_eq(l.k, 3);
    assert_eq(l.k_stored, 3);
    assert_true(l.bias.data);
    assert_eq(l.dense.dtype, VQ_F32);
    assert_int_equal(c.source.linear(&c, "lm_head", 0, 0, &l, &err), VQ_E_INPUT);
    vq_checkpoint_tie(&c, "lm_head", "model.embed_tokens.weight");
    assert_int_equal(c.source.linear(&c, "lm_head", 0, 0, &l, &err), VQ_OK);
    assert_eq(l.n, 3);
    assert_eq(l.k, 4);
    assert_true(!l.bias.data);
    assert_int_equal(c.source.linear(&c, "m", 3, 2, &l, &err), VQ_E_INPUT);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(c.source.linear(&c, refused[i], 0, 0, &l, &err), VQ_E_INPUT);
    assert_true(c.source.has(&c, "m.bias") && !c.source.has(&c, "m"));
    assert_int_equal(c.source.tensor(&c, "m.bias", &t, &err), VQ_OK);
    assert_int_equal(c.source.tensor(&c, "m", &t, &err), VQ_E_INPUT);
    vq_checkpoint_transpose(&c, "m");
    vq_checkpoint_transpose(&c, "missing");
    assert_int_equal(c.source.tensor(&c, "m.weight", &t, &err), VQ_OK);
    assert_true(t.transposed);
    assert_eq(t.shape[0], 3);
    assert_eq(t.shape[1], 2);
    vq_checkpoint_close(&c);
    scratch_text(s, "hf_quant_config.json", "{}");
    assert_int_equal(vq_checkpoint_open(&c, path, &a, &err), VQ_E_INPUT);
    assert_non_null(strstr(err.text, "modelopt"));
    vq_arena_done(&a);
}

static void lists(void **state)
{
    scratch *s = *state;
    made m;
    vq_checkpoint c;
    const char *const *names;
    const bool *quantized;
    size_t n;
    make(&m, s, CT, "int4-g32");
    static const char *const files[] = {"vq.json",   "tokenizer.json",
                                        "notes.txt", "pytorch_model.bin",
                                        ".hidden",   "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) scratch_text(s, files[i], "{}");
    remove(scratch_path(s, "model.safetensors.index.json"));
    OK(&m, vq_make_dir(scratch_path(s, "1_Pooling"), &m.err));
    scratch_text(s, "1_Pooling/config.json", "{}");
    OK(&m, vq_make_dir(scratch_path(s, "another"), &m.err));
    scratch_text(s, "another/config.json", "{}");
    scratch_text(s, "another/model.safetensors", "");
    OK(&m, vq_checkpoint_open(&c, s->dir, &m.arena, &m.err));
    OK(&m, vq_checkpoint_modules(&c, &m.arena, &names, &quantized, &n, &m.err));
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "a.down");
    assert_string_equal(names[2], "lm_head");
    assert_true(quantized[0] && quantized[1] && !quantized[2]);
    vq_sidecars all;
    OK(&m, vq_checkpoint_sidecars(&c, &all, &m.arena, &m.err));
    assert_int_equal(all.n, 3);
    assert_string_equal(all.names[0], "1_Pooling/config.json");
    assert_string_equal(all.names[1], "notes.txt");
    assert_int_equal(all.nleft, 2);
    assert_string_equal(all.left[0], "another/config.json");
    assert_string_equal(all.left[1], "another/model.safetensors");
    assert_int_equal(all.maps[2].size, 2); /* tokenizer.json */
    vq_sidecars_close(&all);
    assert_int_equal(symlink("/etc/hostname", scratch_path(s, "link.txt")), 0);
    assert_int_equal(vq_checkpoint_sidecars(&c, &all, &m.arena, &m.err), VQ_E_INPUT);
    assert_non_null(strstr(m.err.text, "link.txt: this link leads out of the model"));
    remove(scratch_path(s, "link.txt"));
    scratch_text(s, "bad\377.txt", "");
    assert_int_equal(vq_checkpoint_sidecars(&c, &all, &m.arena, &m.err), VQ_E_INPUT);
    assert_non_null(strstr(m.err.text, "not UTF-8"));
    remove(scratch_path(s, "bad\377.txt"));
    vq_checkpoint_close(&c);
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path(s, "model.safetensors"));
    OK(&m, vq_checkpoint_open(&c, path, &m.arena,
                              &m.err)); /* a lone file: only what belongs to models for sure */
    OK(&m, vq_checkpoint_sidecars(&c, &all, &m.arena, &m.err));
    assert_int_equal(all.n, 1);
    assert_string_equal(all.names[0], "tokenizer.json");
    vq_sidecars_close(&all);
    vq_checkpoint_close(&c);
    vq_arena_done(&m.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
        T(config_against_tensors),
        T(own_config_against_tensors),
        T(orders_are_checked),
        T(residuals_need_their_blocks),
        T(precedence),
        T(strays),
        T(hostile_numbers),
        T(dense),
        T(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
