/* samples.c -- calibration data as windows of token ids. */
#include "plan/samples.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "calib/calibrate.h"
#include "plan/conversations.h"

/* Data that hold at least half of the samples give what they hold, with a warning; less would be
 * another recipe. */
static vq_status accept_fewer(vq_samples *s, int64_t fits, const char *path, const char *holds,
                              const vq_reporter *reporter, vq_err *e)
{
    if (fits >= s->count) return VQ_OK;
    if (fits < 1 || 2 * fits < s->count)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %s; %lld samples of %lld need %lld: give more text, or lower "
                       "calib.samples or calib.seqlen",
                       path, holds, (long long)s->count, (long long)s->length,
                       (long long)(s->count * s->length));
    vq_warn(reporter, "fewer-samples", path,
            "%s hold %lld of the %lld samples of %lld; calibrating on those", holds,
            (long long)fits, (long long)s->count, (long long)s->length);
    s->count = fits;
    return VQ_OK;
}

/* A sample is read as `vq eval` reads a window: it starts with the token that the tokenizer puts
 * first, which takes the place of one of the text. */
static int64_t text_of(const vq_samples *s, const vq_ids *ids)
{
    return s->length - (ids->bos >= 0 ? 1 : 0);
}

static vq_status count_samples(const vq_plan *p, const vq_ids *ids, const char *path,
                               const vq_reporter *reporter, vq_samples *s, vq_err *e)
{
    char holds[64];
    if (text_of(s, ids) < 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "calib.seqlen 1 holds the token that the tokenizer puts "
                       "first and no text");
    const int64_t fits = (int64_t)ids->count / text_of(s, ids);
    if (p->recipe->calib.random && fits >= 1 && 2 * fits >= s->count)
        return VQ_OK; /* windows that overlap */
    snprintf(holds, sizeof holds, "%zu tokens", ids->count);
    return accept_fewer(s, fits, path, holds, reporter, e);
}

/* Windows of the data: the first ones, or seeded random starts (with repetition only when there are
 * more samples than places). */
static vq_status pick_samples(const vq_plan *p, const vq_ids *ids, vq_samples *s, vq_arena *a,
                              vq_err *e)
{
    const int64_t text = text_of(s, ids), places = (int64_t)ids->count - text + 1;
    int32_t *out = VQ_ALLOC(a, int32_t, s->count * s->length, "samples", e);
    if (!out) return e->status;
    s->ids = out;
    for (int64_t i = 0; i < s->count; i++) {
        const uint64_t r = vq_rng_at(p->recipe->calib.seed, (uint64_t)i);
        const int64_t at = p->recipe->calib.random ? (int64_t)(r % (uint64_t)places) : i * text;
        if (text < s->length) *out++ = (int32_t)ids->bos;
        memcpy(out, ids->ids + at, (size_t)text * sizeof *out);
        out += text;
    }
    return VQ_OK;
}

static vq_status samples_from_lines(vq_sample_set *set, const vq_plan *p, const char *path,
                                    const vq_job *job, vq_arena *a, vq_err *e)
{
    char holds[96];
    vq_conversations c;
    vq_samples wanted = set->samples;
    set->kind = vq_kind_texts[VQ_KIND_JSONL];
    VQ_TRY(vq_conversations_pack(set, p, path, &job->reporter, &c, a, e));
    snprintf(holds, sizeof holds, "%lld tokens in %zu line%s", (long long)c.tokens, c.used,
             c.used == 1 ? "" : "s");
    return accept_fewer(&wanted, set->samples.count, path, holds, &job->reporter, e);
}

/* A file that is called .jsonl holds JSON lines, whatever the recipe was made for. */
static vq_data_kind kind_of(const vq_plan *p, const char *path, bool tokens)
{
    const size_t n = strlen(path);
    if (tokens || p->recipe->calib.kind == VQ_KIND_TOKENS) return VQ_KIND_TOKENS;
    return n > 6 && strcmp(path + n - 6, ".jsonl") == 0 ? VQ_KIND_JSONL : p->recipe->calib.kind;
}

static vq_status samples_from_file(vq_sample_set *set, const vq_plan *p, const char *path,
                                   bool tokens, const vq_job *job, vq_arena *a, vq_err *e)
{
    vq_ids ids;
    const vq_data_kind kind = kind_of(p, path, tokens);
    VQ_TRY(vq_step(&job->reporter, "reading text", 0, 1, e));
    if (kind == VQ_KIND_JSONL) return samples_from_lines(set, p, path, job, a, e);
    vq_arena text; /* whose ids are as many as the file has */
    vq_arena_init(&text, a->budget);
    vq_status s =
        vq_model_ids(p->model, path, kind == VQ_KIND_TOKENS, &job->reporter, &ids, &text, e);
    if (s == VQ_OK) {
        memcpy(set->sha256, ids.sha256, sizeof set->sha256);
        set->kind = vq_kind_texts[kind];
        s = count_samples(p, &ids, path, &job->reporter, &set->samples, e);
    }
    if (s == VQ_OK) s = pick_samples(p, &ids, &set->samples, a, e);
    vq_arena_done(&text);
    return s;
}

static vq_status samples_from_model(vq_sample_set *set, const vq_plan *p, const vq_exec *x,
                                    const vq_job *job, vq_arena *a, vq_err *e)
{
    const int64_t start = vq_model_first_token(p->model);
    vq_samples *s = &set->samples;
    set->kind = "self";
    vq_say(&job->reporter, 0,
           "no calibration data given: calibrating on %lld x %lld tokens that the model writes "
           "itself (seed %llu)",
           (long long)s->count, (long long)s->length, (unsigned long long)p->recipe->calib.seed);
    return vq_calib_self(x, start, p->recipe->calib.seed, s, &job->reporter, a, e);
}

vq_status vq_samples_find(vq_sample_set *set, const vq_plan *p, const char *data, bool tokens,
                          const vq_exec *x, const vq_job *job, vq_arena *a, vq_err *e)
{
    const vq_calib_recipe *r = &p->recipe->calib;
    *set = (vq_sample_set){.kind = "none",
                           .samples = {.count = r->samples, .length = vq_sample_tokens(p)}};
    VQ_TRY(vq_samples_check(p, e));
    if (data) return samples_from_file(set, p, data, tokens, job, a, e);
    if (r->data == VQ_DATA_PATH) return samples_from_file(set, p, r->path, false, job, a, e);
    if (r->data == VQ_DATA_SELF) return samples_from_model(set, p, x, job, a, e);
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: this recipe needs calibration text%s; give it with --data FILE",
                   p->recipe->path,
                   p->finish ? " (also with --stats: the finishing pass trains on samples)" : "");
}
