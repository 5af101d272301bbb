/* self_text.c -- the model writes its own calibration text: many short texts together, one position
 * at a time, over a cache of keys and values. */
#include "calib/self_text.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "kernels/bf16_product.h"
#include "model/exec/exec.h"
#include "model/op/attention/kv_cache.h"

#define CACHE_BYTES                                                                                \
    ((size_t)540                                                                                   \
     << 20) /* keys, values and logits of a batch at most, and a quarter of what the memory limit  \
             * leaves */
enum { RUN = 4, PIECE = 512 };

/* What one batch works on: texts [first, first + sequences). */
typedef struct writing {
    const vq_exec *exec;
    const vq_self_texts *texts;
    int64_t first, sequences;
    float *h, *logits; /* [sequences][width of the record], [sequences][vocab] */
    int32_t *column;   /* [sequences] ids of one position */
    int64_t *drawn;    /* [sequences] those whose next position is drawn */
    vq_kv_cache *cache;
} writing;

/* bytes that one text takes: what every attention keeps, a record and a row of logits */
static size_t text_bytes(const vq_graph *g, int64_t length)
{
    return (size_t)(g->vocab + vq_record_most(g, 1, 1) + vq_kv_cache_floats(g, length)) *
           sizeof(float);
}

int64_t vq_calib_self_batch(const vq_graph *g, const vq_self_texts *t, const vq_budget *budget)
{
    size_t room = CACHE_BYTES;
    if (budget && budget->limit) {
        const size_t left = vq_budget_left(budget) / 4;
        if (left < room) room = left;
    }
    const int64_t most = (int64_t)(room / text_bytes(g, t->length)), n = most < 1 ? 1 : most;
    const int64_t batches = t->count ? (t->count + n - 1) / n : 1;
    return (t->count + batches - 1) / batches;
}

size_t vq_calib_self_bytes(const vq_graph *g, const vq_self_texts *t, const vq_budget *budget)
{
    return (size_t)vq_calib_self_batch(g, t, budget) * text_bytes(g, t->length);
}

/* Weights of logits [v, v + n) over the largest, added up; what is nothing beside it costs nothing. */
static double weigh(const float *logits, int64_t n, float most, float sharpness)
{
    double sum = 0;
    for (int64_t v = 0; v < n; v++) {
        const float x = (logits[v] - most) * sharpness;
        if (x > -40) sum += (double)expf(x);
    }
    return sum;
}

/* One draw from the softmax of a row of logits; -1 when it has no finite sum. The row is weighed piece
 * by piece, and only the piece that the draw falls into id by id. */
static int32_t draw(const float *logits, int64_t vocab, float sharpness, double uniform)
{
    float most = -INFINITY;
    double sum = 0, reached = 0;
    bool whole = true;
    for (int64_t v = 0; v < vocab; v++) {
        most = logits[v] > most ? logits[v] : most;
        whole = whole && logits[v] < INFINITY;
    }
    if (!whole || !isfinite(most)) return -1;
    for (int64_t v = 0; v < vocab; v += PIECE)
        sum += weigh(logits + v, vocab - v < PIECE ? vocab - v : PIECE, most, sharpness);
    const double target = uniform * sum;
    int64_t v = 0, last = 0;
    for (; v < vocab; v += PIECE) {
        const double w = weigh(logits + v, vocab - v < PIECE ? vocab - v : PIECE, most, sharpness);
        if (reached + w > target) break;
        reached += w;
    }
    for (; v < vocab && reached <= target; v++) {
        const double w = weigh(logits + v, 1, most, sharpness);
        reached += w;
        if (w > 0) last = v;
    }
    return (int32_t)last;
}

/* Ids of position `position` for the texts of which it is not given; row r of the logits is that of the
 * r-th of these. */
static vq_status draw_column(const writing *w, int64_t rows, int64_t position, vq_err *e)
{
    const vq_self_texts *t = w->texts;
    const int64_t vocab = w->exec->graph->vocab;
    const float sharpness = (float)(1 / t->temperature);
    int64_t bad = 0;
#pragma omp parallel for schedule(static) reduction(+ : bad) if (rows * vocab > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) {
        const int64_t text = w->first + w->drawn[r];
        const uint64_t counter = (uint64_t)text << 32 | (uint64_t)position;
        const int32_t id =
            draw(w->logits + r * vocab, vocab, sharpness, vq_rng_unit(t->seed, counter));
        t->ids[text * t->length + position] = id;
        bad += id < 0;
    }
    return bad ? vq_fail(e, VQ_E_NUMERIC, "logits at position %lld of its own text are not finite",
                         (long long)position)
               : VQ_OK;
}

/* Rows of h whose next position has to be drawn come first. */
static int64_t pick_rows(const writing *w, int64_t position)
{
    const vq_graph *g = w->exec->graph;
    const int64_t width = vq_record_width(g, g->layers);
    int64_t rows = 0;
    for (int64_t i = 0; i < w->sequences; i++) {
        if (w->texts->given[w->first + i] > position) continue;
        if (rows < i) memcpy(w->h + rows * width, w->h + i * width, (size_t)width * sizeof *w->h);
        w->drawn[rows++] = i;
    }
    return rows;
}

/* Runs position - 1 of every text of the batch and draws what follows it, where that is not given. */
static vq_status write_position(const writing *w, int64_t position, vq_err *e)
{
    const vq_exec *x = w->exec;
    const vq_self_texts *t = w->texts;
    const vq_batch b = {
        .sequences = w->sequences, .length = 1, .position = position - 1, .cache = w->cache};
    for (int64_t i = 0; i < w->sequences; i++)
        w->column[i] = t->ids[(w->first + i) * t->length + position - 1];
    VQ_TRY(vq_exec_embed(x, &b, w->column, w->h, e));
    for (int layer = 0; layer < x->graph->layers; layer++)
        VQ_TRY(vq_exec_block(x, &b, layer, w->h, e));
    const int64_t rows = pick_rows(w, position);
    VQ_TRY(vq_exec_head(x, w->h, rows, w->h, e));
    VQ_TRY(vq_exec_logits(x, w->h, rows, 0, x->graph->vocab, w->logits, e));
    return draw_column(w, rows, position, e);
}

static vq_status open_batch(writing *w, vq_arena *a, vq_err *e)
{
    const vq_graph *g = w->exec->graph;
    const int64_t n = w->sequences;
    VQ_TRY(vq_kv_cache_new(&w->cache, g, n, w->texts->length, a, e));
    w->column = VQ_ALLOC(a, int32_t, n, "calibration text", e);
    w->drawn = VQ_ALLOC(a, int64_t, n, "calibration text", e);
    w->h = VQ_ALLOC(a, float, vq_record_most(g, n, 1), "calibration text", e);
    w->logits = VQ_ALLOC(a, float, n * g->vocab, "logits of calibration text", e);
    return w->column && w->drawn && w->h && w->logits ? VQ_OK : VQ_E_LIMIT;
}

static vq_status write_batch(writing *w, const vq_reporter *reporter, vq_arena *a, vq_err *e)
{
    const vq_self_texts *t = w->texts;
    VQ_TRY(open_batch(w, a, e));
    for (int64_t position = 1; position < t->length; position++) {
        VQ_TRY(vq_step(reporter, "writing text", w->first * t->length + w->sequences * position,
                       t->count * t->length, e));
        VQ_TRY(write_position(w, position, e));
    }
    return VQ_OK;
}

static vq_status write_batches(const vq_exec *x, vq_self_texts *t, const vq_reporter *w,
                               vq_arena *a, vq_err *e)
{
    const int64_t most = vq_calib_self_batch(x->graph, t, a->budget);
    vq_status s = VQ_OK;
    for (int64_t first = 0; s == VQ_OK && first < t->count; first += most) {
        const int64_t left = t->count - first;
        writing work = {
            .exec = x, .texts = t, .first = first, .sequences = left < most ? left : most};
        const vq_arena_mark mark = vq_arena_here(a);
        s = write_batch(&work, w, a, e);
        vq_arena_rewind(a, mark);
    }
    return s;
}

vq_status vq_calib_self(const vq_exec *x, vq_self_texts *t, const vq_reporter *w, vq_arena *a,
                        vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(a);
    vq_kernels kernels = *x->kernels;
    vq_exec quiet = *x;
    quiet.hook = NULL;
    quiet.kernels = &kernels;
    vq_status s = t->bf16 ? vq_bf16_take(&kernels, a, e) : VQ_OK;
    if (s == VQ_OK) s = write_batches(&quiet, t, w, a, e);
    vq_arena_rewind(a, mark);
    return s == VQ_OK ? VQ_OK : vq_at(e, "calibration text of the model's own");
}

double vq_calib_self_distinct(const int32_t *ids, int64_t n)
{
    const int64_t runs = n - RUN + 1;
    int64_t fresh = 0;
    if (runs < 2) return 1;
    for (int64_t i = 0; i < runs; i++) {
        int64_t j = 0;
        while (j < i && memcmp(ids + j, ids + i, RUN * sizeof *ids) != 0) j++;
        fresh += j == i;
    }
    return (double)fresh / (double)runs;
}
