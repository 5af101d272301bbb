/* tune.c -- a step: the student forward with every block's input kept, the loss at the head against
 * what the teacher made of the samples, block by block back with the gradients of norms and
 * linears, Adam. */
#include "train/tune.h"

#include <string.h>

#include "calib/spool.h"
#include "kernels/bf16_product.h"
#include "model/exec/exec.h"
#include "model/op/act_quant.h"
#include "model/op/linear.h"
#include "model/op/op.h"
#include "train/adam.h"
#include "train/train_samples.h"

enum { HELD_TOKENS = 2048, LOOKS = 5, MOST_BATCH = 256 };

typedef struct tuning {
    vq_tune_job *job;
    vq_tuned_source *t;
    vq_train_samples samples;
    vq_kernels kernels; /* of the steps */
    vq_adam adam;
    int64_t batch;            /* samples of a step */
    float *h, *taught, *back; /* [layers + 1], [1], [1] of [batch tokens][hidden] */
    float *g, *best;
    int32_t *ids;   /* of a batch */
    vq_spool spool; /* [samples][length][hidden] behind the teacher's last block */
    bool *known;    /* [samples] is it there? */
} tuning;

/* Where the hooks of one batch add the gradients of the parameters. */
typedef struct gradients {
    const vq_exec *exec;
    const vq_tuned_source *t;
    float *g; /* [t->count] */
} gradients;

static vq_status take_vector(void *ctx, int node, int i, const float *g, int64_t width, vq_err *e)
{
    const gradients *to = ctx;
    const int first = to->t->vector_of[node];
    (void)e;
    if (first < 0) return VQ_OK;
    const vq_tuned_vector *v = &to->t->vectors[first + i];
    for (int64_t c = 0; c < width; c++) to->g[v->first + c] += g[c];
    return VQ_OK;
}

/* d loss / d bias = sum over tokens of g [tokens][n], d loss / d output. */
static void take_bias(const gradients *to, const vq_tuned_vector *v, const float *g, int64_t tokens)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < v->n; i++) {
        double sum = 0;
        for (int64_t t = 0; t < tokens; t++) sum += (double)g[t * v->n + i];
        to->g[v->first + i] += (float)sum;
    }
}

/* Sum over tokens of a . b, rows of width n. */
static vq_status dot_rows(const vq_exec *x, const float *a, const float *b, int64_t tokens,
                          int64_t n, double *sum, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    double *each = VQ_ALLOC(x->arena, double, tokens, "products of rows", e);
    if (!each) return VQ_E_LIMIT;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) each[t] = x->kernels->dot(a + t * n, b + t * n, (size_t)n);
    *sum = 0;
    for (int64_t t = 0; t < tokens; t++) *sum += each[t];
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

/* Adds the gradient of the factor f on the second-level scale of a linear. Its output without the
 * bias, y = W x, is proportional to f, so d loss / d f = sum over tokens of g . y / f with g = d
 * loss / d y. sum: of g . y. */
static void add_factor(const gradients *to, int node, double sum)
{
    const int p = to->t->factor_of[node];
    to->g[p] += (float)(sum / (double)to->t->served[p]);
}

/* sum: of g . y over tokens, where y = W q(x) without the bias. The input is quantized, so y is not
 * W x and take_input cannot be used: x is quantized and multiplied with W once more. */
static vq_status coded_output(const gradients *to, vq_linear *l, const float *in, const float *g,
                              int64_t tokens, double *sum, vq_err *e)
{
    const vq_exec *x = to->exec;
    l->bias.data = NULL;
    vq_quantize q;
    (void)vq_quantize_of(x, l, &q);
    float *coded = VQ_ALLOC(x->arena, float, tokens *q.k_out, "input of a linear", e);
    float *y = coded ? VQ_ALLOC(x->arena, float, tokens * l->n, "output of a linear", e) : NULL;
    if (!y) return VQ_E_LIMIT;
    VQ_TRY(vq_quantize_run(x, &q, in, tokens, coded, e));
    VQ_TRY(vq_linear_rows(x, l, coded, tokens, 0, l->n, y, l->n, e));
    return dot_rows(x, g, y, tokens, l->n, sum, e);
}

static vq_status find_linear(const gradients *to, int node, vq_linear *l, vq_err *e)
{
    const vq_node *n = &to->exec->graph->nodes[node];
    return to->exec->source->linear(to->exec->source->self, n->name, n->width, n->in_width, l, e);
}

static bool codes_input(const gradients *to, const vq_linear *l)
{
    vq_quantize q;
    return vq_quantize_of(to->exec, l, &q) && q.codes;
}

/* Bias, and factor where the input is quantized. x: input [tokens][k], g: d loss / d output
 * [tokens][n]. */
static vq_status take_linear(void *ctx, int node, const vq_seen_rows *x, const float *g, vq_err *e)
{
    const gradients *to = ctx;
    const int v = to->t->vector_of[node];
    if (v >= 0) take_bias(to, &to->t->vectors[v], g, x->count);
    if (to->t->factor_of[node] < 0) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(to->exec->arena);
    vq_linear l;
    double sum;
    VQ_TRY(find_linear(to, node, &l, e));
    if (codes_input(to, &l)) {
        VQ_TRY(coded_output(to, &l, x->x, g, x->count, &sum, e));
        add_factor(to, node, sum);
    }
    vq_arena_rewind(to->exec->arena, mark);
    return VQ_OK;
}

/* The factor's gradient of a linear whose input is not quantized, at most rotated. There dx = W^T
 * g, so g . W x = dx . x and the output need not be computed again. dx: d loss / d x, [tokens][k].
 * take_linear handles quantized inputs. */
static vq_status take_input(void *ctx, int node, const vq_seen_rows *x, const float *dx, vq_err *e)
{
    const gradients *to = ctx;
    if (to->t->factor_of[node] < 0) return VQ_OK;
    vq_linear l;
    double sum;
    VQ_TRY(find_linear(to, node, &l, e));
    if (codes_input(to, &l)) return VQ_OK;
    VQ_TRY(dot_rows(to->exec, x->x, dx, x->count, l.k, &sum, e));
    add_factor(to, node, sum);
    return VQ_OK;
}

static vq_exec student_of(const vq_tune_job *job, const vq_tuned_source *t)
{
    vq_exec x = *job->student;
    x.source = &t->source;
    x.hook = NULL;
    return x;
}

/* Runs the embedding and all blocks of model x over ids [tokens] (tokens = sequences * length); the
 * last block's output is left in h. keep: the input of block l stays at h + l * tokens * hidden and
 * the output of the last block follows them, so h takes layers + 1 records. */
static vq_status run_blocks(const vq_exec *x, const vq_batch *b, const int32_t *ids, bool keep,
                            float *h, vq_err *e)
{
    const int64_t each = b->sequences * b->length * vq_record_width(x->graph, 0);
    VQ_TRY(vq_exec_embed(x, b, ids, h, e));
    for (int l = 0; l < x->graph->layers; l++) {
        if (keep) h = memcpy(h + each, h, (size_t)each * sizeof *h);
        VQ_TRY(vq_exec_block(x, b, l, h, e));
    }
    return VQ_OK;
}

vq_status vq_tune_gradient(const vq_tune_job *job, const vq_tuned_source *t, const vq_batch *b,
                           const int32_t *ids, const float *taught, float *h, float *g, double *kl,
                           vq_err *e)
{
    const vq_exec x = student_of(job, t);
    const int64_t tokens = b->sequences * b->length, each = tokens * vq_record_width(x.graph, 0);
    const int layers = x.graph->layers;
    float *back = h + (layers + 1) * each;
    gradients to = {&x, t, g};
    const vq_grad_hooks hooks = {
        .ctx = &to, .linear = take_linear, .input = take_input, .vector = take_vector};
    const vq_head_loss loss = {
        .target = VQ_HEAD_TEACHER, .teacher = job->teacher, .teacher_h = taught};
    memset(g, 0, (size_t)t->count * sizeof *g);
    VQ_TRY(run_blocks(&x, b, ids, true, h, e));
    VQ_TRY(vq_exec_head_backward(&x, &loss, h + layers * each, tokens, back, kl, &hooks, e));
    for (int l = layers - 1; l >= 0; l--)
        VQ_TRY(vq_exec_block_backward(&x, b, l, h + l * each, back, &hooks, e));
    return VQ_OK;
}

static int64_t sample_floats(const tuning *r)
{
    return r->samples.length * vq_record_width(r->job->student->graph, 0);
}

static void load_ids(const tuning *r, const int64_t *numbers, int64_t n)
{
    const int64_t length = r->samples.length;
    for (int64_t i = 0; i < n; i++)
        memcpy(r->ids + i * length, r->job->samples->ids + numbers[i] * length,
               (size_t)length * sizeof *r->ids);
}

/* Runs the teacher over those of samples numbers[n] that it has not seen yet and gives its last
 * hidden states [length][hidden] to the spool. h is overwritten. */
static vq_status teach(tuning *r, const int64_t *numbers, int64_t n, vq_err *e)
{
    vq_exec x = *r->job->teacher;
    int64_t fresh[MOST_BATCH], count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!r->known[numbers[i]]) fresh[count++] = numbers[i];
        r->known[numbers[i]] = true;
    }
    if (count == 0) return VQ_OK;
    x.hook = NULL;
    load_ids(r, fresh, count);
    VQ_TRY(run_blocks(&x, &(vq_batch){.sequences = count, .length = r->samples.length}, r->ids,
                      false, r->h, e));
    const size_t each = (size_t)sample_floats(r);
    for (int64_t i = 0; i < count; i++)
        VQ_TRY(vq_spool_give(&r->spool, (size_t)fresh[i] * each, each, r->h + (size_t)i * each, e));
    return VQ_OK;
}

/* Loads samples numbers[n]: ids into r->ids, the teacher's last hidden states into r->taught. */
static vq_status load_samples(tuning *r, const int64_t *numbers, int64_t n, vq_err *e)
{
    const size_t each = (size_t)sample_floats(r);
    VQ_TRY(teach(r, numbers, n, e));
    load_ids(r, numbers, n);
    for (int64_t i = 0; i < n; i++) {
        float *to = r->taught + (size_t)i * each, *from;
        VQ_TRY(vq_spool_take(&r->spool, (size_t)numbers[i] * each, each, to, &from, e));
        if (from != to) memcpy(to, from, each * sizeof *to);
    }
    return VQ_OK;
}

/* KL over samples numbers[0, n), added to *sum. */
static vq_status look_at(tuning *r, const int64_t *numbers, int64_t n, double *sum, vq_err *e)
{
    const vq_exec x = student_of(r->job, r->t);
    const vq_batch b = {.sequences = n, .length = r->samples.length};
    const vq_head_loss loss = {
        .target = VQ_HEAD_TEACHER, .teacher = r->job->teacher, .teacher_h = r->taught};
    double kl;
    VQ_TRY(load_samples(r, numbers, n, e));
    VQ_TRY(run_blocks(&x, &b, r->ids, false, r->h, e));
    VQ_TRY(vq_exec_head_backward(&x, &loss, r->h, n * b.length, r->back, &kl, NULL, e));
    *sum += kl;
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
    *mean = sum / (double)r->job->held;
    return VQ_OK;
}

static vq_status keep_if_better(tuning *r, int64_t steps, vq_err *e)
{
    double mean;
    VQ_TRY(look(r, &mean, e));
    vq_say(r->job->reporter, 1, "tune: KL %.5f after %lld steps", mean, (long long)steps);
    if (!(mean < r->job->best)) return VQ_OK;
    r->job->best = mean;
    memcpy(r->best, r->t->p, (size_t)r->t->count * sizeof *r->best);
    return VQ_OK;
}

static vq_status step(tuning *r, int64_t at, vq_err *e)
{
    const vq_tune_options *o = r->job->options;
    const vq_batch b = {.sequences = r->batch, .length = r->samples.length};
    int64_t numbers[MOST_BATCH];
    double kl;
    for (int64_t i = 0; i < r->batch; i++)
        numbers[i] = vq_train_sample(&r->samples, at * r->batch + i);
    vq_exec student = *r->job->student;
    vq_tune_job job = *r->job;
    student.kernels = &r->kernels;
    job.student = &student;
    VQ_TRY(load_samples(r, numbers, r->batch, e));
    VQ_TRY(vq_tune_gradient(&job, r->t, &b, r->ids, r->taught, r->h, r->g, &kl, e));
    vq_adam_step(&r->adam, r->t->p, r->g, r->t->unit,
                 o->rate * (1 - (double)at / (double)o->steps));
    vq_tuned_serve(r->t);
    return VQ_OK;
}

static vq_status take_steps(tuning *r, vq_err *e)
{
    const int64_t steps = r->job->options->steps, often = (steps + LOOKS - 1) / LOOKS;
    VQ_TRY(look(r, &r->job->first, e));
    r->job->best = r->job->first;
    memcpy(r->best, r->t->p, (size_t)r->t->count * sizeof *r->best);
    for (int64_t at = 0; at < steps; at++) {
        VQ_TRY(vq_step(r->job->reporter, "tuning", at, steps, e));
        VQ_TRY(step(r, at, e));
        if (at + 1 == steps || (2 * at >= steps && (at + 1) % often == 0))
            VQ_TRY(keep_if_better(r, at + 1, e));
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
    const int64_t tokens = r->batch * r->samples.length, each = tokens * vq_record_width(g, 0);
    r->h = VQ_ALLOC(a, float, (g->layers + 3) * each, "inputs of all blocks", e);
    r->g = VQ_ALLOC(a, float, 2 * r->t->count, "gradients", e);
    r->ids = VQ_ALLOC(a, int32_t, tokens, "token ids", e);
    r->known = VQ_NEW(a, bool, r->samples.count, "samples", e);
    if (!r->h || !r->g || !r->ids || !r->known) return VQ_E_LIMIT;
    r->back = r->h + (g->layers + 1) * each;
    r->taught = r->back + each;
    r->best = r->g + r->t->count;
    r->kernels = *r->job->student->kernels;
    if (r->job->bf16) VQ_TRY(vq_bf16_take(&r->kernels, a, e));
    VQ_TRY(vq_adam_init(&r->adam, r->t->count, a, e));
    return vq_spool_open(&r->spool, (size_t)(r->samples.count * sample_floats(r)),
                         r->job->spool_bytes, r->job->spool_path, a, e);
}

vq_status vq_tune_run(vq_tune_job *job, vq_tuned_source *t, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    tuning r = {.job = job, .t = t, .spool = {.fd = -1}};
    VQ_TRY(vq_tuned_open(t, job->student, job->options, job->out, e));
    if (t->count == 0)
        return vq_fail(e, VQ_E_RECIPE, "tune: the model has none of what is to be tuned");
    VQ_TRY(vq_train_samples_split(&r.samples, job->samples->count, job->samples->length,
                                  HELD_TOKENS, job->seed, job->scratch, e));
    r.batch = batch_of(job->options, r.samples.count, r.samples.length);
    job->held = r.samples.held * r.samples.length;
    vq_status s = open_buffers(&r, e);
    if (s == VQ_OK) s = take_steps(&r, e);
    vq_spool_close(&r.spool);
    vq_arena_rewind(job->scratch, mark);
    return s == VQ_OK ? VQ_OK : vq_at(e, "tune");
}

vq_global_scale vq_tune_global_scale(const vq_tuned_source *t, int id, vq_global_scale before)
{
    if (t->factor_of[id] < 0) return before;
    const float factor = t->served[t->factor_of[id]];
    return (vq_global_scale){before.divides ? before.value / factor : before.value * factor,
                             before.divides};
}

/* Most that one pass over a part takes; a factor under a coded input takes that input and the
 * output once more. */
static size_t pass_bytes(const vq_exec *x, const vq_batch *b, size_t *parameters)
{
    const vq_head_loss loss = {.target = VQ_HEAD_TEACHER, .teacher = x};
    const size_t tokens = (size_t)(b->sequences * b->length);
    const size_t block = vq_exec_backward_bytes(x, b),
                 head = vq_exec_head_backward_bytes(x, &loss, (int64_t)tokens);
    size_t widest = 0;
    *parameters = 0;
    for (int id = 0; id < x->graph->count; id++) {
        const vq_node *n = &x->graph->nodes[id];
        if (n->layer >= 0 && n->op->linear && (size_t)(2 * n->in_width + n->width) > widest)
            widest = (size_t)(2 * n->in_width + n->width);
        *parameters += n->op->linear && !n->bias ? 1 : (size_t)n->width;
    }
    const size_t coded =
        tokens * (sizeof(double) + (x->quantize_inputs ? widest * sizeof(float) : 0));
    return (block > head ? block : head) + coded;
}

size_t vq_tune_bytes(const vq_exec *x, const vq_tune_options *o, int64_t samples, int64_t length)
{
    enum { SMALL = 1 << 20 };
    const vq_batch b = {.sequences = batch_of(o, samples, length), .length = length};
    const size_t tokens = (size_t)(b.sequences * length),
                 each = tokens * (size_t)vq_record_width(x->graph, 0) * sizeof(float);
    size_t parameters, passes = pass_bytes(x, &b, &parameters);
    return SMALL + passes + VQ_BF16_ROOM * sizeof(uint32_t) +
           (size_t)(x->graph->layers + 3) * each + parameters * 7 * sizeof(float) +
           tokens * sizeof(int32_t) + (size_t)samples * (sizeof(bool) + sizeof(int64_t));
}
