/* self_text.c -- the model writes its own calibration text: batches of samples, one position at a
 * time, over a cache of keys and values. */
#include <assert.h>
#include <math.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "calib/calibrate.h"
#include "model/exec/exec.h"
#include "model/op/attention/kv_cache.h"

#define CACHE_BYTES                                                                                \
    ((size_t)512                                                                                   \
     << 20) /* keys, values and logits of a batch at most, and a quarter of what the memory limit
             * leaves */

/* What one batch works on. */
typedef struct writing {
    const vq_exec *exec;
    uint64_t seed;
    int32_t *ids;          /* of all samples [count][length] */
    int64_t length, first; /* first sample of the batch */
    float *h, *logits;     /* [sequences][hidden], [sequences][vocab] */
    int32_t *column;       /* [sequences] ids of one position */
} writing;

/* bytes that one sample takes: what every attention keeps, a record and a row of logits */
static size_t sample_bytes(const vq_graph *g, int64_t length)
{
    return (size_t)(g->vocab + vq_record_most(g, 1, 1) + vq_kv_cache_floats(g, length)) *
           sizeof(float);
}

static int64_t batch_size(const vq_graph *g, const vq_samples *s, const vq_budget *budget)
{
    size_t room = CACHE_BYTES;
    if (budget && budget->limit) {
        const size_t left = vq_budget_left(budget) / 4;
        if (left < room) room = left;
    }
    const int64_t n = (int64_t)(room / sample_bytes(g, s->length));
    return n < 1 ? 1 : n < s->count ? n : s->count;
}

size_t vq_calib_self_bytes(const vq_graph *g, const vq_samples *s, const vq_budget *budget)
{
    return (size_t)batch_size(g, s, budget) * sample_bytes(g, s->length);
}

/* One draw from the softmax of a row of logits; -1 when it has no finite sum. */
static int32_t draw(const float *logits, int64_t vocab, double uniform)
{
    double most = -INFINITY, sum = 0;
    for (int64_t v = 0; v < vocab; v++) most = fmax(most, (double)logits[v]);
    for (int64_t v = 0; v < vocab; v++) sum += exp((double)logits[v] - most);
    if (!isfinite(sum)) return -1;
    const double target = uniform * sum;
    double reached = 0;
    int32_t last = -1;
    for (int64_t v = 0; v < vocab; v++) {
        const double p = exp((double)logits[v] - most);
        reached += p;
        if (p > 0) last = (int32_t)v;
        if (reached > target) break;
    }
    return last;
}

static vq_status draw_column(const writing *w, int64_t sequences, int64_t position, vq_err *e)
{
    const int64_t vocab = w->exec->graph->vocab;
    int64_t bad = 0;
#pragma omp parallel for schedule(static) reduction(+ : bad) if (sequences * vocab > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < sequences; i++) {
        const uint64_t counter = (uint64_t)(w->first + i) << 32 | (uint64_t)position;
        const int32_t id = draw(w->logits + i * vocab, vocab, vq_rng_unit(w->seed, counter));
        w->ids[(w->first + i) * w->length + position] = id;
        bad += id < 0;
    }
    return bad ? vq_fail(e, VQ_E_NUMERIC, "logits at position %lld of its own text are not finite",
                         (long long)position)
               : VQ_OK;
}

/* Run position - 1 of every sample of the batch and draw what follows it. */
static vq_status write_position(const writing *w, vq_kv_cache *cache, int64_t sequences,
                                int64_t position, vq_err *e)
{
    const vq_exec *x = w->exec;
    const vq_batch b = {
        .sequences = sequences, .length = 1, .position = position - 1, .cache = cache};
    for (int64_t i = 0; i < sequences; i++)
        w->column[i] = w->ids[(w->first + i) * w->length + position - 1];
    VQ_TRY(vq_exec_embed(x, &b, w->column, w->h, e));
    for (int layer = 0; layer < x->graph->layers; layer++)
        VQ_TRY(vq_exec_block(x, &b, layer, w->h, e));
    VQ_TRY(vq_exec_head(x, w->h, sequences, w->h, e));
    VQ_TRY(vq_exec_logits(x, w->h, sequences, 0, x->graph->vocab, w->logits, e));
    return draw_column(w, sequences, position, e);
}

static vq_status write_batch(writing *w, int64_t sequences, int64_t total,
                             const vq_reporter *reporter, vq_arena *a, vq_err *e)
{
    const vq_graph *g = w->exec->graph;
    vq_kv_cache *cache;
    VQ_TRY(vq_kv_cache_new(&cache, g, sequences, w->length, a, e));
    w->column = VQ_ALLOC(a, int32_t, sequences, "calibration text", e);
    w->h = w->column ? VQ_ALLOC(a, float, vq_record_most(g, sequences, 1), "calibration text", e)
                     : NULL;
    w->logits =
        w->h ? VQ_ALLOC(a, float, sequences * g->vocab, "logits of calibration text", e) : NULL;
    if (!w->logits) return e->status;
    for (int64_t position = 1; position < w->length; position++) {
        VQ_TRY(vq_step(reporter, "writing text", w->first * w->length + sequences * position, total,
                       e));
        VQ_TRY(write_position(w, cache, sequences, position, e));
    }
    return VQ_OK;
}

vq_status vq_calib_self(const vq_exec *x, int64_t start, uint64_t seed, vq_samples *out,
                        const vq_reporter *w, vq_arena *a, vq_err *e)
{
    int32_t *ids = VQ_ALLOC(a, int32_t, out->count * out->length, "calibration text", e);
    if (!ids) return e->status;
    for (int64_t i = 0; i < out->count; i++) ids[i * out->length] = (int32_t)start;
    vq_exec quiet = *x;
    quiet.hook = NULL;
    const int64_t most = batch_size(x->graph, out, a->budget);
    vq_status s = VQ_OK;
    for (int64_t first = 0; s == VQ_OK && first < out->count; first += most) {
        const int64_t left = out->count - first;
        writing work = {
            .exec = &quiet, .seed = seed, .ids = ids, .length = out->length, .first = first};
        const vq_arena_mark mark = vq_arena_here(a);
        s = write_batch(&work, left < most ? left : most, out->count * out->length, w, a, e);
        vq_arena_rewind(a, mark);
    }
    out->ids = ids;
    return s == VQ_OK ? VQ_OK : vq_at(e, "calibration text of the model's own");
}
