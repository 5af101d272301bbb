/* head_loss.c -- the end of a backward pass: losses of rows at the head of the model and their
 * gradient, some rows at a time. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "model/exec/backward.h"
#include "model/exec/frame.h"
#include "model/exec/logits.h"
#include "model/op/act_quant.h"
#include "model/op/linear.h"

/* Rows whose logits are held: enough for a GEMM over the whole matrix, at most 64 MiB of them. */
enum { ROWS_MAX = 256, ROWS_MIN = 16, LOGITS_MAX = 16 << 20 };

typedef struct head_pass {
    const vq_exec *exec;
    const vq_head_loss *loss;
    int64_t vocab;
    float *normed,
        *logits;   /* [tile rows][hidden], [tile rows][vocab]; the logits become their gradient */
    float *capped; /* [tile rows][vocab] logits as bounded; NULL: they are not */
    float *teacher_normed, *teacher_logits;
    double *sums; /* [tile rows] */
} head_pass;

static int64_t tile_rows(int64_t vocab, int64_t rows)
{
    int64_t most = LOGITS_MAX / vocab;
    most = most > ROWS_MAX ? ROWS_MAX : most < ROWS_MIN ? ROWS_MIN : most;
    return rows < most ? rows : most;
}

/* The first id at which the sum of probabilities goes beyond its share `uniform` of the whole. */
static int64_t draw(const float *p, int64_t vocab, double uniform)
{
    double sum = 0, reached = 0;
    for (int64_t v = 0; v < vocab; v++) sum += (double)p[v];
    const double target = uniform * sum;
    int64_t last = 0;
    for (int64_t v = 0; v < vocab && reached <= target; v++) {
        reached += (double)p[v];
        if (p[v] > 0) last = v;
    }
    return last;
}

/* One row each: logits x[vocab] -> their gradient; returns the loss. row: of the whole call, at: of
 * the tile. */
static double sampled_row(const head_pass *p, int64_t row, int64_t at)
{
    float *x = p->logits + at * p->vocab;
    p->exec->kernels->softmax(x, (size_t)p->vocab, (size_t)p->vocab, 1);
    const int64_t label =
        draw(x, p->vocab, vq_rng_unit(p->loss->seed, p->loss->first + (uint64_t)row));
    const double loss = -log((double)x[label]);
    x[label] -= 1;
    return loss;
}

static double labelled_row(const head_pass *p, int64_t row, int64_t at)
{
    float *x = p->logits + at * p->vocab;
    const int32_t label = p->loss->labels[row];
    if (label < 0) {
        memset(x, 0, (size_t)p->vocab * sizeof *x);
        return 0;
    }
    const double loss = p->exec->kernels->log_sum_exp(x, (size_t)p->vocab) - (double)x[label];
    p->exec->kernels->softmax(x, (size_t)p->vocab, (size_t)p->vocab, 1);
    x[label] -= 1;
    return loss;
}

static double taught_row(const head_pass *p, int64_t row, int64_t at)
{
    (void)row;
    const vq_kernels *kr = p->exec->kernels;
    const size_t n = (size_t)p->vocab;
    float *x = p->logits + at * p->vocab, *t = p->teacher_logits + at * p->vocab;
    const double loss = kr->kl_row(t, kr->log_sum_exp(t, n), x, kr->log_sum_exp(x, n), n);
    kr->softmax(x, n, n, 1);
    kr->softmax(t, n, n, 1);
    for (size_t v = 0; v < n; v++) x[v] -= t[v];
    return loss;
}

typedef double (*row_loss)(const head_pass *p, int64_t row, int64_t at);
static const row_loss losses[VQ_HEAD_TARGETS] = {[VQ_HEAD_SAMPLED] = sampled_row,
                                                 [VQ_HEAD_TEACHER] = taught_row,
                                                 [VQ_HEAD_LABELS] = labelled_row};

static bool row_is_finite(const head_pass *p, int64_t at)
{
    const size_t n = (size_t)p->vocab;
    const vq_kernels *kr = p->exec->kernels;
    return kr->all_finite(p->logits + at * p->vocab, n) &&
           (!p->teacher_logits || kr->all_finite(p->teacher_logits + at * p->vocab, n));
}

static vq_status lose_rows(const head_pass *p, int64_t first, int64_t rows, double *loss, vq_err *e)
{
    const row_loss run = losses[p->loss->target];
    int64_t bad = rows;
#pragma omp parallel for schedule(static) reduction(min                                            \
                                                    : bad) if (rows * p->vocab > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) {
        if (row_is_finite(p, r))
            p->sums[r] = run(p, first + r, r);
        else if (r < bad)
            bad = r;
    }
    if (bad < rows)
        return vq_fail(e, VQ_E_NUMERIC, "logits of row %lld are not finite",
                       (long long)(first + bad));
    for (int64_t r = 0; r < rows; r++) *loss += p->sums[r];
    return VQ_OK;
}

/* Columns of the record that the head reads, and of what lm_head reads. */
static int64_t record_width(const vq_graph *g)
{
    return vq_record_width(g, g->layers);
}

static int64_t head_width(const vq_graph *g)
{
    return g->nodes[g->lm_head].in_width;
}

/* Losses of a tile of rows; gradient of what lm_head read into g [rows][head width]. */
static vq_status run_tile(const head_pass *p, const float *h, int64_t first, int64_t rows, float *g,
                          double *loss, vq_err *e)
{
    const vq_exec *x = p->exec, *teacher = p->loss->teacher;
    VQ_TRY(vq_exec_head(x, h + first * record_width(x->graph), rows, p->normed, e));
    VQ_TRY(vq_exec_logits(x, p->normed, rows, 0, p->vocab, p->logits, e));
    if (p->capped) memcpy(p->capped, p->logits, (size_t)(rows * p->vocab) * sizeof *p->logits);
    if (p->teacher_logits) {
        VQ_TRY(vq_exec_head(teacher, p->loss->teacher_h + first * record_width(teacher->graph),
                            rows, p->teacher_normed, e));
        VQ_TRY(vq_exec_logits(teacher, p->teacher_normed, rows, 0, p->vocab, p->teacher_logits, e));
    }
    VQ_TRY(lose_rows(p, first, rows, loss, e));
    if (p->capped) vq_logits_back(x->graph, p->capped, rows * p->vocab, p->logits);
    vq_linear l;
    VQ_TRY(vq_lm_head_find(x, &l, e));
    return vq_linear_back(x, &l, p->logits, rows, g + first * head_width(x->graph), e);
}

/* g = d loss / d what lm_head read -> d loss / d record. */
static vq_status back_head(const vq_exec *x, const float *h, int64_t rows, float *g,
                           const vq_grad_hooks *hooks, vq_err *e)
{
    const vq_batch b = {.sequences = 1, .length = rows};
    const vq_back_job job = {.batch = &b, .part = 1 + x->graph->layers, .h = h, .g = g};
    vq_exec quiet = *x;
    quiet.hook = NULL;
    return vq_back_run(&quiet, &job, hooks, e);
}

static vq_status check_labels(const vq_head_loss *l, int64_t rows, int64_t vocab, vq_err *e)
{
    for (int64_t r = 0; r < rows; r++)
        if (l->labels[r] < -1 || l->labels[r] >= vocab)
            return vq_fail(e, VQ_E_INPUT, "label %d of row %lld is outside the vocabulary of %lld",
                           (int)l->labels[r], (long long)r, (long long)vocab);
    return VQ_OK;
}

static vq_status check_loss(const vq_exec *x, const vq_head_loss *l, int64_t rows, vq_err *e)
{
    const int64_t vocab = x->graph->vocab;
    if (l->target == VQ_HEAD_LABELS) return check_labels(l, rows, vocab, e);
    if (l->target == VQ_HEAD_TEACHER && l->teacher->graph->vocab != vocab)
        return vq_fail(e, VQ_E_INPUT, "the teacher has a vocabulary of %lld, the model one of %lld",
                       (long long)l->teacher->graph->vocab, (long long)vocab);
    return VQ_OK;
}

static vq_status open_pass(head_pass *p, int64_t rows, vq_err *e)
{
    const vq_exec *x = p->exec,
                  *teacher = p->loss->target == VQ_HEAD_TEACHER ? p->loss->teacher : NULL;
    vq_arena *a = x->arena;
    p->sums = VQ_ALLOC(a, double, rows, "losses", e);
    p->normed = p->sums ? VQ_ALLOC(a, float, rows *head_width(x->graph), "normed rows", e) : NULL;
    p->logits = p->normed ? VQ_ALLOC(a, float, rows * p->vocab, "logits", e) : NULL;
    if (!p->logits) return e->status;
    if (vq_logit_cap(x->graph) > 0 &&
        !(p->capped = VQ_ALLOC(a, float, rows * p->vocab, "logits", e)))
        return e->status;
    if (!teacher) return VQ_OK;
    p->teacher_normed = VQ_ALLOC(a, float, rows *head_width(teacher->graph), "normed rows", e);
    p->teacher_logits = p->teacher_normed ? VQ_ALLOC(a, float, rows * p->vocab, "logits", e) : NULL;
    return p->teacher_logits ? VQ_OK : e->status;
}

static vq_status run_in_arena(const vq_exec *x, const vq_head_loss *l, const float *h, int64_t rows,
                              float *g, double *loss, const vq_grad_hooks *hooks, vq_err *e)
{
    head_pass p = {.exec = x, .loss = l, .vocab = x->graph->vocab};
    const int64_t step = tile_rows(p.vocab, rows);
    VQ_TRY(check_loss(x, l, rows, e));
    VQ_TRY(open_pass(&p, step, e));
    for (int64_t first = 0; first < rows; first += step)
        VQ_TRY(run_tile(&p, h, first, rows - first < step ? rows - first : step, g, loss, e));
    return back_head(x, h, rows, g, hooks, e);
}

vq_status vq_exec_head_backward(const vq_exec *x, const vq_head_loss *l, const float *h,
                                int64_t rows, float *g, double *loss, const vq_grad_hooks *hooks,
                                vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    double sum = 0;
    const vq_status status = run_in_arena(x, l, h, rows, g, &sum, hooks, e);
    vq_arena_rewind(x->arena, mark);
    if (status != VQ_OK) return vq_at(e, "head");
    if (loss) *loss = sum;
    return VQ_OK;
}

/* Scratch of the products with one lm_head, and the rows that go into it. */
static size_t product_bytes(const vq_exec *x, int64_t rows, bool back)
{
    vq_linear l;
    vq_err ignored;
    vq_quantize q;
    if (vq_lm_head_find(x, &l, &ignored) != VQ_OK) return 0; /* running it says why */
    const size_t changed = vq_quantize_of(x, &l, &q) ? (size_t)(rows * q.k_out) * sizeof(float) : 0;
    const size_t making = vq_quantize_bytes(&q, rows), product = vq_linear_scratch(x, &l);
    const size_t there = changed + (making > product ? making : product),
                 home = back ? vq_linear_back_scratch(x, &l, rows) : 0;
    return there > home ? there : home;
}

size_t vq_exec_head_backward_bytes(const vq_exec *x, const vq_head_loss *l, int64_t rows)
{
    const vq_graph *g = x->graph;
    const vq_exec *teacher = l->target == VQ_HEAD_TEACHER ? l->teacher : NULL;
    const vq_batch b = {.sequences = 1, .length = rows};
    const int64_t step = tile_rows(g->vocab, rows),
                  logits = (vq_logit_cap(g) > 0 ? 2 : 1) * g->vocab;
    const size_t held =
        (size_t)step * (sizeof(double) + (size_t)(head_width(g) + logits) * sizeof(float));
    const size_t taught =
        teacher ? (size_t)(step * (head_width(teacher->graph) + g->vocab)) * sizeof(float) : 0;
    const size_t scratch[] = {product_bytes(x, step, true),
                              teacher ? product_bytes(teacher, step, false) : 0,
                              vq_back_bytes(x, &b, 1 + g->layers)};
    size_t most = 0;
    for (size_t i = 0; i < sizeof scratch / sizeof scratch[0]; i++)
        most = scratch[i] > most ? scratch[i] : most;
    return held + taught + most + VQ_SMALL_CHUNKS;
}
