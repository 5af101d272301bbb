/* attention.c -- causal softmax(q k^T / sqrt d) v with grouped heads, an optional sliding window,
 * and earlier keys from a cache. Work is cut into tiles of queries of one head; a tile sees only
 * the keys up to its last query. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/parallel.h"
#include "model/op/kv_cache.h"
#include "model/op/op.h"

enum { TILE = 64 }; /* queries: scores of 64 x 2048 keys stay in the second-level cache */

typedef struct attention {
    const vq_kernels *kernels;
    const vq_node *node;
    const vq_batch *batch;
    const float *q, *k, *v; /* k, v: position 0 of sequence 0 */
    float *out;
    int64_t q_width, kv_width;
    int64_t sequence_rows; /* rows of k and v per sequence */
    float scale;
} attention;

/* First key that a query at `position` sees. */
static int64_t first_key(const vq_node *n, int64_t position)
{
    return n->window > 0 && position >= n->window ? position - n->window + 1 : 0;
}

/* Softmax over the keys that each query may see; `first`: position of the tile's first query, key0:
 * of the first column. */
static void weigh(const attention *a, float *scores, int64_t rows, int64_t keys, int64_t first,
                  int64_t key0)
{
    for (int64_t r = 0; r < rows; r++) {
        float *row = scores + r * keys;
        const int64_t from = first_key(a->node, first + r) - key0, to = first + r + 1 - key0;
        memset(row, 0, (size_t)from * sizeof *row);
        a->kernels->softmax(row + from, (size_t)(to - from), (size_t)(keys - from), 1);
    }
}

/* Where a tile's queries and keys lie. */
typedef struct place {
    int64_t rows, keys;
    int64_t first, key0; /* positions of the first query and key */
    int64_t q, kv;       /* offsets into q (or out) and k (or v) */
} place;

static place place_of(const attention *a, int64_t sequence, int64_t head, int64_t tile)
{
    const int64_t d = a->node->head_dim, length = a->batch->length, start = tile * TILE;
    place p = {.rows = length - start < TILE ? length - start : TILE,
               .first = a->batch->position + start};
    p.key0 = first_key(a->node, p.first);
    p.keys = p.first + p.rows - p.key0;
    p.q = (sequence * length + start) * a->q_width + head * d;
    p.kv = (sequence * a->sequence_rows + p.key0) * a->kv_width +
           head / (a->node->heads / a->node->kv_heads) * d;
    return p;
}

static void run_scores(const attention *a, const place *p, float *scores)
{
    vq_gemm_tile_nt(a->kernels, p->rows, p->keys, a->node->head_dim, a->scale, a->q + p->q,
                    a->q_width, a->k + p->kv, a->kv_width, scores, p->keys);
    weigh(a, scores, p->rows, p->keys, p->first, p->key0);
}

static void run_tile(const attention *a, int64_t sequence, int64_t head, int64_t tile,
                     float *scores)
{
    const place p = place_of(a, sequence, head, tile);
    run_scores(a, &p, scores);
    vq_gemm_tile_nn(a->kernels, p.rows, a->node->head_dim, p.keys, scores, p.keys, a->v + p.kv,
                    a->kv_width, a->out + p.q, a->q_width);
}

/* The last tiles see the most keys: they go first, so that no thread is left with a long one. */
static void run_tiles(const attention *a, float *scores, int64_t scores_per_thread)
{
    const int64_t tiles = (a->batch->length + TILE - 1) / TILE, heads = a->node->heads,
                  lanes = a->batch->sequences * heads;
    const int64_t macs = a->batch->length * (a->batch->position + a->batch->length) * a->q_width *
                         a->batch->sequences;
#pragma omp parallel for schedule(dynamic, 1) if (macs > VQ_PARALLEL_MIN_MACS)
    for (int64_t task = 0; task < tiles * lanes; task++) {
        const int64_t tile = tiles - 1 - task / lanes, lane = task % lanes;
        run_tile(a, lane / heads, lane % heads, tile,
                 scores + omp_get_thread_num() * scores_per_thread);
    }
}

static int64_t tile_scores(const vq_batch *b)
{
    const int64_t rows = b->length < TILE ? b->length : TILE;
    return rows * (b->position + b->length);
}

/* Keys and values of all positions so far: those of this batch, or the cache after they were put
 * into it. */
static vq_status find_keys(attention *a, const vq_frame *f, vq_err *e)
{
    const vq_node *n = a->node;
    vq_kv_cache *cache = f->batch->cache;
    a->k = f->values[n->in[1]];
    a->v = f->values[n->in[2]];
    a->sequence_rows = f->batch->length;
    if (!cache)
        return f->batch->position == 0
                   ? VQ_OK
                   : vq_fail(e, VQ_E_BUG, "a batch at position %lld needs a cache",
                             (long long)f->batch->position);
    VQ_TRY(vq_kv_cache_store(cache, n->layer, f->batch, a->k, a->v, e));
    a->k = vq_kv_cache_at(cache, cache->keys, n->layer);
    a->v = vq_kv_cache_at(cache, cache->values, n->layer);
    a->sequence_rows = cache->length;
    return VQ_OK;
}

static attention attention_of(const vq_node *n, const vq_frame *f)
{
    return (attention){.kernels = f->exec->kernels,
                       .node = n,
                       .batch = f->batch,
                       .q = f->values[n->in[0]],
                       .q_width = n->width,
                       .kv_width = n->kv_heads * n->head_dim,
                       .scale = (float)(1 / sqrt((double)n->head_dim))};
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    attention a = attention_of(n, f);
    a.out = f->values[id];
    VQ_TRY(find_keys(&a, f, e));
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const int64_t per_thread = tile_scores(f->batch);
    float *scores =
        VQ_ALLOC(f->exec->arena, float, omp_get_max_threads() * per_thread, "attention scores", e);
    if (!scores) return e->status;
    run_tiles(&a, scores, per_thread);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

/* The same tiles once more, their probabilities computed anew. Keys and values are read by all
 * queries of their head's group: such a lane belongs to one thread, which walks the tiles in order.
 */
typedef struct backward_pass {
    attention forward;
    const float *dout;
    float *dq, *dk, *dv;
} backward_pass;

static void back_tile(const backward_pass *p, int64_t sequence, int64_t head, int64_t tile,
                      float *weights, float *dweights)
{
    const attention *a = &p->forward;
    const place at = place_of(a, sequence, head, tile);
    const int64_t d = a->node->head_dim, qw = a->q_width, kw = a->kv_width, rows = at.rows,
                  keys = at.keys;
    const float *q = a->q + at.q, *k = a->k + at.kv, *dout = p->dout + at.q;
    run_scores(a, &at, weights);
    vq_gemm_tile_nt(a->kernels, rows, keys, d, 1, dout, qw, a->v + at.kv, kw, dweights, keys);
    vq_gemm_tile_tn_add(a->kernels, rows, keys, d, weights, keys, dout, qw, p->dv + at.kv, kw);
    for (int64_t r = 0; r < rows; r++)
        a->kernels->softmax_back(weights + r * keys, (size_t)keys, a->scale, dweights + r * keys);
    vq_gemm_tile_tn_add(a->kernels, rows, keys, d, dweights, keys, q, qw, p->dk + at.kv, kw);
    vq_gemm_tile_nn(a->kernels, rows, d, keys, dweights, keys, k, kw, p->dq + at.q,
                    qw); /* dq may be dout: its tile is no longer needed */
}

static void back_lane(const backward_pass *p, int64_t sequence, int64_t kv_head, float *scores,
                      int64_t tile_size)
{
    const vq_node *n = p->forward.node;
    const int64_t length = p->forward.batch->length, d = n->head_dim,
                  group = n->heads / n->kv_heads;
    for (int64_t t = 0; t < length; t++) {
        const int64_t at = (sequence * length + t) * p->forward.kv_width + kv_head * d;
        memset(p->dk + at, 0, (size_t)d * sizeof(float));
        memset(p->dv + at, 0, (size_t)d * sizeof(float));
    }
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        for (int64_t tile = 0; tile * TILE < length; tile++)
            back_tile(p, sequence, head, tile, scores, scores + tile_size);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    if (f->batch->cache || f->batch->position > 0)
        return vq_fail(e, VQ_E_BUG, "backward over a cache of keys");
    backward_pass p = {.forward = attention_of(n, f),
                       .dout = f->grads[id],
                       .dq = f->into[0],
                       .dk = f->into[1],
                       .dv = f->into[2]};
    VQ_TRY(find_keys(&p.forward, f, e));
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const int64_t tile_size = tile_scores(f->batch), lanes = f->batch->sequences * n->kv_heads;
    float *scores = VQ_ALLOC(f->exec->arena, float, omp_get_max_threads() * 2 * tile_size,
                             "attention scores", e);
    if (!scores) return e->status;
#pragma omp parallel for schedule(dynamic, 1) if (f->tokens * f->batch->length * n->width >        \
                                                  VQ_PARALLEL_MIN_MACS)
    for (int64_t lane = 0; lane < lanes; lane++)
        back_lane(&p, lane / n->kv_heads, lane % n->kv_heads,
                  scores + omp_get_thread_num() * 2 * tile_size, tile_size);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    (void)n, (void)x;
    return (size_t)(omp_get_max_threads() * tile_scores(b)) * sizeof(float);
}

static size_t back_scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    return 2 * scratch(n, x, b);
}

const vq_op vq_op_attention = {.name = "attention",
                               .in_place = true,
                               .back_reads = true,
                               .forward = forward,
                               .scratch = scratch,
                               .backward = backward,
                               .back_scratch = back_scratch};
