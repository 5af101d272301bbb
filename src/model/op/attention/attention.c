/* attention.c -- causal softmax(q k^T / sqrt d) v with grouped heads, an optional sliding window,
 * and earlier keys from a cache. Work is cut into tiles of queries of one head; a tile sees only
 * the keys up to its last query. */
#include "model/op/attention/attention.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/parallel.h"
#include "model/op/attention/kv_cache.h"

enum { TILE = 64 }; /* queries: scores of 64 x 2048 keys stay in the second-level cache */

typedef struct attention {
    const vq_kernels *kernels;
    const vq_node *node;
    const vq_attention *args;
    const vq_batch *batch;
    const float *q, *k, *v; /* k, v: position 0 of sequence 0 */
    float *out;
    int64_t q_width, k_width, v_width, out_width;
    int64_t sequence_rows; /* rows of k and v per sequence */
} attention;

/* First key that a query at `position` sees. */
static int64_t first_key(const attention *a, int64_t position)
{
    const int64_t window = a->args->window;
    return window > 0 && position >= window ? position - window + 1 : 0;
}

/* Softmax over the keys that each query may see; `first`: position of the tile's first query, key0:
 * of the first column. */
static void weigh(const attention *a, float *scores, int64_t rows, int64_t keys, int64_t first,
                  int64_t key0)
{
    for (int64_t r = 0; r < rows; r++) {
        float *row = scores + r * keys;
        const int64_t from = first_key(a, first + r) - key0, to = first + r + 1 - key0;
        memset(row, 0, (size_t)from * sizeof *row);
        a->kernels->softmax(row + from, (size_t)(to - from), (size_t)(keys - from), 1);
    }
}

/* Where a tile's queries and keys lie. */
typedef struct place {
    int64_t rows, keys;
    int64_t first, key0;  /* positions of the first query and key */
    int64_t q, k, v, out; /* offsets */
} place;

static place place_of(const attention *a, int64_t sequence, int64_t head, int64_t tile)
{
    const int64_t d = a->node->head_dim, length = a->batch->length, start = tile * TILE;
    place p = {.rows = length - start < TILE ? length - start : TILE,
               .first = a->batch->position + start};
    p.key0 = first_key(a, p.first);
    p.keys = p.first + p.rows - p.key0;
    const int64_t kv_head = head / (a->node->heads / a->node->kv_heads), dv = a->args->value_dim;
    const int64_t query = sequence * length + start, key = sequence * a->sequence_rows + p.key0;
    p.q = query * a->q_width + head * d;
    p.k = key * a->k_width + kv_head * d;
    p.v = key * a->v_width + kv_head * dv;
    p.out = query * a->out_width + head * dv;
    return p;
}

/* Scores bounded before the softmax; slopes (may be NULL): their derivative. */
static void cap_scores(const attention *a, const place *p, float *scores, float *slopes)
{
    const float cap = a->args->cap;
    for (int64_t i = 0; cap > 0 && i < p->rows * p->keys; i++) {
        const float t = tanhf(scores[i] / cap);
        scores[i] = cap * t;
        if (slopes) slopes[i] = 1 - t * t;
    }
}

static void run_scores(const attention *a, const place *p, float *scores, float *slopes)
{
    vq_gemm_tile_nt(a->kernels, p->rows, p->keys, a->node->head_dim, a->args->scale, a->q + p->q,
                    a->q_width, a->k + p->k, a->k_width, scores, p->keys);
    cap_scores(a, p, scores, slopes);
    weigh(a, scores, p->rows, p->keys, p->first, p->key0);
}

static void run_tile(const attention *a, int64_t sequence, int64_t head, int64_t tile,
                     float *scores)
{
    const place p = place_of(a, sequence, head, tile);
    run_scores(a, &p, scores, NULL);
    vq_gemm_tile_nn(a->kernels, p.rows, a->args->value_dim, p.keys, scores, p.keys, a->v + p.v,
                    a->v_width, a->out + p.out, a->out_width);
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
static vq_status find_keys(attention *a, const vq_frame *f, int node, vq_err *e)
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
    VQ_TRY(vq_kv_cache_store(cache, node, f->batch, a->k, a->v, e));
    a->k = vq_kv_cache_keys(cache, node);
    a->v = vq_kv_cache_values(cache, node);
    a->sequence_rows = vq_kv_cache_length(cache);
    return VQ_OK;
}

static attention attention_of(const vq_node *n, const vq_frame *f)
{
    const vq_attention *args = n->args;
    return (attention){.kernels = f->exec->kernels,
                       .node = n,
                       .args = args,
                       .batch = f->batch,
                       .q = f->values[n->in[0]],
                       .q_width = n->heads * n->head_dim,
                       .k_width = n->kv_heads * n->head_dim,
                       .v_width = n->kv_heads * args->value_dim,
                       .out_width = n->heads * args->value_dim};
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    attention a = attention_of(n, f);
    a.out = f->values[id];
    VQ_TRY(find_keys(&a, f, f->node[id], e));
    /* One query that asks a cache: packing its keys as bf16 would cost more than the product. */
    vq_kernels plain = *a.kernels;
    plain.bf16 = NULL;
    if (f->batch->cache) a.kernels = &plain;
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

/* Probabilities, their gradients and, where scores are capped, the slopes of the cap. */
static int64_t back_tiles(const vq_node *n)
{
    return ((const vq_attention *)n->args)->cap > 0 ? 3 : 2;
}

static void back_tile(const backward_pass *p, int64_t sequence, int64_t head, int64_t tile,
                      float *weights, int64_t tile_size)
{
    const attention *a = &p->forward;
    const place at = place_of(a, sequence, head, tile);
    const int64_t d = a->node->head_dim, dv = a->args->value_dim, qw = a->q_width, kw = a->k_width,
                  vw = a->v_width, ow = a->out_width, rows = at.rows, keys = at.keys;
    const float *q = a->q + at.q, *k = a->k + at.k, *dout = p->dout + at.out;
    float *dweights = weights + tile_size, *slopes = a->args->cap > 0 ? dweights + tile_size : NULL;
    run_scores(a, &at, weights, slopes);
    vq_gemm_tile_nt(a->kernels, rows, keys, dv, 1, dout, ow, a->v + at.v, vw, dweights, keys);
    vq_gemm_tile_tn_add(a->kernels, rows, keys, dv, weights, keys, dout, ow, p->dv + at.v, vw);
    for (int64_t r = 0; r < rows; r++)
        a->kernels->softmax_back(weights + r * keys, (size_t)keys, a->args->scale,
                                 dweights + r * keys);
    for (int64_t i = 0; slopes && i < rows * keys; i++) dweights[i] *= slopes[i];
    vq_gemm_tile_tn_add(a->kernels, rows, keys, d, dweights, keys, q, qw, p->dk + at.k, kw);
    vq_gemm_tile_nn(a->kernels, rows, d, keys, dweights, keys, k, kw, p->dq + at.q,
                    qw); /* dq may be dout: its tile is no longer needed */
}

static void clear_head(float *g, int64_t first_row, int64_t rows, int64_t width, int64_t head,
                       int64_t d)
{
    for (int64_t t = 0; t < rows; t++)
        memset(g + (first_row + t) * width + head * d, 0, (size_t)d * sizeof *g);
}

static void back_lane(const backward_pass *p, int64_t sequence, int64_t kv_head, float *scores,
                      int64_t tile_size)
{
    const attention *a = &p->forward;
    const int64_t length = a->batch->length, group = a->node->heads / a->node->kv_heads;
    clear_head(p->dk, sequence * length, length, a->k_width, kv_head, a->node->head_dim);
    clear_head(p->dv, sequence * length, length, a->v_width, kv_head, a->args->value_dim);
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        for (int64_t tile = 0; tile * TILE < length; tile++)
            back_tile(p, sequence, head, tile, scores, tile_size);
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
    VQ_TRY(find_keys(&p.forward, f, f->node[id], e));
    const vq_arena_mark mark = vq_arena_here(f->exec->arena);
    const int64_t tile_size = tile_scores(f->batch), per_thread = back_tiles(n) * tile_size,
                  lanes = f->batch->sequences * n->kv_heads;
    float *scores =
        VQ_ALLOC(f->exec->arena, float, omp_get_max_threads() * per_thread, "attention scores", e);
    if (!scores) return e->status;
#pragma omp parallel for schedule(dynamic, 1) if (f->rows[id] * f->batch->length * n->width >      \
                                                  VQ_PARALLEL_MIN_MACS)
    for (int64_t lane = 0; lane < lanes; lane++)
        back_lane(&p, lane / n->kv_heads, lane % n->kv_heads,
                  scores + omp_get_thread_num() * per_thread, tile_size);
    vq_arena_rewind(f->exec->arena, mark);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)n, (void)l, (void)x, (void)rows;
    return (size_t)(omp_get_max_threads() * tile_scores(b)) * sizeof(float);
}

static size_t back_scratch(const vq_node *n, const vq_linear *l, const vq_exec *x,
                           const vq_batch *b, int64_t rows)
{
    return (size_t)back_tiles(n) * scratch(n, l, x, b, rows);
}

static int64_t cached(const vq_node *n)
{
    return n->kv_heads * (n->head_dim + ((const vq_attention *)n->args)->value_dim);
}

static void work(const vq_node *n, double keys, vq_op_work *w)
{
    const double dv = (double)((const vq_attention *)n->args)->value_dim;
    w->scores = keys * (double)n->heads * ((double)n->head_dim + dv);
    w->values = keys * (double)n->heads;
}

const vq_op vq_op_attention = {.name = "attention",
                               .in_place = true,
                               .back_reads = true,
                               .forward = forward,
                               .scratch = scratch,
                               .backward = backward,
                               .back_scratch = back_scratch,
                               .cached = cached,
                               .work = work,
                               .heads = VQ_HEAD_MIX,
                               .absorb = VQ_ABSORB_OPERAND,
                               .through = 2};
