/* tune.c -- a step: the teacher's last activations, the student forward with every block's input kept, the loss at the head, block by block
 * back with the gradients of norms and linears, Adam. */
#include "run/tune.h"

#include <string.h>

#include "model/op/linear.h"
#include "run/adam.h"
#include "run/scoring.h"
#include "run/train_samples.h"

enum { HELD_TOKENS = 2048, LOOKS = 5, MOST_BATCH = 256 };

typedef struct tuning {
    vq_tune_job *job;
    vq_tuned_source *t;
    vq_train_samples samples;
    vq_adam adam;
    int64_t batch; /* samples of a step */
    float *h;      /* [layers + 3][batch tokens][hidden] */
    float *g, *best;
    int32_t *ids; /* of a batch */
    vq_row_score *scores, *ref_scores;
    vq_pair_score *pairs;
} tuning;

/* Gradients of one batch, by the hooks. */
typedef struct gradients {
    const vq_exec *exec;
    const vq_tuned_source *t;
    float *g; /* [t->count] */
} gradients;

static vq_status take_norm(void *ctx, int node, const float *g, int64_t width, vq_err *e)
{
    const gradients *to = ctx;
    const int v = to->t->vector_of[node];
    (void)e;
    for (int64_t i = 0; v >= 0 && i < width; i++) to->g[to->t->vectors[v].first + i] += g[i];
    return VQ_OK;
}

static void take_bias(const gradients *to, const vq_tuned_vector *v, const float *g, int64_t tokens)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < v->n; i++) {
        double sum = 0;
        for (int64_t t = 0; t < tokens; t++) sum += (double)g[t * v->n + i];
        to->g[v->first + i] += (float)sum;
    }
}

/* y = W x of the quantized linear, without its bias, into y [tokens][n]; scratch from the executor. */
static vq_status output_of(const vq_exec *x, vq_linear *l, const float *in, int64_t tokens, float *y, vq_err *e)
{
    const float *meets = in;
    l->bias.data = NULL;
    if (vq_linear_changes_input(x, l)) {
        float *changed = VQ_ALLOC(x->arena, float, tokens *vq_linear_input_width(x, l), "input of a linear", e);
        if (!changed) return VQ_E_LIMIT;
        VQ_TRY(vq_linear_input(x, l, in, tokens, changed, e));
        meets = changed;
    }
    return vq_linear_rows(x, l, meets, tokens, 0, l->n, y, l->n, e);
}

/* d loss / d factor = sum over tokens of g . y / factor. */
static vq_status take_factor(const gradients *to, int node, const float *in, const float *g, int64_t tokens, vq_err *e)
{
    const vq_exec *x = to->exec;
    const vq_node *n = &x->graph->nodes[node];
    const vq_arena_mark mark = vq_arena_here(x->arena);
    vq_linear l;
    VQ_TRY(x->source->linear(x->source->self, n->name, n->width, n->in_width, &l, e));
    float *y = VQ_ALLOC(x->arena, float, tokens *l.n, "output of a linear", e);
    double *each = VQ_ALLOC(x->arena, double, tokens, "output of a linear", e), sum = 0;
    if (!y || !each) return VQ_E_LIMIT;
    VQ_TRY(output_of(x, &l, in, tokens, y, e));
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) each[t] = x->kernels->dot(g + t * l.n, y + t * l.n, (size_t)l.n);
    for (int64_t t = 0; t < tokens; t++) sum += each[t];
    vq_arena_rewind(x->arena, mark);
    const int p = to->t->factor_of[node];
    to->g[p] += (float)(sum / (double)to->t->served[p]);
    return VQ_OK;
}

static vq_status take_linear(void *ctx, int node, const float *x, const float *g, int64_t tokens, vq_err *e)
{
    const gradients *to = ctx;
    const int v = to->t->vector_of[node];
    if (v >= 0) take_bias(to, &to->t->vectors[v], g, tokens);
    return to->t->factor_of[node] < 0 ? VQ_OK : take_factor(to, node, x, g, tokens, e);
}

static vq_exec student_of(const vq_tune_job *job, const vq_tuned_source *t)
{
    vq_exec x = *job->student;
    x.source = &t->source;
    x.hook = NULL;
    return x;
}

/* Activations behind the last block of the original, into h. */
static vq_status teach(const vq_tune_job *job, const vq_batch *b, const int32_t *ids, float *h, vq_err *e)
{
    vq_exec x = *job->teacher;
    x.hook = NULL;
    VQ_TRY(vq_exec_embed(&x, b, ids, h, e));
    for (int l = 0; l < x.graph->layers; l++) VQ_TRY(vq_exec_block(&x, b, l, h, e));
    return VQ_OK;
}

vq_status vq_tune_gradient(const vq_tune_job *job, const vq_tuned_source *t, const vq_batch *b, const int32_t *ids, float *h, float *g,
                           double *kl, vq_err *e)
{
    const vq_exec x = student_of(job, t);
    const int64_t tokens = b->sequences * b->length, each = tokens * x.graph->hidden;
    const int layers = x.graph->layers;
    float *taught = h + (layers + 1) * each, *back = taught + each;
    gradients to = {&x, t, g};
    const vq_grad_hooks hooks = {.ctx = &to, .linear = take_linear, .norm = take_norm};
    VQ_TRY(teach(job, b, ids, taught, e));
    VQ_TRY(vq_exec_embed(&x, b, ids, h, e));
    for (int l = 0; l < layers; l++) {
        memcpy(h + (l + 1) * each, h + l * each, (size_t)each * sizeof *h);
        VQ_TRY(vq_exec_block(&x, b, l, h + (l + 1) * each, e));
    }
    const vq_head_loss loss = {.target = VQ_HEAD_TEACHER, .teacher = job->teacher, .teacher_h = taught};
    memset(g, 0, (size_t)t->count * sizeof *g);
    VQ_TRY(vq_exec_head_backward(&x, &loss, h + layers * each, tokens, back, kl, &hooks, e));
    for (int l = layers - 1; l >= 0; l--) VQ_TRY(vq_exec_block_backward(&x, b, l, h + l * each, back, &hooks, e));
    return VQ_OK;
}

static void load_ids(const tuning *r, const int64_t *numbers, int64_t n)
{
    const int64_t length = r->samples.length;
    for (int64_t i = 0; i < n; i++)
        memcpy(r->ids + i * length, r->job->samples->ids + numbers[i] * length, (size_t)length * sizeof *r->ids);
}

/* KL over samples numbers[0, n), added to *sum. */
static vq_status look_at(tuning *r, const int64_t *numbers, int64_t n, double *sum, vq_err *e)
{
    const vq_exec x = student_of(r->job, r->t);
    const vq_batch b = {.sequences = n, .length = r->samples.length};
    const int64_t tokens = n * b.length, each = tokens * x.graph->hidden;
    float *taught = r->h + each, *normed = r->h + 2 * each; /* there are at least three parts */
    load_ids(r, numbers, n);
    VQ_TRY(teach(r->job, &b, r->ids, r->h, e));
    VQ_TRY(vq_exec_norm(r->job->teacher, r->h, tokens, taught, e));
    VQ_TRY(vq_exec_embed(&x, &b, r->ids, r->h, e));
    for (int l = 0; l < x.graph->layers; l++) VQ_TRY(vq_exec_block(&x, &b, l, r->h, e));
    VQ_TRY(vq_exec_norm(&x, r->h, tokens, normed, e));
    VQ_TRY(vq_likelihood(&x, normed, r->job->teacher, taught, tokens, r->ids, r->scores, r->ref_scores, r->pairs, e));
    for (int64_t t = 0; t < tokens; t++) *sum += r->pairs[t].kl;
    return VQ_OK;
}

/* KL per token over the held-out samples. */
static vq_status look(tuning *r, double *mean, vq_err *e)
{
    double sum = 0;
    for (int64_t i = 0; i < r->samples.held; i += r->batch) {
        const int64_t n = r->samples.held - i < r->batch ? r->samples.held - i : r->batch;
        VQ_TRY(look_at(r, r->samples.order + i, n, &sum, e));
    }
    *mean = sum / (double)(r->samples.held * r->samples.length);
    return VQ_OK;
}

static vq_status keep_if_better(tuning *r, vq_err *e)
{
    double mean;
    VQ_TRY(look(r, &mean, e));
    if (!(mean < r->job->best)) return VQ_OK;
    r->job->best = mean;
    memcpy(r->best, r->t->served, (size_t)r->t->count * sizeof *r->best);
    return VQ_OK;
}

static vq_status step(tuning *r, int64_t at, vq_err *e)
{
    const vq_tune_options *o = r->job->options;
    const vq_batch b = {.sequences = r->batch, .length = r->samples.length};
    int64_t numbers[MOST_BATCH];
    double kl;
    for (int64_t i = 0; i < r->batch; i++) numbers[i] = vq_train_sample(&r->samples, at * r->batch + i);
    load_ids(r, numbers, r->batch);
    VQ_TRY(vq_tune_gradient(r->job, r->t, &b, r->ids, r->h, r->g, &kl, e));
    vq_adam_step(&r->adam, r->t->p, r->g, r->t->unit, o->rate * (1 - (double)at / (double)o->steps));
    vq_tuned_serve(r->t);
    return VQ_OK;
}

static vq_status take_steps(tuning *r, vq_err *e)
{
    const int64_t steps = r->job->options->steps, often = (steps + LOOKS - 1) / LOOKS;
    VQ_TRY(look(r, &r->job->first, e));
    r->job->best = r->job->first;
    memcpy(r->best, r->t->served, (size_t)r->t->count * sizeof *r->best);
    for (int64_t at = 0; at < steps; at++) {
        VQ_TRY(vq_step(r->job->watch, "tuning", at, steps, e));
        VQ_TRY(step(r, at, e));
        if (at + 1 == steps || (2 * at >= steps && (at + 1) % often == 0)) VQ_TRY(keep_if_better(r, e));
    }
    memcpy(r->t->p, r->best, (size_t)r->t->count * sizeof *r->best);
    vq_tuned_serve(r->t);
    return VQ_OK;
}

static int64_t batch_of(const vq_tune_options *o, int64_t count, int64_t length)
{
    int64_t n = o->tokens / length;
    if (n > count) n = count;
    return n < 1 ? 1 : n > MOST_BATCH ? MOST_BATCH : n;
}

static vq_status open_buffers(tuning *r, vq_err *e)
{
    const vq_graph *g = r->job->student->graph;
    vq_arena *a = r->job->scratch;
    const int64_t tokens = r->batch * r->samples.length;
    r->h = VQ_ALLOC(a, float, (g->layers + 3) * tokens * g->hidden, "inputs of all blocks", e);
    r->g = VQ_ALLOC(a, float, 2 * r->t->count, "gradients", e);
    r->ids = VQ_ALLOC(a, int32_t, tokens, "token ids", e);
    r->scores = VQ_ALLOC(a, vq_row_score, 2 * tokens, "scores", e);
    r->pairs = VQ_ALLOC(a, vq_pair_score, tokens, "scores", e);
    if (!r->h || !r->g || !r->ids || !r->scores || !r->pairs) return VQ_E_LIMIT;
    r->best = r->g + r->t->count;
    r->ref_scores = r->scores + tokens;
    return vq_adam_init(&r->adam, r->t->count, a, e);
}

vq_status vq_tune_run(vq_tune_job *job, vq_tuned_source *t, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    tuning r = {.job = job, .t = t};
    VQ_TRY(vq_tuned_open(t, job->student, job->options, job->dtype, job->out, e));
    if (t->count == 0)
        return vq_fail(e, VQ_E_RECIPE, "tune: no quantized weight has a second-level scale, so there are no scales to tune; what: norms");
    VQ_TRY(vq_train_samples_split(&r.samples, job->samples->count, job->samples->length, HELD_TOKENS, job->seed, job->scratch, e));
    r.batch = batch_of(job->options, r.samples.count, r.samples.length);
    vq_status s = open_buffers(&r, e);
    if (s == VQ_OK) s = take_steps(&r, e);
    vq_arena_rewind(job->scratch, mark);
    return s == VQ_OK ? VQ_OK : vq_at(e, "tune");
}

vq_super vq_tune_super(const vq_tuned_source *t, int id, vq_super before)
{
    if (t->factor_of[id] < 0) return before;
    const float factor = t->served[t->factor_of[id]];
    return (vq_super){before.divides ? before.value / factor : before.value * factor, before.divides};
}

size_t vq_tune_bytes(const vq_graph *g, const vq_tune_options *o, int64_t length)
{
    enum { SMALL = 1 << 20 };
    const size_t tokens = (size_t)(batch_of(o, INT64_MAX, length) * length);
    size_t parameters = 0;
    for (int id = 0; id < g->count; id++)
        parameters += g->nodes[id].op == VQ_OP_LINEAR && !g->nodes[id].bias ? 1 : (size_t)g->nodes[id].width;
    return SMALL + (size_t)(g->layers + 3) * tokens * (size_t)g->hidden * sizeof(float) + parameters * 4 * sizeof(float) +
           tokens * (sizeof(int32_t) + 2 * sizeof(vq_row_score) + sizeof(vq_pair_score));
}
