/* ksort.c -- keys with channels of similar size side by side: the rows of W_k in order of their
 * norms, those of W_q in the same order, so that q k^T stays; rope turns each channel by the
 * frequency that it had. source arXiv 2403.20137 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "quant/model_job.h"

void vq_row_norms(const float *w, const float *bias, int64_t n, int64_t k, float *norms)
{
    for (int64_t r = 0; r < n; r++) {
        double sum = bias ? (double)bias[r] * (double)bias[r] : 0;
        for (int64_t i = 0; i < k; i++) sum += (double)w[r * k + i] * (double)w[r * k + i];
        norms[r] = (float)sqrt(sum);
    }
}

vq_status vq_ksort_order(vq_ksort_mode mode, const float *norms, int64_t d, int32_t *order,
                         vq_arena *scratch, vq_err *e)
{
    const int64_t half = d / 2;
    if (mode == VQ_KSORT_FREE) return vq_arc_order(norms, d, order, scratch, e);
    const vq_arena_mark mark = vq_arena_here(scratch);
    float *joint = VQ_ALLOC(scratch, float, half, "norms of pairs", e);
    int32_t *pairs = joint ? VQ_ALLOC(scratch, int32_t, half, "order of pairs", e) : NULL;
    if (!pairs) return VQ_E_LIMIT;
    for (int64_t i = 0; i < half; i++) joint[i] = hypotf(norms[i], norms[i + half]);
    VQ_TRY(vq_arc_order(joint, half, pairs, scratch, e));
    for (int64_t i = 0; i < half; i++) {
        const bool adjacent = mode == VQ_KSORT_INTERLEAVED;
        order[adjacent ? 2 * i : i] = pairs[i];
        order[adjacent ? 2 * i + 1 : i + half] = pairs[i] + (int32_t)half;
    }
    vq_arena_rewind(scratch, mark);
    return VQ_OK;
}

/* A tensor that must hold `want` numbers per column. */
static vq_status load_rows(vq_model_job *job, const char *name, int64_t want, float **w,
                           int64_t *cols, vq_err *e)
{
    int64_t rows;
    VQ_TRY(job->load(job->ctx, name, w, &rows, cols, e));
    if (rows == want) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s has %lld rows, not %lld", name, (long long)rows,
                   (long long)want);
}

/* norms [kv_heads][head_dim] = |weight| of the norm on the keys. Where there is one, heads are
 * sorted by it instead of the norms of the rows of W_k. */
static vq_status norm_weights(vq_model_job *job, const vq_heads_site *h, float *norms, vq_err *e)
{
    const int64_t rows = h->kv_heads * h->head_dim, n = h->whole_norms ? rows : h->head_dim;
    int64_t cols;
    float *w;
    VQ_TRY(load_rows(job, h->k_norm, n, &w, &cols, e));
    for (int64_t i = 0; i < rows; i++) norms[i] = fabsf(w[i % n]);
    return VQ_OK;
}

/* What each head is sorted by, [kv_heads][head_dim]. */
static vq_status key_norms(vq_model_job *job, const vq_heads_site *h, float *norms, vq_err *e)
{
    const int64_t rows = h->kv_heads * h->head_dim, all = h->k_rows.of ? h->k_rows.of : rows;
    int64_t k, one;
    float *w, *bias = NULL;
    if (h->k_norm) return norm_weights(job, h, norms, e);
    const char *weight = vq_arena_text(job->scratch, e, "%s.weight", h->k),
               *b = vq_arena_text(job->scratch, e, "%s.bias", h->k);
    if (!weight || !b) return VQ_E_LIMIT;
    if (job->has(job->ctx, b)) VQ_TRY(load_rows(job, b, all, &bias, &one, e));
    VQ_TRY(load_rows(job, weight, all, &w, &k, e));
    vq_row_norms(w + h->k_rows.first * k, bias ? bias + h->k_rows.first : NULL, rows, k, norms);
    return VQ_OK;
}

/* The order of one head's channels, [head_dim]. Where rope turns only a part of them, that part is
 * sorted by the mode and those before and after it by their norms, each part on its own. With mode
 * free, or when rope turns all of them, the head is one part. */
static vq_status order_head(const vq_heads_site *h, vq_ksort_mode mode, const float *norms,
                            int32_t *order, vq_arena *scratch, vq_err *e)
{
    const bool whole = h->turned == 0 || mode == VQ_KSORT_FREE;
    const int64_t first = whole ? 0 : h->turned_first,
                  end = whole ? h->head_dim : first + h->turned;
    const int64_t cuts[] = {0, first, end, h->head_dim};
    for (int i = 0; i < 3; i++) {
        const int64_t at = cuts[i], n = cuts[i + 1] - at;
        if (n > 0)
            VQ_TRY(vq_ksort_order(i == 1 ? mode : VQ_KSORT_FREE, norms + at, n, order + at, scratch,
                                  e));
        for (int64_t j = 0; j < n; j++) order[at + j] += (int32_t)at;
    }
    return VQ_OK;
}

/* Orders inside heads as one order of all rows: query head h uses that of the key head it reads. */
static int32_t *order_of_rows(const vq_heads_site *h, const int32_t *order, int64_t heads,
                              vq_arena *a, vq_err *e)
{
    int32_t *all = VQ_ALLOC(a, int32_t, heads * h->head_dim, "order of heads", e);
    for (int64_t i = 0; all && i < heads * h->head_dim; i++) {
        const int64_t head = i / h->head_dim, kv = head / (heads / h->kv_heads);
        all[i] = (int32_t)(head * h->head_dim) + order[kv * h->head_dim + i % h->head_dim];
    }
    return all;
}

/* The rows of q or k, and the norm behind them: one of all heads goes by the order of all rows. */
static vq_status edit_side(vq_model_job *job, const vq_heads_site *h, bool keys,
                           const int32_t *order, vq_err *e)
{
    const int64_t heads = keys ? h->kv_heads : h->heads;
    const char *norm = keys ? h->k_norm : h->q_norm;
    const int32_t *rows = order_of_rows(h, order, heads, job->edits->arena, e);
    if (!rows) return e->status;
    vq_edit d = {.kind = VQ_EDIT_GATHER, .order = rows, .n = heads * h->head_dim};
    VQ_TRY(vq_add_range_edit(job->edits, keys ? h->k : h->q, keys ? h->k_rows : h->q_rows, d, e));
    if (!norm) return VQ_OK;
    if (!h->whole_norms) {
        d.order = order;
        d.n = h->head_dim;
    }
    return vq_add_edit(job->edits, norm, NULL, d, e);
}

static vq_status sort_keys(vq_model_job *job, int i, vq_ksort_mode mode, vq_err *e)
{
    const vq_heads_site *h = &job->heads[i];
    const int64_t d = h->head_dim;
    if (!h->k_norm != !h->q_norm) return VQ_OK; /* one norm alone would not follow the order */
    int32_t *order = VQ_ALLOC(job->edits->arena, int32_t, h->kv_heads * d, "order of keys", e);
    float *norms = order ? VQ_ALLOC(job->scratch, float, h->kv_heads *d, "norms of keys", e) : NULL;
    if (!norms) return VQ_E_LIMIT;
    VQ_TRY(key_norms(job, h, norms, e));
    for (int64_t kv = 0; kv < h->kv_heads; kv++)
        VQ_TRY(order_head(h, mode, norms + kv * d, order + kv * d, job->scratch, e));
    if (h->rope) job->orders[i] = order;
    VQ_TRY(edit_side(job, h, false, order, e));
    return edit_side(job, h, true, order, e);
}

static vq_status takes_model(const vq_model_job *job, vq_err *e)
{
    if (job->nheads) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "it needs attention over queries and keys that linears make, through norms "
                   "and rope at most, and this model has none: leave the pass out");
}

static vq_status run(vq_model_job *job, vq_err *e)
{
    static const char *const names[] = {"free", "pairs", "interleaved"};
    const char *mode = vq_option_get(job->options, "mode")->s;
    job->orders = VQ_NEW(job->edits->arena, int32_t *, job->nheads, "orders of keys", e);
    if (!job->orders) return VQ_E_LIMIT;
    for (int i = 0; i < job->nheads; i++) {
        const vq_arena_mark mark = vq_arena_here(job->scratch);
        vq_ksort_mode m = VQ_KSORT_FREE;
        while (m < VQ_KSORT_INTERLEAVED && strcmp(names[m], mode) != 0) m++;
        VQ_TRY(sort_keys(job, i, m, e));
        vq_arena_rewind(job->scratch, mark);
    }
    return VQ_OK;
}

static const vq_option options[] = {
    {"mode", VQ_OPT_CHOICE, "interleaved", 0, 0, "interleaved|pairs|free",
     "what stays together: pairs of rope side by side, pairs half a head apart, or nothing; all "
     "need the order inside rope, which only "
     "format vq stores"},
    {.name = NULL},
};

const vq_transform vq_transform_ksort = {
    .name = "ksort",
    .doc = "channels of keys and queries in order of the norms of the key weights, inside each "
           "head: alike channels share blocks of a cache",
    .source = "arXiv 2403.20137",
    .options = options,
    .folds = true,
    .orders_keys = true,
    .scope = VQ_SCOPE_MODEL,
    .takes_model = takes_model,
    .run_model = run,
};
