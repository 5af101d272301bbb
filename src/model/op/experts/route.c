/* route.c -- the router's choice: scores of its logits, the best experts, and their shares. */
#include <assert.h>
#include <math.h>

#include "base/parallel.h"
#include "model/op/dense.h"
#include "model/op/experts/experts.h"

typedef struct token {
    float score[VQ_MAX_EXPERTS];  /* of every expert */
    float choice[VQ_MAX_EXPERTS]; /* what the choice goes by */
    bool taken[VQ_MAX_EXPERTS];
} token;

static void score_softmax(const float *logits, int64_t n, float *score)
{
    float most = logits[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++) most = fmaxf(most, logits[i]);
    for (int64_t i = 0; i < n; i++) {
        score[i] = expf(logits[i] - most);
        sum += (double)score[i];
    }
    for (int64_t i = 0; i < n; i++) score[i] = (float)((double)score[i] / sum);
}

static void score_sigmoid(const float *logits, int64_t n, float *score)
{
    for (int64_t i = 0; i < n; i++) score[i] = 1 / (1 + expf(-logits[i]));
}

/* The `count` largest of x [n], the first of equals; NaN comes last. taken is false on entry. */
static void take_best(const float *x, int64_t n, int64_t count, bool *taken)
{
    for (int64_t k = 0; k < count; k++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++)
            if (!taken[i] && (best < 0 || x[i] > x[best])) best = i;
        taken[best] = true;
    }
}

static float group_score(const float *x, int64_t n, bool best_two)
{
    float first = -INFINITY, second = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > first) {
            second = first;
            first = x[i];
        } else if (x[i] > second) {
            second = x[i];
        }
    return best_two && n > 1 ? first + second : first;
}

/* Experts of closed groups are not chosen. */
static void close_groups(const vq_route_args *r, int64_t n, float *choice)
{
    float score[VQ_MAX_EXPERTS];
    bool open[VQ_MAX_EXPERTS] = {false};
    const int64_t size = n / r->groups;
    assert(size >= 1 && size * r->groups == n); /* vq_mixture_check */
    for (int64_t g = 0; g < r->groups; g++)
        score[g] = group_score(choice + g * size, size, r->best_two);
    take_best(score, r->groups, r->open, open);
    for (int64_t i = 0; i < n; i++)
        if (!open[i / size]) choice[i] = -INFINITY;
}

/* t is empty on entry. */
static void choose(const vq_route_args *r, const float *logits, const float *correction, int64_t n,
                   token *t)
{
    if (r->sigmoid)
        score_sigmoid(logits, n, t->score);
    else
        score_softmax(logits, n, t->score);
    for (int64_t i = 0; i < n; i++) t->choice[i] = t->score[i] + (correction ? correction[i] : 0);
    if (r->groups > 1) close_groups(r, n, t->choice);
    take_best(t->choice, n, r->chosen, t->taken);
}

static double sum_taken(const token *t, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (t->taken[i]) sum += (double)t->score[i];
    return sum;
}

/* shares = factor * scores */
static double factor_of(const vq_route_args *r, const token *t, int64_t n)
{
    const double scale = (double)r->scale;
    return r->normalized ? scale / (sum_taken(t, n) + (double)r->to_sum) : scale;
}

static void route_token(const vq_route_args *r, const float *logits, const float *correction,
                        int64_t n, float *shares)
{
    token t = {.taken = {false}};
    choose(r, logits, correction, n, &t);
    const double factor = factor_of(r, &t, n);
    for (int64_t i = 0; i < n; i++)
        shares[i] = t.taken[i] ? (float)(factor * (double)t.score[i]) : 0;
}

static vq_status load_correction(const vq_node *n, const vq_exec *x, float **out, vq_err *e)
{
    vq_tensor t;
    *out = NULL;
    if (!n->name[0]) return VQ_OK;
    VQ_TRY(x->source->tensor(x->source->self, n->name, &t, e));
    return vq_dense_vector(x, &t, n->width, out, e);
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const float *logits = f->values[n->in[0]];
    float *shares = f->values[id], *correction;
    VQ_TRY(load_correction(n, f->exec, &correction, e));
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        route_token(n->args, logits + t * n->width, correction, n->width, shares + t * n->width);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

/* From the gradient of the shares to that of the scores, in t->choice: of experts not taken it is
 * 0, and a sum that shares are divided by passes back what all of them had of it. */
static void back_shares(const vq_route_args *r, const float *g, int64_t n, token *t)
{
    const double factor = factor_of(r, t, n);
    double shared = 0;
    for (int64_t i = 0; r->normalized && i < n; i++)
        if (t->taken[i]) shared += (double)g[i] * (double)t->score[i];
    shared *= r->normalized ? factor / (double)r->scale : 0;
    for (int64_t i = 0; i < n; i++)
        t->choice[i] = t->taken[i] ? (float)(factor * ((double)g[i] - shared)) : 0;
}

static void back_token(const vq_route_args *r, const float *logits, const float *correction,
                       int64_t n, const float *g, float *to)
{
    token t = {.taken = {false}};
    double mean = 0;
    choose(r, logits, correction, n, &t);
    back_shares(r, g, n, &t);
    for (int64_t i = 0; !r->sigmoid && i < n; i++) mean += (double)t.choice[i] * (double)t.score[i];
    for (int64_t i = 0; i < n; i++)
        to[i] =
            t.score[i] * (r->sigmoid ? t.choice[i] * (1 - t.score[i]) : t.choice[i] - (float)mean);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const float *logits = f->values[n->in[0]], *g = f->grads[id];
    float *to = f->into[0], *correction;
    VQ_TRY(load_correction(n, f->exec, &correction, e));
#pragma omp parallel for schedule(static) if (f->rows[id] * n->width > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < f->rows[id]; t++)
        back_token(n->args, logits + t * n->width, correction, n->width, g + t * n->width,
                   to + t * n->width);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)b, (void)rows;
    return (size_t)n->width * sizeof(float);
}

static int params(const vq_node *n, vq_param out[VQ_OP_PARAMS])
{
    if (!n->name[0]) return 0;
    out[0] = (vq_param){.module = n->name, .suffix = "", .ndim = 1, .shape = {n->width}};
    return 1;
}

const vq_op vq_op_route = {.name = "route",
                           .back_reads = true,
                           .scratch = scratch,
                           .back_scratch = scratch,
                           .forward = forward,
                           .backward = backward,
                           .params = params};
