/* block_train.c -- the steps: samples in, gradients of all linears out, the state that loses least
 * on the held-out samples kept. */
#include "train/block_train.h"

#include <string.h>

#include "base/rng.h"
#include "kernels/bf16_product.h"
#include "model/exec/exec.h"
#include "model/op/act_quant.h"
#include "model/op/linear.h"
#include "model/op/op.h"
#include "quant/transform.h"
#include "train/block_loss.h"
#include "train/train_samples.h"

enum { HELD_TOKENS = 2048, LOOKS = 5, MOST_BATCH = 256 };

/* One linear while it is trained. */
typedef struct trained {
    const vq_train_linear *of;
    vq_learn learn;
    vq_linear linear; /* as exec's source gives it */
    int node;
    float *dw; /* [n][k] */
} trained;

typedef struct training {
    const vq_block_train_job *job;
    vq_exec exec;       /* without a hook */
    vq_kernels kernels; /* of it */
    vq_train_samples samples;
    vq_block_error error;
    trained *linears;       /* [job->count] */
    int64_t batch;          /* samples of a step */
    float *in, *target, *g; /* [most tokens][hidden] */
    float *x;               /* [batch tokens][..] input of a linear as it meets the weight */
} training;

static int64_t hidden_of(const training *t)
{
    return vq_record_width(t->exec.graph, 1 + t->job->layer);
}

/* Samples numbers[0..n) into t->in, and what the original block makes of them into t->target. */
static vq_status load_samples(training *t, const int64_t *numbers, int64_t n, vq_err *e)
{
    const vq_block_train_job *j = t->job;
    const int64_t width = hidden_of(t), each = t->samples.length * width;
    const bool ahead = j->targets == j->inputs;
    for (int64_t i = 0; i < n; i++) {
        VQ_TRY(vq_train_samples_copy(&t->samples, j->inputs, false, numbers[i], width,
                                     t->in + i * each, e));
        VQ_TRY(vq_train_samples_copy(&t->samples, j->targets, ahead, numbers[i], width,
                                     t->target + i * each, e));
    }
    t->error.target = t->target;
    return VQ_OK;
}

/* Mean error per token over the held-out samples. */
static vq_status look(training *t, double *mean, vq_err *e)
{
    t->error.total = 0;
    for (int64_t i = 0; i < t->samples.held; i += t->batch) {
        const int64_t n = t->samples.held - i < t->batch ? t->samples.held - i : t->batch;
        const vq_batch b = {.sequences = n, .length = t->samples.length};
        VQ_TRY(load_samples(t, t->samples.order + i, n, e));
        VQ_TRY(vq_exec_block(&t->exec, &b, t->job->layer, t->in, e));
        VQ_TRY(vq_block_error_add(&t->error, t->in, n * b.length, NULL, e));
    }
    *mean = t->error.total / (double)(t->samples.held * t->samples.length);
    return VQ_OK;
}

/* to [tokens][k] = x in the column order of the trained weight. A channel with an ARC residual sees
 * the sum of its value and the copy that carries the residual. */
static void in_trained_order(const vq_linear *l, const vq_quantize *q, const float *from,
                             int64_t tokens, float *to)
{
    const int64_t plain = l->k - l->arc_s, block = vq_arc_block(&l->scheme);
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < tokens; r++) {
        for (int64_t i = 0; i < l->k; i++) {
            const int64_t at = q->codes ? vq_arc_column(i, l->k, l->arc_s, block) : l->arc_order[i];
            const float *row = from + r * q->k_out;
            to[r * l->k + i] = q->codes && i >= plain ? row[at] + row[at + block] : row[at];
        }
    }
}

/* *out: x [tokens][k] as the weight sees it: rotated, quantized, in ARC's order. Points to x or
 * into t->x. */
static vq_status linear_input(training *t, const vq_linear *l, const float *x, int64_t tokens,
                              const float **out, vq_err *e)
{
    vq_quantize q;
    *out = x;
    if (vq_quantize_of(&t->exec, l, &q)) {
        VQ_TRY(vq_quantize_run(&t->exec, &q, x, tokens, t->x, e));
        *out = t->x;
    }
    if (!l->arc_order) return VQ_OK;
    float *ordered = t->x + tokens * q.k_out;
    in_trained_order(l, &q, *out, tokens, ordered);
    *out = ordered;
    return VQ_OK;
}

static vq_status take_gradient(void *ctx, int node, const vq_seen_rows *x, const float *g,
                               vq_err *e)
{
    training *t = ctx;
    for (int i = 0; i < t->job->count; i++) {
        trained *one = &t->linears[i];
        if (one->node != node) continue;
        const vq_qtensor *q = one->of->q;
        const float *in;
        VQ_TRY(linear_input(t, &one->linear, x->x, x->count, &in, e));
        vq_gemm_tn_add(t->exec.kernels, x->count, q->rows, q->cols, g, q->rows, in, q->cols,
                       one->dw, q->cols);
    }
    return VQ_OK;
}

static void carry(const training *t, trained *one)
{
    const float keep = (float)t->job->options->momentum;
    const int64_t n = one->of->q->rows, k = one->of->q->cols;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = r * k; i < (r + 1) * k; i++) one->dw[i] *= keep;
}

/* After a step the stored form of an ARC linear (with residual columns) is made again from its q.
 */
static vq_status follow(const training *t, const trained *one, vq_err *e)
{
    vq_qtensor *to = one->of->stored, fresh;
    if (!to) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(t->job->scratch);
    VQ_TRY(vq_arc_augment(one->of->q, to->cols - one->of->q->cols, &fresh, t->job->scratch, e));
    memcpy(to->codes, fresh.codes, (size_t)(to->rows * to->cols));
    memcpy(to->scale, fresh.scale, (size_t)to->groups * sizeof *to->scale);
    if (to->zero) memcpy(to->zero, fresh.zero, (size_t)to->groups * sizeof *to->zero);
    vq_arena_rewind(t->job->scratch, mark);
    return VQ_OK;
}

static vq_status step(training *t, int64_t at, vq_err *e)
{
    const vq_learn_options *o = t->job->options;
    const vq_batch b = {.sequences = t->batch, .length = t->samples.length};
    const vq_grad_hooks hooks = {.ctx = t, .linear = take_gradient};
    int64_t numbers[MOST_BATCH];
    for (int64_t i = 0; i < t->batch; i++)
        numbers[i] = vq_train_sample(&t->samples, at * t->batch + i);
    VQ_TRY(load_samples(t, numbers, t->batch, e));
    for (int i = 0; i < t->job->count; i++) carry(t, &t->linears[i]);
    VQ_TRY(vq_exec_block_step(&t->exec, &b, t->job->layer, t->in, vq_block_error_add, &t->error,
                              t->g, &hooks, e));
    const double decay = 1.0 - (double)at / (double)o->steps;
    for (int i = 0; i < t->job->count; i++) {
        vq_learn_step(&t->linears[i].learn, t->linears[i].dw, (float)(o->rate * decay),
                      (float)(o->clip_rate * decay));
        VQ_TRY(follow(t, &t->linears[i], e));
    }
    return VQ_OK;
}

static vq_status keep_if_better(training *t, vq_block_train_job *job, vq_err *e)
{
    double mean;
    VQ_TRY(look(t, &mean, e));
    if (!(mean < job->best)) return VQ_OK;
    job->best = mean;
    for (int i = 0; i < job->count; i++) vq_learn_keep(&t->linears[i].learn);
    return VQ_OK;
}

static vq_status take_steps(training *t, vq_block_train_job *job, vq_err *e)
{
    const int64_t steps = job->options->steps, often = (steps + LOOKS - 1) / LOOKS;
    VQ_TRY(look(t, &job->first, e));
    job->best = job->first;
    for (int64_t at = 0; at < steps; at++) {
        VQ_TRY(vq_step(job->reporter, "training", at, steps, e));
        VQ_TRY(step(t, at, e));
        if (at + 1 == steps || (2 * at >= steps && (at + 1) % often == 0))
            VQ_TRY(keep_if_better(t, job, e));
    }
    for (int i = 0; i < job->count; i++) {
        vq_learn_store(&t->linears[i].learn);
        VQ_TRY(follow(t, &t->linears[i], e));
    }
    return VQ_OK;
}

static int find_node(const vq_graph *g, int layer, const char *name)
{
    const int id = vq_graph_find(g, name);
    return id >= 0 && g->nodes[id].layer == layer && g->nodes[id].op->linear ? id : -1;
}

static vq_status open_linear(training *t, const vq_train_linear *of, trained *one, vq_err *e)
{
    const vq_source *s = t->exec.source;
    const vq_qtensor *q = of->q;
    *one = (trained){.of = of, .node = find_node(t->exec.graph, t->job->layer, of->name)};
    if (one->node < 0)
        return vq_fail(e, VQ_E_BUG, "block %d has no linear of this name", t->job->layer);
    VQ_TRY(s->linear(s->self, of->name, q->rows, q->cols, &one->linear, e));
    VQ_TRY(vq_learn_init(&one->learn, t->exec.kernels, of->w, of->q, t->job->options->clip_rate > 0,
                         t->job->scratch, e));
    one->dw = VQ_NEW(t->job->scratch, float, q->rows * q->cols, "gradient of a weight", e);
    return one->dw ? VQ_OK : VQ_E_LIMIT;
}

static int64_t widest_input(const training *t)
{
    int64_t most = 0;
    for (int i = 0; i < t->job->count; i++) {
        const vq_linear *l = &t->linears[i].linear;
        vq_quantize q;
        (void)vq_quantize_of(&t->exec, l, &q);
        const int64_t width = q.k_out + (l->arc_order ? l->k : 0);
        if (width > most) most = width;
    }
    return most;
}

static vq_status open_buffers(training *t, vq_err *e)
{
    vq_arena *a = t->job->scratch;
    const int64_t tokens = t->batch * t->samples.length, n = tokens * hidden_of(t);
    t->in = VQ_ALLOC(a, float, n, "inputs of a step", e);
    t->target = VQ_ALLOC(a, float, n, "targets of a step", e);
    t->g = VQ_ALLOC(a, float, n, "gradient of a step", e);
    t->x = VQ_ALLOC(a, float, tokens *widest_input(t), "input of a linear", e);
    if (!t->in || !t->target || !t->g || !t->x) return VQ_E_LIMIT;
    return vq_block_error_init(&t->error, t->exec.kernels, hidden_of(t), t->job->metric, tokens, a,
                               e);
}

static vq_status train(training *t, vq_block_train_job *job, vq_err *e)
{
    const uint64_t seed = vq_rng_at(job->seed, (uint64_t)job->layer);
    VQ_TRY(vq_train_samples_init(&t->samples, job->inputs, HELD_TOKENS, seed, job->scratch, e));
    t->batch = job->options->tokens / t->samples.length;
    if (t->batch < 1) t->batch = 1;
    if (t->batch > t->samples.count) t->batch = t->samples.count;
    if (t->batch > MOST_BATCH) t->batch = MOST_BATCH;
    for (int i = 0; i < job->count; i++)
        if (open_linear(t, &job->linears[i], &t->linears[i], e) != VQ_OK)
            return vq_at(e, "%s", job->linears[i].name);
    VQ_TRY(open_buffers(t, e));
    return take_steps(t, job, e);
}

vq_status vq_block_train(vq_block_train_job *job, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    training t = {.job = job, .exec = *job->exec};
    t.linears = VQ_NEW(job->scratch, trained, job->count, "linears of a block", e);
    if (!t.linears) return e->status;
    t.exec.hook = NULL;
    t.kernels = *t.exec.kernels;
    t.exec.kernels = &t.kernels;
    vq_status s = job->bf16 ? vq_bf16_take(&t.kernels, job->scratch, e) : VQ_OK;
    if (s == VQ_OK) s = train(&t, job, e);
    vq_arena_rewind(job->scratch, mark);
    return s;
}

int64_t vq_block_train_looks(int64_t tokens)
{
    const int64_t held = tokens / 8 < HELD_TOKENS ? tokens / 8 : HELD_TOKENS;
    return held * (1 + (LOOKS + 1) / 2); /* at the start, and in the second half of the steps */
}

size_t vq_block_train_bytes(const vq_graph *g, int layer, const vq_num *num,
                            const vq_learn_options *o, int64_t length)
{
    enum { SMALL = 1 << 20 };
    const int64_t batch = o->tokens / length < 1            ? 1
                          : o->tokens / length < MOST_BATCH ? o->tokens / length
                                                            : MOST_BATCH;
    const size_t tokens = (size_t)(batch * length);
    size_t bytes = SMALL + tokens * (size_t)vq_record_width(g, 1 + layer) * 5 * sizeof(float) +
                   tokens * sizeof(double),
           widest = 0;
    for (int id = g->parts[1 + layer].first; id < vq_graph_end(g, 1 + layer); id++) {
        const vq_node *n = &g->nodes[id];
        if (!n->op->linear) continue;
        bytes += vq_learn_bytes(num, n->width, n->in_width, o->clip_rate > 0) +
                 (size_t)(n->width * n->in_width) * sizeof(float);
        if ((size_t)n->in_width > widest) widest = (size_t)n->in_width;
    }
    return bytes + tokens * 3 * widest * sizeof(float); /* quantized with residuals, and in order */
}
