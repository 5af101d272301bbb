/* samples.c -- calibration data as windows of token ids. */
#include "plan/samples.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "plan/conversations.h"
#include "plan/own/own_text.h"

/* A source that is read: what is wanted of it, and what it gives. */
typedef struct reading {
    const vq_plan *plan;
    const vq_job *job;
    vq_calib_source source;
    vq_samples samples; /* ids from `a` */
    vq_sample_part *part;
    vq_arena *a;
} reading;

/* Data that hold at least half of the samples give what they hold, with a warning; less would be
 * another recipe. */
static vq_status accept_fewer(reading *r, int64_t fits, const char *holds, vq_err *e)
{
    vq_samples *s = &r->samples;
    if (fits >= s->count) return VQ_OK;
    if (fits < 1 || 2 * fits < s->count)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %s; %lld samples of %lld need %lld: give more text, or lower "
                       "calib.samples or calib.seqlen",
                       r->source.path, holds, (long long)s->count, (long long)s->length,
                       (long long)(s->count * s->length));
    vq_warn(&r->job->reporter, "fewer-samples", r->source.path,
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

static vq_status count_samples(reading *r, const vq_ids *ids, vq_err *e)
{
    char holds[64];
    const int64_t text = text_of(&r->samples, ids);
    if (text < 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "calib.seqlen 1 holds the token that the tokenizer puts "
                       "first and no text");
    const int64_t fits = (int64_t)ids->count / text;
    if (r->plan->recipe->calib.select == VQ_SELECT_RANDOM && fits >= 1 &&
        2 * fits >= r->samples.count)
        return VQ_OK; /* windows that overlap */
    snprintf(holds, sizeof holds, "%zu token%s", ids->count, ids->count == 1 ? "" : "s");
    return accept_fewer(r, fits, holds, e);
}

/* Where sample i of the text begins. spread: what the samples leave over is shared out between them,
 * so that each lies at a random place of its own stretch and none overlap. */
static int64_t place(const reading *r, int64_t i, int64_t text, int64_t tokens)
{
    const vq_calib_recipe *c = &r->plan->recipe->calib;
    const int64_t n = r->samples.count;
    switch (c->select) {
    case VQ_SELECT_FIRST:
        return i * text;
    case VQ_SELECT_RANDOM:
        return (int64_t)(vq_rng_at(c->seed, (uint64_t)i) % (uint64_t)(tokens - text + 1));
    case VQ_SELECT_SPREAD:
        break;
    }
    const double rest = (double)(tokens - n * text);
    return i * text + (int64_t)(rest * ((double)i + vq_rng_unit(c->seed, (uint64_t)i)) / (double)n);
}

static vq_status pick_samples(reading *r, const vq_ids *ids, vq_err *e)
{
    vq_samples *s = &r->samples;
    const int64_t text = text_of(s, ids);
    int32_t *out = VQ_ALLOC(r->a, int32_t, s->count * s->length, "samples", e);
    if (!out) return e->status;
    s->ids = out;
    for (int64_t i = 0; i < s->count; i++) {
        if (text < s->length) *out++ = (int32_t)ids->bos;
        memcpy(out, ids->ids + place(r, i, text, (int64_t)ids->count), (size_t)text * sizeof *out);
        out += text;
    }
    return VQ_OK;
}

static vq_status read_text(reading *r, vq_err *e)
{
    vq_ids ids;
    vq_arena text; /* whose ids are as many as the file has */
    vq_arena_init(&text, r->a->budget);
    vq_status s = vq_model_ids(r->plan->model, r->source.path, r->source.kind == VQ_KIND_TOKENS,
                               &r->job->reporter, &ids, &text, e);
    if (s == VQ_OK) {
        memcpy(r->part->sha256, ids.sha256, sizeof r->part->sha256);
        s = count_samples(r, &ids, e);
    }
    if (s == VQ_OK) s = pick_samples(r, &ids, e);
    vq_arena_done(&text);
    return s;
}

static vq_status read_lines(reading *r, vq_err *e)
{
    char holds[96];
    vq_conversations c;
    const int64_t wanted = r->samples.count;
    VQ_TRY(vq_conversations_pack(&r->samples, r->plan, r->source.path, &r->job->reporter, &c,
                                 r->part->sha256, r->a, e));
    const int64_t fits = r->samples.count;
    r->samples.count = wanted;
    snprintf(holds, sizeof holds, "%lld tokens in %zu line%s", (long long)c.tokens, c.used,
             c.used == 1 ? "" : "s");
    if (2 * fits < wanted && wanted * r->samples.length <= c.tokens)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %s; a line is cut to calib.seqlen %lld, so they hold %lld of %lld "
                       "samples: give more lines, or lower calib.samples",
                       r->source.path, holds, (long long)r->samples.length, (long long)fits,
                       (long long)wanted);
    return accept_fewer(r, fits, holds, e);
}

/* Are more than a quarter of the texts mostly what they said before? Their beginnings tell. */
static bool repeat(const int32_t *ids, int64_t count, int64_t length, int64_t *loops)
{
    enum { BEGINNING = 512 };
    *loops = 0;
    for (int64_t i = 0; i < count; i++)
        *loops +=
            vq_calib_self_distinct(ids + i * length, length < BEGINNING ? length : BEGINNING) < 0.5;
    return 4 * *loops > count;
}

/* Texts that only repeat themselves teach little. */
static void tell_repeats(const reading *r)
{
    const vq_samples *s = &r->samples;
    int64_t loops;
    if (repeat(s->ids, s->count, s->length, &loops))
        vq_warn(&r->job->reporter, "data-repeats", r->source.path,
                "%lld of the %lld samples mostly repeat what they said before; statistics of a "
                "text that varies are better",
                (long long)loops, (long long)s->count);
}

/* A small model, or one that is broken, writes such texts. */
static void tell_own_repeats(const reading *r, const vq_self_texts *t)
{
    int64_t loops;
    if (repeat(t->ids, t->count, t->length, &loops))
        vq_warn(&r->job->reporter, "own-text-repeats", NULL,
                "%lld of the %lld texts that the model wrote repeat themselves; statistics of a "
                "text of yours are better: --data TEXT",
                (long long)loops, (long long)t->count);
}

/* A sample is several texts in a row; what the last one has left over is dropped. */
static vq_status cut_samples(vq_samples *s, const vq_self_texts *t, vq_arena *a, vq_err *e)
{
    const int64_t parts = t->count / s->count;
    int32_t *ids = VQ_ALLOC(a, int32_t, s->count * s->length, "samples", e);
    if (!ids) return e->status;
    for (int64_t i = 0; i < s->count; i++)
        memcpy(ids + i * s->length, t->ids + i * parts * t->length,
               (size_t)s->length * sizeof *ids);
    s->ids = ids;
    return VQ_OK;
}

static vq_status write_own(reading *r, const vq_exec *x, const int32_t *own, vq_err *e)
{
    const uint64_t seed = r->plan->recipe->calib.seed;
    vq_self_texts texts = vq_own_texts(r->plan, r->samples.count);
    r->samples.ids = own;
    if (!x || own) return VQ_OK;
    vq_say(&r->job->reporter, 0,
           "calibrating on %lld x %lld tokens that the model writes itself (seed %llu)",
           (long long)r->samples.count, (long long)r->samples.length, (unsigned long long)seed);
    VQ_TRY(vq_own_text_begin(&texts, r->plan, &r->job->reporter, r->a, e));
    VQ_TRY(vq_calib_self(x, &texts, &r->job->reporter, r->a, e));
    tell_own_repeats(r, &texts);
    return cut_samples(&r->samples, &texts, r->a, e);
}

static vq_status read_source(reading *r, const vq_exec *x, const int32_t *own, vq_err *e)
{
    const vq_data_kind kind = r->source.kind;
    r->part->path = r->source.path;
    r->part->kind = kind == VQ_KIND_SELF ? "self" : vq_kind_texts[kind];
    if (kind == VQ_KIND_SELF) {
        VQ_TRY(write_own(r, x, own, e));
    } else {
        VQ_TRY(kind == VQ_KIND_JSONL ? read_lines(r, e) : read_text(r, e));
        tell_repeats(r);
    }
    r->part->samples = r->samples.count;
    return VQ_OK;
}

/* The samples of all parts in one order, in which each part is spread evenly. */
static vq_status mix(vq_sample_set *set, const reading *from, vq_arena *a, vq_err *e)
{
    vq_samples *s = &set->samples;
    int64_t *had = vq_arena_zero(a, (size_t)set->nparts, sizeof *had, "samples", e);
    s->count = 0;
    for (int i = 0; i < set->nparts; i++) s->count += set->parts[i].samples;
    int32_t *ids = had ? VQ_ALLOC(a, int32_t, s->count * s->length, "samples", e) : NULL;
    if (!ids) return e->status;
    for (int64_t i = 0; i < s->count; i++) {
        const int part = vq_samples_next(set->parts, had, set->nparts);
        const int32_t *one = from[part].samples.ids;
        if (one)
            memcpy(ids + i * s->length, one + had[part] * s->length,
                   (size_t)s->length * sizeof *ids);
        had[part]++;
    }
    s->ids = ids;
    return VQ_OK;
}

/* As `vq eval` has it: twice the same text is a mistake, and how much of it counts is a share. */
static vq_status check_once(const vq_sample_part *parts, int i, vq_err *e)
{
    for (int j = 0; j < i; j++)
        if (parts[i].path && strcmp(parts[j].sha256, parts[i].sha256) == 0)
            return vq_fail(e, VQ_E_RECIPE, "%s and %s hold the same text: give one of them",
                           parts[j].path, parts[i].path);
    return VQ_OK;
}

static vq_status read_part(vq_sample_set *set, vq_sample_part *parts, reading *list, int i,
                           const vq_exec *x, const int32_t *own, vq_err *e)
{
    reading *r = &list[i];
    VQ_TRY(vq_step(&r->job->reporter, "reading text", i, set->nparts, e));
    r->part = &parts[i];
    VQ_TRY(read_source(r, x, own, e));
    VQ_TRY(check_once(parts, i, e));
    if (r->source.kind != VQ_KIND_SELF) return VQ_OK;
    set->own = r->samples.ids;
    set->own_samples = r->samples.count;
    return VQ_OK;
}

/* Files first: what is wrong with one is said before the model writes for minutes. */
static vq_status read_all(vq_sample_set *set, vq_sample_part *parts, reading *list,
                          const vq_exec *x, const int32_t *own, vq_arena *a, vq_err *e)
{
    for (int i = 0; i < set->nparts; i++)
        if (list[i].source.kind != VQ_KIND_SELF) VQ_TRY(read_part(set, parts, list, i, x, own, e));
    for (int i = 0; i < set->nparts; i++)
        if (list[i].source.kind == VQ_KIND_SELF) VQ_TRY(read_part(set, parts, list, i, x, own, e));
    if (set->nparts > 1) {
        set->kind = "mix";
        return mix(set, list, a, e);
    }
    set->samples = list[0].samples;
    set->kind = parts[0].kind;
    memcpy(set->sha256, parts[0].sha256, sizeof set->sha256);
    return VQ_OK;
}

static vq_status open_readings(vq_sample_set *set, const vq_plan *p, vq_calib_sources s,
                               reading **out, const vq_job *job, vq_arena *a, vq_err *e)
{
    reading *list = VQ_NEW(a, reading, s.n, "sources", e);
    int64_t *counts = list ? VQ_ALLOC(a, int64_t, s.n, "sources", e) : NULL;
    if (!counts) return VQ_E_LIMIT;
    VQ_TRY(vq_sources_samples(p, s, counts, a, e));
    for (int i = 0; i < s.n; i++) {
        list[i] = (reading){.plan = p,
                            .job = job,
                            .source = s.list[i],
                            .samples = {.count = counts[i], .length = set->samples.length},
                            .a = a};
        if (s.list[i].kind == VQ_KIND_UNSAID) list[i].source.kind = p->recipe->calib.kind;
    }
    *out = list;
    return VQ_OK;
}

vq_status vq_samples_find(vq_sample_set *set, const vq_plan *p, vq_calib_sources given,
                          const vq_exec *x, const int32_t *own, const vq_job *job, vq_arena *a,
                          vq_err *e)
{
    const vq_calib_sources s = vq_sources_used(p, given);
    *set =
        (vq_sample_set){.kind = "none", .samples = {.length = vq_sample_tokens(p)}, .nparts = s.n};
    VQ_TRY(vq_samples_check(p, e));
    if (!s.n)
        return vq_fail(
            e, VQ_E_RECIPE, "%s: this recipe needs calibration text%s; give it with --data FILE",
            p->recipe->path,
            p->finish ? " (also with --stats: the finishing pass trains on samples)" : "");
    reading *list = NULL;
    VQ_TRY(open_readings(set, p, s, &list, job, a, e));
    vq_sample_part *parts = VQ_NEW(a, vq_sample_part, s.n, "sources", e);
    if (!parts) return e->status;
    set->parts = parts;
    return read_all(set, parts, list, x, own, a, e);
}
