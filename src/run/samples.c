/* samples.c -- calibration data as windows of token ids. */
#include "run/samples.h"

#include <string.h>

#include "base/rng.h"

int64_t vq_sample_tokens(const vq_plan *p)
{
    const int64_t len = p->recipe->calib.seqlen, max = p->model->graph.max_position;
    return max > 0 && len > max ? max : len;
}

/* A text that holds at least half of the samples gives what it holds, with a warning; less would be another recipe. */
static vq_status count_samples(const vq_plan *p, const vq_ids *ids, const char *path, const vq_watch *watch, vq_samples *s, vq_err *e)
{
    const bool random = p->recipe->calib.random;
    const int64_t fits = (int64_t)ids->count / s->length;
    if (fits < 1 || (!random && 2 * fits < s->count))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %zu tokens; %lld samples of %lld need %lld: give more text, or lower calib.samples or calib.seqlen", path,
                       ids->count, (long long)s->count, (long long)s->length, (long long)(s->count * s->length));
    if (random || fits >= s->count) return VQ_OK;
    vq_warn(watch, "fewer-samples", path, "%zu tokens hold %lld of the %lld samples of %lld; calibrating on those", ids->count,
            (long long)fits, (long long)s->count, (long long)s->length);
    s->count = fits;
    return VQ_OK;
}

/* Windows of the data: the first ones, or seeded random starts (with repetition only when there are more samples than places). */
static vq_status pick_samples(const vq_plan *p, const vq_ids *ids, vq_samples *s, vq_arena *a, vq_err *e)
{
    const int64_t places = (int64_t)ids->count - s->length + 1;
    int32_t *out = VQ_ALLOC(a, int32_t, s->count * s->length, "samples", e);
    if (!out) return e->status;
    for (int64_t i = 0; i < s->count; i++) {
        const uint64_t r = vq_rng_at(p->recipe->calib.seed, (uint64_t)i);
        const int64_t at = p->recipe->calib.random ? (int64_t)(r % (uint64_t)places) : i * s->length;
        memcpy(out + i * s->length, ids->ids + at, (size_t)s->length * sizeof *out);
    }
    s->ids = out;
    return VQ_OK;
}

static vq_status samples_from_file(vq_sample_set *set, const vq_plan *p, const char *path, bool tokens, const vq_job *job, vq_arena *a,
                                   vq_err *e)
{
    vq_ids ids;
    VQ_TRY(vq_model_ids(p->model, path, tokens, false, &ids, a, e));
    memcpy(set->sha256, ids.sha256, sizeof set->sha256);
    set->kind = tokens ? "tokens" : "text";
    VQ_TRY(count_samples(p, &ids, path, &job->watch, &set->samples, e));
    return pick_samples(p, &ids, &set->samples, a, e);
}

static vq_status samples_from_model(vq_sample_set *set, const vq_plan *p, const vq_exec *x, const vq_job *job, vq_arena *a, vq_err *e)
{
    const vq_hf_config *config = &p->model->checkpoint.config;
    const int64_t start = config->bos >= 0 ? config->bos : config->eos_count ? config->eos[0] : 0;
    vq_samples *s = &set->samples;
    set->kind = "self";
    vq_say(&job->watch, 0, "no calibration data given: calibrating on %lld x %lld tokens that the model writes itself (seed %llu)",
           (long long)s->count, (long long)s->length, (unsigned long long)p->recipe->calib.seed);
    return vq_calib_self(x, start, p->recipe->calib.seed, s, &job->watch, a, e);
}

vq_status vq_samples_find(vq_sample_set *set, const vq_plan *p, const char *data, bool tokens, const vq_exec *x, const vq_job *job,
                          vq_arena *a, vq_err *e)
{
    const vq_calib_recipe *r = &p->recipe->calib;
    *set = (vq_sample_set){.kind = "none", .samples = {.count = r->samples, .length = vq_sample_tokens(p)}};
    if (data) return samples_from_file(set, p, data, tokens || r->kind == VQ_KIND_TOKENS, job, a, e);
    if (r->data == VQ_DATA_PATH) return samples_from_file(set, p, r->path, r->kind == VQ_KIND_TOKENS, job, a, e);
    if (r->data == VQ_DATA_SELF) return samples_from_model(set, p, x, job, a, e);
    return vq_fail(e, VQ_E_RECIPE, "%s: this recipe needs calibration text; give it with --data FILE", p->recipe->path);
}
