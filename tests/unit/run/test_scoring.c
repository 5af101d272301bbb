/* test_scoring.c -- likelihoods, best ids and KL divergence gathered over tiles of the vocabulary
 * against the plain definition in f64 over whole rows of logits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>

#include "made_config.h"
#include "memory_source.h"
#include "model/arch/arch.h"
#include "run/eval/scoring.h"
#include "show.h"

enum { ROWS = 9, HIDDEN = 16, MOST = 2500 };

typedef struct scored {
    vq_graph graph;
    memory_source weights;
    vq_exec exec;
} scored;

static void scored_open(scored *s, int64_t vocab, uint64_t seed, const vq_kernels *k, vq_arena *a)
{
    const made_config config = {.model_type = "llama",
                                .hidden = HIDDEN,
                                .ffn = 16,
                                .layers = 1,
                                .heads = 2,
                                .kv_heads = 2,
                                .head_dim = 8,
                                .vocab = vocab,
                                .max_position = 16,
                                .norm_eps = 1e-5,
                                .rope_theta = 10000,
                                .activation = "silu"};
    vq_err e = {0};
    if (made_config_build(&config, &s->graph, a, &e) != VQ_OK) fail_msg("%s", e.text);
    memory_open(&s->weights, &s->graph, seed);
    s->exec = (vq_exec){.graph = &s->graph, .source = &s->weights.source, .kernels = k, .arena = a};
}

static void plain_logits(const scored *s, const float *x, int64_t vocab, double *logits)
{
    const float *w = memory_data(&s->weights, "lm_head.weight");
    assert_non_null(w);
    for (int64_t v = 0; v < vocab; v++) {
        logits[v] = 0;
        for (int64_t i = 0; i < HIDDEN; i++) logits[v] += (double)w[v * HIDDEN + i] * (double)x[i];
    }
}

static double plain_lse(const double *logits, int64_t n)
{
    double top = logits[0], sum = 0;
    for (int64_t i = 1; i < n; i++) top = fmax(top, logits[i]);
    for (int64_t i = 0; i < n; i++) sum += exp(logits[i] - top);
    return top + log(sum);
}

static int64_t plain_best(const double *logits, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static void check_row(const vq_row_score *got, const double *logits, int64_t vocab, int32_t target)
{
    assert_near(got->lse, plain_lse(logits, vocab), 2e-5);
    assert_near(got->target, logits[target], 2e-5);
    const int64_t best = plain_best(logits, vocab);
    assert_int_equal(got->best_id, best);
    assert_near((double)got->best, logits[best], 2e-5);
}

/* KL(p || q) = sum p (log p - log q), term by term. */
static double plain_kl(const double *p, const double *q, int64_t n)
{
    const double lp = plain_lse(p, n), lq = plain_lse(q, n);
    double kl = 0;
    for (int64_t i = 0; i < n; i++) kl += exp(p[i] - lp) * ((p[i] - lp) - (q[i] - lq));
    return kl;
}

static void check_vocab(int64_t vocab, bool same)
{
    vq_arena a;
    vq_err e = {0};
    vq_kernels k;
    scored model, ref;
    uint64_t seed = 5;
    float x[ROWS * HIDDEN], y[ROWS * HIDDEN];
    int32_t targets[ROWS];
    vq_row_score got[ROWS], got_ref[ROWS];
    vq_pair_score pairs[ROWS];
    static double q[MOST], p[MOST];
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_kernels_select(&k, NULL, false, &e), VQ_OK);
    scored_open(&model, vocab, 1, &k, &a);
    scored_open(&ref, vocab, same ? 1 : 2, &k, &a);
    for (int i = 0; i < ROWS * HIDDEN; i++) x[i] = y[i] = 3 * memory_random(&seed);
    for (int i = 0; i < ROWS; i++) targets[i] = (int32_t)((i * (vocab - 1)) / (ROWS - 1));
    if (vq_likelihood(&model.exec, x, &ref.exec, y, ROWS, targets, got, got_ref, pairs, &e) !=
        VQ_OK)
        fail_msg("%s", e.text);
    for (int r = 0; r < ROWS; r++) {
        plain_logits(&model, x + r * HIDDEN, vocab, q);
        plain_logits(&ref, y + r * HIDDEN, vocab, p);
        check_row(&got[r], q, vocab, targets[r]);
        check_row(&got_ref[r], p, vocab, targets[r]);
        assert_near(pairs[r].kl, plain_kl(p, q, vocab), 2e-5);
        if (same) assert_lt(fabs(pairs[r].kl), 1e-6);
    }
    vq_row_score alone[ROWS];
    if (vq_likelihood(&model.exec, x, NULL, NULL, ROWS, targets, alone, NULL, NULL, &e) != VQ_OK)
        fail_msg("%s", e.text);
    for (int r = 0; r < ROWS; r++) {
        assert_eq(alone[r].lse, got[r].lse);
        assert_eq(alone[r].best_id, got[r].best_id);
    }
    memory_close(&model.weights);
    memory_close(&ref.weights);
    vq_arena_done(&a);
}

/* Less than a tile, whole tiles, a tile and one entry, tiles and a rest. */
static void test_vocabularies(void **state)
{
    (void)state;
    const int64_t vocabs[] = {7, 1024, 1025, MOST};
    for (size_t i = 0; i < sizeof vocabs / sizeof *vocabs; i++) check_vocab(vocabs[i], false);
}

static void test_same_model_has_no_divergence(void **state)
{
    (void)state;
    check_vocab(MOST, true);
}

static void test_any_number_of_threads(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    omp_set_num_threads(3);
    check_vocab(1500, false);
    omp_set_num_threads(threads);
}

static void test_limit(void **state)
{
    (void)state;
    vq_arena a, small;
    vq_budget budget = {.limit = 1000};
    vq_err e = {0};
    vq_kernels k;
    scored model;
    const float x[HIDDEN] = {0};
    vq_row_score got;
    vq_arena_init(&a, NULL);
    vq_arena_init(&small, &budget);
    assert_int_equal(vq_kernels_select(&k, NULL, false, &e), VQ_OK);
    scored_open(&model, 50, 1, &k, &a);
    model.exec.arena = &small;
    assert_int_equal(
        vq_likelihood(&model.exec, x, NULL, NULL, 1, &(int32_t){3}, &got, NULL, NULL, &e),
        VQ_E_LIMIT);
    memory_close(&model.weights);
    vq_arena_done(&small);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vocabularies),
        cmocka_unit_test(test_same_model_has_no_divergence),
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
