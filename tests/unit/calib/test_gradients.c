/* test_gradients.c -- statistics of the backward sweep against plain sums in f64 over what the
 * backward passes hand out one sample at a time; batches, spool and threads make no difference;
 * stops, failures and layers that are left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>
#include <signal.h>
#include <sys/resource.h>

#include "calib/calibrate.h"
#include "calib_world.h"
#include "scratch.h"
#include "show.h"

enum { GROUPS = 4, LAYERS = 3, LINEARS = 7, WIDEST = 64, ALL = 127, SEED = 77 };

/* A copy of all statistics, as the sink gets them. */
typedef struct taken {
    vq_arena arena;
    vq_stats stats[LAYERS][GROUPS];
    int order[LAYERS], count;
} taken;

static float *copied(vq_arena *a, const float *x, int64_t n)
{
    if (!x) return NULL;
    float *y = VQ_ALLOC(a, float, n, "test", NULL);
    return memcpy(y, x, (size_t)n * sizeof *x);
}

static vq_status take(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    taken *t = ctx;
    (void)e;
    assert_int_equal(nstats, GROUPS);
    for (int i = 0; i < nstats; i++) {
        vq_stats *s = &t->stats[layer][i];
        *s = stats[i];
        s->hessian = copied(&t->arena, s->hessian, s->k * s->k);
        s->absmax = copied(&t->arena, s->absmax, s->k);
        s->abs_sum = NULL;
        s->linears = VQ_ALLOC(&t->arena, vq_curvature, s->nlinears, "test", NULL);
        for (int j = 0; j < s->nlinears; j++) s->linears[j] = stats[i].linears[j];
        for (int j = 0; j < s->nlinears; j++) {
            vq_curvature *c = &s->linears[j];
            c->input = copied(&t->arena, c->input, s->k * s->k);
            c->output = copied(&t->arena, c->output, c->n * c->n);
        }
    }
    t->order[t->count++] = layer;
    return VQ_OK;
}

static vq_status run(const decoder_world *w, const vq_calib_options *o, int layers_left,
                     const vq_reporter *reporter, taken *t, vq_err *e)
{
    memset(t, 0, sizeof *t);
    vq_arena_init(&t->arena, NULL);
    vq_arena a;
    vq_arena_init(&a, NULL);
    const vq_samples samples = {.ids = w->ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    const vq_stats_sink sink = {.ctx = t, .layer = take};
    const vq_status s =
        vq_calib_gradients(&w->exec, &samples, o, SEED, layers_left, &sink, reporter, &a, e);
    vq_arena_done(&a);
    return s;
}

static vq_calib_options options(unsigned needs, size_t spool_bytes, int64_t batch_tokens)
{
    return (vq_calib_options){.needs = needs,
                              .spool_path = "/tmp",
                              .spool_bytes = spool_bytes,
                              .batch_tokens = batch_tokens};
}

/* Plain sums in f64, by linear of the model in the order of its nodes. */
typedef struct plain {
    const vq_graph *graph;
    double input[LAYERS * LINEARS][WIDEST * WIDEST], output[LAYERS * LINEARS][WIDEST * WIDEST];
} plain;

static int place_of(const vq_graph *g, int node)
{
    int place = 0;
    for (int i = 0; i < node; i++) place += g->nodes[i].op->linear;
    return place;
}

static vq_status add_plain(void *ctx, int node, const vq_seen_rows *seen, const float *g, vq_err *e)
{
    const float *x = seen->x;
    const int64_t tokens = seen->count;
    plain *p = ctx;
    (void)e;
    const vq_node *n = &p->graph->nodes[node];
    const int64_t k = n->in_width, rows = n->width;
    double *input = p->input[place_of(p->graph, node)],
           *output = p->output[place_of(p->graph, node)];
    for (int64_t t = 0; t < tokens; t++) {
        double weight = 0;
        for (int64_t i = 0; i < rows; i++)
            weight += (double)g[t * rows + i] * (double)g[t * rows + i];
        for (int64_t i = 0; i < k * k; i++)
            input[i] += weight * (double)x[t * k + i / k] * (double)x[t * k + i % k];
        for (int64_t i = 0; t > 0 && i < rows * rows; i++)
            output[i] += (double)g[t * rows + i / rows] * (double)g[t * rows + i % rows];
    }
    return VQ_OK;
}

static void plain_sums(const decoder_world *w, plain *p)
{
    enum { SIZE = WORLD_TOKENS * 32 };
    static float h[LAYERS + 1][SIZE], g[SIZE];
    const vq_batch b = {.sequences = 1, .length = WORLD_TOKENS};
    const vq_grad_hooks hooks = {.ctx = p, .linear = add_plain};
    memset(p, 0, sizeof *p);
    p->graph = &w->graph;
    for (int s = 0; s < WORLD_SAMPLES; s++) {
        const vq_head_loss loss = {
            .target = VQ_HEAD_SAMPLED, .seed = SEED, .first = (uint64_t)(s * WORLD_TOKENS)};
        assert_int_equal(vq_exec_embed(&w->exec, &b, w->ids + s * WORLD_TOKENS, h[0], NULL), VQ_OK);
        for (int l = 0; l < LAYERS; l++) {
            memcpy(h[l + 1], h[l], sizeof h[l]);
            assert_int_equal(vq_exec_block(&w->exec, &b, l, h[l + 1], NULL), VQ_OK);
        }
        assert_int_equal(
            vq_exec_head_backward(&w->exec, &loss, h[LAYERS], WORLD_TOKENS, g, NULL, NULL, NULL),
            VQ_OK);
        for (int l = LAYERS - 1; l >= 0; l--)
            assert_int_equal(vq_exec_block_backward(&w->exec, &b, l, h[l], g, &hooks, NULL), VQ_OK);
    }
}

/* Entries are compared relative to what bounds them: the roots of their diagonals. */
static void close_to(const float *got, const double *want, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n * n; i++) {
        const double bound = sqrt(want[i / n * (n + 1)] * want[i % n * (n + 1)]);
        if (fabs((double)got[i] - want[i]) > 1e-4 * bound + 1e-30)
            fail_msg("%s %d: %g, not %g", name, (int)i, (double)got[i], want[i]);
        assert_eq(got[i], got[i % n * n + i / n]);
    }
}

static void test_against_plain_sums(void **state)
{
    (void)state;
    static plain p;
    decoder_world w;
    calib_open(&w, "llama", 0);
    plain_sums(&w, &p);
    taken t;
    vq_err e = {0};
    const vq_calib_options o = options(VQ_NEED_GRADIENT, SIZE_MAX, 2 * WORLD_TOKENS);
    if (run(&w, &o, LAYERS, NULL, &t, &e) != VQ_OK) fail_msg("%s", e.text);
    int seen = 0;
    for (int i = 0; i < LAYERS * GROUPS; i++) {
        const vq_stats *s = &t.stats[i / GROUPS][i % GROUPS];
        assert_int_equal(s->gathered, VQ_NEED_GRADIENT);
        assert_true(!s->hessian);
        assert_true(!s->absmax);
        assert_eq(s->tokens, WORLD_SAMPLES * WORLD_TOKENS);
        assert_eq(s->samples, WORLD_SAMPLES);
        for (int j = 0; j < s->nlinears; j++, seen++) {
            const vq_curvature *c = &s->linears[j];
            int node = 0;
            while (strcmp(w.graph.nodes[node].name, c->name) != 0) node++;
            assert_int_equal(c->n, w.graph.nodes[node].width);
            close_to(c->input, p.input[place_of(&w.graph, node)], s->k, c->name);
            close_to(c->output, p.output[place_of(&w.graph, node)], c->n, c->name);
        }
    }
    assert_int_equal(seen, LAYERS * LINEARS);
    assert_eq(t.order[0], 2);
    assert_eq(t.order[1], 1);
    assert_eq(t.order[2], 0);
    vq_arena_done(&t.arena);
    world_close(&w);
}

static void same_floats(const float *a, const float *b, int64_t n)
{
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

static void same_layer(const taken *a, const taken *b, int layer)
{
    for (int i = 0; i < GROUPS; i++) {
        const vq_stats *p = &a->stats[layer][i], *q = &b->stats[layer][i];
        same_floats(p->hessian, q->hessian, p->k * p->k);
        same_floats(p->absmax, q->absmax, p->k);
        assert_int_equal(p->tail_count, q->tail_count);
        for (int j = 0; j < p->nlinears; j++) {
            same_floats(p->linears[j].input, q->linears[j].input, p->k * p->k);
            same_floats(p->linears[j].output, q->linears[j].output,
                        p->linears[j].n * p->linears[j].n);
        }
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
    } ways[] = {
        {SIZE_MAX, 1, 1}, {0, 1, 1}, {0, 3 * WORLD_TOKENS, 2}, {SIZE_MAX, 2 * WORLD_TOKENS + 5, 3}};
    const int before = omp_get_max_threads();
    taken first, other;
    vq_err e = {0};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const vq_calib_options o = options(ALL, ways[i].spool, ways[i].batch);
        omp_set_num_threads(ways[i].threads);
        if (run(&w, &o, LAYERS, NULL, i ? &other : &first, &e) != VQ_OK) fail_msg("%s", e.text);
        for (int l = 0; i && l < LAYERS; l++) same_layer(&first, &other, l);
        if (i) vq_arena_done(&other.arena);
    }
    omp_set_num_threads(before);
    vq_arena_done(&first.arena);
    world_close(&w);
}

/* Forward statistics of this sweep are those of the forward sweep; what was done before a stop is
 * left out, and the rest is the same. */
static void test_forward_needs_and_layers_left(void **state)
{
    (void)state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    taken whole, rest;
    vq_err e = {0};
    const vq_calib_options o = options(ALL, SIZE_MAX, 2 * WORLD_TOKENS);
    assert_int_equal(run(&w, &o, LAYERS, NULL, &whole, &e), VQ_OK);
    assert_int_equal(run(&w, &o, 2, NULL, &rest, &e), VQ_OK);
    assert_eq(rest.count, 2);
    assert_eq(rest.order[0], 1);
    assert_eq(rest.order[1], 0);
    same_layer(&whole, &rest, 0);
    same_layer(&whole, &rest, 1);
    const vq_samples samples = {.ids = w.ids, .count = WORLD_SAMPLES, .length = WORLD_TOKENS};
    vq_stats forward[GROUPS];
    vq_calib *c;
    assert_int_equal(vq_calib_begin(&c, &w.exec, &samples, &o, NULL, &rest.arena, &e), VQ_OK);
    assert_int_equal(vq_calib_block(c, 0, forward, GROUPS, &rest.arena, &e), VQ_OK);
    for (int i = 0; i < GROUPS; i++) {
        assert_int_equal(forward[i].nlinears, 0);
        same_floats(forward[i].hessian, whole.stats[0][i].hessian, forward[i].k * forward[i].k);
    }
    vq_calib_end(c);
    vq_arena_done(&whole.arena);
    vq_arena_done(&rest.arena);
    world_close(&w);
}

/* The stop is wished for when the backward half begins. */
static volatile sig_atomic_t stop;
static void wish_to_stop(void *ctx, const char *phase, int64_t done, int64_t total)
{
    (void)ctx;
    (void)phase;
    if (total == (int64_t)2 * LAYERS && done == LAYERS + 1) stop = 1;
}

static void test_stop_and_failures(void **state)
{
    scratch *s = *state;
    decoder_world w;
    calib_open(&w, "llama", 0);
    taken t;
    vq_err e = {0};
    vq_calib_options o = options(ALL, SIZE_MAX, 1);
    const vq_reporter reporter = {.stop = &stop, .progress = wish_to_stop};
    assert_int_equal(run(&w, &o, LAYERS, &reporter, &t, &e), VQ_E_STOPPED);
    assert_int_equal(t.count, 1);
    vq_arena_done(&t.arena);
    o = options(ALL, 0, 1);
    o.spool_path = s->dir;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max}),
        0);
    const vq_status status = run(&w, &o, LAYERS, NULL, &t, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old);
    assert_int_equal(status, VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "bytes for activations"));
    const char *const *names;
    size_t n;
    assert_int_equal(vq_list_dir(s->dir, &t.arena, &names, &n, NULL), VQ_OK);
    assert_int_equal(n, 0);
    vq_arena_done(&t.arena);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_sums), cmocka_unit_test(test_batches_spool_and_threads),
        cmocka_unit_test(test_forward_needs_and_layers_left),
        cmocka_unit_test_setup_teardown(test_stop_and_failures, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
