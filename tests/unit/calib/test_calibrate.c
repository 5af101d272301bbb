/* test_calibrate.c -- the sweep against a forward pass in f64 loops; batches, spool and threads
 * make no difference; failures are clean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "calib/calibrate.h"
#include "calib_world.h"
#include "decoder_reference.h"

enum {
    IDS = WORLD_SAMPLES * WORLD_TOKENS,
    GROUPS = 4,
    LAYERS = 3,
    ALL = VQ_NEED_RANGE | VQ_NEED_TAIL | VQ_NEED_HISTOGRAM | VQ_NEED_MEAN | VQ_NEED_HESSIAN
};

typedef struct sweep {
    vq_arena arena;
    vq_stats stats[LAYERS][GROUPS];
} sweep;

static vq_status run_sweep(const decoder_world *w, const vq_calib_options *o,
                           const vq_reporter *reporter, sweep *s, vq_err *e)
{
    vq_arena_init(&s->arena, NULL);
    const vq_samples samples = {.ids = w->ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    vq_calib *c;
    vq_status status = vq_calib_begin(&c, &w->exec, &samples, o, reporter, &s->arena, e);
    for (int layer = 0; status == VQ_OK && layer < LAYERS; layer++)
        status = vq_calib_block(c, layer, s->stats[layer], GROUPS, &s->arena, e);
    vq_calib_end(c);
    return status;
}

static vq_calib_options options(size_t spool_bytes, int64_t batch_tokens)
{
    return (vq_calib_options){.needs = ALL,
                              .spool_path = "/tmp",
                              .spool_bytes = spool_bytes,
                              .batch_tokens = batch_tokens};
}

/* absmax per channel of the normed inputs of one layer over all samples: of q/k/v (x before
 * attention) and of gate/up (after). */
static void reference_layer(const reference *r, int layer, double *x, double *attention_in,
                            double *mlp_in)
{
    const int64_t hidden = r->config->hidden;
    double row[64];
    for (int64_t i = 0; i < hidden; i++) attention_in[i] = mlp_in[i] = 0;
    for (int sample = 0; sample < WORLD_SAMPLES; sample++) {
        double *own = x + sample * WORLD_TOKENS * hidden;
        for (int half = 0; half < 2; half++) {
            for (int t = 0; t < WORLD_TOKENS; t++) {
                memcpy(row, own + t * hidden, (size_t)hidden * sizeof *row);
                ref_norm(r, layer,
                         half ? "post_attention_layernorm.weight" : "input_layernorm.weight", row,
                         hidden);
                double *most = half ? mlp_in : attention_in;
                for (int64_t i = 0; i < hidden; i++) most[i] = fmax(most[i], fabs(row[i]));
                if (half) ref_mlp(r, layer, own + t * hidden);
            }
            if (!half) ref_attention(r, layer, own, WORLD_TOKENS);
        }
    }
}

static void close_to(const float *got, const double *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (fabs((double)got[i] - want[i]) > 1e-4 * (1 + want[i]))
            fail_msg("channel %d: %g, not %g", (int)i, (double)got[i], want[i]);
}

static void test_against_reference(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    const reference r = {.config = &w.config, .weights = &w.weights};
    sweep s;
    vq_err e = {0};
    const vq_calib_options o = options(SIZE_MAX, 2 * WORLD_TOKENS);
    if (run_sweep(&w, &o, NULL, &s, &e) != VQ_OK) fail_msg("%s", e.text);
    const int64_t hidden = w.config.hidden;
    double *x = malloc((size_t)(IDS * hidden) * sizeof *x), attention_in[64], mlp_in[64];
    assert_non_null(x);
    const float *table = ref_weight(&r, -1, "model.embed_tokens.weight");
    for (int64_t i = 0; i < IDS * hidden; i++)
        x[i] = (double)table[w.ids[i / hidden] * hidden + i % hidden];
    for (int layer = 0; layer < LAYERS; layer++) {
        reference_layer(&r, layer, x, attention_in, mlp_in);
        close_to(s.stats[layer][0].absmax, attention_in, hidden);
        close_to(s.stats[layer][2].absmax, mlp_in, hidden);
        for (int g = 0; g < GROUPS; g++) assert_int_equal(s.stats[layer][g].tokens, IDS);
        assert_int_equal(s.stats[layer][3].k, w.config.ffn);
    }
    assert_non_null(strstr(s.stats[1][0].name, "layers.1.self_attn.q_proj"));
    free(x);
    vq_arena_done(&s.arena);
    world_close(&w);
}

static void same(const sweep *a, const sweep *b)
{
    for (int i = 0; i < LAYERS * GROUPS; i++) {
        const vq_stats *p = &a->stats[i / GROUPS][i % GROUPS],
                       *q = &b->stats[i / GROUPS][i % GROUPS];
        assert_string_equal(p->name, q->name);
        assert_memory_equal(p->min, q->min, (size_t)p->k * sizeof(float));
        assert_memory_equal(p->max, q->max, (size_t)p->k * sizeof(float));
        assert_memory_equal(p->abs_sum, q->abs_sum, (size_t)p->k * sizeof(double));
        assert_memory_equal(p->hessian, q->hessian, (size_t)(p->k * p->k) * sizeof(float));
        assert_int_equal(p->samples, q->samples);
        assert_memory_equal(p->histogram, q->histogram, VQ_HIST_BINS * sizeof(uint64_t));
        assert_int_equal(p->tail_count, q->tail_count);
        assert_int_equal(p->tokens, q->tokens);
    }
}

static void test_batches_spool_and_threads(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    static const struct {
        size_t spool;
        int64_t batch;
        int threads;
    } ways[] = {{SIZE_MAX, 1, 1},
                {0, 1, 1},
                {0, 3 * WORLD_TOKENS, 2},
                {0, 1 << 20, 3},
                {SIZE_MAX, 2 * WORLD_TOKENS + 5, 3}};
    const int before = omp_get_max_threads();
    sweep first, other;
    vq_err e = {0};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const vq_calib_options o = options(ways[i].spool, ways[i].batch);
        omp_set_num_threads(ways[i].threads);
        if (run_sweep(&w, &o, NULL, i ? &other : &first, &e) != VQ_OK) fail_msg("%s", e.text);
        if (i) same(&first, &other);
        if (i) vq_arena_done(&other.arena);
    }
    omp_set_num_threads(before);
    vq_arena_done(&first.arena);
    world_close(&w);
}

/* Gathering twice and then advancing is one pass; between the two the activations stay as they
 * were. */
static vq_status run_in_steps(const decoder_world *w, const vq_calib_options *o, sweep *s,
                              vq_err *e)
{
    vq_arena_init(&s->arena, NULL);
    const vq_samples samples = {.ids = w->ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    vq_calib *c;
    vq_status status = vq_calib_begin(&c, &w->exec, &samples, o, NULL, &s->arena, e);
    for (int layer = 0; status == VQ_OK && layer < LAYERS; layer++) {
        status = vq_calib_gather(c, layer, s->stats[layer], GROUPS, &s->arena, e);
        if (status == VQ_OK)
            status = vq_calib_gather(c, layer, s->stats[layer], GROUPS, &s->arena, e);
        if (status == VQ_OK) status = vq_calib_advance(c, layer, e);
    }
    vq_calib_end(c);
    return status;
}

static vq_status take_absmax(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    const sweep *want = ctx;
    (void)e;
    assert_int_equal(nstats, GROUPS);
    for (int i = 0; i < nstats; i++)
        assert_memory_equal(stats[i].absmax, want->stats[layer][i].absmax,
                            (size_t)stats[i].k * sizeof(float));
    return VQ_OK;
}

static void test_forward_over_all_blocks(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    const vq_calib_options o = options(0, 2 * WORLD_TOKENS);
    const vq_samples samples = {.ids = w.ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    sweep s;
    vq_err e = {0};
    vq_budget budget = {0};
    vq_arena a;
    vq_arena_init(&a, &budget);
    const vq_stats_sink sink = {.ctx = &s, .layer = take_absmax};
    assert_int_equal(run_sweep(&w, &o, NULL, &s, &e), VQ_OK);
    if (vq_calib_forward(&w.exec, &samples, &o, &sink, NULL, &a, &e) != VQ_OK)
        fail_msg("%s", e.text);
    assert_int_equal(budget.used, 0);
    vq_arena_done(&s.arena);
    vq_arena_done(&a);
    world_close(&w);
}

static void test_gather_and_advance(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    sweep whole, steps;
    vq_err e = {0};
    for (int file = 0; file < 2; file++) {
        const vq_calib_options o = options(file ? 0 : SIZE_MAX, 2 * WORLD_TOKENS);
        if (run_sweep(&w, &o, NULL, &whole, &e) != VQ_OK ||
            run_in_steps(&w, &o, &steps, &e) != VQ_OK)
            fail_msg("%s", e.text);
        same(&whole, &steps);
        vq_arena_done(&whole.arena);
        vq_arena_done(&steps.arena);
    }
    world_close(&w);
}

/* All batches after each other: the current activations, or the outputs that are there ahead. */
static void all_batches(vq_calib *c, bool ahead, float *out, int64_t each)
{
    vq_err e;
    int64_t seen = 0;
    assert_int_equal(vq_calib_batches(c), 3);
    for (int64_t i = 0; i < 3; i++) {
        vq_batch shape;
        const float *h;
        assert_int_equal((ahead ? vq_calib_batch_ahead : vq_calib_batch)(c, i, &shape, &h, &e),
                         VQ_OK);
        assert_int_equal(shape.length, WORLD_TOKENS);
        memcpy(out + seen * WORLD_TOKENS * each, h,
               (size_t)(shape.sequences * shape.length * each) * sizeof *h);
        seen += shape.sequences;
    }
    assert_int_equal(seen, WORLD_SAMPLES);
}

/* The activations that a pass sees: those of all samples in order, after as many blocks as were
 * advanced over. */
static void test_batches_are_seen(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    const vq_samples samples = {.ids = w.ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    const int64_t hidden = w.config.hidden;
    const vq_batch all = {.sequences = WORLD_SAMPLES, .length = WORLD_TOKENS};
    float *want = VQ_ALLOC(&a, float, IDS *hidden, "test", &e),
          *got = VQ_ALLOC(&a, float, IDS *hidden, "test", &e);
    assert_int_equal(vq_exec_embed(&w.exec, &all, w.ids, want, &e), VQ_OK);
    assert_int_equal(vq_exec_block(&w.exec, &all, 0, want, &e), VQ_OK);
    for (int file = 0; file < 2; file++) {
        const vq_calib_options o = options(file ? 0 : SIZE_MAX, 2 * WORLD_TOKENS);
        vq_calib *c;
        assert_int_equal(vq_calib_begin(&c, &w.exec, &samples, &o, NULL, &a, &e), VQ_OK);
        assert_int_equal(vq_calib_advance(c, 0, &e), VQ_OK);
        all_batches(c, false, got, hidden);
        assert_memory_equal(got, want,
                            (size_t)(WORLD_SAMPLES * WORLD_TOKENS * hidden) * sizeof *got);
        vq_calib_end(c);
    }
    vq_arena_done(&a);
    world_close(&w);
}

/* Outputs ahead: what advancing gives, beside the inputs that stay, in memory and in files; advance
 * then runs nothing. */
static void test_outputs_are_ahead(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    const vq_samples samples = {.ids = w.ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    const int64_t hidden = w.config.hidden, n = IDS * hidden;
    float *inputs = VQ_ALLOC(&a, float, n, "test", &e),
          *outputs = VQ_ALLOC(&a, float, n, "test", &e), *got = VQ_ALLOC(&a, float, n, "test", &e);
    vq_calib *c;
    vq_calib_options o = options(SIZE_MAX, 2 * WORLD_TOKENS);
    assert_int_equal(vq_calib_begin(&c, &w.exec, &samples, &o, NULL, &a, &e), VQ_OK);
    all_batches(c, false, inputs, hidden);
    assert_int_equal(vq_calib_advance(c, 0, &e), VQ_OK);
    all_batches(c, false, outputs, hidden);
    vq_calib_end(c);
    for (int file = 0; file < 2; file++) {
        vq_batch shape;
        const float *h;
        o = options(file ? 0 : SIZE_MAX, 2 * WORLD_TOKENS);
        o.ahead = true;
        assert_int_equal(vq_calib_begin(&c, &w.exec, &samples, &o, NULL, &a, &e), VQ_OK);
        assert_int_equal(vq_calib_batch_ahead(c, 0, &shape, &h, &e), VQ_E_BUG);
        assert_int_equal(vq_calib_look_ahead(c, 0, &e), VQ_OK);
        all_batches(c, false, got, hidden);
        assert_memory_equal(got, inputs, (size_t)n * sizeof *got);
        all_batches(c, true, got, hidden);
        assert_memory_equal(got, outputs, (size_t)n * sizeof *got);
        float *norm = memory_data(&w.weights, "model.layers.0.input_layernorm.weight");
        const float was = norm[0];
        norm[0] = 100; /* another run would show */
        assert_int_equal(vq_calib_advance(c, 0, &e), VQ_OK);
        norm[0] = was;
        all_batches(c, false, got, hidden);
        assert_memory_equal(got, outputs, (size_t)n * sizeof *got);
        vq_calib_end(c);
    }
    vq_arena_done(&a);
    world_close(&w);
}

static void test_infinite_input_is_named(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    float *table = memory_data(&w.weights, "model.embed_tokens.weight"),
          *norm = memory_data(&w.weights, "model.layers.0.input_layernorm.weight");
    w.ids[3 * WORLD_TOKENS + 5] = 60; /* a token of its own in the fourth sample */
    for (int i = 0; i < IDS; i++)
        w.ids[i] = i != 3 * WORLD_TOKENS + 5 && w.ids[i] == 60 ? 59 : w.ids[i];
    for (int i = 0; i < (int)w.config.hidden; i++)
        table[60 * w.config.hidden + i] = i == 9 ? 5 : 0.01F;
    norm[9] = 3e38F;
    for (int t = 0; t < 60; t++) table[t * w.config.hidden + 9] = 0;
    sweep s;
    vq_err e = {0};
    const vq_calib_options o = options(SIZE_MAX, 2 * WORLD_TOKENS);
    assert_int_equal(run_sweep(&w, &o, NULL, &s, &e), VQ_E_NUMERIC);
    assert_string_equal(e.text, "layer 0 > attn.q > model.layers.0.self_attn.q_proj: input of "
                                "sample 3 is not finite at channel 9 (position 5)");
    vq_arena_done(&s.arena);
    world_close(&w);
}

static void test_failures(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    sweep s;
    vq_err e = {0};
    vq_calib_options o = options(0, 1);
    o.spool_path = "/nowhere";
    assert_int_equal(run_sweep(&w, &o, NULL, &s, &e), VQ_E_IO);
    vq_arena_done(&s.arena);
    o = options(0, 1);
    const volatile sig_atomic_t stop = 1;
    const vq_reporter reporter = {.stop = &stop};
    assert_int_equal(run_sweep(&w, &o, &reporter, &s, &e), VQ_E_STOPPED);
    vq_arena_done(&s.arena);
    w.ids[30] = (int32_t)w.config.vocab;
    assert_int_equal(run_sweep(&w, &o, NULL, &s, &e), VQ_E_INPUT);
    vq_arena_done(&s.arena);
    world_close(&w);
}

static void test_wrong_calls(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e;
    vq_stats stats[GROUPS];
    const vq_samples samples = {.ids = w.ids, .count = 1, .length = WORLD_TOKENS};
    const vq_calib_options o = options(SIZE_MAX, 1);
    vq_calib *c;
    assert_int_equal(vq_calib_begin(&c, &w.exec, &samples, &o, NULL, &a, &e), VQ_OK);
    assert_int_equal(vq_calib_block(c, 1, stats, GROUPS, &a, &e), VQ_E_BUG);
    assert_int_equal(vq_calib_block(c, 0, stats, GROUPS - 1, &a, &e), VQ_E_BUG);
    assert_int_equal(vq_calib_gather(c, 1, stats, GROUPS, &a, &e), VQ_E_BUG);
    assert_int_equal(vq_calib_advance(c, 1, &e), VQ_E_BUG);
    vq_calib_end(c);
    vq_arena_done(&a);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_reference),
                                       cmocka_unit_test(test_batches_spool_and_threads),
                                       cmocka_unit_test(test_forward_over_all_blocks),
                                       cmocka_unit_test(test_gather_and_advance),
                                       cmocka_unit_test(test_batches_are_seen),
                                       cmocka_unit_test(test_outputs_are_ahead),
                                       cmocka_unit_test(test_infinite_input_is_named),
                                       cmocka_unit_test(test_failures),
                                       cmocka_unit_test(test_wrong_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
