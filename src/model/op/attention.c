/* attention.c -- causal softmax(q k^T / sqrt d) v with grouped heads, an optional sliding window, and earlier keys from a cache.
 * Work is cut into tiles of queries of one head; a tile sees only the keys up to its last query. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/parallel.h"
#include "model/kv_cache.h"
#include "model/op.h"

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

/* Softmax over the keys that each query may see; `first`: position of the tile's first query, key0: of the first column. */
static void weigh(const attention *a, float *scores, int64_t rows, int64_t keys, int64_t first, int64_t key0)
{
    for (int64_t r = 0; r < rows; r++) {
        float *row = scores + r * keys;
        const int64_t from = first_key(a->node, first + r) - key0, to = first + r + 1 - key0;
        memset(row, 0, (size_t)from * sizeof *row);
        a->kernels->softmax(row + from, (size_t)(to - from), (size_t)(keys - from), 1);
    }
}

static void run_tile(const attention *a, int64_t sequence, int64_t head, int64_t tile, float *scores)
{
    const int64_t d = a->node->head_dim, length = a->batch->length, start = tile * TILE;
    const int64_t rows = length - start < TILE ? length - start : TILE;
    const int64_t first = a->batch->position + start, key0 = first_key(a->node, first), keys = first + rows - key0;
    const int64_t at = (sequence * length + start) * a->q_width + head * d;
    const int64_t kv_head = head / (a->node->heads / a->node->kv_heads);
    const int64_t kv_at = (sequence * a->sequence_rows + key0) * a->kv_width + kv_head * d;
    vq_gemm_tile_nt(a->kernels, rows, keys, d, a->scale, a->q + at, a->q_width, a->k + kv_at, a->kv_width, scores, keys);
    weigh(a, scores, rows, keys, first, key0);
    vq_gemm_tile_nn(a->kernels, rows, d, keys, scores, keys, a->v + kv_at, a->kv_width, a->out + at, a->q_width);
}

/* The last tiles see the most keys: they go first, so that no thread is left with a long one. */
static void run_tiles(const attention *a, float *scores, int64_t scores_per_thread)
{
    const int64_t tiles = (a->batch->length + TILE - 1) / TILE, heads = a->node->heads, lanes = a->batch->sequences * heads;
    const int64_t macs = a->batch->length * (a->batch->position + a->batch->length) * a->q_width * a->batch->sequences;
#pragma omp parallel for schedule(dynamic, 1) if (macs > VQ_PARALLEL_MIN_MACS)
    for (int64_t task = 0; task < tiles * lanes; task++) {
        const int64_t tile = tiles - 1 - task / lanes, lane = task % lanes;
        run_tile(a, lane / heads, lane % heads, tile, scores + omp_get_thread_num() * scores_per_thread);
    }
}

static int64_t tile_scores(const vq_batch *b)
{
    const int64_t rows = b->length < TILE ? b->length : TILE;
    return rows * (b->position + b->length);
}

/* Keys and values of all positions so far: those of this batch, or the cache after they were put into it. */
static vq_status find_keys(attention *a, const vq_frame *f, vq_err *e)
{
    const vq_node *n = a->node;
    vq_kv_cache *cache = f->batch->cache;
    a->k = f->values[n->in[1]];
    a->v = f->values[n->in[2]];
    a->sequence_rows = f->batch->length;
    if (!cache)
        return f->batch->position == 0 ? VQ_OK
                                       : vq_fail(e, VQ_E_BUG, "a batch at position %lld needs a cache", (long long)f->batch->position);
    VQ_TRY(vq_kv_cache_store(cache, n->layer, f->batch, a->k, a->v, e));
    a->k = vq_kv_cache_at(cache, cache->keys, n->layer);
    a->v = vq_kv_cache_at(cache, cache->values, n->layer);
    a->sequence_rows = cache->length;
    return VQ_OK;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    attention a = {.kernels = f->exec->kernels, .node = n, .batch = f->batch, .q = f->values[n->in[0]], .out = f->values[id]};
    a.q_width = n->width;
    a.kv_width = n->kv_heads * n->head_dim;
    a.scale = (float)(1 / sqrt((double)n->head_dim));
    VQ_TRY(find_keys(&a, f, e));
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const int64_t per_thread = tile_scores(f->batch);
    float *scores = VQ_ALLOC(f->exec->arena, float, omp_get_max_threads() * per_thread, "attention scores", e);
    if (!scores) return e->status;
    run_tiles(&a, scores, per_thread);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_exec *x, const vq_batch *b)
{
    (void)n, (void)x;
    return (size_t)(omp_get_max_threads() * tile_scores(b)) * sizeof(float);
}

const vq_op vq_op_attention = {.name = "attention", .in_place = true, .forward = forward, .scratch = scratch};
