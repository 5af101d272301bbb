/* test_linear.c -- quantized linears: what is stored acts as its dequantized matrix; inputs are
 * quantized once, in the stored order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "memory_source.h"
#include "model/exec/exec.h"
#include "model/op/act_quant.h"
#include "model/op/embedding.h"
#include "model/op/linear.h"
#include "model/op/op.h"
#include "quant/transform.h"
#include "show.h"

enum { N = 200, K = 256, TOKENS = 9 };

/* One quantized linear whose rows come out of a whole canonical matrix. */
typedef struct stored {
    vq_source source;
    vq_qtensor q;
    vq_linear linear;
    vq_tensor embedding;
    float w[K * K], x[TOKENS * K];
    vq_budget budget;
    vq_arena keep, scratch;
    vq_kernels kernels;
    vq_exec exec;
} stored;

static vq_status stored_linear(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                               vq_err *e)
{
    (void)module, (void)n, (void)k, (void)e;
    *out = ((stored *)self)->linear;
    return VQ_OK;
}

static vq_status stored_rows(void *self, const vq_linear *l, int64_t r0, int64_t count,
                             vq_qtensor *out, vq_arena *a, vq_err *e)
{
    const vq_qtensor *q = &((stored *)self)->q;
    const int64_t step = q->num.group.kind == VQ_PER_BLOCK && q->num.group.rows > 1
                             ? q->num.group.rows
                             : 1,
                  first = r0 / step * q->per_row;
    assert_int_equal(r0 % step, 0);
    VQ_TRY(vq_qtensor_new(out, &q->num, count, l->k_stored, a, e));
    memcpy(out->codes, q->codes + r0 * q->cols, (size_t)(count * q->cols));
    memcpy(out->scale, q->scale + (q->num.group.kind == VQ_PER_TENSOR ? 0 : first),
           (size_t)out->groups * sizeof *out->scale);
    out->global_scale = q->global_scale;
    out->global_scale_divides = q->global_scale_divides;
    return VQ_OK;
}

static void open_stored(stored *s, const char *scheme)
{
    vq_err e;
    uint64_t seed = 3;
    vq_scheme buf;
    const vq_scheme *preset = vq_scheme_find(scheme, &buf);
    *s = (stored){.source = {.self = s, .linear = stored_linear, .rows = stored_rows}};
    vq_arena_init(&s->keep, NULL);
    vq_arena_init(&s->scratch, &s->budget);
    assert_int_equal(vq_kernels_select(&s->kernels, NULL, false, &e), VQ_OK);
    for (int i = 0; i < N * K; i++) s->w[i] = memory_random(&seed);
    for (int i = 0; i < TOKENS * K; i++)
        s->x[i] = memory_random(&seed) * (i % 7 == 0 ? 9.0f : 1.0f);
    const vq_global_scale global_scale = vq_global_scale_from_amax(&preset->weight, 1, VQ_F32);
    assert_int_equal(vq_qtensor_new(&s->q, &preset->weight, N, K, &s->keep, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&s->q, s->w, global_scale, VQ_F32, &e), VQ_OK);
    s->linear = (vq_linear){
        .name = "l", .n = N, .k = K, .k_stored = K, .quantized = true, .scheme = *preset};
    s->exec = (vq_exec){.source = &s->source, .kernels = &s->kernels, .arena = &s->scratch};
}

static void close_stored(stored *s)
{
    assert_int_equal(s->budget.used, 0);
    vq_arena_done(&s->scratch);
    vq_arena_done(&s->keep);
}

/* The stored weights in another order with the last s channels twice, as an ARC artifact holds
 * them. */
static void make_arc(stored *s, int64_t extra)
{
    vq_err e;
    int32_t *order = VQ_ALLOC(&s->keep, int32_t, K, "order", &e);
    float *ordered = VQ_ALLOC(&s->keep, float, N *K, "ordered", &e);
    for (int i = 0; i < K; i++) order[i] = (i * 37 + 11) % K;
    for (int r = 0; r < N; r++)
        for (int i = 0; i < K; i++) ordered[r * K + i] = s->w[r * K + order[i]];
    vq_qtensor plain;
    assert_int_equal(vq_qtensor_new(&plain, &s->linear.scheme.weight, N, K, &s->keep, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&plain, ordered,
                                     vq_global_scale_from_amax(&plain.num, 1, VQ_F32), VQ_F32, &e),
                     VQ_OK);
    assert_int_equal(vq_arc_augment(&plain, extra, &s->q, &s->keep, &e), VQ_OK);
    s->linear.arc_order = order;
    s->linear.arc_s = extra;
    s->linear.k_stored = K + extra;
}

static vq_act_spec act_spec(const vq_linear *l)
{
    return (vq_act_spec){.num = &l->scheme.act,
                         .global_scale = l->act_global_scale,
                         .scale = l->act_scale,
                         .zero = l->act_zero,
                         .order = l->arc_order,
                         .s = l->arc_s};
}

/* want[TOKENS][N] = in [TOKENS][k] times rows of w [N][k], in f64. */
static void product(const float *in, const float *w, int64_t k, double *want)
{
    for (int64_t t = 0; t < TOKENS; t++)
        for (int64_t r = 0; r < N; r++) {
            want[t * N + r] = 0;
            for (int64_t i = 0; i < k; i++)
                want[t * N + r] += (double)in[t * k + i] * (double)w[r * k + i];
        }
}

static void assert_rows(const stored *s, const float *in, const double *want)
{
    static float out[TOKENS * N];
    vq_err e;
    assert_int_equal(vq_linear_rows(&s->exec, &s->linear, in, TOKENS, 0, N, out, N, &e), VQ_OK);
    for (int i = 0; i < TOKENS * N; i++) assert_float_equal(out[i], want[i], 2e-3);
}

static void test_weights_only_is_the_dequantized_matrix(void **state)
{
    (void)state;
    static const char *const schemes[] = {"nvfp4a16", "mxfp4",      "int8",     "int4-g64",
                                          "fp8",      "fp8-static", "fp8-block"};
    static float w[N * K];
    static double want[TOKENS * N];
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        static stored s;
        open_stored(&s, schemes[i]);
        vq_dequantize_ref(&s.q, 0, N, w);
        /* compressed-tensors decompresses to the type of the scales */
        for (int j = 0; s.q.num.scale == VQ_SCALE_BF16 && j < N * K; j++)
            w[j] = vq_round_to(VQ_BF16, w[j]);
        product(s.x, w, K, want);
        assert_rows(&s, s.x, want);
        close_stored(&s);
    }
}

static void test_weights_only_arc_takes_inputs_as_they_come(void **state)
{
    (void)state;
    static stored s;
    static float stored_w[N * (K + 48)], w[N * K];
    static double want[TOKENS * N];
    open_stored(&s, "nvfp4");
    make_arc(&s, 48);
    vq_dequantize_ref(&s.q, 0, N, stored_w);
    for (int r = 0; r < N; r++)
        for (int i = 0; i < K; i++) {
            const int past = i - (K - 48), at = past < 0 ? i : K - 48 + past / 16 * 32 + past % 16;
            w[r * K + s.linear.arc_order[i]] = stored_w[r * (K + 48) + at];
        }
    for (int i = 0; i < N * K; i++)
        assert_float_equal(w[i], s.w[i],
                           0.2); /* the weights, each where it belongs, within their rounding */
    product(s.x, w, K, want);
    assert_rows(&s, s.x, want);
    close_stored(&s);
}

static void test_coded_inputs_meet_the_stored_matrix(void **state)
{
    (void)state;
    for (int64_t extra = 0; extra <= 64; extra += 64) {
        static stored s;
        static float stored_w[N * (K + 64)], coded[TOKENS * (K + 64)];
        static double want[TOKENS * N];
        vq_err e;
        open_stored(&s, "nvfp4");
        if (extra) make_arc(&s, extra);
        s.exec.quantize_inputs = true;
        vq_dequantize_ref(&s.q, 0, N, stored_w);
        const vq_act_spec spec = act_spec(&s.linear);
        assert_int_equal(vq_fake_quant(&s.kernels, &spec, s.x, TOKENS, K, coded, &e), VQ_OK);
        product(coded, stored_w, K + extra, want);
        assert_rows(&s, coded, want);
        close_stored(&s);
    }
}

/* in times the Sylvester matrix in runs of `block`, over sqrt(block): f64. */
static void rotate(const float *in, int64_t block, float *out)
{
    for (int64_t t = 0; t < TOKENS; t++)
        for (int64_t i = 0; i < K; i++) {
            double sum = 0;
            for (int64_t j = 0; j < block; j++) {
                const double v = (double)in[t * K + i / block * block + j];
                sum += __builtin_popcountll((unsigned long long)(i % block & j)) % 2 ? -v : v;
            }
            out[t * K + i] = (float)(sum / sqrt((double)block));
        }
}

/* The input is rotated before anything else: weights alone, quantized inputs, and in front of ARC's
 * gather. */
static void test_rotated_inputs(void **state)
{
    (void)state;
    static float by_hand[TOKENS * K], want[TOKENS * (K + 64)], got[TOKENS * (K + 64)];
    for (int extra = 0; extra <= 64; extra += 64)
        for (int coded = 0; coded < 2; coded++) {
            static stored s;
            vq_err e;
            open_stored(&s, "nvfp4");
            if (extra) make_arc(&s, extra);
            s.linear.hadamard = 32;
            s.exec.quantize_inputs = coded;
            vq_quantize q;
            assert_true(vq_quantize_of(&s.exec, &s.linear, &q));
            const int64_t width = q.k_out;
            assert_int_equal(width, coded ? K + extra : K);
            rotate(s.x, 32, by_hand);
            memcpy(want, by_hand, sizeof by_hand);
            const vq_act_spec spec = act_spec(&s.linear);
            if (coded)
                assert_int_equal(vq_fake_quant(&s.kernels, &spec, by_hand, TOKENS, K, want, &e),
                                 VQ_OK);
            assert_int_equal(vq_quantize_run(&s.exec, &q, s.x, TOKENS, got, &e), VQ_OK);
            int differ = 0; /* a code on the border may fall to the other side */
            for (int64_t i = 0; i < TOKENS * width; i++)
                differ += !(fabsf(got[i] - want[i]) <= 2e-6f + 1e-6f * fabsf(want[i]));
            assert_true(coded ? differ < 20 : differ == 0);
            assert_le(s.budget.peak, vq_quantize_bytes(&q, TOKENS) + (64 << 10));
            close_stored(&s);
        }
}

/* Rows from the middle of blocks of 128 x 128: the slice begins at the block, the caller's rows
 * where they were asked for. */
static void test_rows_inside_blocks(void **state)
{
    (void)state;
    static stored s;
    static float whole[TOKENS * N], part[TOKENS * 60];
    vq_err e;
    open_stored(&s, "fp8-block");
    assert_int_equal(vq_linear_rows(&s.exec, &s.linear, s.x, TOKENS, 0, N, whole, N, &e), VQ_OK);
    assert_int_equal(vq_linear_rows(&s.exec, &s.linear, s.x, TOKENS, 130, 60, part, 60, &e), VQ_OK);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < 60; i++)
            assert_float_equal(part[t * 60 + i], whole[t * N + 130 + i], 1e-4);
    assert_le(s.budget.peak, vq_linear_scratch(&s.exec, &s.linear) + (64 << 10));
    close_stored(&s);
}

/* Two linears read one value: both see it quantized under their own scheme, whether they agree or
 * not. */
static void test_group_members_share_the_coded_input(void **state)
{
    (void)state;
    static stored s;
    static float h[TOKENS * K], w[K * K], coded[TOKENS * K];
    vq_err e;
    vq_graph g;
    open_stored(&s, "nvfp4");
    assert_int_equal(vq_graph_start(&g, "made", 1, &s.keep, &e), VQ_OK);
    vq_graph_part(&g, 0);
    vq_graph_add(&g, &(vq_node){.op = &vq_op_embedding, .layer = -1, .name = "e", .width = K},
                 &s.keep, &e);
    vq_graph_part(&g, 1);
    const vq_node linear = {.op = &vq_op_linear,
                            .role = VQ_ROLE_OTHER,
                            .name = "l",
                            .in = {0},
                            .nin = 1,
                            .width = K,
                            .in_width = K};
    vq_graph_add(&g, &linear, &s.keep, &e);
    vq_graph_add(&g, &linear, &s.keep, &e);
    vq_graph_add(&g,
                 &(vq_node){.op = &vq_op_add,
                            .role = VQ_ROLE_OTHER,
                            .name = "",
                            .in = {1, 2},
                            .nin = 2,
                            .width = K},
                 &s.keep, &e);
    vq_graph_part(&g, 2);
    assert_int_equal(vq_graph_finish(&g, &s.keep, &e), VQ_OK);
    s.exec.graph = &g;
    s.exec.quantize_inputs = true;
    vq_qtensor square;
    uint64_t seed = 5;
    for (int i = 0; i < K * K; i++) w[i] = memory_random(&seed);
    assert_int_equal(vq_qtensor_new(&square, &s.linear.scheme.weight, K, K, &s.keep, &e), VQ_OK);
    assert_int_equal(
        vq_quantize_ref(&square, w, vq_global_scale_from_amax(&square.num, 1, VQ_F32), VQ_F32, &e),
        VQ_OK);
    s.q = square;
    s.linear.n = K;
    vq_dequantize_ref(&square, 0, K, w);
    const vq_act_spec spec = act_spec(&s.linear);
    assert_int_equal(vq_fake_quant(&s.kernels, &spec, s.x, TOKENS, K, coded, &e), VQ_OK);
    memcpy(h, s.x, sizeof h);
    assert_int_equal(
        vq_exec_block(&s.exec, &(vq_batch){.sequences = 1, .length = TOKENS}, 0, h, &e), VQ_OK);
    for (int t = 0; t < TOKENS; t++)
        for (int r = 0; r < K; r++) {
            double want = 0;
            for (int i = 0; i < K; i++) want += 2 * (double)coded[t * K + i] * (double)w[r * K + i];
            assert_float_equal(h[t * K + r], want, 4e-3);
        }
    h[3] = NAN;
    assert_int_equal(
        vq_exec_block(&s.exec, &(vq_batch){.sequences = 1, .length = TOKENS}, 0, h, &e),
        VQ_E_NUMERIC);
    assert_memory_equal(e.text, "layer 0 > ", 10);
    close_stored(&s);
}

/* Dense linears that read one value, three of them, with their own rotations of it. */
static vq_status rotating_linear(void *self, const char *module, int64_t n, int64_t k,
                                 vq_linear *out, vq_err *e)
{
    (void)k, (void)e;
    const stored *s = self;
    *out = s->linear;
    out->n = n;
    out->name = module;
    out->quantized = false;
    out->hadamard = strcmp(module, "none") == 0 ? 0 : strtol(module, NULL, 10);
    out->dense = (vq_tensor){.name = module,
                             .dtype = VQ_F32,
                             .ndim = 2,
                             .shape = {K, K},
                             .data = s->w,
                             .bytes = sizeof(float) * K * K};
    return VQ_OK;
}

static void add_rotating(vq_graph *g, const char *name, vq_arena *a)
{
    vq_graph_add(g,
                 &(vq_node){.op = &vq_op_linear,
                            .role = VQ_ROLE_OTHER,
                            .name = name,
                            .in = {0},
                            .nin = 1,
                            .width = K,
                            .in_width = K},
                 a, NULL);
}

static void test_members_may_rotate_differently(void **state)
{
    (void)state;
    static stored s;
    static float h[TOKENS * K], by16[TOKENS * K], by64[TOKENS * K];
    vq_err e;
    vq_graph g;
    open_stored(&s, "nvfp4");
    for (int i = 0; i < K * K; i++) s.w[i] = i / K == i % K ? 1.0f : 0.0f;
    assert_int_equal(vq_graph_start(&g, "made", 1, &s.keep, &e), VQ_OK);
    vq_graph_part(&g, 0);
    vq_graph_add(&g, &(vq_node){.op = &vq_op_embedding, .layer = -1, .name = "e", .width = K},
                 &s.keep, &e);
    vq_graph_part(&g, 1);
    add_rotating(&g, "16", &s.keep);
    add_rotating(&g, "64", &s.keep);
    add_rotating(&g, "none", &s.keep);
    vq_graph_add(&g,
                 &(vq_node){.op = &vq_op_add,
                            .role = VQ_ROLE_OTHER,
                            .name = "",
                            .in = {1, 2},
                            .nin = 2,
                            .width = K},
                 &s.keep, &e);
    vq_graph_add(&g,
                 &(vq_node){.op = &vq_op_add,
                            .role = VQ_ROLE_OTHER,
                            .name = "",
                            .in = {4, 3},
                            .nin = 2,
                            .width = K},
                 &s.keep, &e);
    vq_graph_part(&g, 2);
    assert_int_equal(vq_graph_finish(&g, &s.keep, &e), VQ_OK);
    s.exec.graph = &g;
    s.exec.quantize_inputs = true;
    s.source.linear = rotating_linear;
    rotate(s.x, 16, by16);
    rotate(s.x, 64, by64);
    memcpy(h, s.x, sizeof h);
    assert_int_equal(
        vq_exec_block(&s.exec, &(vq_batch){.sequences = 1, .length = TOKENS}, 0, h, &e), VQ_OK);
    for (int i = 0; i < TOKENS * K; i++) assert_float_equal(h[i], by16[i] + by64[i] + s.x[i], 2e-5);
    close_stored(&s);
}

/* The gradient of the input is g times the matrix that inputs as they come meet, found here by
 * applying the linear to the unit vectors; quantized inputs and the residuals of ARC change
 * nothing. */
static void back_equals_unit_vectors(stored *s)
{
    static float unit[K * K], turned[K * K], columns[K * N], g[TOKENS * N], dx[TOKENS * K];
    vq_err e;
    uint64_t seed = 29;
    const bool quantized_inputs = s->exec.quantize_inputs;
    for (int i = 0; i < TOKENS * N; i++) g[i] = memory_random(&seed);
    for (int i = 0; i < K * K; i++) unit[i] = i % K == i / K;
    s->exec.quantize_inputs = false;
    vq_quantize q;
    if (vq_quantize_of(&s->exec, &s->linear, &q))
        assert_int_equal(vq_quantize_run(&s->exec, &q, unit, K, turned, &e), VQ_OK);
    assert_int_equal(vq_linear_rows(&s->exec, &s->linear, s->linear.hadamard ? turned : unit, K, 0,
                                    N, columns, N, &e),
                     VQ_OK);
    s->exec.quantize_inputs = quantized_inputs;
    s->budget.peak = 0;
    assert_int_equal(vq_linear_back(&s->exec, &s->linear, g, TOKENS, dx, &e), VQ_OK);
    assert_le(s->budget.peak, vq_linear_back_scratch(&s->exec, &s->linear, TOKENS) + (128 << 10));
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < K; i++) {
            double want = 0;
            for (int r = 0; r < N; r++) want += (double)g[t * N + r] * (double)columns[i * N + r];
            assert_float_equal(dx[t * K + i], want, 1e-3);
        }
}

static void test_backward_is_the_transpose(void **state)
{
    (void)state;
    static const char *const schemes[] = {"nvfp4", "int4-g64", "fp8-static", "fp8-block"};
    for (int i = 0; i < 16; i++) {
        static stored s;
        open_stored(&s, schemes[i % 4]);
        if (i == 8 || i == 12) make_arc(&s, 48);
        s.linear.hadamard = i % 3 == 0 ? 32 : 0;
        /* with scales of BF16 the two ways of running have weights that differ by their rounding to
         * it */
        s.exec.quantize_inputs =
            i % 8 < 4 && s.linear.scheme.has_act && s.linear.scheme.weight.scale != VQ_SCALE_BF16;
        back_equals_unit_vectors(&s);
        close_stored(&s);
    }
}

/* More rows than are decoded at a time; small integers, so that every sum is exact. */
static void test_backward_over_slices(void **state)
{
    (void)state;
    enum { TALL = 300000, NARROW = 16 };
    static stored s;
    vq_err e;
    float dx[2 * NARROW];
    open_stored(&s, "nvfp4");
    float *w = VQ_ALLOC(&s.keep, float, TALL *NARROW, "w", &e),
          *g = VQ_ALLOC(&s.keep, float, 2 * TALL, "g", &e);
    for (int i = 0; i < TALL * NARROW; i++) w[i] = (float)(i * 7 % 5 - 2);
    for (int i = 0; i < 2 * TALL; i++) g[i] = (float)(i * 11 % 3 - 1);
    s.linear = (vq_linear){.name = "l", .n = TALL, .k = NARROW, .k_stored = NARROW};
    s.linear.dense =
        (vq_tensor){.name = "w", .dtype = VQ_F32, .ndim = 2, .shape = {TALL, NARROW}, .data = w};
    s.linear.dense.bytes = sizeof(float) * TALL * NARROW;
    assert_int_equal(vq_linear_rows_back(&s.exec, &s.linear, g, 2, dx, &e), VQ_OK);
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < NARROW; i++) {
            double want = 0;
            for (int r = 0; r < TALL; r++)
                want += (double)g[t * TALL + r] * (double)w[r * NARROW + i];
            assert_eq((double)dx[t * NARROW + i], want);
        }
    close_stored(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_only_is_the_dequantized_matrix),
        cmocka_unit_test(test_weights_only_arc_takes_inputs_as_they_come),
        cmocka_unit_test(test_coded_inputs_meet_the_stored_matrix),
        cmocka_unit_test(test_rows_inside_blocks),
        cmocka_unit_test(test_group_members_share_the_coded_input),
        cmocka_unit_test(test_rotated_inputs),
        cmocka_unit_test(test_members_may_rotate_differently),
        cmocka_unit_test(test_backward_is_the_transpose),
        cmocka_unit_test(test_backward_over_slices),
    };
    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
