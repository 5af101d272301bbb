/* stats_origin.c -- what statistics were made from: to and from metadata, compared, hashed. */
#include "calib/stats/stats_origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/stats/stats_shares.h"

static const struct {
    unsigned need;
    const char *name;
} need_names[] = {{VQ_NEED_RANGE, "range"},         {VQ_NEED_TAIL, "tail"},
                  {VQ_NEED_HISTOGRAM, "histogram"}, {VQ_NEED_MEAN, "mean"},
                  {VQ_NEED_HESSIAN, "hessian"},     {VQ_NEED_FISHER, "fisher"},
                  {VQ_NEED_OUTPUT, "output"}};
#define NEED_NAMES (sizeof need_names / sizeof *need_names)

const char *vq_stats_needs_text(unsigned needs, char *buf, size_t len)
{
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < NEED_NAMES; i++) {
        if (!(needs & need_names[i].need) || at >= len) continue;
        const int n = snprintf(buf + at, len - at, "%s%s", at ? "," : "", need_names[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

/* Exactly what vq_stats_needs_text writes; 0 when it is something else. */
static unsigned needs_of(const char *text)
{
    unsigned needs = 0;
    for (unsigned all = 1; all < 1U << NEED_NAMES; all++) {
        char buf[128];
        if (strcmp(vq_stats_needs_text(all, buf, sizeof buf), text) == 0) needs = all;
    }
    return needs;
}

/* The fields as texts, in the order in which they are hashed. */
enum { FIELDS = 8, FIELD_MAX = 128 };
typedef struct origin_text {
    const char *key;
    char text[FIELD_MAX];
} origin_text;

static void origin_texts(const vq_stats_origin *o, origin_text t[FIELDS])
{
    static const char *const keys[FIELDS] = {"schema",  "version", "model", "data",
                                             "samples", "seqlen",  "seed",  "needs"};
    for (int i = 0; i < FIELDS; i++) t[i].key = keys[i];
    (void)snprintf(t[0].text, FIELD_MAX, "%s", VQ_STATS_SCHEMA);
    (void)snprintf(t[1].text, FIELD_MAX, "%s", o->version);
    (void)snprintf(t[2].text, FIELD_MAX, "%s", o->model);
    (void)snprintf(t[3].text, FIELD_MAX, "%s", o->data);
    (void)snprintf(t[4].text, FIELD_MAX, "%lld", (long long)o->samples);
    (void)snprintf(t[5].text, FIELD_MAX, "%lld", (long long)o->seqlen);
    (void)snprintf(t[6].text, FIELD_MAX, "%llu", (unsigned long long)o->seed);
    (void)vq_stats_needs_text(o->needs, t[7].text, FIELD_MAX);
}

vq_status vq_origin_write(const vq_stats_origin *o, vq_st_writer *w, vq_err *e)
{
    origin_text t[FIELDS];
    char zeros[VQ_SHA256_TEXT];
    origin_texts(o, t);
    for (int i = 0; i < FIELDS; i++) VQ_TRY(vq_st_writer_note(w, t[i].key, t[i].text, e));
    memset(zeros, '0', sizeof zeros - 1);
    zeros[sizeof zeros - 1] = '\0';
    return vq_st_writer_note(w, "sha256", zeros, e);
}

static vq_status text_of(const vq_st_file *f, const char *key, const char **text, vq_arena *a,
                         vq_err *e)
{
    VQ_TRY(vq_st_metadata(f, key, text, a, e));
    return *text
               ? VQ_OK
               : vq_fail(e, VQ_E_INPUT, "no %s in its metadata: not a statistics file of vq", key);
}

static vq_status sha_of(const vq_st_file *f, const char *key, char out[VQ_SHA256_TEXT], vq_arena *a,
                        vq_err *e)
{
    const char *text;
    VQ_TRY(text_of(f, key, &text, a, e));
    if (strlen(text) != VQ_SHA256_TEXT - 1 ||
        strspn(text, "0123456789abcdef") != VQ_SHA256_TEXT - 1)
        return vq_fail(e, VQ_E_INPUT, "metadata %s is not a SHA-256 digest", key);
    memcpy(out, text, VQ_SHA256_TEXT);
    return VQ_OK;
}

static vq_status number_of(const vq_st_file *f, const char *key, uint64_t max, uint64_t *out,
                           vq_arena *a, vq_err *e)
{
    const char *text;
    VQ_TRY(text_of(f, key, &text, a, e));
    const size_t digits = strspn(text, "0123456789");
    char again[32];
    *out = strtoull(text, NULL, 10);
    (void)snprintf(again, sizeof again, "%llu", (unsigned long long)*out);
    if (digits == 0 || strcmp(again, text) != 0 || *out > max)
        return vq_fail(e, VQ_E_INPUT, "metadata %s is not a number that can be: %.40s", key, text);
    return VQ_OK;
}

vq_status vq_origin_read(vq_stats_origin *o, char sha256[VQ_SHA256_TEXT], const vq_st_file *f,
                         vq_arena *a, vq_err *e)
{
    const char *format, *schema, *version, *needs, *parts;
    uint64_t samples, seqlen;
    *o = (vq_stats_origin){0};
    VQ_TRY(text_of(f, "schema", &schema, a, e));
    VQ_TRY(text_of(f, "format", &format, a, e));
    if (strcmp(format, "pt") != 0)
        return vq_fail(e, VQ_E_INPUT,
                       "metadata format is not pt: the file is damaged; calibrate again");
    if (strcmp(schema, VQ_STATS_SCHEMA) != 0)
        return vq_fail(e, VQ_E_INPUT, "its schema is %.60s; this version reads %s: calibrate again",
                       schema, VQ_STATS_SCHEMA);
    VQ_TRY(text_of(f, "version", &version, a, e));
    VQ_TRY(text_of(f, "needs", &needs, a, e));
    VQ_TRY(sha_of(f, "model", o->model, a, e));
    VQ_TRY(sha_of(f, "data", o->data, a, e));
    VQ_TRY(sha_of(f, "sha256", sha256, a, e));
    VQ_TRY(number_of(f, "samples", INT32_MAX, &samples, a, e));
    VQ_TRY(number_of(f, "seqlen", INT32_MAX, &seqlen, a, e));
    VQ_TRY(number_of(f, "seed", UINT64_MAX, &o->seed, a, e));
    if (strlen(version) >= sizeof o->version)
        return vq_fail(e, VQ_E_INPUT, "metadata version is too long");
    memcpy(o->version, version, strlen(version) + 1);
    if (!samples || !seqlen)
        return vq_fail(e, VQ_E_INPUT,
                       "metadata says %llu samples of %llu tokens: the file is damaged; calibrate "
                       "again",
                       (unsigned long long)samples, (unsigned long long)seqlen);
    o->samples = (int64_t)samples;
    o->seqlen = (int64_t)seqlen;
    o->needs = needs_of(needs);
    VQ_TRY(vq_st_metadata(f, "parts", &parts, a, e));
    if (parts) VQ_TRY(vq_shares_read(o, parts, a, e));
    return o->needs ? VQ_OK
                    : vq_fail(e, VQ_E_INPUT,
                              "metadata needs names no statistics that this version knows: %.60s",
                              needs);
}

vq_status vq_stats_check_origin(const vq_stats_origin *have, const vq_stats_origin *want,
                                bool same_data, const char *path, vq_err *e)
{
    char text[128];
    if (strcmp(have->version, want->version) != 0)
        return vq_fail(e, VQ_E_INPUT, "%s: made by vq %s; this is vq %s: calibrate again", path,
                       have->version, want->version);
    if (strcmp(have->model, want->model) != 0)
        return vq_fail(e, VQ_E_INPUT, "%s: made from another model (digest %.12s..., not %.12s...)",
                       path, have->model, want->model);
    if (want->needs & ~have->needs)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: holds no %s, which the recipe needs: calibrate with -r of this recipe "
                       "and of all others that share the file",
                       path, vq_stats_needs_text(want->needs & ~have->needs, text, sizeof text));
    if (!same_data) return VQ_OK;
    if (have->seqlen != want->seqlen || have->samples != want->samples)
        return vq_fail(e, VQ_E_INPUT, "%s: made from %lld samples of %lld tokens, not %lld of %lld",
                       path, (long long)have->samples, (long long)have->seqlen,
                       (long long)want->samples, (long long)want->seqlen);
    if (strcmp(have->data, want->data) != 0)
        return vq_fail(e, VQ_E_INPUT, "%s: made from other data (digest %.12s..., not %.12s...)",
                       path, have->data, want->data);
    if (have->seed != want->seed && (want->needs & VQ_NEED_GRADIENT))
        return vq_fail(e, VQ_E_INPUT, "%s: its labels were drawn with seed %llu, not %llu", path,
                       (unsigned long long)have->seed, (unsigned long long)want->seed);
    return VQ_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const vq_sealed *)a)->tensor.name, ((const vq_sealed *)b)->tensor.name);
}

static void add_text(vq_sha256 *h, const char *text, const char *end)
{
    vq_sha256_add(h, text, strlen(text));
    vq_sha256_add(h, end, 1);
}

vq_status vq_stats_digest(const vq_stats_origin *o, vq_sealed *tensors, size_t n,
                          char out[VQ_SHA256_TEXT], vq_err *e)
{
    origin_text t[FIELDS];
    origin_texts(o, t);
    qsort(tensors, n, sizeof *tensors, by_name);
    vq_sha256 *h = vq_sha256_new();
    if (!h) return vq_fail(e, VQ_E_LIMIT, "no memory for a digest");
    for (int i = 0; i < FIELDS; i++) {
        add_text(h, t[i].key, "=");
        add_text(h, t[i].text, "\n");
    }
    for (size_t i = 0; i < n; i++) {
        char shape[160];
        const vq_tensor *x = &tensors[i].tensor;
        add_text(h, x->name, " ");
        add_text(h, vq_dtype_name(x->dtype), " ");
        add_text(h, vq_shape_text(x->shape, x->ndim, shape, sizeof shape), " ");
        add_text(h, tensors[i].sha256, "\n");
    }
    vq_sha256_done(h, out);
    return VQ_OK;
}

vq_status vq_stats_seal(vq_st_writer *w, const vq_stats_origin *o, vq_sealed *tensors, size_t n,
                        vq_err *e)
{
    char sha[VQ_SHA256_TEXT];
    const char *const *names;
    size_t files;
    VQ_TRY(vq_stats_digest(o, tensors, n, sha, e));
    VQ_TRY(vq_st_writer_note(w, "sha256", sha, e));
    return vq_st_writer_commit(w, &names, &files, e);
}

vq_status vq_stats_open_writer(vq_st_writer **w, const char *path, const char **dir, vq_arena *a,
                               vq_err *e)
{
    const char *base = vq_base_name(path);
    const int folder = (int)(base - path);
    *dir = folder ? vq_arena_text(a, e, "%.*s", folder, path) : ".";
    if (!*dir) return e->status;
    VQ_TRY(vq_st_writer_new(w, a, e));
    return vq_st_writer_name(*w, base, e);
}
