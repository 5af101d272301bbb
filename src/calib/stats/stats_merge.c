/* stats_merge.c -- sums of statistics files, tensor by tensor. */
#include "calib/stats/stats_merge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/stats/stats_origin.h"
#include "calib/stats/stats_part.h"
#include "calib/stats/stats_shares.h"

typedef struct merging {
    vq_merge_input *in;
    int n;
    bool common; /* take what all hold */
    bool weighed;
    vq_stats_file *files;
    const vq_stats_file **order; /* by the digests of their data, with the weight of each */
    double *weights;
    vq_stats_origin origin;
    const char *parts; /* the text of its list */
    vq_sealed *sealed; /* [count] of the output, in the order of the first file by `order` */
    size_t count;
    vq_st_writer *out;
    vq_arena *arena;
} merging;

/* Where one tensor lies in every file, and how often the file counts. */
typedef struct summands {
    const void *const *in;
    const double *weights;
    int n;
} summands;

static void sum_f32(const summands *s, size_t count, float *y)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (int f = 0; f < s->n; f++) sum += s->weights[f] * (double)((const float *)s->in[f])[i];
        y[i] = (float)sum;
    }
}

static void sum_f64(const summands *s, size_t count, double *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = 0;
        for (int f = 0; f < s->n; f++) y[i] += s->weights[f] * ((const double *)s->in[f])[i];
    }
}

static void bound_of(const summands *s, size_t count, bool least, float *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = ((const float *)s->in[0])[i];
        for (int f = 1; f < s->n; f++) {
            const float x = ((const float *)s->in[f])[i];
            y[i] = least ? fminf(y[i], x) : fmaxf(y[i], x);
        }
    }
}

/* Counts stay at the largest number that they can hold. */
static void sum_u64(const summands *s, size_t count, uint64_t *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = 0;
        for (int f = 0; f < s->n; f++) {
            const uint64_t x = ((const uint64_t *)s->in[f])[i];
            y[i] = x > INT64_MAX - y[i] ? INT64_MAX : y[i] + x;
        }
    }
}

static double weighed(const summands *s, size_t i)
{
    double sum = 0;
    for (int f = 0; f < s->n; f++) sum += s->weights[f] * (double)((const uint64_t *)s->in[f])[i];
    return sum;
}

static uint64_t whole(double x)
{
    return x < 0x1p63 ? (uint64_t)rint(x) : INT64_MAX;
}

static void weigh_counts(const summands *s, size_t count, uint64_t *y)
{
    for (size_t i = 0; i < count; i++) {
        const double x = weighed(s, i);
        y[i] = x > 0 && x < 1 ? 1 : whole(x);
    }
}

/* Percentiles are read off the sums up to a bin: these are what is rounded. */
static void weigh_bins(const summands *s, size_t count, uint64_t *y)
{
    double upto = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t before = whole(upto);
        upto += weighed(s, i);
        y[i] = whole(upto) - before;
    }
}

static void sum_up(const merging *m, const vq_stats_part *p, const summands *s, size_t count,
                   void *y)
{
    if (p->merge != VQ_MERGE_SUM)
        bound_of(s, count, p->merge == VQ_MERGE_LEAST, y);
    else if (p->dtype == VQ_F32)
        sum_f32(s, count, y);
    else if (p->dtype == VQ_F64)
        sum_f64(s, count, y);
    else if (!m->weighed)
        sum_u64(s, count, y);
    else if (p->shape == VQ_PART_BINS)
        weigh_bins(s, count, y);
    else
        weigh_counts(s, count, y);
}

static vq_status merge_tensor(const merging *m, size_t id, vq_err *e)
{
    vq_sealed *s = &m->sealed[id];
    size_t module;
    const vq_stats_part *p = vq_stats_part_of(s->tensor.name, &module);
    const void **in = VQ_ALLOC(m->arena, const void *, m->n, "inputs", e);
    void *sum = in ? vq_arena_alloc(m->arena, 1, s->tensor.bytes, "merged statistics", e) : NULL;
    if (!sum) return e->status;
    for (int f = 0; f < m->n; f++) in[f] = vq_stats_find(m->order[f], s->tensor.name)->data;
    sum_up(m, p, &(summands){in, m->weights, m->n},
           s->tensor.bytes / (size_t)(vq_dtype_bits(p->dtype) / 8), sum);
    s->tensor.data = sum;
    const char *flaw = vq_stats_flaw(&s->tensor);
    if (flaw) return vq_fail(e, VQ_E_NUMERIC, "the merged %s %s", s->tensor.name, flaw);
    vq_sha256_of(sum, s->tensor.bytes, s->sha256);
    return vq_st_writer_write(m->out, (int64_t)id, 0, sum, s->tensor.bytes, e);
}

/* Does file i hold the tensor in the same shape? */
static bool holds(const merging *m, int i, const vq_tensor *t)
{
    const vq_tensor *other = vq_stats_find(&m->files[i], t->name);
    return other && other->bytes == t->bytes;
}

/* What file i has that file j lacks: the first name, and how many more. */
static vq_status missing(const merging *m, int i, int j, vq_err *e)
{
    const vq_st_file *f = &m->files[i].file;
    const char *first = NULL;
    size_t n = 0;
    for (size_t t = 0; t < f->count; t++) {
        if (holds(m, j, &f->tensors[t])) continue;
        if (!first) first = f->tensors[t].name;
        n++;
    }
    if (!first) return VQ_OK;
    const bool shape = vq_stats_find(&m->files[j], first) != NULL;
    char more[48] = "";
    if (n > 1) snprintf(more, sizeof more, " and %zu others", n - 1);
    return vq_fail(e, VQ_E_INPUT,
                   "%s: %s%s, which %s holds, %s here: --common merges what all files hold",
                   m->in[j].path, first, more, m->in[i].path,
                   shape   ? "has another shape"
                   : n > 1 ? "are missing"
                           : "is missing");
}

static vq_status same_tensors(const merging *m, int i, vq_err *e)
{
    if (m->common) return VQ_OK;
    VQ_TRY(missing(m, 0, i, e));
    return missing(m, i, 0, e);
}

static vq_status other_data(const merging *m, int i, int j, vq_err *e)
{
    const vq_stats_origin *a = &m->files[i].origin, *b = &m->files[j].origin;
    const char *both = vq_shares_both(a, b);
    if (!both) return VQ_OK;
    if (strcmp(a->data, b->data) == 0)
        return vq_fail(e, VQ_E_INPUT, "%s: made from the same data as %s: it would count twice",
                       m->in[i].path, m->in[j].path);
    return vq_fail(e, VQ_E_INPUT,
                   "%s: what it was made from (data %.12s...) is in %s too, and would count twice",
                   m->in[i].path, both, m->in[j].path);
}

static vq_status same_origin(const merging *m, int i, vq_err *e)
{
    const vq_stats_origin *a = &m->files[0].origin, *b = &m->files[i].origin;
    char have[128], want[128];
    vq_stats_origin same = *a;
    same.needs = 0; /* what they hold is compared below */
    if (strcmp(a->version, b->version) != 0)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: made by vq %s, and %s by vq %s: calibrate one of them again",
                       m->in[i].path, b->version, m->in[0].path, a->version);
    VQ_TRY(vq_stats_check_origin(b, &same, false, m->in[i].path, e));
    const char *unlike =
        !(a->needs & b->needs) ? ", which have nothing in common: calibrate both with the same -r"
        : a->needs != b->needs && !m->common ? ": --common merges what all files hold"
                                             : NULL;
    if (unlike)
        return vq_fail(e, VQ_E_INPUT, "%s: holds %s, and %s holds %s%s", m->in[i].path,
                       vq_stats_needs_text(b->needs, have, sizeof have), m->in[0].path,
                       vq_stats_needs_text(a->needs, want, sizeof want), unlike);
    const bool drawn = a->needs & b->needs & VQ_NEED_GRADIENT;
    if (a->seqlen != b->seqlen || (drawn && a->seed != b->seed))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: made with calib.seqlen %lld and seed %llu, and %s with %lld and %llu",
                       m->in[i].path, (long long)b->seqlen, (unsigned long long)b->seed,
                       m->in[0].path, (long long)a->seqlen, (unsigned long long)a->seed);
    for (int j = 0; j < i; j++) VQ_TRY(other_data(m, i, j, e));
    return same_tensors(m, i, e);
}

static int by_data(const void *a, const void *b)
{
    return strcmp((*(const vq_stats_file *const *)a)->origin.data,
                  (*(const vq_stats_file *const *)b)->origin.data);
}

/* The files by their data, so that sums do not know in which order they were named. */
static vq_status put_in_order(merging *m, vq_err *e)
{
    int64_t *all = &m->origin.samples;
    m->order = VQ_ALLOC(m->arena, const vq_stats_file *, m->n, "statistics files", e);
    m->weights = m->order ? VQ_ALLOC(m->arena, double, m->n, "statistics files", e) : NULL;
    if (!m->weights) return e->status;
    *all = 0;
    for (int i = 0; i < m->n; i++) {
        const int64_t here = m->in[i].samples = m->files[i].origin.samples;
        if (here < 1 || here > INT64_MAX - *all)
            return vq_fail(e, VQ_E_INPUT, "%s: made from %lld samples, which cannot be added up",
                           m->in[i].path, (long long)here);
        *all += here;
        m->order[i] = &m->files[i];
    }
    qsort(m->order, (size_t)m->n, sizeof(vq_stats_file *), by_data);
    return VQ_OK;
}

/* Shares of the inputs, weights in `order`. */
static void weigh(merging *m)
{
    const double samples = (double)m->origin.samples;
    double all = 0;
    m->weighed = m->in[0].share > 0;
    for (int i = 0; i < m->n; i++) {
        vq_merge_input *in = &m->in[m->order[i] - m->files];
        if (!m->weighed) in->share = (double)in->samples / samples;
        all += in->share;
    }
    for (int i = 0; i < m->n; i++) {
        vq_merge_input *in = &m->in[m->order[i] - m->files];
        if (m->weighed) in->share /= all;
        m->weights[i] = m->weighed ? in->share * (samples / (double)in->samples) : 1;
    }
}

static vq_status list_parts(merging *m, vq_err *e)
{
    const vq_stats_origin **files =
        VQ_ALLOC(m->arena, const vq_stats_origin *, m->n, "list of parts", e);
    double *shares = files ? VQ_ALLOC(m->arena, double, m->n, "list of parts", e) : NULL;
    vq_stats_share *parts;
    int n;
    if (!shares) return e->status;
    for (int i = 0; i < m->n; i++) {
        files[i] = &m->files[i].origin;
        shares[i] = m->in[i].share;
    }
    VQ_TRY(vq_shares_all(files, shares, m->n, &parts, &n, m->arena, e));
    m->parts = vq_shares_text(parts, n, m->arena, e);
    if (m->parts) vq_sha256_of(m->parts, strlen(m->parts), m->origin.data);
    return m->parts ? VQ_OK : e->status;
}

static vq_status merge_origins(merging *m, vq_err *e)
{
    m->origin = m->files[0].origin;
    m->origin.parts = NULL;
    m->origin.nparts = 0;
    VQ_TRY(put_in_order(m, e));
    weigh(m);
    for (int i = 0; i < m->n; i++) m->origin.needs &= m->files[i].origin.needs;
    if (!m->origin.needs) return vq_fail(e, VQ_E_INPUT, "the files have nothing in common");
    if (!(m->origin.needs & VQ_NEED_GRADIENT)) m->origin.seed = 0;
    return list_parts(m, e);
}

static bool all_hold(const merging *m, const vq_tensor *t)
{
    for (int i = 0; i < m->n; i++)
        if (!holds(m, i, t)) return false;
    return true;
}

static vq_status declare_all(merging *m, vq_err *e)
{
    const vq_st_file *f = &m->order[0]->file;
    m->sealed = VQ_NEW(m->arena, vq_sealed, f->count, "list of statistics", e);
    if (!m->sealed) return e->status;
    for (size_t i = 0; i < f->count; i++) {
        const vq_tensor *t = &f->tensors[i];
        int64_t id;
        if (!all_hold(m, t)) continue;
        m->sealed[m->count++].tensor = *t;
        VQ_TRY(vq_st_writer_declare(m->out, t->name, t->dtype, t->shape, t->ndim, &id, e));
    }
    return VQ_OK;
}

static vq_status write_merged(merging *m, const char *path, vq_err *e)
{
    const char *dir;
    VQ_TRY(merge_origins(m, e));
    VQ_TRY(vq_stats_open_writer(&m->out, path, &dir, m->arena, e));
    VQ_TRY(declare_all(m, e));
    VQ_TRY(vq_origin_write(&m->origin, m->out, e));
    VQ_TRY(vq_st_writer_note(m->out, "parts", m->parts, e));
    VQ_TRY(vq_st_writer_open(m->out, dir, 0, e));
    for (size_t i = 0; i < m->count; i++) {
        const vq_arena_mark mark = vq_arena_here(m->arena);
        const vq_status s = merge_tensor(m, i, e);
        vq_arena_rewind(m->arena, mark);
        VQ_TRY(s);
    }
    return vq_stats_seal(m->out, &m->origin, m->sealed, m->count, e);
}

static vq_status open_all(merging *m, vq_err *e)
{
    m->files = VQ_NEW(m->arena, vq_stats_file, m->n, "statistics files", e);
    if (!m->files) return e->status;
    for (int i = 0; i < m->n; i++) {
        VQ_TRY(vq_stats_load(&m->files[i], m->in[i].path, NULL, m->arena, e));
        if (i > 0) VQ_TRY(same_origin(m, i, e));
    }
    return VQ_OK;
}

vq_status vq_stats_merge(vq_merge_input *in, int n, const char *out, bool common,
                         vq_stats_origin *merged, vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    merging m = {.in = in, .n = n, .common = common, .arena = scratch};
    vq_status s = open_all(&m, e);
    if (s == VQ_OK) s = write_merged(&m, out, e);
    if (s == VQ_OK && merged) *merged = m.origin;
    vq_st_writer_drop(m.out);
    for (int i = 0; m.files && i < n; i++) vq_stats_close(&m.files[i]);
    vq_arena_rewind(scratch, mark);
    return s;
}
