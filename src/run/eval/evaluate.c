/* evaluate.c -- perplexity over windows of texts, alone or paired with a reference model. */
#include <math.h>
#include <string.h>

#include "load/model.h"
#include "plan/cost/graph_cost.h"
#include "plan/cost/rates.h"
#include "run/eval/figures.h"
#include "run/eval/scoring.h"
#include "run/run.h"

typedef struct side {
    vq_model model;
    vq_exec exec;
} side;

/* The texts are walked window by window; the reference runs a window once for all models, which then
 * run it one after the other in the same buffers. */
typedef struct evaluation {
    vq_job *job;
    const vq_eval_options *o;
    vq_arena arena, scratch, *results; /* results: the caller's */
    side *models, *ref;                /* ref: behind the models; NULL: none */
    int opened;                        /* of models and ref */
    vq_windows *texts;
    int64_t window;           /* asked for, or what all models take */
    int64_t blocks;           /* done so far, for the progress bar */
    float *h;                 /* records of a chunk, of any side */
    float *normed, *ref_head; /* [chunk tokens][in_width of lm_head] of a model; of the reference */
    int32_t *input, *target;
    vq_row_score *scores, *ref_scores;
    vq_pair_score *pairs;
    vq_window_means *means; /* [models][texts]; of the caller's arena, as all that a result shows */
    double started;
} evaluation;

static int sides_of(const evaluation *v)
{
    return v->o->nmodels + (v->o->ref != NULL);
}

static vq_window_means *means_of(const evaluation *v, int model, int text)
{
    return &v->means[(ptrdiff_t)model * v->o->ntexts + text];
}

/* ---- models ---- */

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
    for (int i = 0; i < v->opened; i++) VQ_TRY(fit_context(v, &v->models[i], e));
    return check_window(v, e);
}

static vq_status check_vocabularies(const evaluation *v, vq_err *e)
{
    for (int i = 0; v->ref && i < v->o->nmodels; i++) {
        const int64_t vocab = v->models[i].model.graph.vocab, other = v->ref->model.graph.vocab;
        if (vocab == other) continue;
        return vq_fail(e, VQ_E_RECIPE,
                       "--ref: vocabularies differ (%lld of %s and %lld); KL needs one vocabulary",
                       (long long)vocab, v->models[i].model.checkpoint.path, (long long)other);
    }
    return VQ_OK;
}

static vq_status open_side(evaluation *v, side *s, const char *path, bool quantize_inputs,
                           vq_err *e)
{
    VQ_TRY(vq_model_open(&s->model, path, &v->arena, e));
    v->opened++;
    if (s->model.checkpoint.note)
        vq_warn(&v->job->reporter, "config-unused", path, "%s", s->model.checkpoint.note);
    s->exec = vq_model_exec(&s->model, v->job, &v->scratch, quantize_inputs);
    VQ_TRY(vq_model_need_graph(&s->model, "vq eval ppl", e));
    VQ_TRY(vq_kernels_room(v->job->threads, e));
    vq_model_warn(&s->model, &v->job->reporter);
    vq_budget_measure(&v->job->budget);
    return VQ_OK;
}

static vq_status open_models(evaluation *v, vq_err *e)
{
    const vq_eval_options *o = v->o;
    v->models = VQ_NEW(&v->arena, side, sides_of(v), "models", e);
    if (!v->models) return e->status;
    for (int i = 0; i < o->nmodels; i++)
        VQ_TRY(open_side(v, &v->models[i], o->models[i], !o->weights_only, e));
    if (!o->ref) return VQ_OK;
    v->ref = &v->models[o->nmodels];
    return open_side(v, v->ref, o->ref, true, e);
}

/* ---- texts ---- */

static vq_status check_once(const evaluation *v, int text, vq_err *e)
{
    for (int i = 0; i < text; i++)
        if (strcmp(v->texts[i].ids.sha256, v->texts[text].ids.sha256) == 0)
            return vq_fail(e, VQ_E_RECIPE, "%s and %s hold the same text: give one of them",
                           v->texts[i].path, v->texts[text].path);
    return VQ_OK;
}

static vq_status read_text(evaluation *v, int text, vq_err *e)
{
    const vq_eval_options *o = v->o;
    const vq_reporter *w = &v->job->reporter;
    vq_windows *t = &v->texts[text];
    *t = (vq_windows){.path = o->texts[text], .window = v->window};
    VQ_TRY(vq_step(w, "reading text", text, o->ntexts, e));
    VQ_TRY(vq_windows_read(t, &v->models[0].model, o, w, &v->arena, e));
    VQ_TRY(check_once(v, text, e));
    for (int i = 1; i < o->nmodels; i++)
        VQ_TRY(vq_windows_fit(t, &v->models[i].model, o, w, &v->arena, e));
    return VQ_OK;
}

static vq_status read_texts(evaluation *v, vq_err *e)
{
    v->texts = VQ_ALLOC(&v->arena, vq_windows, v->o->ntexts, "texts", e);
    if (!v->texts) return e->status;
    for (int i = 0; i < v->o->ntexts; i++) VQ_TRY(read_text(v, i, e));
    return VQ_OK;
}

/* ---- memory ---- */

static int64_t chunk_tokens(const evaluation *v)
{
    int64_t most = 0;
    for (int i = 0; i < v->o->ntexts; i++) {
        const int64_t tokens = v->texts[i].chunk * v->texts[i].length;
        if (tokens > most) most = tokens;
    }
    return most;
}

static int64_t head_width(const side *s)
{
    return s->model.graph.nodes[s->model.graph.lm_head].in_width;
}

static vq_status alloc_activations(evaluation *v, int64_t tokens, vq_err *e)
{
    int64_t record = 1, width = 1;
    for (int i = 0; i < v->opened; i++) {
        const side *s = &v->models[i];
        const int64_t r = vq_record_most(&s->model.graph, 1, 1);
        if (r > record) record = r;
        if (s != v->ref && head_width(s) > width) width = head_width(s);
    }
    v->h = VQ_ALLOC(&v->arena, float, tokens *record, "activations", e);
    v->normed = VQ_ALLOC(&v->arena, float, tokens *width, "activations", e);
    v->ref_head =
        VQ_ALLOC(&v->arena, float, v->ref ? tokens *head_width(v->ref) : 0, "activations", e);
    return v->h && v->normed && v->ref_head ? VQ_OK : e->status;
}

static vq_status alloc_scores(evaluation *v, int64_t tokens, vq_err *e)
{
    const int64_t paired = v->ref ? tokens : 0;
    v->input = VQ_ALLOC(&v->arena, int32_t, tokens, "token ids", e);
    v->target = VQ_ALLOC(&v->arena, int32_t, tokens, "token ids", e);
    v->scores = VQ_ALLOC(&v->arena, vq_row_score, tokens, "scores", e);
    v->ref_scores = VQ_ALLOC(&v->arena, vq_row_score, paired, "scores", e);
    v->pairs = VQ_ALLOC(&v->arena, vq_pair_score, paired, "scores", e);
    return v->input && v->target && v->scores && v->ref_scores && v->pairs ? VQ_OK : e->status;
}

static vq_status alloc_means(evaluation *v, vq_window_means *m, int64_t windows, vq_err *e)
{
    const int64_t paired = v->ref ? windows : 0;
    m->nll = VQ_ALLOC(v->results, double, windows, "scores", e);
    m->ref = VQ_ALLOC(v->results, double, paired, "scores", e);
    m->kl = VQ_ALLOC(v->results, double, paired, "scores", e);
    m->agree = VQ_ALLOC(v->results, double, paired, "scores", e);
    return m->nll && m->ref && m->kl && m->agree ? VQ_OK : e->status;
}

static vq_status alloc_all(evaluation *v, vq_err *e)
{
    const int models = v->o->nmodels, texts = v->o->ntexts;
    const int64_t tokens = chunk_tokens(v);
    VQ_TRY(alloc_activations(v, tokens, e));
    VQ_TRY(alloc_scores(v, tokens, e));
    v->means = VQ_ALLOC(v->results, vq_window_means, (size_t)models * (size_t)texts, "scores", e);
    if (!v->means) return e->status;
    for (int i = 0; i < models; i++)
        for (int j = 0; j < texts; j++)
            VQ_TRY(alloc_means(v, means_of(v, i, j), v->texts[j].count, e));
    return VQ_OK;
}

/* One piece for all blocks: fresh pages for each of them would cost a twentieth of the run. */
static vq_status reserve_scratch(evaluation *v, vq_err *e)
{
    size_t most = 0;
    for (int i = 0; i < v->opened; i++)
        for (int j = 0; j < v->o->ntexts; j++) {
            const vq_batch b = {.sequences = v->texts[j].chunk, .length = v->texts[j].length};
            const size_t bytes = vq_exec_bytes(&v->models[i].exec, &b);
            if (bytes > most) most = bytes;
        }
    return vq_arena_reserve(&v->scratch, most, "scratch of a block", e);
}

/* ---- time ---- */

static int64_t all_windows(const evaluation *v)
{
    int64_t n = 0;
    for (int i = 0; i < v->o->ntexts; i++) n += v->texts[i].count;
    return n;
}

/* Blocks of all windows and sides, so that one bar runs from start to end. */
static int64_t all_blocks(const evaluation *v)
{
    int64_t layers = 0;
    for (int i = 0; i < v->opened; i++) layers += v->models[i].model.graph.layers;
    return all_windows(v) * layers;
}

/* A side on a text; the head of the reference runs with each model. */
static double expected(const evaluation *v, const side *s, const vq_windows *t,
                       const vq_rates *rates)
{
    vq_cost cost = {0};
    const vq_pass_shape shape = {.graph = &s->model.graph,
                                 .tokens = (double)(t->count * t->length),
                                 .batches = (double)t->count / (double)t->chunk,
                                 .keys = (double)t->length / 2,
                                 .plain = true};
    for (int layer = 0; layer < s->model.graph.layers; layer++)
        vq_cost_add_block(&cost, &shape, layer);
    vq_cost_add_head(&cost, &shape, s == v->ref ? v->o->nmodels : 1);
    return vq_cost_seconds(&cost, rates) / v->job->threads;
}

/* "8 windows of 2048 tokens in 2 texts, 3 models and the reference: about 50 s on idle cores" */
static void say_work(const evaluation *v, double seconds)
{
    const long long windows = all_windows(v);
    char texts[40] = "", models[40] = "", time[40];
    if (v->o->ntexts > 1) (void)snprintf(texts, sizeof texts, " in %d texts", v->o->ntexts);
    if (v->o->nmodels > 1)
        (void)snprintf(models, sizeof models, ", %d models%s", v->o->nmodels,
                       v->ref ? " and the reference" : "");
    vq_say(&v->job->reporter, 0, "%lld window%s of %lld tokens%s%s: %s on idle cores", windows,
           windows == 1 ? "" : "s", (long long)v->window, texts,
           v->ref && v->o->nmodels == 1 ? ", both models" : models,
           vq_forecast_about(seconds, time));
}

/* Before the work: how much it is, and how long that takes here. */
static vq_status tell_time(const evaluation *v, vq_err *e)
{
    vq_rates rates;
    double seconds = 0;
    VQ_TRY(vq_rates_forward(&rates, vq_record_most(&v->models[0].model.graph, 1, 1), v->job, e));
    for (int i = 0; i < v->opened; i++)
        for (int j = 0; j < v->o->ntexts; j++)
            seconds += expected(v, &v->models[i], &v->texts[j], &rates);
    const vq_forecast f = {.step = seconds, .all = seconds, .follows = true};
    say_work(v, seconds);
    vq_expect(&v->job->reporter, &f);
    return vq_step(&v->job->reporter, "evaluating", 0, all_blocks(v), e);
}

/* ---- the work ---- */

static vq_status run_side(evaluation *v, const side *s, const vq_batch *b, float *normed, vq_err *e)
{
    VQ_TRY(vq_exec_embed(&s->exec, b, v->input, v->h, e));
    for (int layer = 0; layer < s->model.graph.layers; layer++) {
        VQ_TRY(vq_exec_block(&s->exec, b, layer, v->h, e));
        v->blocks += b->sequences;
        VQ_TRY(vq_step(&v->job->reporter, "evaluating", v->blocks, all_blocks(v), e));
    }
    return vq_exec_head(&s->exec, v->h, b->sequences * b->length, normed, e);
}

/* Means over the tokens of window w, whose scores begin at `row`. */
static void sum_window(const evaluation *v, const vq_window_means *m, int64_t w, int64_t row,
                       int64_t length)
{
    double nll = 0, ref = 0, kl = 0, agree = 0;
    for (int64_t i = row; i < row + length; i++) {
        nll += v->scores[i].lse - v->scores[i].target;
        if (!v->ref) continue;
        ref += v->ref_scores[i].lse - v->ref_scores[i].target;
        kl += v->pairs[i].kl;
        agree += v->scores[i].best_id == v->ref_scores[i].best_id;
    }
    m->nll[w] = nll / (double)length;
    if (!v->ref) return;
    m->ref[w] = ref / (double)length;
    m->kl[w] = kl / (double)length;
    m->agree[w] = agree / (double)length;
}

static vq_status check_loss(const side *s, double nll, int64_t w, vq_err *e)
{
    if (isfinite(nll)) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC,
                   "%s: the loss of window %lld is not finite: check the weights of the last norm "
                   "and of the head",
                   s->model.checkpoint.path, (long long)w);
}

static vq_status run_model(evaluation *v, const side *s, const vq_window_means *m, int64_t w0,
                           const vq_batch *b, vq_err *e)
{
    VQ_TRY(run_side(v, s, b, v->normed, e));
    VQ_TRY(vq_likelihood(&s->exec, v->normed, v->ref ? &v->ref->exec : NULL, v->ref_head,
                         b->sequences * b->length, v->target, v->scores, v->ref_scores, v->pairs,
                         e));
    for (int64_t i = 0; i < b->sequences; i++) {
        sum_window(v, m, w0 + i, i * b->length, b->length);
        VQ_TRY(check_loss(s, m->nll[w0 + i], w0 + i, e));
        if (v->ref) VQ_TRY(check_loss(v->ref, m->ref[w0 + i], w0 + i, e));
    }
    return VQ_OK;
}

static vq_status run_text(evaluation *v, int text, vq_err *e)
{
    const vq_windows *t = &v->texts[text];
    for (int64_t w = 0; w < t->count; w += t->chunk) {
        const int64_t n = t->count - w < t->chunk ? t->count - w : t->chunk;
        const vq_batch b = {.sequences = n, .length = t->length};
        vq_windows_fill(t, w, n, v->input, v->target);
        if (v->ref) VQ_TRY(run_side(v, v->ref, &b, v->ref_head, e));
        for (int i = 0; i < v->o->nmodels; i++)
            VQ_TRY(run_model(v, &v->models[i], means_of(v, i, text), w, &b, e));
    }
    return VQ_OK;
}

static vq_status tell(const evaluation *v, vq_eval_result *r, vq_err *e)
{
    const int models = v->o->nmodels, texts = v->o->ntexts;
    vq_eval_row *rows =
        VQ_ALLOC(v->results, vq_eval_row, (size_t)models * (size_t)texts, "figures", e);
    if (!rows) return e->status;
    for (int i = 0; i < models; i++)
        for (int j = 0; j < texts; j++)
            rows[i * texts + j] =
                vq_eval_figures(v->o->models[i], &v->texts[j], means_of(v, i, j), v->ref != NULL);
    *r = (vq_eval_result){.rows = rows,
                          .models = models,
                          .texts = texts,
                          .window = v->window,
                          .seconds = vq_seconds() - v->started};
    return VQ_OK;
}

static vq_status evaluate(evaluation *v, vq_eval_result *r, vq_err *e)
{
    VQ_TRY(open_models(v, e));
    VQ_TRY(check_vocabularies(v, e));
    VQ_TRY(choose_window(v, e));
    VQ_TRY(read_texts(v, e));
    VQ_TRY(alloc_all(v, e));
    VQ_TRY(reserve_scratch(v, e));
    VQ_TRY(tell_time(v, e));
    for (int i = 0; i < v->o->ntexts; i++) VQ_TRY(run_text(v, i, e));
    return tell(v, r, e);
}

vq_status vq_run_eval_ppl(vq_job *job, const vq_eval_options *o, vq_eval_result *r, vq_arena *a,
                          vq_err *e)
{
    evaluation v = {.job = job, .o = o, .results = a, .started = vq_seconds()};
    v.window = o->window ? o->window : WINDOW;
    VQ_TRY(check_window(&v, e));
    vq_arena_init(&v.arena, &job->budget);
    vq_arena_init(&v.scratch, &job->budget);
    vq_status s = evaluate(&v, r, e);
    for (int i = v.opened - 1; i >= 0; i--) {
        s = vq_model_blame(&v.models[i].model, &job->kernels, s, e);
        vq_model_close(&v.models[i].model);
    }
    vq_arena_done(&v.scratch);
    vq_arena_done(&v.arena);
    return s;
}
