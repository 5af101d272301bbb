/* function_check.c -- the model and the edited model side by side, part by part. */
#include "edit/function_check.h"

#include <math.h>
#include <string.h>

#include "edit/edited_source.h"

enum { VOCABULARY_TILE = 4096 };

/* Sums of squares over outputs: of the difference and of the base's. */
typedef struct sums {
    double difference, base;
} sums;

static void add_outputs(sums *s, const float *base, const float *edited, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)edited[i] - (double)base[i];
        s->difference += d * d;
        s->base += (double)base[i] * (double)base[i];
    }
}

static double distance_of(const sums *s)
{
    return s->difference == 0 ? 0 : sqrt(s->difference / s->base);
}

/* Both models on the same batch. */
typedef struct pair {
    const vq_exec *base;
    vq_exec edited;
    vq_batch batch;
    float *h[2]; /* [tokens][hidden] of base and edited */
} pair;

static int64_t tokens_of(const pair *p)
{
    return p->batch.sequences * p->batch.length;
}

static vq_status compare_logits(pair *p, sums *s, vq_err *e)
{
    const int64_t tokens = tokens_of(p), vocab = p->base->graph->vocab;
    float *logits = VQ_ALLOC(p->base->arena, float, 2 * tokens * VOCABULARY_TILE, "logits", e);
    if (!logits) return VQ_E_LIMIT;
    float *const other = logits + tokens * VOCABULARY_TILE;
    VQ_TRY(vq_exec_head(p->base, p->h[0], tokens, p->h[0], e));
    VQ_TRY(vq_exec_head(&p->edited, p->h[1], tokens, p->h[1], e));
    for (int64_t v0 = 0; v0 < vocab; v0 += VOCABULARY_TILE) {
        const int64_t nv = vocab - v0 < VOCABULARY_TILE ? vocab - v0 : VOCABULARY_TILE;
        VQ_TRY(vq_exec_logits(p->base, p->h[0], tokens, v0, nv, logits, e));
        VQ_TRY(vq_exec_logits(&p->edited, p->h[1], tokens, v0, nv, other, e));
        add_outputs(s, logits, other, tokens * nv);
    }
    return VQ_OK;
}

static vq_status run_pair(pair *p, const int32_t *ids, sums *s, vq_err *e)
{
    p->h[0] = VQ_ALLOC(p->base->arena, float, 2 * tokens_of(p) * vq_record_width(p->base->graph, 0),
                       "activations", e);
    if (!p->h[0]) return VQ_E_LIMIT;
    p->h[1] = p->h[0] + tokens_of(p) * vq_record_width(p->base->graph, 0);
    VQ_TRY(vq_exec_embed(p->base, &p->batch, ids, p->h[0], e));
    VQ_TRY(vq_exec_embed(&p->edited, &p->batch, ids, p->h[1], e));
    for (int layer = 0; layer < p->base->graph->layers; layer++) {
        VQ_TRY(vq_exec_block(p->base, &p->batch, layer, p->h[0], e));
        VQ_TRY(vq_exec_block(&p->edited, &p->batch, layer, p->h[1], e));
    }
    return compare_logits(p, s, e);
}

vq_status vq_function_model(const vq_exec *base, const vq_edited *d, const int32_t *ids,
                            int64_t sequences, int64_t length, double *distance, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(base->arena);
    pair p = {.base = base, .batch = {.sequences = sequences, .length = length}, .edited = *base};
    vq_edited_source source;
    sums s = {0, 0};
    vq_status status = vq_edited_source_init(&source, d, base->arena, e);
    p.edited.graph = d->graph;
    p.edited.source = &source.source;
    if (status == VQ_OK) status = run_pair(&p, ids, &s, e);
    vq_edited_source_done(&source);
    vq_arena_rewind(base->arena, mark);
    *distance = distance_of(&s);
    return status == VQ_OK ? VQ_OK : vq_at(e, "function check");
}

vq_status vq_function_block(const vq_exec *base, const vq_exec *edited, const vq_batch *b,
                            int layer, const float *h, double *distance, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(base->arena);
    const int64_t n = b->sequences * b->length * vq_record_width(base->graph, 0);
    sums s = {0, 0};
    float *x = VQ_ALLOC(base->arena, float, 2 * n, "activations", e);
    if (!x) return VQ_E_LIMIT;
    memcpy(x, h, (size_t)n * sizeof *x);
    memcpy(x + n, h, (size_t)n * sizeof *x);
    vq_status status = vq_exec_block(base, b, layer, x, e);
    if (status == VQ_OK) status = vq_exec_block(edited, b, layer, x + n, e);
    if (status == VQ_OK) add_outputs(&s, x, x + n, n);
    vq_arena_rewind(base->arena, mark);
    *distance = distance_of(&s);
    return status == VQ_OK ? VQ_OK : vq_at(e, "function check");
}

vq_status vq_function_judge(const char *pass, double distance, bool fatal, const vq_reporter *w,
                            vq_err *e)
{
    if (distance <= VQ_FUNCTION_TOLERANCE) return VQ_OK;
    if (!fatal) {
        vq_warn(w, "function-changed", pass,
                "outputs change by %.1e of their size in f32, beyond %.0e", distance,
                VQ_FUNCTION_TOLERANCE);
        return VQ_OK;
    }
    return vq_fail(e, VQ_E_NUMERIC,
                   "%s: outputs change by %.1e of their size in f32, beyond %.0e: the pass does "
                   "not keep what the model computes; leave it "
                   "out, or set checks.function: warn",
                   pass, distance, VQ_FUNCTION_TOLERANCE);
}
