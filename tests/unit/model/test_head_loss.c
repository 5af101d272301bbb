/* test_head_loss.c -- losses at the head and their gradients against the plain definition in f64:
 * values, central differences, draws, cuts into calls, threads, memory, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <omp.h>

#include "base/rng.h"
#include "calib_world.h"
#include "decoder_reference.h"
#include "show.h"

enum { ROWS = 300, HIDDEN = 32, SIZE = ROWS * HIDDEN, VOCAB = 61 }; /* more than one tile of rows */

typedef struct rows {
    float h[SIZE], teacher_h[SIZE], g[SIZE];
    int32_t labels[ROWS];
} rows;

static void fill_rows(rows *r)
{
    uint64_t seed = 23;
    for (int i = 0; i < SIZE; i++) {
        r->h[i] = 2 * memory_random(&seed);
        r->teacher_h[i] = r->h[i] + 0.5f * memory_random(&seed);
    }
    for (int i = 0; i < ROWS; i++) r->labels[i] = i % 7 == 3 ? -1 : i * 17 % VOCAB;
}

/* Log-probabilities of one row. */
static void log_softmax(const decoder_world *w, const double *h, double *logp)
{
    const reference ref = {&w->config, &w->weights};
    double x[HIDDEN], sum = 0;
    memcpy(x, h, sizeof x);
    ref_norm(&ref, -1, "model.norm.weight", x, HIDDEN);
    ref_linear(&ref, -1, w->config.tied ? "model.embed_tokens" : "lm_head", x, HIDDEN, logp, VOCAB);
    for (int v = 0; v < VOCAB; v++) sum += exp(logp[v]);
    for (int v = 0; v < VOCAB; v++) logp[v] -= log(sum);
}

/* The id that a uniform number draws, in f64. */
static int plain_draw(const double *logp, double uniform)
{
    double reached = 0;
    for (int v = 0; v < VOCAB; v++) {
        reached += exp(logp[v]);
        if (reached > uniform) return v;
    }
    return VOCAB - 1;
}

typedef struct setting {
    decoder_world model, teacher;
    rows rows;
    vq_head_loss loss;
    int32_t drawn[ROWS]; /* by the definition */
} setting;

static void widen(const float *x, double *y)
{
    for (int i = 0; i < HIDDEN; i++) y[i] = (double)x[i];
}

static void open_setting(setting *s, vq_head_target target, const char *type, bool strict)
{
    double h[HIDDEN], logp[VOCAB];
    calib_open(&s->model, type, 0);
    calib_open(&s->teacher, type, 0);
    s->model.kernels.strict = strict;
    const char *head = s->model.config.tied ? "model.embed_tokens.weight" : "lm_head.weight";
    for (int i = 0; i < VOCAB * HIDDEN; i++) memory_data(&s->teacher.weights, head)[i] *= 1.2f;
    fill_rows(&s->rows);
    s->loss = (vq_head_loss){.target = target, .seed = 5, .first = 1000};
    s->loss.labels = s->rows.labels;
    s->loss.teacher = &s->teacher.exec;
    s->loss.teacher_h = s->rows.teacher_h;
    for (int r = 0; r < ROWS; r++) {
        widen(s->rows.h + r * HIDDEN, h);
        log_softmax(&s->model, h, logp);
        s->drawn[r] = plain_draw(logp, vq_rng_unit(5, 1000 + (uint64_t)r));
    }
}

static void close_setting(setting *s)
{
    assert_int_equal(s->model.budget.used, 0);
    assert_int_equal(s->teacher.budget.used, 0);
    world_close(&s->model);
    world_close(&s->teacher);
}

/* The loss of a row with h as its input. */
static double plain_loss(const setting *s, int row, const double *h)
{
    double logp[VOCAB], taught[VOCAB], th[HIDDEN], sum = 0;
    log_softmax(&s->model, h, logp);
    if (s->loss.target == VQ_HEAD_SAMPLED) return -logp[s->drawn[row]];
    if (s->loss.target == VQ_HEAD_LABELS)
        return s->rows.labels[row] < 0 ? 0 : -logp[s->rows.labels[row]];
    widen(s->rows.teacher_h + row * HIDDEN, th);
    log_softmax(&s->teacher, th, taught);
    for (int v = 0; v < VOCAB; v++) sum += exp(taught[v]) * (taught[v] - logp[v]);
    return sum;
}

static double total_loss(const setting *s)
{
    double sum = 0, h[HIDDEN];
    for (int r = 0; r < ROWS; r++) {
        widen(s->rows.h + r * HIDDEN, h);
        sum += plain_loss(s, r, h);
    }
    return sum;
}

static double slope(const setting *s, int row, int column)
{
    const double step = 1e-5;
    double h[HIDDEN];
    widen(s->rows.h + row * HIDDEN, h);
    h[column] += step;
    const double above = plain_loss(s, row, h);
    h[column] -= 2 * step;
    return (above - plain_loss(s, row, h)) / (2 * step);
}

static vq_status keep_norm(void *ctx, int node, int i, const float *g, int64_t width, vq_err *e)
{
    (void)i;
    (void)node, (void)e;
    assert_int_equal(width, HIDDEN);
    memcpy(ctx, g, HIDDEN * sizeof *g);
    return VQ_OK;
}

static void check_norm(const setting *s, const float *got)
{
    float *weight = memory_data(&s->model.weights, "model.norm.weight");
    for (int i = 0; i < HIDDEN; i += 5) {
        const float old = weight[i], step = 0x1p-9f;
        weight[i] = old + step;
        const double up = weight[i], above = total_loss(s);
        weight[i] = old - step;
        const double down = weight[i], want = (above - total_loss(s)) / (up - down);
        weight[i] = old;
        assert_near(got[i], want, 2e-3 * (1 + fabs(want)));
    }
}

static void against_definition(vq_head_target target, const char *type, bool strict)
{
    static setting s;
    vq_err e;
    double loss = 0;
    float norm[HIDDEN];
    open_setting(&s, target, type, strict);
    const vq_grad_hooks hooks = {.ctx = norm, .vector = keep_norm};
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, &loss, &hooks, &e),
        VQ_OK);
    const double want = total_loss(&s);
    assert_near(loss, want, 1e-5 * want);
    for (int r = 0; r < ROWS; r += 3)
        for (int c = r % 5; c < HIDDEN; c += 5)
            assert_near(s.rows.g[r * HIDDEN + c], slope(&s, r, c), 2e-6);
    check_norm(&s, norm);
    close_setting(&s);
}

static void test_targets_match_their_definition(void **state)
{
    (void)state;
    for (int t = 0; t < VQ_HEAD_TARGETS; t++) {
        against_definition((vq_head_target)t, "llama", false);
        against_definition((vq_head_target)t, "qwen2", true); /* tied */
    }
}

/* In strict mode a row's bits do not depend on the rows beside it: one call, or one call per odd
 * piece. */
static void test_cuts_into_calls(void **state)
{
    (void)state;
    static setting s;
    static float g[SIZE];
    vq_err e;
    for (int t = 0; t < VQ_HEAD_TARGETS; t++) {
        double sum = 0, loss = 0;
        open_setting(&s, (vq_head_target)t, "llama", true);
        assert_int_equal(vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g,
                                               &loss, NULL, &e),
                         VQ_OK);
        for (int at = 0; at < ROWS; at += 37) {
            const int n = ROWS - at < 37 ? ROWS - at : 37;
            vq_head_loss part = s.loss;
            double some = 0;
            part.first += (uint64_t)at;
            part.labels += at;
            part.teacher_h += at * HIDDEN;
            assert_int_equal(vq_exec_head_backward(&s.model.exec, &part, s.rows.h + at * HIDDEN, n,
                                                   g + at * HIDDEN, &some, NULL, &e),
                             VQ_OK);
            sum += some;
        }
        assert_memory_equal(g, s.rows.g, sizeof g);
        assert_near(sum, loss, 1e-9 * loss);
        close_setting(&s);
    }
}

static void test_same_bits_for_every_thread_count(void **state)
{
    (void)state;
    static setting s;
    static float g[SIZE];
    vq_err e;
    const int threads = omp_get_max_threads();
    for (int t = 0; t < VQ_HEAD_TARGETS; t++) {
        double first = 0, loss = 0;
        open_setting(&s, (vq_head_target)t, "llama", false);
        for (int n = 1; n <= 3; n++) {
            omp_set_num_threads(n);
            assert_int_equal(vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g,
                                                   &loss, NULL, &e),
                             VQ_OK);
            if (n == 1) memcpy(g, s.rows.g, sizeof g);
            if (n == 1) first = loss;
            assert_memory_equal(g, s.rows.g, sizeof g);
            assert_eq(loss, first);
        }
        close_setting(&s);
    }
    omp_set_num_threads(threads);
}

/* The model taught by itself has nothing to learn; rows without label have no gradient. */
static void test_zeros(void **state)
{
    (void)state;
    static setting s;
    vq_err e;
    double loss = 1;
    open_setting(&s, VQ_HEAD_TEACHER, "llama", false);
    s.loss.teacher = &s.model.exec;
    s.loss.teacher_h = s.rows.h;
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, &loss, NULL, &e),
        VQ_OK);
    assert_lt(fabs(loss), 1e-9);
    for (int i = 0; i < SIZE; i++) assert_eq(s.rows.g[i], 0);
    s.loss.target = VQ_HEAD_LABELS;
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e),
        VQ_OK);
    for (int i = 0; i < SIZE; i++)
        assert_int_equal(s.rows.g[i] == 0, s.rows.labels[i / HIDDEN] < 0);
    close_setting(&s);
}

static void test_scratch_is_predicted(void **state)
{
    (void)state;
    static setting s;
    vq_err e;
    for (int t = 0; t < VQ_HEAD_TARGETS; t++) {
        open_setting(&s, (vq_head_target)t, "llama", false);
        assert_int_equal(
            vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e),
            VQ_OK);
        const size_t bytes = vq_exec_head_backward_bytes(&s.model.exec, &s.loss, ROWS),
                     peak = s.model.budget.peak + s.teacher.budget.peak;
        assert_le(peak, bytes);
        assert_lt(bytes, peak + (1 << 20));
        close_setting(&s);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static setting s;
    vq_err e;
    open_setting(&s, VQ_HEAD_LABELS, "llama", false);
    s.rows.labels[7] = VOCAB;
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e),
        VQ_E_INPUT);
    assert_string_equal(e.text, "head > label 61 of row 7 is outside the vocabulary of 61");
    s.rows.labels[7] = -2;
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e),
        VQ_E_INPUT);
    s.rows.labels[7] = 0;
    s.rows.h[280 * HIDDEN] = NAN;
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e),
        VQ_E_NUMERIC);
    assert_string_equal(e.text, "head > logits of row 280 are not finite");
    s.rows.h[280 * HIDDEN] = 1;
    s.loss.target = VQ_HEAD_TEACHER;
    s.teacher.graph.vocab = 60;
    assert_int_equal(
        vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e),
        VQ_E_INPUT);
    assert_string_equal(e.text, "head > the teacher has a vocabulary of 60, the model one of 61");
    s.teacher.graph.vocab = 61;
    vq_status status = VQ_E_LIMIT;
    for (size_t nth = 1; status != VQ_OK; nth++) {
        assert_int_equal(status, VQ_E_LIMIT);
        s.model.budget.fail_in = nth;
        status =
            vq_exec_head_backward(&s.model.exec, &s.loss, s.rows.h, ROWS, s.rows.g, NULL, NULL, &e);
        assert_int_equal(s.model.budget.used, 0);
    }
    close_setting(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_match_their_definition),
        cmocka_unit_test(test_cuts_into_calls),
        cmocka_unit_test(test_same_bits_for_every_thread_count),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_scratch_is_predicted),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("head_loss", tests, NULL, NULL);
}
