/* test_block_train.c -- learned rounding of a block of a small made-up decoder: the error on the
 * held-out samples falls under every scheme, never rises, every option changes what comes out, and
 * one or two threads give the same bytes. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "calib_world.h"
#include "edit/overlay.h"
#include "quant/rounder.h"
#include "quant/transform.h"
#include "show.h"
#include "train/block_train.h"

enum { SAMPLES = 24, LENGTH = 16, LINEARS = 7, LAYER = 1 };

typedef struct world {
    made_config config;
    vq_arena arena, scratch, work;
    vq_graph graph;
    memory_source weights;
    vq_kernels kernels;
    vq_exec original, exec;
    vq_overlay overlay;
    vq_calib *inputs, *targets;
    int32_t ids[SAMPLES * LENGTH];
    vq_samples samples;
    vq_linear stored[LINEARS];
    vq_qtensor q[LINEARS], augmented;
    vq_train_linear linears[LINEARS];
    int count;
    vq_learn_options options;
    int32_t order[64];
} world;

static void open_model(world *w)
{
    vq_err e;
    *w = (world){.config = world_config("llama")};
    vq_arena_init(&w->arena, NULL);
    vq_arena_init(&w->scratch, NULL);
    vq_arena_init(&w->work, NULL);
    assert_int_equal(made_config_build(&w->config, &w->graph, &w->arena, &e), VQ_OK);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, true, &e), VQ_OK);
    memory_open(&w->weights, &w->graph, 11);
    w->original = (vq_exec){.graph = &w->graph,
                            .source = &w->weights.source,
                            .kernels = &w->kernels,
                            .arena = &w->scratch};
    assert_int_equal(vq_overlay_init(&w->overlay, &w->weights.source, 16, &w->arena, &e), VQ_OK);
    w->exec = w->original;
    w->exec.source = &w->overlay.source;
    for (int i = 0; i < SAMPLES * LENGTH; i++)
        w->ids[i] = (int32_t)(vq_rng_at(4, (uint64_t)i) % (uint64_t)w->config.vocab);
}

static const vq_calib_options activation_options = {
    .spool_path = "/tmp", .spool_bytes = 1 << 20, .batch_tokens = 5 * LENGTH};

/* Inputs of LAYER on one side, what the original block makes of them on the other. */
static void open_activations(world *w)
{
    vq_err e;
    const vq_calib_options o = activation_options;
    w->samples = (vq_samples){.ids = w->ids, .count = SAMPLES, .length = LENGTH};
    assert_int_equal(vq_calib_begin(&w->inputs, &w->original, &w->samples, &o, NULL, &w->arena, &e),
                     VQ_OK);
    assert_int_equal(
        vq_calib_begin(&w->targets, &w->original, &w->samples, &o, NULL, &w->arena, &e), VQ_OK);
    for (int l = 0; l <= LAYER; l++) {
        if (l < LAYER) assert_int_equal(vq_calib_advance(w->inputs, l, &e), VQ_OK);
        assert_int_equal(vq_calib_advance(w->targets, l, &e), VQ_OK);
    }
}

static void quantize_linear(world *w, const vq_node *n, const vq_scheme *s)
{
    vq_err e;
    char name[128];
    const int i = w->count++;
    vq_qtensor *q = &w->q[i];
    snprintf(name, sizeof name, "%s.weight", n->name);
    const float *from = memory_data(&w->weights, name);
    assert_int_equal(vq_qtensor_new(q, &s->weight, n->width, n->in_width, &w->arena, &e), VQ_OK);
    const vq_global_scale global_scale = vq_global_scale_from_amax(&s->weight, 0.3F, VQ_F32);
    assert_int_equal(vq_quantize_rows(&w->kernels, q, from, global_scale, VQ_F32, NULL, NULL, &e),
                     VQ_OK);
    w->stored[i] = (vq_linear){.name = n->name,
                               .n = n->width,
                               .k = n->in_width,
                               .k_stored = n->in_width,
                               .quantized = true,
                               .scheme = *s};
    w->linears[i] = (vq_train_linear){.name = n->name, .w = from, .q = q};
    assert_int_equal(vq_overlay_quantized(&w->overlay, &w->stored[i], q, &e), VQ_OK);
}

static void open_world(world *w, const char *scheme)
{
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(scheme, &buf);
    open_model(w);
    open_activations(w);
    for (int id = w->graph.parts[1 + LAYER].first; id < vq_graph_end(&w->graph, 1 + LAYER); id++)
        if (w->graph.nodes[id].op->linear) quantize_linear(w, &w->graph.nodes[id], s);
    assert_int_equal(w->count, LINEARS);
    w->exec.quantize_inputs = s->has_act;
    w->options = (vq_learn_options){
        .steps = 20, .tokens = 4 * LENGTH, .rate = 0.0125, .clip_rate = 0.002, .momentum = 0.9};
}

static void close_world(world *w)
{
    vq_calib_end(w->inputs);
    vq_calib_end(w->targets);
    memory_close(&w->weights);
    vq_arena_done(&w->work);
    vq_arena_done(&w->scratch);
    vq_arena_done(&w->arena);
}

static vq_block_train_job job_of(world *w)
{
    return (vq_block_train_job){.exec = &w->exec,
                                .inputs = w->inputs,
                                .targets = w->targets,
                                .layer = LAYER,
                                .linears = w->linears,
                                .count = w->count,
                                .options = &w->options,
                                .seed = 1,
                                .scratch = &w->work};
}

static vq_block_train_job train(world *w)
{
    vq_err e;
    vq_block_train_job j = job_of(w);
    if (vq_block_train(&j, &e) != VQ_OK) fail_msg("%s", e.text);
    return j;
}

/* A number that differs when any code or scale does. */
static uint64_t bytes_of(const world *w)
{
    uint64_t h = 1;
    for (int i = 0; i < w->count; i++) {
        const vq_qtensor *q = &w->q[i];
        for (int64_t j = 0; j < q->rows * q->cols; j++) h = vq_rng_at(h, q->codes[j]);
        for (int64_t g = 0; g < q->groups; g++) h = vq_rng_at(h, (uint64_t)(q->scale[g] * 0x1p40F));
    }
    return h;
}

/* Error of the block over all samples, by its definition. */
static double error_over_all(world *w)
{
    vq_err e;
    double sum = 0;
    const int64_t hidden = vq_record_width(&w->graph, 0);
    for (int64_t i = 0; i < vq_calib_batches(w->inputs); i++) {
        static float out[8 * LENGTH * 32];
        vq_batch shape;
        const float *h, *target;
        assert_int_equal(vq_calib_batch(w->inputs, i, &shape, &h, &e), VQ_OK);
        memcpy(out, h, (size_t)(shape.sequences * LENGTH * hidden) * sizeof *out);
        assert_int_equal(vq_exec_block(&w->exec, &shape, LAYER, out, &e), VQ_OK);
        assert_int_equal(vq_calib_batch(w->targets, i, &shape, &target, &e), VQ_OK);
        for (int64_t t = 0; t < shape.sequences * LENGTH; t++) {
            double size = 0, off = 0;
            for (int64_t c = t * hidden; c < (t + 1) * hidden; c++) {
                size += (double)target[c] * (double)target[c];
                off += ((double)out[c] - (double)target[c]) * ((double)out[c] - (double)target[c]);
            }
            sum += off / size;
        }
    }
    return sum / (SAMPLES * LENGTH);
}

static void test_falls(void **state)
{
    (void)state;
    const char *const schemes[] = {"nvfp4a16",      "nvfp4",        "mxfp4", "int4-g16",
                                   "int4-g16-asym", "int3-g8-asym", "fp8"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        static world w;
        open_world(&w, schemes[i]);
        const double before = error_over_all(&w);
        const vq_block_train_job j = train(&w);
        if (!(j.best < 0.99 * j.first))
            fail_msg("%s: held out %g -> %g", schemes[i], j.first, j.best);
        const double after = error_over_all(&w);
        if (!(after < 0.99 * before)) fail_msg("%s: all %g -> %g", schemes[i], before, after);
        assert_near(j.first, before, 0.5 * before); /* the held-out part is like the rest */
        close_world(&w);
    }
}

/* Steps so wild that nothing good can come of them leave the start as it was. */
static void test_never_worse(void **state)
{
    (void)state;
    static world w;
    open_world(&w, "int8-w8a16");
    w.options.rate = 1;
    w.options.clip_rate = 1;
    w.options.steps = 3;
    const uint64_t before = bytes_of(&w);
    const vq_block_train_job j = train(&w);
    assert_eq(j.best, j.first);
    assert_eq(bytes_of(&w), before);
    close_world(&w);
}

static uint64_t trained_with(vq_learn_options o, const float *metric, uint64_t seed)
{
    static world w;
    vq_err e;
    open_world(&w, "int4-g16");
    w.options = o;
    vq_block_train_job j = job_of(&w);
    j.metric = metric;
    j.seed = seed;
    assert_int_equal(vq_block_train(&j, &e), VQ_OK);
    const uint64_t h = bytes_of(&w);
    close_world(&w);
    return h;
}

static void test_options(void **state)
{
    (void)state;
    static float metric[32 * 32];
    const vq_learn_options o = {
        .steps = 10, .tokens = 4 * LENGTH, .rate = 0.0125, .clip_rate = 0.002, .momentum = 0.9};
    vq_learn_options steps = o, tokens = o, rate = o, clip = o, momentum = o;
    steps.steps = 12, tokens.tokens = 2 * LENGTH, rate.rate = 0.02, clip.clip_rate = 0,
    momentum.momentum = 0;
    for (int i = 0; i < 32; i++) metric[i * 32 + i] = (float)(1 + i);
    const uint64_t plain = trained_with(o, NULL, 1);
    assert_eq(trained_with(o, NULL, 1), plain);
    assert_ne(trained_with(steps, NULL, 1), plain);
    assert_ne(trained_with(tokens, NULL, 1), plain);
    assert_ne(trained_with(rate, NULL, 1), plain);
    assert_ne(trained_with(clip, NULL, 1), plain);
    assert_ne(trained_with(momentum, NULL, 1), plain);
    assert_ne(trained_with(o, metric, 1), plain);
    assert_ne(trained_with(o, NULL, 2), plain);
}

static void test_threads(void **state)
{
    (void)state;
    const vq_learn_options o = {
        .steps = 8, .tokens = 4 * LENGTH, .rate = 0.0125, .clip_rate = 0.002, .momentum = 0.9};
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    const uint64_t one = trained_with(o, NULL, 1);
    omp_set_num_threads(2);
    const uint64_t two = trained_with(o, NULL, 1);
    omp_set_num_threads(before);
    assert_eq(one, two);
}

/* One sweep that holds the outputs ahead serves the same targets as a second one. */
static void test_targets_ahead(void **state)
{
    (void)state;
    static world w;
    vq_err e;
    open_world(&w, "int4-g16");
    const vq_block_train_job given = train(&w);
    const uint64_t bytes = bytes_of(&w);
    close_world(&w);
    open_world(&w, "int4-g16");
    vq_calib_end(w.inputs);
    vq_calib_options o = activation_options;
    o.ahead = true;
    assert_int_equal(vq_calib_begin(&w.inputs, &w.original, &w.samples, &o, NULL, &w.arena, &e),
                     VQ_OK);
    for (int l = 0; l < LAYER; l++) assert_int_equal(vq_calib_advance(w.inputs, l, &e), VQ_OK);
    assert_int_equal(vq_calib_look_ahead(w.inputs, LAYER, &e), VQ_OK);
    vq_block_train_job j = job_of(&w);
    j.targets = w.inputs;
    assert_int_equal(vq_block_train(&j, &e), VQ_OK);
    assert_eq(j.first, given.first);
    assert_eq(j.best, given.best);
    assert_eq(bytes_of(&w), bytes);
    close_world(&w);
}

/* ARC: the down projection reads gathered inputs with residual copies; what is served stays the
 * augmented form of what is trained. */
static void make_arc(world *w, int i, int64_t s)
{
    static float ordered[32 * 64];
    vq_err e;
    vq_linear *l = &w->stored[i];
    for (int64_t c = 0; c < l->k; c++) w->order[c] = (int32_t)((c * 13 + 5) % l->k);
    for (int64_t r = 0; r < l->n; r++)
        for (int64_t c = 0; c < l->k; c++)
            ordered[r * l->k + c] = w->linears[i].w[r * l->k + w->order[c]];
    assert_int_equal(
        vq_quantize_rows(&w->kernels, &w->q[i], ordered,
                         (vq_global_scale){w->q[i].global_scale, w->q[i].global_scale_divides},
                         VQ_F32, NULL, NULL, &e),
        VQ_OK);
    assert_int_equal(vq_arc_augment(&w->q[i], s, &w->augmented, &w->arena, &e), VQ_OK);
    l->arc_order = w->order;
    l->arc_s = s;
    l->k_stored = l->k + s;
    w->linears[i].w = ordered;
    w->linears[i].stored = &w->augmented;
    assert_int_equal(vq_overlay_quantized(&w->overlay, l, &w->augmented, &e), VQ_OK);
}

static void check_arc(bool quantize_inputs)
{
    static world w;
    vq_err e;
    vq_qtensor again;
    open_world(&w, "nvfp4");
    w.exec.quantize_inputs = quantize_inputs;
    int down = 0;
    while (w.stored[down].k != w.config.ffn) down++;
    make_arc(&w, down, 16);
    w.linears[0] =
        w.linears[down]; /* nothing but this one is trained: all of the gain is its own */
    w.count = 1;
    const double before = error_over_all(&w);
    const vq_block_train_job j = train(&w);
    assert_lt(j.best, j.first);
    assert_lt(error_over_all(&w), before);
    assert_int_equal(vq_arc_augment(&w.q[down], 16, &again, &w.arena, &e), VQ_OK);
    assert_memory_equal(again.codes, w.augmented.codes, (size_t)(again.rows * again.cols));
    close_world(&w);
}

static void test_arc(void **state)
{
    (void)state;
    check_arc(true);
    check_arc(false);
}

static void test_stops(void **state)
{
    (void)state;
    static world w;
    vq_err e;
    volatile sig_atomic_t stop = 1;
    open_world(&w, "int4-g16");
    const vq_reporter reporter = {.stop = &stop};
    vq_block_train_job j = job_of(&w);
    j.reporter = &reporter;
    assert_int_equal(vq_block_train(&j, &e), VQ_E_STOPPED);
    close_world(&w);
}

/* What is said to be needed is enough, and what is taken is given back. */
static void test_memory(void **state)
{
    (void)state;
    static world w;
    vq_err e;
    open_world(&w, "int4-g16");
    vq_budget budget = {.limit = vq_block_train_bytes(&w.graph, LAYER, &w.stored[0].scheme.weight,
                                                      &w.options, LENGTH)};
    vq_arena tight;
    vq_arena_init(&tight, &budget);
    vq_block_train_job j = job_of(&w);
    j.scratch = &tight;
    assert_int_equal(vq_block_train(&j, &e), VQ_OK);
    vq_arena_done(&tight);
    budget = (vq_budget){.limit = 4096};
    vq_arena_init(&tight, &budget);
    assert_int_equal(vq_block_train(&j, &e), VQ_E_LIMIT);
    vq_arena_done(&tight);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_falls),         cmocka_unit_test(test_never_worse),
        cmocka_unit_test(test_options),       cmocka_unit_test(test_threads),
        cmocka_unit_test(test_targets_ahead), cmocka_unit_test(test_arc),
        cmocka_unit_test(test_stops),         cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
