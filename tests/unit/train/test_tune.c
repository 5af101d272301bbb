/* test_tune.c -- distillation of norms, biases and scales: gradients by finite differences, KL on
 * held-out samples goes down and never up, what is returned is what was measured and can be stored.
 */
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
#include "show.h"
#include "train/tune.h"

enum { SAMPLES = 20, LENGTH = 12, MOST = 64 };

typedef struct world {
    made_config config;
    vq_arena arena, scratch, work;
    vq_graph graph;
    memory_source weights;
    vq_kernels kernels;
    vq_exec teacher, student;
    vq_overlay overlay;
    int32_t ids[SAMPLES * LENGTH];
    vq_samples samples;
    vq_linear stored[MOST];
    vq_qtensor q[MOST];
    int count;
    vq_tune_options options;
    vq_tuned_source tuned;
} world;

/* Norms and biases stored in BF16. */
static void halve_vectors(memory_source *m)
{
    for (int i = 0; i < m->count; i++) {
        vq_tensor *t = &m->tensors[i];
        if (t->ndim != 1) continue;
        for (int64_t j = 0; j < t->shape[0]; j++) {
            const uint16_t h = vq_f32_to_bf16(m->data[i][j]);
            memcpy((uint8_t *)m->data[i] + 2 * j, &h, 2);
        }
        t->dtype = VQ_BF16;
        t->bytes /= 2;
    }
}

static void quantize(world *w, const vq_node *n, const vq_scheme *s)
{
    vq_err e;
    char name[128];
    const int i = w->count++;
    snprintf(name, sizeof name, "%s.weight", n->name);
    assert_int_equal(vq_qtensor_new(&w->q[i], &s->weight, n->width, n->in_width, &w->arena, &e),
                     VQ_OK);
    const vq_global_scale global_scale = vq_global_scale_from_amax(&s->weight, 0.3F, VQ_F32);
    assert_int_equal(vq_quantize_rows(&w->kernels, &w->q[i], memory_data(&w->weights, name),
                                      global_scale, VQ_F32, NULL, NULL, &e),
                     VQ_OK);
    w->stored[i] = (vq_linear){.name = n->name,
                               .n = n->width,
                               .k = n->in_width,
                               .k_stored = n->in_width,
                               .quantized = true,
                               .scheme = *s};
    snprintf(name, sizeof name, "%s.bias", n->name);
    if (n->bias) assert_int_equal(memory_tensor(&w->weights, name, &w->stored[i].bias, &e), VQ_OK);
    assert_int_equal(vq_overlay_quantized(&w->overlay, &w->stored[i], &w->q[i], &e), VQ_OK);
}

static void open_world_as(world *w, const char *type, const char *scheme, bool halves)
{
    vq_err e;
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(scheme, &buf);
    *w = (world){.config = world_config(type)};
    w->config.tied = false;
    vq_arena_init(&w->arena, NULL);
    vq_arena_init(&w->scratch, NULL);
    vq_arena_init(&w->work, NULL);
    assert_int_equal(made_config_build(&w->config, &w->graph, &w->arena, &e), VQ_OK);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, true, &e), VQ_OK);
    memory_open(&w->weights, &w->graph, 11);
    if (halves) halve_vectors(&w->weights);
    w->teacher = (vq_exec){.graph = &w->graph,
                           .source = &w->weights.source,
                           .kernels = &w->kernels,
                           .arena = &w->scratch};
    assert_int_equal(vq_overlay_init(&w->overlay, &w->weights.source, 2 * MOST, &w->arena, &e),
                     VQ_OK);
    w->student = w->teacher;
    w->student.source = &w->overlay.source;
    for (int id = 0; id < w->graph.count; id++)
        if (w->graph.nodes[id].op->linear && w->graph.nodes[id].layer >= 0)
            quantize(w, &w->graph.nodes[id], s);
    for (int i = 0; i < SAMPLES * LENGTH; i++)
        w->ids[i] = (int32_t)(vq_rng_at(4, (uint64_t)i) % (uint64_t)w->config.vocab);
    w->samples = (vq_samples){.ids = w->ids, .count = SAMPLES, .length = LENGTH};
    w->options = (vq_tune_options){
        .steps = 24, .tokens = 6 * LENGTH, .rate = 0.01, .vectors = true, .scales = true};
}

static void open_world(world *w, const char *type, const char *scheme)
{
    open_world_as(w, type, scheme, false);
}

static void close_world(world *w)
{
    memory_close(&w->weights);
    vq_arena_done(&w->work);
    vq_arena_done(&w->scratch);
    vq_arena_done(&w->arena);
}

static vq_tune_job job_of(world *w)
{
    return (vq_tune_job){.student = &w->student,
                         .teacher = &w->teacher,
                         .samples = &w->samples,
                         .options = &w->options,
                         .seed = 1,
                         .spool_path = "/tmp",
                         .spool_bytes = 1 << 20,
                         .out = &w->arena,
                         .scratch = &w->work};
}

static double kl_of(world *w, const vq_tune_job *job, float *g)
{
    static float h[4 * 2 * LENGTH * 32], taught[2 * LENGTH * 32];
    vq_err e;
    double kl = 0;
    const vq_batch b = {.sequences = 2, .length = LENGTH};
    assert_int_equal(vq_exec_embed(&w->teacher, &b, w->ids, taught, &e), VQ_OK);
    for (int l = 0; l < w->graph.layers; l++)
        assert_int_equal(vq_exec_block(&w->teacher, &b, l, taught, &e), VQ_OK);
    if (vq_tune_gradient(job, &w->tuned, &b, w->ids, taught, h, g, &kl, &e) != VQ_OK)
        fail_msg("%s", e.text);
    return kl;
}

/* Every factor, and some entries of every vector, against differences of KL. */
static void check_gradients(const char *type)
{
    static world w;
    static float g[4096], ignored[4096];
    vq_err e;
    open_world(&w, type, "nvfp4a16");
    const vq_tune_job job = job_of(&w);
    assert_int_equal(vq_tuned_open(&w.tuned, &w.student, &w.options, &w.arena, &e), VQ_OK);
    assert_lt(w.tuned.count, 4096);
    (void)kl_of(&w, &job, g);
    double most = 0;
    for (int64_t i = 0; i < w.tuned.count; i++) most = fmax(most, fabs((double)g[i]));
    const int64_t factors =
        w.tuned.vectors[w.tuned.nvectors - 1].first + w.tuned.vectors[w.tuned.nvectors - 1].n;
    assert_int_equal(w.tuned.count - factors,
                     2 * 4); /* q/k/v share one, o has one, gate/up share one, down has one */
    for (int64_t i = 0; i < w.tuned.count; i += i < factors ? 7 : 1) {
        const float old = w.tuned.served[i], d = 0.01F;
        w.tuned.served[i] = old + d;
        const double up = kl_of(&w, &job, ignored);
        w.tuned.served[i] = old - d;
        const double down = kl_of(&w, &job, ignored), slope = (up - down) / (2 * (double)d);
        w.tuned.served[i] = old;
        if (!(fabs(slope - (double)g[i]) < 0.02 * fabs(slope) + 2e-3 * most))
            fail_msg("%s, parameter %d: %g, not %g", type, (int)i, (double)g[i], slope);
    }
    close_world(&w);
}

/* Nothing is quantized behind the last linear of the last block: its factor's gradient is exact
 * although its input is coded. */
static void test_coded_input(void **state)
{
    (void)state;
    static world w;
    static float g[4096], ignored[4096];
    vq_err e;
    open_world(&w, "llama", "nvfp4");
    w.student.quantize_inputs = true;
    const vq_tune_job job = job_of(&w);
    assert_int_equal(vq_tuned_open(&w.tuned, &w.student, &w.options, &w.arena, &e), VQ_OK);
    (void)kl_of(&w, &job, g);
    float *last = &w.tuned.served[w.tuned.count - 1];
    const float d = 0.01F;
    *last = 1 + d;
    const double up = kl_of(&w, &job, ignored);
    *last = 1 - d;
    const double slope = (up - kl_of(&w, &job, ignored)) / (2 * (double)d);
    if (!(fabs(slope - (double)g[w.tuned.count - 1]) < 0.01 * fabs(slope)))
        fail_msg("%g, not %g", (double)g[w.tuned.count - 1], slope);
    close_world(&w);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients("llama");
    check_gradients("qwen2"); /* biases */
    check_gradients("qwen3"); /* norms of heads */
}

/* KL over all samples of the model as it would be stored. */
static double stored_kl(world *w, vq_dtype dtype, bool apply)
{
    vq_err e;
    double sum = 0;
    for (int i = 0; apply && i < w->tuned.nvectors; i++) {
        const vq_tuned_vector *v = &w->tuned.vectors[i];
        for (int64_t j = v->first; j < v->first + v->n; j++)
            assert_eq(w->tuned.served[j], vq_round_to(dtype, w->tuned.served[j]));
        assert_int_equal(
            vq_overlay_dense(&w->overlay, v->name, w->tuned.served + v->first, &v->n, 1, &e),
            VQ_OK);
    }
    for (int i = 0, id = 0; apply && id < w->graph.count; id++) {
        if (w->graph.nodes[id].op->linear == false || w->graph.nodes[id].layer < 0) continue;
        vq_qtensor *q = &w->q[i++];
        q->global_scale =
            vq_tune_global_scale(&w->tuned, id,
                                 (vq_global_scale){q->global_scale, q->global_scale_divides})
                .value;
    }
    const vq_batch b = {.sequences = SAMPLES, .length = LENGTH};
    float *h = malloc(sizeof *h * SAMPLES * LENGTH * 32 * 3), *t = h + SAMPLES * LENGTH * 32,
          *g = t + SAMPLES * LENGTH * 32;
    assert_int_equal(vq_exec_embed(&w->student, &b, w->ids, h, &e), VQ_OK);
    memcpy(t, h, sizeof *h * SAMPLES * LENGTH * 32);
    for (int l = 0; l < w->graph.layers; l++) {
        if (vq_exec_block(&w->student, &b, l, h, &e) != VQ_OK) fail_msg("%s", e.text);
        assert_int_equal(vq_exec_block(&w->teacher, &b, l, t, &e), VQ_OK);
    }
    const vq_head_loss loss = {.target = VQ_HEAD_TEACHER, .teacher = &w->teacher, .teacher_h = t};
    assert_int_equal(
        vq_exec_head_backward(&w->student, &loss, h, SAMPLES * LENGTH, g, &sum, NULL, &e), VQ_OK);
    free(h);
    return sum / (SAMPLES * LENGTH);
}

static void check_falls(const char *type, const char *scheme, vq_dtype dtype, bool vectors,
                        bool scales)
{
    static world w;
    vq_err e;
    open_world_as(&w, type, scheme, dtype == VQ_BF16);
    w.options.vectors = vectors, w.options.scales = scales;
    vq_tune_job job = job_of(&w);
    job.bf16 = dtype == VQ_BF16;
    const double before = stored_kl(&w, dtype, false);
    if (vq_tune_run(&job, &w.tuned, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_lt(job.best, job.first);
    const double after = stored_kl(&w, dtype, true);
    if (!(after < before))
        fail_msg("%s %s: %g -> %g, held out %g -> %g", type, scheme, before, after, job.first,
                 job.best);
    close_world(&w);
}

static void test_falls(void **state)
{
    (void)state;
    check_falls("llama", "nvfp4a16", VQ_F32, true, true);
    check_falls("llama", "nvfp4a16", VQ_BF16, true, true);
    check_falls("llama", "nvfp4a16", VQ_F32, false, true);
    check_falls("qwen2", "int4-g16", VQ_F32, true, false);
}

static void test_nothing_to_tune(void **state)
{
    (void)state;
    static world w;
    vq_err e;
    open_world(&w, "llama", "int4-g16");
    w.options.vectors = false;
    vq_tune_job job = job_of(&w);
    assert_int_equal(vq_tune_run(&job, &w.tuned, &e), VQ_E_RECIPE);
    close_world(&w);
}

/* A rate that ruins everything leaves the start. */
static void test_never_worse(void **state)
{
    (void)state;
    static world w;
    vq_err e;
    open_world(&w, "llama", "nvfp4a16");
    w.options.rate = 0.5;
    w.options.steps = 2;
    vq_tune_job job = job_of(&w);
    assert_int_equal(vq_tune_run(&job, &w.tuned, &e), VQ_OK);
    assert_eq(job.best, job.first);
    const float *norm = memory_data(&w.weights, w.tuned.vectors[0].name);
    assert_memory_equal(norm, w.tuned.served, (size_t)w.tuned.vectors[0].n * sizeof *norm);
    assert_eq(w.tuned.served[w.tuned.count - 1], 1);
    close_world(&w);
}

static void tuned_values(const vq_tune_options *o, int threads, float *out)
{
    static world w;
    vq_err e;
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    open_world(&w, "llama", "nvfp4a16");
    w.options = *o;
    vq_tune_job job = job_of(&w);
    assert_int_equal(vq_tune_run(&job, &w.tuned, &e), VQ_OK);
    memset(out, 0, 4096 * sizeof *out);
    memcpy(out, w.tuned.served, (size_t)w.tuned.count * sizeof *out);
    close_world(&w);
    omp_set_num_threads(before);
}

static void test_options_and_threads(void **state)
{
    (void)state;
    static float plain[4096], other[4096];
    const vq_tune_options o = {
        .steps = 6, .tokens = 4 * LENGTH, .rate = 0.005, .vectors = true, .scales = true};
    vq_tune_options steps = o, tokens = o, rate = o, norms = o;
    steps.steps = 8, tokens.tokens = 2 * LENGTH, rate.rate = 0.004, norms.scales = false;
    tuned_values(&o, 1, plain);
    tuned_values(&o, 2, other);
    assert_memory_equal(plain, other, sizeof plain);
    const vq_tune_options *changed[] = {&steps, &tokens, &rate, &norms};
    for (int i = 0; i < 4; i++) {
        tuned_values(changed[i], 2, other);
        assert_memory_not_equal(plain, other, sizeof plain);
    }
}

static void test_memory(void **state)
{
    (void)state;
    static world w;
    vq_err e;
    open_world(&w, "llama", "nvfp4a16");
    const size_t spool = SAMPLES * LENGTH * 32 * sizeof(float);
    vq_budget budget = {.limit = vq_tune_bytes(&w.teacher, &w.options, SAMPLES, LENGTH) + spool};
    vq_arena tight, scratch;
    vq_arena_init(&tight, &budget);
    vq_arena_init(&scratch, &budget);
    w.teacher.arena = w.student.arena = &scratch;
    vq_tune_job job = job_of(&w);
    job.scratch = &tight;
    assert_int_equal(vq_tune_run(&job, &w.tuned, &e), VQ_OK);
    vq_arena_done(&tight);
    budget = (vq_budget){.limit = 4096};
    vq_arena_init(&tight, &budget);
    assert_int_equal(vq_tune_run(&job, &w.tuned, &e), VQ_E_LIMIT);
    vq_arena_done(&tight);
    vq_arena_done(&scratch);
    close_world(&w);
}

/* What the teacher made waits in a file as well as in memory. */
static void test_spool(void **state)
{
    (void)state;
    static world a, b;
    vq_err e;
    open_world(&a, "llama", "nvfp4a16");
    open_world(&b, "llama", "nvfp4a16");
    vq_tune_job in_memory = job_of(&a), in_file = job_of(&b);
    in_file.spool_bytes = 0;
    assert_int_equal(vq_tune_run(&in_memory, &a.tuned, &e), VQ_OK);
    assert_int_equal(vq_tune_run(&in_file, &b.tuned, &e), VQ_OK);
    assert_memory_equal(a.tuned.served, b.tuned.served, (size_t)a.tuned.count * sizeof(float));
    assert_eq(in_memory.best, in_file.best);
    assert_eq(in_memory.held, 2 * LENGTH);
    close_world(&b);
    close_world(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),   cmocka_unit_test(test_coded_input),
        cmocka_unit_test(test_falls),       cmocka_unit_test(test_nothing_to_tune),
        cmocka_unit_test(test_never_worse), cmocka_unit_test(test_options_and_threads),
        cmocka_unit_test(test_memory),      cmocka_unit_test(test_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
