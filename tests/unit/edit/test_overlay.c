/* test_overlay.c -- a model seen through an overlay computes what a model that holds the replaced
 * tensors computes, bit for bit. */
#include "decoder_world.h"
#include "edit/overlay.h"
#include "show.h"

/* The tensor of `weights` replaced by that of `other`, in the overlay and (copied) in `want`. */
static void replace(vq_overlay *o, const memory_source *other, const memory_source *want,
                    const char *name)
{
    vq_err e;
    const vq_tensor *t = &other->tensors[memory_find(other, name)];
    assert_int_equal(vq_overlay_dense(o, t->name, t->data, t->shape, t->ndim, &e), VQ_OK);
    memcpy(memory_data(want, name), t->data, t->bytes);
}

static void assert_same_logits(const decoder_world *w, const vq_source *a, const vq_source *b)
{
    float *x = world_logits(w, a), *y = world_logits(w, b);
    assert_memory_equal(x, y, (size_t)(WORLD_TOKENS * w->config.vocab) * sizeof *x);
    free(x);
    free(y);
}

static void assert_other_logits(const decoder_world *w, const vq_source *a, const vq_source *b)
{
    float *x = world_logits(w, a), *y = world_logits(w, b);
    assert_gt(world_distance(w, x, y), 1e-3);
    free(x);
    free(y);
}

/* Three worlds of one family: below, the one that lends its tensors, and below with the same
 * tensors replaced for good. */
typedef struct worlds {
    decoder_world below, other, want;
    vq_overlay overlay;
} worlds;

static void open_worlds(worlds *s, const char *type)
{
    vq_err e;
    world_open(&s->below, type, 3);
    world_open(&s->other, type, 4);
    world_open(&s->want, type, 3);
    assert_int_equal(vq_overlay_init(&s->overlay, &s->below.weights.source, 8, &s->below.arena, &e),
                     VQ_OK);
}

static void close_worlds(worlds *s)
{
    world_close(&s->below);
    world_close(&s->other);
    world_close(&s->want);
}

static void test_dense_tensors(void **state)
{
    (void)state;
    worlds s;
    open_worlds(&s, "qwen2");
    static const char *const names[] = {"model.embed_tokens.weight",
                                        "model.norm.weight",
                                        "model.layers.0.input_layernorm.weight",
                                        "model.layers.1.mlp.down_proj.weight",
                                        "model.layers.0.self_attn.v_proj.bias",
                                        "model.layers.1.self_attn.q_proj.weight"};
    assert_same_logits(&s.below, &s.overlay.source, &s.want.weights.source);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        replace(&s.overlay, &s.other.weights, &s.want.weights, names[i]);
    replace(&s.overlay, &s.other.weights, &s.want.weights, names[0]); /* again */
    assert_int_equal(s.overlay.count, 6);
    assert_same_logits(&s.below, &s.overlay.source, &s.want.weights.source);
    assert_other_logits(&s.below, &s.overlay.source, &s.below.weights.source);
    vq_overlay_clear(&s.overlay);
    assert_same_logits(&s.below, &s.overlay.source, &s.below.weights.source);
    close_worlds(&s);
}

/* A head of its own where below has none: the graph says untied. */
static void test_untied_head(void **state)
{
    (void)state;
    worlds s;
    open_worlds(&s, "qwen3");
    vq_err e;
    const vq_source *o = &s.overlay.source;
    const int64_t shape[] = {s.below.config.vocab, s.below.config.hidden};
    float *head = memory_data(&s.other.weights, "model.embed_tokens.weight");
    assert_false(o->has(o->self, "lm_head.weight"));
    float *want = world_logits(&s.below, &s.below.weights.source);
    assert_int_equal(vq_overlay_dense(&s.overlay, "lm_head.weight", head, shape, 2, &e), VQ_OK);
    assert_true(o->has(o->self, "lm_head.weight") && o->has(o->self, "model.norm.weight"));
    s.below.graph.nodes[s.below.graph.count - 1].tied = false;
    float *got = world_logits(&s.below, o);
    assert_gt(world_distance(&s.below, got, want), 1e-3);
    memcpy(head, memory_data(&s.below.weights, "model.embed_tokens.weight"),
           (size_t)(shape[0] * shape[1]) * sizeof *head);
    free(got);
    got = world_logits(&s.below, o);
    assert_memory_equal(got, want, (size_t)(WORLD_TOKENS * shape[0]) * sizeof *got);
    free(got);
    free(want);
    close_worlds(&s);
}

/* One linear quantized under a scheme; `want` holds what its codes mean. */
static void quantized_as(const char *scheme, const char *module)
{
    worlds s;
    open_worlds(&s, "qwen2");
    vq_err e = {0};
    vq_scheme buf;
    char name[128];
    vq_qtensor q;
    const vq_scheme *preset = vq_scheme_find(scheme, &buf);
    assert_non_null(preset);
    snprintf(name, sizeof name, "%s.weight", module);
    const vq_tensor *t = &s.want.weights.tensors[memory_find(&s.want.weights, name)];
    vq_linear l = {.name = module,
                   .n = t->shape[0],
                   .k = t->shape[1],
                   .k_stored = t->shape[1],
                   .quantized = true,
                   .scheme = *preset};
    float *w = memory_data(&s.want.weights, name);
    assert_int_equal(vq_qtensor_new(&q, &preset->weight, l.n, l.k, &s.below.arena, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, w,
                                     vq_global_scale_from_amax(&preset->weight, 0.3f, VQ_F32),
                                     VQ_F32, &e),
                     VQ_OK);
    vq_dequantize_ref(&q, 0, q.rows, w);
    s.below.exec.quantize_inputs =
        true; /* of weights alone, scales of BF16 would round what the codes mean */
    assert_int_equal(vq_overlay_quantized(&s.overlay, &l, &q, &e), VQ_OK);
    snprintf(name, sizeof name, "%s.bias", module);
    if (memory_find(&s.want.weights, name) >= 0)
        replace(&s.overlay, &s.other.weights, &s.want.weights, name);
    assert_other_logits(&s.below, &s.overlay.source, &s.below.weights.source);
    assert_same_logits(&s.below, &s.overlay.source, &s.want.weights.source);
    close_worlds(&s);
}

static void test_quantized_linears(void **state)
{
    (void)state;
    quantized_as("int4-g32", "model.layers.0.mlp.down_proj");
    quantized_as("int8-w8a16",
                 "model.layers.0.self_attn.q_proj"); /* its bias is replaced besides */
    quantized_as("nvfp4a16", "model.layers.1.mlp.up_proj");
    quantized_as("mxfp4a16", "model.layers.1.self_attn.o_proj");
}

/* Rows of groups that span several rows, of one scale for all, of wide codes and of zero points:
 * compared with the whole matrix. */
static void rows_of(const vq_num *num, int64_t r0, int64_t count)
{
    enum { N = 24, K = 32 };
    decoder_world w;
    vq_overlay o;
    vq_err e = {0};
    vq_qtensor q, part;
    float x[N * K], all[N * K], got[N * K];
    uint64_t seed = 5;
    world_open(&w, "llama", 1);
    for (int i = 0; i < N * K; i++) x[i] = memory_random(&seed) + 0.3f;
    assert_int_equal(vq_overlay_init(&o, &w.weights.source, 1, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_qtensor_new(&q, num, N, K, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, x, (vq_global_scale){.value = 1}, VQ_F32, &e), VQ_OK);
    const vq_linear l = {
        .name = "l", .n = N, .k = K, .k_stored = K, .quantized = true, .scheme = {.weight = *num}};
    assert_int_equal(vq_overlay_quantized(&o, &l, &q, &e), VQ_OK);
    vq_dequantize_ref(&q, 0, N, all);
    assert_int_equal(o.source.rows(o.source.self, &l, r0, count, &part, &w.scratch, &e), VQ_OK);
    vq_dequantize_ref(&part, 0, count, got);
    assert_memory_equal(got, all + r0 * K, (size_t)(count * K) * sizeof *got);
    assert_int_equal(o.source.rows(o.source.self, &l, N - 1, 2, &part, &w.scratch, &e), VQ_E_BUG);
    world_close(&w);
}

static void test_views_of_rows(void **state)
{
    (void)state;
    vq_scheme buf;
    vq_num num = vq_scheme_find("int4-g32", &buf)->weight;
    rows_of(&num, 3, 5);
    num.group.rows = 8;
    num.group.cols = 16;
    rows_of(&num, 8, 8);
    rows_of(&num, 16, 3);
    num.group.kind = VQ_PER_TENSOR;
    rows_of(&num, 5, 7);
    num = vq_scheme_find("int4-g32-asym", &buf)->weight;
    rows_of(&num, 1, 2);
}

static void test_a_dense_weight_ends_quantization(void **state)
{
    (void)state;
    worlds s;
    open_worlds(&s, "llama");
    vq_err e;
    vq_linear got;
    vq_qtensor q = {0};
    const char *module = "model.layers.0.mlp.up_proj";
    const vq_linear l = {.name = module, .n = 64, .k = 32, .k_stored = 32, .quantized = true};
    const vq_source *o = &s.overlay.source;
    assert_int_equal(vq_overlay_quantized(&s.overlay, &l, &q, &e), VQ_OK);
    assert_int_equal(vq_overlay_hadamard(&s.overlay, module, 16, &e), VQ_OK);
    assert_int_equal(o->linear(o->self, module, 64, 32, &got, &e), VQ_OK);
    assert_true(got.quantized);
    assert_eq(got.hadamard, 0);
    replace(&s.overlay, &s.other.weights, &s.want.weights, "model.layers.0.mlp.up_proj.weight");
    assert_int_equal(o->linear(o->self, module, 64, 32, &got, &e), VQ_OK);
    assert_true(!got.quantized);
    assert_eq(got.hadamard, 16);
    assert_int_equal(o->linear(o->self, module, 64, 48, &got, &e), VQ_E_BUG);
    close_worlds(&s);
}

static void test_no_room(void **state)
{
    (void)state;
    decoder_world w;
    vq_overlay o;
    vq_err e;
    const float x = 1;
    const int64_t one = 1;
    world_open(&w, "llama", 1);
    assert_int_equal(vq_overlay_init(&o, &w.weights.source, 1, &w.arena, &e), VQ_OK);
    assert_int_equal(vq_overlay_dense(&o, "a", &x, &one, 1, &e), VQ_OK);
    assert_int_equal(vq_overlay_dense(&o, "a", &x, &one, 1, &e), VQ_OK);
    assert_int_equal(vq_overlay_dense(&o, "b", &x, &one, 1, &e), VQ_E_BUG);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense_tensors),
        cmocka_unit_test(test_untied_head),
        cmocka_unit_test(test_quantized_linears),
        cmocka_unit_test(test_views_of_rows),
        cmocka_unit_test(test_a_dense_weight_ends_quantization),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
