/* stats_shares.c -- the parts of merged statistics: written, read, joined, compared. */
#include "calib/stats/stats_shares.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART_TEXT = 128 }; /* 64 + 1 + 19 + 1 + 24 and a comma */

const char *vq_shares_text(const vq_stats_share *parts, int n, vq_arena *a, vq_err *e)
{
    const size_t room = (size_t)n * PART_TEXT;
    char *text = VQ_ALLOC(a, char, room + 1, "list of parts", e);
    size_t at = 0;
    for (int i = 0; text && i < n; i++) {
        const vq_stats_share *p = &parts[i];
        at += (size_t)snprintf(text + at, room - at, "%s%s:%lld:%.17g", i ? "," : "", p->data,
                               (long long)p->samples, p->share);
    }
    return text;
}

static bool read_one(vq_stats_share *p, const char **at)
{
    const char *t = *at;
    char *end;
    const size_t digits = VQ_SHA256_TEXT - 1;
    if (strspn(t, "0123456789abcdef") != digits || t[digits] != ':') return false;
    memcpy(p->data, t, digits);
    p->data[digits] = '\0';
    p->samples = strtoll(t + digits + 1, &end, 10);
    if (*end != ':') return false;
    p->share = strtod(end + 1, &end);
    *at = end + (*end == ',');
    return p->samples > 0 && p->share > 0 && p->share <= 1 && (*end == ',' || !*end);
}

/* Do the parts make up the file that names them? */
static bool add_up(const vq_stats_share *p, int n, int64_t samples)
{
    double share = 0;
    for (int i = 0; i < n; i++) {
        if (i && strcmp(p[i - 1].data, p[i].data) >= 0) return false;
        if (p[i].samples > samples) return false;
        samples -= p[i].samples;
        share += p[i].share;
    }
    return samples == 0 && fabs(share - 1) < 1e-6;
}

static vq_status not_a_list(vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT,
                   "metadata parts is not the list of what the file was merged from: the file is "
                   "damaged; merge again");
}

vq_status vq_shares_read(vq_stats_origin *o, const char *text, vq_arena *a, vq_err *e)
{
    int n = 1;
    char sha[VQ_SHA256_TEXT];
    for (const char *t = text; *t && n <= VQ_STATS_SHARES_MAX; t++) n += *t == ',';
    if (n > VQ_STATS_SHARES_MAX) return not_a_list(e);
    vq_stats_share *parts = VQ_ALLOC(a, vq_stats_share, n, "list of parts", e);
    if (!parts) return e->status;
    const char *at = text;
    for (int i = 0; i < n; i++)
        if (!read_one(&parts[i], &at)) return not_a_list(e);
    const char *again = vq_shares_text(parts, n, a, e);
    if (!again) return e->status;
    vq_sha256_of(text, strlen(text), sha);
    if (strcmp(again, text) != 0 || !add_up(parts, n, o->samples) || strcmp(sha, o->data) != 0)
        return not_a_list(e);
    o->parts = parts;
    o->nparts = n;
    return VQ_OK;
}

/* A file without a list is a part by itself. */
static vq_stats_share part_of(const vq_stats_origin *o, int i)
{
    if (o->nparts) return o->parts[i];
    vq_stats_share one = {.samples = o->samples, .share = 1};
    memcpy(one.data, o->data, sizeof one.data);
    return one;
}

static int parts_of(const vq_stats_origin *o)
{
    return o->nparts ? o->nparts : 1;
}

static int by_data(const void *a, const void *b)
{
    return strcmp(((const vq_stats_share *)a)->data, ((const vq_stats_share *)b)->data);
}

vq_status vq_shares_all(const vq_stats_origin *const *files, const double *shares, int n,
                        vq_stats_share **parts, int *count, vq_arena *a, vq_err *e)
{
    int all = 0;
    for (int f = 0; f < n; f++) all += parts_of(files[f]);
    if (all > VQ_STATS_SHARES_MAX)
        return vq_fail(e, VQ_E_LIMIT, "made from %d files in all; %d can be merged", all,
                       VQ_STATS_SHARES_MAX);
    vq_stats_share *to = *parts = VQ_ALLOC(a, vq_stats_share, all, "list of parts", e);
    if (!to) return e->status;
    for (int f = 0; f < n; f++)
        for (int i = 0; i < parts_of(files[f]); i++, to++) {
            *to = part_of(files[f], i);
            to->share *= shares[f];
            if (!(to->share > 0))
                return vq_fail(e, VQ_E_RECIPE, "a share of %g leaves nothing of a part", shares[f]);
        }
    qsort(*parts, (size_t)all, sizeof **parts, by_data);
    *count = all;
    return VQ_OK;
}

const char *vq_shares_both(const vq_stats_origin *a, const vq_stats_origin *b)
{
    if (strcmp(a->data, b->data) == 0) return a->data;
    for (int i = 0, j = 0; i < parts_of(a) && j < parts_of(b);) {
        const char *x = a->nparts ? a->parts[i].data : a->data,
                   *y = b->nparts ? b->parts[j].data : b->data;
        const int order = strcmp(x, y);
        if (order == 0) return x;
        i += order < 0;
        j += order > 0;
    }
    return NULL;
}
