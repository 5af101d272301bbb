/* windows.c -- texts read whole and cut. */
#include "run/eval/windows.h"

#include <string.h>

#define CHUNK_TOKENS 8192 /* forward passes of whole windows, at most this many tokens at a time */

static vq_status count_windows(vq_windows *t, const vq_eval_options *o, vq_err *e)
{
    /* A window of W tokens: W - 1 are fed and W - 1 predicted; a BOS token takes the first place. */
    const int64_t need = t->window - (t->bos >= 0 ? 1 : 0), have = (int64_t)t->ids.count;
    if (have < need)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s: %lld token%s not fill one window of %lld; give more text or a smaller --window",
            t->path, (long long)have, have == 1 ? " does" : "s do", (long long)t->window);
    t->stride = o->stride > 0 ? o->stride : need;
    t->count = (have - need) / t->stride + 1;
    if (o->max_windows > 0 && t->count > o->max_windows) t->count = o->max_windows;
    t->length = t->window - 1;
    t->chunk = t->length < CHUNK_TOKENS ? CHUNK_TOKENS / t->length : 1;
    if (t->chunk > t->count) t->chunk = t->count;
    return VQ_OK;
}

static vq_status find_bos(int64_t *bos, const vq_ids *ids, const vq_model *m,
                          const vq_eval_options *o, vq_err *e)
{
    const vq_hf_config *c = &m->checkpoint.config;
    *bos = o->bos ? c->bos : ids->bos;
    if (!o->bos || c->bos >= 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: --bos, but config.json has no bos_token_id",
                   m->checkpoint.path);
}

vq_status vq_windows_read(vq_windows *t, const vq_model *m, const vq_eval_options *o,
                          const vq_reporter *w, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_model_ids(m, t->path, o->tokens, w, &t->ids, a, e));
    VQ_TRY(find_bos(&t->bos, &t->ids, m, o, e));
    return count_windows(t, o, e);
}

static vq_status compare(const vq_windows *t, const vq_model *other, const vq_eval_options *o,
                         const vq_reporter *w, vq_arena *a, vq_err *e)
{
    vq_ids ids;
    int64_t bos;
    VQ_TRY(vq_model_ids(other, t->path, o->tokens, w, &ids, a, e));
    VQ_TRY(find_bos(&bos, &ids, other, o, e));
    if (bos == t->bos && ids.count == t->ids.count &&
        memcmp(ids.ids, t->ids.ids, ids.count * sizeof *ids.ids) == 0)
        return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: other tokens of %s than the first model's: evaluate it in a run of its own",
                   other->checkpoint.path, t->path);
}

vq_status vq_windows_fit(const vq_windows *t, const vq_model *other, const vq_eval_options *o,
                         const vq_reporter *w, vq_arena *a, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(a);
    const vq_status s = compare(t, other, o, w, a, e);
    vq_arena_rewind(a, mark);
    return s;
}

static void fill_one(const vq_windows *t, int64_t w, int32_t *input, int32_t *target)
{
    const int32_t *ids = t->ids.ids + w * t->stride;
    const int64_t shift = t->bos >= 0 ? 1 : 0;
    for (int64_t i = 0; i < t->length; i++) {
        input[i] = i < shift ? (int32_t)t->bos : ids[i - shift];
        target[i] = ids[i + 1 - shift];
    }
}

void vq_windows_fill(const vq_windows *t, int64_t w0, int64_t n, int32_t *input, int32_t *target)
{
    for (int64_t i = 0; i < n; i++)
        fill_one(t, w0 + i, input + i * t->length, target + i * t->length);
}
