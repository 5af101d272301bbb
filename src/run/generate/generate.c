/* generate.c -- a model goes on with a text, one token at a time over a cache of keys and values. */
#include <string.h>

#include "load/model.h"
#include "model/op/attention/kv_cache.h"
#include "run/generate/held.h"
#include "run/generate/pieces.h"
#include "run/generate/prompt.h"
#include "run/run.h"

enum { TILE = 8192 }; /* rows of the head that are decoded at a time */

typedef struct generation {
    const vq_job *job;
    const vq_generate_options *o;
    vq_arena arena, scratch, *results; /* results: the caller's */
    vq_model model;
    vq_exec exec;
    vq_overlay held;         /* quantized weights, decoded */
    vq_tokenizer *tokenizer; /* NULL: ids in, ids out */
    vq_kv_cache *cache;
    int32_t *ids; /* [room]: prompt, then what was generated */
    int64_t prompt, n, room;
    float *h, *rows, *logits; /* record; rows before the head; [vocab] */
    vq_candidate *candidates; /* [vocab] */
    vq_pieces pieces;
    char *text; /* of the results, [len of space] */
    size_t len, space;
} generation;

static vq_status open_tokenizer(generation *g, vq_err *e)
{
    const vq_prompt *p = &g->o->prompt;
    const char *path = vq_join(&g->arena, g->model.checkpoint.dir, "tokenizer.json", e);
    if (!path) return e->status;
    if (!p->text && !p->nchat && !p->system && !vq_exists(path)) return VQ_OK;
    return vq_model_tokenizer(&g->model, &g->tokenizer, &g->arena, e);
}

static vq_status prompt_ids(generation *g, const int32_t **ids, size_t *n, vq_err *e)
{
    const vq_generate_options *o = g->o;
    vq_ids from_file;
    int32_t *made = NULL;
    *n = 0;
    if (o->tokens) {
        VQ_TRY(vq_model_ids(&g->model, o->tokens, true, NULL, &from_file, &g->arena, e));
        *n = from_file.count;
        *ids = from_file.ids;
    } else if (o->prompt.text || o->prompt.nchat || o->prompt.system) {
        vq_prompt prompt = o->prompt;
        prompt.heed = &g->job->reporter;
        VQ_TRY(
            vq_prompt_ids(&prompt, g->model.checkpoint.dir, g->tokenizer, &g->arena, &made, n, e));
        *ids = made;
    }
    return vq_model_check_ids(&g->model, *ids, *n, e);
}

/* Room for prompt and answer, within the context; an empty prompt is the model's first token. */
static vq_status set_prompt(generation *g, vq_err *e)
{
    const int64_t context = g->model.graph.max_position;
    const int32_t first = (int32_t)vq_model_first_token(&g->model), *ids = &first;
    size_t n;
    VQ_TRY(prompt_ids(g, &ids, &n, e));
    if (n == 0) {
        ids = &first;
        n = 1;
    }
    g->prompt = g->n = (int64_t)n;
    g->room = g->o->max_tokens < INT64_MAX - g->n ? g->n + g->o->max_tokens : INT64_MAX;
    if (context > 0 && g->n >= context)
        return vq_fail(e, VQ_E_INPUT,
                       "the prompt is %lld tokens long, and the context of %s holds %lld with what "
                       "follows: shorten it",
                       (long long)n, g->model.checkpoint.path, (long long)context);
    if (context > 0 && g->room > context) g->room = context;
    g->ids = VQ_ALLOC(g->results, int32_t, g->room, "token ids", e);
    if (!g->ids) return e->status;
    memcpy(g->ids, ids, n * sizeof *ids);
    g->pieces = vq_pieces_start(g->tokenizer, n);
    return VQ_OK;
}

static vq_status allocate(generation *g, vq_err *e)
{
    const vq_graph *graph = &g->model.graph;
    VQ_TRY(vq_kv_cache_new(&g->cache, graph, 1, g->room, &g->arena, e));
    g->h = VQ_ALLOC(&g->arena, float, vq_record_most(graph, 1, g->prompt), "activations", e);
    g->rows = VQ_ALLOC(&g->arena, float, g->prompt * graph->nodes[graph->lm_head].in_width,
                       "activations", e);
    g->logits = VQ_ALLOC(&g->arena, float, graph->vocab, "logits", e);
    g->candidates = VQ_ALLOC(&g->arena, vq_candidate, graph->vocab, "logits", e);
    return g->h && g->rows && g->logits && g->candidates ? VQ_OK : e->status;
}

/* Logits of what follows token position + n - 1; the tokens before `position` are in the cache. */
static vq_status run_tokens(generation *g, int64_t position, int64_t n, vq_err *e)
{
    const vq_graph *graph = &g->model.graph;
    const int64_t width = graph->nodes[graph->lm_head].in_width;
    const vq_batch b = {.sequences = 1, .length = n, .position = position, .cache = g->cache};
    const vq_reporter stop = {.stop = g->job->reporter.stop};
    VQ_TRY(vq_exec_embed(&g->exec, &b, g->ids + position, g->h, e));
    for (int layer = 0; layer < graph->layers; layer++) {
        VQ_TRY(vq_step(&stop, "generating", g->n - g->prompt, g->room - g->prompt, e));
        VQ_TRY(vq_exec_block(&g->exec, &b, layer, g->h, e));
    }
    VQ_TRY(vq_exec_head(&g->exec, g->h, n, g->rows, e));
    for (int64_t v = 0; v < graph->vocab; v += TILE) {
        const int64_t left = graph->vocab - v;
        VQ_TRY(vq_exec_logits(&g->exec, g->rows + (n - 1) * width, 1, v, left < TILE ? left : TILE,
                              g->logits + v, e));
    }
    return VQ_OK;
}

static vq_status keep_text(generation *g, const char *text, size_t len, vq_err *e)
{
    while (g->space - g->len <= len) {
        char *more = vq_arena_more(g->results, g->text, &g->space, 1, "text", e);
        if (!more) return e->status;
        g->text = more;
    }
    memcpy(g->text + g->len, text, len);
    g->len += len;
    g->text[g->len] = 0;
    return VQ_OK;
}

/* *go_on false: whoever reads the text has left. */
static vq_status tell(generation *g, bool last, bool *go_on, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&g->scratch);
    const char *text;
    size_t len;
    if (!g->tokenizer) return VQ_OK;
    VQ_TRY(vq_pieces_next(&g->pieces, g->ids, (size_t)g->n, last, &g->scratch, &text, &len, e));
    VQ_TRY(keep_text(g, text, len, e));
    if (len && g->o->piece) *go_on = g->o->piece(g->o->ctx, text, len);
    vq_arena_rewind(&g->scratch, mark);
    return VQ_OK;
}

static bool ends(const generation *g, int32_t id)
{
    const vq_hf_config *c = &g->model.checkpoint.config;
    for (int i = 0; i < c->eos_count; i++)
        if (c->eos[i] == id) return true;
    return false;
}

/* Draws what follows; *go_on false: it ends the text, or its reader has left. */
static vq_status draw(generation *g, bool *go_on, vq_err *e)
{
    const int32_t id =
        vq_sample(&g->o->sampling, g->logits, g->model.graph.vocab, (uint64_t)g->n, g->candidates);
    if (id < 0)
        return vq_fail(e, VQ_E_NUMERIC, "logits at position %lld are not finite",
                       (long long)(g->n - 1));
    *go_on = !ends(g, id);
    if (!*go_on) return VQ_OK;
    g->ids[g->n++] = id;
    return tell(g, false, go_on, e);
}

static vq_status generate(generation *g, vq_generate_result *r, vq_err *e)
{
    bool go_on = true, ended = false;
    const double begun = vq_seconds();
    VQ_TRY(run_tokens(g, 0, g->prompt, e));
    r->prompt_seconds = vq_seconds() - begun;
    while (go_on && g->n < g->room) {
        if (g->n > g->prompt) VQ_TRY(run_tokens(g, g->n - 1, 1, e));
        VQ_TRY(draw(g, &go_on, e));
        ended = !go_on;
    }
    VQ_TRY(tell(g, true, &go_on, e));
    r->seconds = vq_seconds() - begun - r->prompt_seconds;
    r->stopped = ended ? "eos" : g->n - g->prompt < g->o->max_tokens ? "context" : "length";
    r->text = g->tokenizer ? g->text : NULL;
    r->ids = g->ids + g->prompt;
    r->count = g->n - g->prompt;
    r->prompt_tokens = g->prompt;
    return VQ_OK;
}

static vq_status run_opened(generation *g, vq_generate_result *r, vq_err *e)
{
    if (g->model.checkpoint.note)
        vq_warn(&g->job->reporter, "config-unused", g->o->model, "%s", g->model.checkpoint.note);
    VQ_TRY(vq_model_need_graph(&g->model, "vq generate", e));
    vq_model_warn(&g->model, &g->job->reporter);
    VQ_TRY(vq_kernels_room(g->job->threads, e));
    g->exec = vq_model_exec(&g->model, g->job, &g->scratch, !g->o->weights_only);
    VQ_TRY(open_tokenizer(g, e));
    if (g->tokenizer) vq_tokenizer_heed(g->tokenizer, &g->job->reporter);
    VQ_TRY(set_prompt(g, e));
    vq_budget_measure(g->arena.budget);
    VQ_TRY(allocate(g, e));
    const vq_batch b = {.sequences = 1, .length = g->prompt, .cache = g->cache};
    VQ_TRY(vq_arena_reserve(&g->scratch, vq_exec_bytes(&g->exec, &b), "scratch of a block", e));
    VQ_TRY(vq_held_make(&g->held, &g->exec, g->job, &g->arena, e));
    return generate(g, r, e);
}

vq_status vq_run_generate(vq_job *job, const vq_generate_options *o, vq_generate_result *r,
                          vq_arena *a, vq_err *e)
{
    generation g = {.job = job, .o = o, .results = a};
    *r = (vq_generate_result){0};
    vq_arena_init(&g.arena, &job->budget);
    vq_arena_init(&g.scratch, &job->budget);
    vq_status s = vq_model_open(&g.model, o->model, &g.arena, e);
    if (s == VQ_OK) {
        s = vq_model_blame(&g.model, &job->kernels, run_opened(&g, r, e), e);
        vq_model_close(&g.model);
    }
    vq_tokenizer_free(g.tokenizer);
    vq_arena_done(&g.scratch);
    vq_arena_done(&g.arena);
    return s;
}
