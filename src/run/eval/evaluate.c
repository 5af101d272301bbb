/* evaluate.c -- perplexity over windows of a text, alone or paired with a reference model. */
#include <math.h>
#include <string.h>

#include "load/model.h"
#include "plan/cost/graph_cost.h"
#include "plan/cost/rates.h"
#include "run/eval/scoring.h"
#include "run/run.h"

#define CHUNK_TOKENS 8192 /* forward passes of whole windows, at most this many tokens at a time */

typedef struct side {
    vq_model model;
    vq_exec exec;
    float *h, *normed; /* [chunk tokens][hidden] */
    vq_row_score *scores;
    double *nll; /* [windows] mean of each; of the caller's arena, as all that a result shows */
} side;

typedef struct evaluation {
    vq_job *job;
    const vq_eval_options *o;
    vq_arena arena, scratch, *results; /* results: the caller's */
    side m, ref;
    bool paired;
    vq_ids ids;
    int64_t window;         /* asked for, or what both models take */
    int64_t bos;            /* -1: none */
    int64_t length;         /* tokens fed per window: window - 1 */
    int64_t windows, chunk; /* windows per chunk */
    int64_t blocks;         /* done so far, for the progress bar */
    int32_t *input, *target;
    vq_pair_score *pairs;
    double *kl, *agree; /* [windows] */
    double started;
} evaluation;

/* A window of W tokens: W - 1 are fed and W - 1 predicted; a BOS token takes the first place. */
static int64_t text_tokens(const evaluation *v)
{
    return v->window - (v->bos >= 0 ? 1 : 0);
}

static int64_t stride_of(const evaluation *v)
{
    return v->o->stride > 0 ? v->o->stride : text_tokens(v);
}

static vq_status count_windows(evaluation *v, const char *path, vq_err *e)
{
    const int64_t need = text_tokens(v), have = (int64_t)v->ids.count;
    if (have < need)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s: %lld tokens do not fill one window of %lld; give more text or a smaller --window",
            path, (long long)have, (long long)v->window);
    v->windows = (have - need) / stride_of(v) + 1;
    if (v->o->max_windows > 0 && v->windows > v->o->max_windows) v->windows = v->o->max_windows;
    v->length = v->window - 1;
    v->chunk = v->length < CHUNK_TOKENS ? CHUNK_TOKENS / v->length : 1;
    if (v->chunk > v->windows) v->chunk = v->windows;
    return VQ_OK;
}

static vq_status find_bos(evaluation *v, vq_err *e)
{
    const vq_hf_config *c = &v->m.model.checkpoint.config;
    v->bos = v->o->bos ? c->bos : v->ids.bos;
    if (!v->o->bos || c->bos >= 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: --bos, but config.json has no bos_token_id", v->o->model);
}

#define WINDOW 2048 /* where the context is not shorter */

/* --window must be within the context; without it the context may shorten the default. */
static vq_status fit_context(evaluation *v, const side *s, vq_err *e)
{
    const int64_t max = s->model.graph.max_position;
    if (max <= 0 || v->window - 1 <= max) return VQ_OK;
    if (v->o->window)
        return vq_fail(e, VQ_E_RECIPE,
                       "--window %lld is longer than the context of %s, %lld tokens",
                       (long long)v->window, s->model.checkpoint.path, (long long)max);
    v->window = max;
    return VQ_OK;
}

static vq_status check_window(const evaluation *v, vq_err *e)
{
    if (v->window < 2)
        return vq_fail(e, VQ_E_RECIPE, "--window %lld: a window needs at least 2 tokens",
                       (long long)v->window);
    if (v->o->stride <= v->window) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "--stride %lld is larger than --window %lld: tokens would be left out",
                   (long long)v->o->stride, (long long)v->window);
}

static vq_status choose_window(evaluation *v, vq_err *e)
{
    VQ_TRY(fit_context(v, &v->m, e));
    if (v->paired) VQ_TRY(fit_context(v, &v->ref, e));
    return check_window(v, e);
}

static vq_status open_side(evaluation *v, side *s, const char *path, bool quantize_inputs,
                           vq_err *e)
{
    VQ_TRY(vq_model_open(&s->model, path, &v->arena, e));
    if (s->model.checkpoint.note)
        vq_warn(&v->job->reporter, "config-unused", path, "%s", s->model.checkpoint.note);
    s->exec = vq_model_exec(&s->model, v->job, &v->scratch, quantize_inputs);
    vq_status status = vq_model_need_graph(&s->model, "vq eval ppl", e);
    if (status == VQ_OK) status = vq_kernels_room(v->job->threads, e);
    if (status == VQ_OK) vq_model_warn(&s->model, &v->job->reporter);
    vq_budget_measure(&v->job->budget);
    if (status != VQ_OK) vq_model_close(&s->model);
    return status;
}

static vq_status alloc_side(evaluation *v, side *s, vq_err *e)
{
    const int64_t tokens = v->chunk * v->length, hidden = vq_record_most(&s->model.graph, 1, 1);
    s->h = VQ_ALLOC(&v->arena, float, tokens *hidden, "activations", e);
    s->normed =
        VQ_ALLOC(&v->arena, float, tokens * s->model.graph.nodes[s->model.graph.lm_head].in_width,
                 "activations", e);
    s->scores = VQ_ALLOC(&v->arena, vq_row_score, tokens, "scores", e);
    s->nll = VQ_ALLOC(v->results, double, v->windows, "scores", e);
    return s->h && s->normed && s->scores && s->nll ? VQ_OK : e->status;
}

static vq_status alloc_all(evaluation *v, vq_err *e)
{
    const int64_t tokens = v->chunk * v->length;
    v->input = VQ_ALLOC(&v->arena, int32_t, tokens, "token ids", e);
    v->target = VQ_ALLOC(&v->arena, int32_t, tokens, "token ids", e);
    v->pairs = VQ_ALLOC(&v->arena, vq_pair_score, tokens, "scores", e);
    v->kl = VQ_ALLOC(v->results, double, v->windows, "scores", e);
    v->agree = VQ_ALLOC(v->results, double, v->windows, "scores", e);
    if (!v->input || !v->target || !v->pairs || !v->kl || !v->agree) return e->status;
    VQ_TRY(alloc_side(v, &v->m, e));
    return v->paired ? alloc_side(v, &v->ref, e) : VQ_OK;
}

static void fill_window(const evaluation *v, int64_t w, int32_t *input, int32_t *target)
{
    const int32_t *ids = v->ids.ids + w * stride_of(v);
    const int64_t shift = v->bos >= 0 ? 1 : 0;
    for (int64_t i = 0; i < v->length; i++) {
        input[i] = i < shift ? (int32_t)v->bos : ids[i - shift];
        target[i] = ids[i + 1 - shift];
    }
}

/* Blocks of all windows and sides, so that one bar runs from start to end. */
static int64_t all_blocks(const evaluation *v)
{
    return v->windows * (v->m.model.graph.layers + (v->paired ? v->ref.model.graph.layers : 0));
}

static vq_status run_side(evaluation *v, side *s, const vq_batch *b, vq_err *e)
{
    const int layers = s->model.graph.layers;
    VQ_TRY(vq_exec_embed(&s->exec, b, v->input, s->h, e));
    for (int layer = 0; layer < layers; layer++) {
        VQ_TRY(vq_exec_block(&s->exec, b, layer, s->h, e));
        v->blocks += b->sequences;
        VQ_TRY(vq_step(&v->job->reporter, "evaluating", v->blocks, all_blocks(v), e));
    }
    return vq_exec_head(&s->exec, s->h, b->sequences * b->length, s->normed, e);
}

static void sum_window(const evaluation *v, int64_t w, int64_t row)
{
    double nll = 0, ref = 0, kl = 0, agree = 0;
    for (int64_t i = row; i < row + v->length; i++) {
        nll += v->m.scores[i].lse - v->m.scores[i].target;
        if (!v->paired) continue;
        ref += v->ref.scores[i].lse - v->ref.scores[i].target;
        kl += v->pairs[i].kl;
        agree += v->m.scores[i].best_id == v->ref.scores[i].best_id;
    }
    v->m.nll[w] = nll / (double)v->length;
    v->kl[w] = kl / (double)v->length;
    v->agree[w] = agree / (double)v->length;
    if (v->paired) v->ref.nll[w] = ref / (double)v->length;
}

static vq_status check_loss(const side *s, int64_t w, vq_err *e)
{
    if (isfinite(s->nll[w])) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC,
                   "%s: the loss of window %lld is not finite: check the weights of the last norm "
                   "and of the head",
                   s->model.checkpoint.path, (long long)w);
}

static vq_status run_chunk(evaluation *v, int64_t w0, int64_t n, vq_err *e)
{
    const vq_batch b = {.sequences = n, .length = v->length};
    for (int64_t i = 0; i < n; i++)
        fill_window(v, w0 + i, v->input + i * v->length, v->target + i * v->length);
    VQ_TRY(run_side(v, &v->m, &b, e));
    if (v->paired) VQ_TRY(run_side(v, &v->ref, &b, e));
    VQ_TRY(vq_likelihood(&v->m.exec, v->m.normed, v->paired ? &v->ref.exec : NULL, v->ref.normed,
                         n * v->length, v->target, v->m.scores, v->ref.scores, v->pairs, e));
    for (int64_t i = 0; i < n; i++) {
        sum_window(v, w0 + i, i * v->length);
        VQ_TRY(check_loss(&v->m, w0 + i, e));
        if (v->paired) VQ_TRY(check_loss(&v->ref, w0 + i, e));
    }
    return VQ_OK;
}

/* Tokens of one window hang together: windows are the independent draws. */
static vq_figure figure_of(const double *x, const double *minus, int64_t n)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] - (minus ? minus[i] : 0);
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double d = x[i] - (minus ? minus[i] : 0) - mean;
        squares += d * d;
    }
    return (vq_figure){.mean = mean,
                       .error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN};
}

static vq_side_result side_result(const evaluation *v, const side *s)
{
    const vq_figure f = figure_of(s->nll, NULL, v->windows);
    return (vq_side_result){.perplexity = exp(f.mean), .nll = f, .window_nll = s->nll};
}

static void tell(const evaluation *v, vq_eval_result *r)
{
    *r = (vq_eval_result){.windows = v->windows,
                          .tokens = v->windows * v->length,
                          .window = v->window,
                          .model = side_result(v, &v->m),
                          .seconds = vq_seconds() - v->started,
                          .paired = v->paired};
    memcpy(r->data, v->ids.sha256, sizeof r->data);
    if (!v->paired) return;
    r->ref = side_result(v, &v->ref);
    r->delta_nll = figure_of(v->m.nll, v->ref.nll, v->windows);
    r->kl = figure_of(v->kl, NULL, v->windows);
    r->agreement = figure_of(v->agree, NULL, v->windows);
    r->window_kl = v->kl;
    r->window_agreement = v->agree;
}

static vq_status check_pair(const evaluation *v, vq_err *e)
{
    if (!v->paired || v->m.model.graph.vocab == v->ref.model.graph.vocab) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "--ref: vocabularies differ (%lld and %lld); KL needs one vocabulary",
                   (long long)v->m.model.graph.vocab, (long long)v->ref.model.graph.vocab);
}

/* One piece for all blocks: fresh pages for each of them would cost a twentieth of the run. */
static vq_status reserve_scratch(evaluation *v, vq_err *e)
{
    const vq_batch b = {.sequences = v->chunk, .length = v->length};
    return vq_arena_reserve(&v->scratch, vq_exec_bytes(&v->m.exec, &b), "scratch of a block", e);
}

static double expected(const evaluation *v, const side *s, const vq_rates *rates)
{
    vq_cost cost = {0};
    const vq_pass_shape shape = {.graph = &s->model.graph,
                                 .tokens = (double)(v->windows * v->length),
                                 .batches = (double)v->windows / (double)v->chunk,
                                 .keys = (double)v->length / 2,
                                 .plain = true};
    for (int layer = 0; layer < s->model.graph.layers; layer++)
        vq_cost_add_block(&cost, &shape, layer);
    vq_cost_add_head(&cost, &shape, 1);
    return vq_cost_seconds(&cost, rates) / v->job->threads;
}

/* Before the work: how much it is, and how long that takes here. */
static vq_status tell_time(const evaluation *v, vq_err *e)
{
    vq_rates rates;
    VQ_TRY(vq_rates_forward(&rates, vq_record_most(&v->m.model.graph, 1, 1), v->job, e));
    const double seconds =
        expected(v, &v->m, &rates) + (v->paired ? expected(v, &v->ref, &rates) : 0);
    const vq_forecast f = {.step = seconds, .all = seconds, .follows = true};
    vq_say(&v->job->reporter, 0, "%lld window%s of %lld tokens%s: about %.*f s",
           (long long)v->windows, v->windows == 1 ? "" : "s", (long long)v->window,
           v->paired ? ", both models" : "", seconds < 9.5 ? 1 : 0, seconds);
    vq_expect(&v->job->reporter, &f);
    return vq_step(&v->job->reporter, "evaluating", 0, all_blocks(v), e);
}

static vq_status evaluate_opened(evaluation *v, vq_eval_result *r, vq_err *e)
{
    const char *path = v->o->tokens ? v->o->tokens : v->o->text;
    VQ_TRY(check_pair(v, e));
    VQ_TRY(choose_window(v, e));
    VQ_TRY(vq_step(&v->job->reporter, "reading text", 0, 1, e));
    VQ_TRY(vq_model_ids(&v->m.model, path, v->o->tokens != NULL, &v->job->reporter, &v->ids,
                        &v->arena, e));
    VQ_TRY(find_bos(v, e));
    VQ_TRY(count_windows(v, path, e));
    VQ_TRY(alloc_all(v, e));
    VQ_TRY(reserve_scratch(v, e));
    VQ_TRY(tell_time(v, e));
    for (int64_t w = 0; w < v->windows; w += v->chunk)
        VQ_TRY(run_chunk(v, w, v->windows - w < v->chunk ? v->windows - w : v->chunk, e));
    tell(v, r);
    return VQ_OK;
}

static vq_status evaluate_ref(evaluation *v, vq_eval_result *r, vq_err *e)
{
    if (!v->paired) return evaluate_opened(v, r, e);
    VQ_TRY(open_side(v, &v->ref, v->o->ref, true, e));
    const vq_status s =
        vq_model_blame(&v->ref.model, &v->job->kernels, evaluate_opened(v, r, e), e);
    vq_model_close(&v->ref.model);
    return s;
}

vq_status vq_run_eval_ppl(vq_job *job, const vq_eval_options *o, vq_eval_result *r, vq_arena *a,
                          vq_err *e)
{
    evaluation v = {.job = job, .o = o, .paired = o->ref != NULL, .results = a};
    v.started = vq_seconds();
    v.window = o->window ? o->window : WINDOW;
    VQ_TRY(check_window(&v, e));
    vq_arena_init(&v.arena, &job->budget);
    vq_arena_init(&v.scratch, &job->budget);
    vq_status s = open_side(&v, &v.m, o->model, !o->weights_only, e);
    if (s == VQ_OK) {
        s = vq_model_blame(&v.m.model, &job->kernels, evaluate_ref(&v, r, e), e);
        vq_model_close(&v.m.model);
    }
    vq_arena_done(&v.scratch);
    vq_arena_done(&v.arena);
    return s;
}
