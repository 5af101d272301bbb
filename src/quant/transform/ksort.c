/* ksort.c -- keys with channels of similar size side by side: the rows of W_k in order of their
 * norms, those of W_q in the same order, so that q k^T stays; rope turns each channel by the
 * frequency that it had. source arXiv 2403.20137 */
#include <math.h>
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

/* What each head is sorted by, [kv_heads][head_dim]: row norms, or the weight of the norm that
 * makes row norms meaningless. */
static vq_status key_norms(vq_model_job *job, const vq_heads_site *h, float *norms, vq_err *e)
{
    const int64_t rows = h->kv_heads * h->head_dim;
    int64_t n, k;
    float *w, *bias = NULL;
    const char *weight = vq_arena_text(job->scratch, e, "%s.weight", h->k),
               *b = vq_arena_text(job->scratch, e, "%s.bias", h->k);
    if (!weight || !b) return VQ_E_LIMIT;
    if (h->k_norm) {
        VQ_TRY(job->load(job->ctx, h->k_norm, &w, &n, &k, e));
        if (n * k != h->head_dim)
            return vq_fail(e, VQ_E_INPUT, "%s does not hold %lld numbers", h->k_norm,
                           (long long)h->head_dim);
        for (int64_t i = 0; i < rows; i++) norms[i] = fabsf(w[i % h->head_dim]);
        return VQ_OK;
    }
    if (job->has(job->ctx, b)) VQ_TRY(job->load(job->ctx, b, &bias, &n, &k, e));
    if (bias && n * k != rows)
        return vq_fail(e, VQ_E_INPUT, "%s does not hold %lld numbers", b, (long long)rows);
    VQ_TRY(job->load(job->ctx, weight, &w, &n, &k, e));
    if (n != rows)
        return vq_fail(e, VQ_E_INPUT, "%s has %lld rows, not %lld", weight, (long long)n,
                       (long long)rows);
    vq_row_norms(w, bias, rows, k, norms);
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

static vq_status add_edits(vq_model_job *job, const vq_heads_site *h, const int32_t *order,
                           vq_err *e)
{
    vq_arena *a = job->edits->arena;
    const int32_t *q = order_of_rows(h, order, h->heads, a, e),
                  *k = q ? order_of_rows(h, order, h->kv_heads, a, e) : NULL;
    if (!k) return VQ_E_LIMIT;
    VQ_TRY(vq_add_row_edit(
        job->edits, h->q,
        (vq_edit){.kind = VQ_EDIT_GATHER, .order = q, .n = h->heads * h->head_dim}, e));
    VQ_TRY(vq_add_row_edit(
        job->edits, h->k,
        (vq_edit){.kind = VQ_EDIT_GATHER, .order = k, .n = h->kv_heads * h->head_dim}, e));
    const vq_edit norm = {
        .kind = VQ_EDIT_GATHER, .side = VQ_EDIT_ROWS, .order = order, .n = h->head_dim};
    if (h->q_norm) VQ_TRY(vq_add_edit(job->edits, h->q_norm, NULL, norm, e));
    return h->k_norm ? vq_add_edit(job->edits, h->k_norm, NULL, norm, e) : VQ_OK;
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
        VQ_TRY(vq_ksort_order(mode, norms + kv * d, d, order + kv * d, job->scratch, e));
    if (h->rope) job->orders[i] = order;
    return add_edits(job, h, order, e);
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
    .run_model = run,
};
