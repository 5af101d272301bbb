/* stats_merge.c -- sums of statistics files, tensor by tensor. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/stats/stats_origin.h"
#include "calib/stats/stats_part.h"

typedef struct merging {
    const char *const *paths;
    int n;
    bool common; /* take what all hold */
    vq_stats_file *files;
    vq_stats_origin origin;
    vq_sealed *sealed; /* [count] of the output, in the order of the first file */
    size_t count;
    vq_st_writer *out;
    vq_arena *arena;
} merging;

/* Where one tensor lies in every file. */
typedef const void *const *inputs;

static void sum_f32(inputs in, int n, vq_part_merge how, size_t count, void *out)
{
    float *y = out;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        float least = INFINITY, most = -INFINITY;
        for (int f = 0; f < n; f++) {
            const float x = ((const float *)in[f])[i];
            sum += (double)x;
            least = fminf(least, x);
            most = fmaxf(most, x);
        }
        y[i] = how == VQ_MERGE_LEAST ? least : how == VQ_MERGE_MOST ? most : (float)sum;
    }
}

static void sum_f64(inputs in, int n, vq_part_merge how, size_t count, void *out)
{
    double *y = out;
    (void)how;
    for (size_t i = 0; i < count; i++) {
        y[i] = 0;
        for (int f = 0; f < n; f++) y[i] += ((const double *)in[f])[i];
    }
}

/* Counts stay at the largest number that they can hold. */
static void sum_u64(inputs in, int n, vq_part_merge how, size_t count, void *out)
{
    uint64_t *y = out;
    (void)how;
    for (size_t i = 0; i < count; i++) {
        y[i] = 0;
        for (int f = 0; f < n; f++) {
            const uint64_t x = ((const uint64_t *)in[f])[i];
            y[i] = x > INT64_MAX - y[i] ? INT64_MAX : y[i] + x;
        }
    }
}

static vq_status merge_tensor(const merging *m, size_t id, vq_err *e)
{
    static void (*const sums[VQ_DTYPES])(inputs, int, vq_part_merge, size_t, void *) = {
        [VQ_F32] = sum_f32, [VQ_F64] = sum_f64, [VQ_U64] = sum_u64};
    vq_sealed *s = &m->sealed[id];
    size_t module;
    const vq_stats_part *p = vq_stats_part_of(s->tensor.name, &module);
    const void **in = VQ_ALLOC(m->arena, const void *, m->n, "inputs", e);
    void *sum = in ? vq_arena_alloc(m->arena, 1, s->tensor.bytes, "merged statistics", e) : NULL;
    if (!sum) return e->status;
    for (int f = 0; f < m->n; f++) in[f] = vq_stats_find(&m->files[f], s->tensor.name)->data;
    sums[p->dtype](in, m->n, p->merge, s->tensor.bytes / (size_t)(vq_dtype_bits(p->dtype) / 8),
                   sum);
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
                   m->paths[j], first, more, m->paths[i],
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

static vq_status same_origin(const merging *m, int i, vq_err *e)
{
    const vq_stats_origin *a = &m->files[0].origin, *b = &m->files[i].origin;
    char have[128], want[128];
    vq_stats_origin same = *a;
    same.needs = 0; /* what they hold is compared below */
    VQ_TRY(vq_stats_check_origin(b, &same, false, m->paths[i], e));
    if (a->needs != b->needs && !m->common)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: holds %s, and %s holds %s: --common merges what all files hold",
                       m->paths[i], vq_stats_needs_text(b->needs, have, sizeof have), m->paths[0],
                       vq_stats_needs_text(a->needs, want, sizeof want));
    const bool drawn = a->needs & b->needs & VQ_NEED_GRADIENT;
    if (a->seqlen != b->seqlen || (drawn && a->seed != b->seed))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: made with calib.seqlen %lld and seed %llu, and %s with %lld and %llu",
                       m->paths[i], (long long)b->seqlen, (unsigned long long)b->seed, m->paths[0],
                       (long long)a->seqlen, (unsigned long long)a->seed);
    for (int j = 0; j < i; j++)
        if (strcmp(m->files[j].origin.data, b->data) == 0)
            return vq_fail(e, VQ_E_INPUT, "%s: made from the same data as %s: it would count twice",
                           m->paths[i], m->paths[j]);
    return same_tensors(m, i, e);
}

static vq_status merge_origins(merging *m, vq_err *e)
{
    m->origin = m->files[0].origin;
    vq_sha256 *h = vq_sha256_new();
    if (!h) return vq_fail(e, VQ_E_LIMIT, "no memory for a digest");
    m->origin.samples = 0;
    for (int i = 0; i < m->n; i++) {
        const vq_stats_origin *o = &m->files[i].origin;
        m->origin.needs &= o->needs;
        vq_sha256_add(h, o->data, strlen(o->data));
        m->origin.samples =
            o->samples > INT64_MAX - m->origin.samples ? INT64_MAX : m->origin.samples + o->samples;
    }
    vq_sha256_done(h, m->origin.data);
    if (!m->origin.needs) return vq_fail(e, VQ_E_INPUT, "the files have nothing in common");
    if (!(m->origin.needs & VQ_NEED_GRADIENT)) m->origin.seed = 0;
    return VQ_OK;
}

static bool all_hold(const merging *m, const vq_tensor *t)
{
    for (int i = 1; i < m->n; i++)
        if (!holds(m, i, t)) return false;
    return true;
}

static vq_status declare_all(merging *m, vq_err *e)
{
    const vq_st_file *f = &m->files[0].file;
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
        VQ_TRY(vq_stats_load(&m->files[i], m->paths[i], NULL, m->arena, e));
        if (i > 0) VQ_TRY(same_origin(m, i, e));
    }
    return VQ_OK;
}

vq_status vq_stats_merge(const char *const *paths, int n, const char *out, bool common,
                         vq_stats_origin *merged, vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    merging m = {.paths = paths, .n = n, .common = common, .arena = scratch};
    vq_status s = open_all(&m, e);
    if (s == VQ_OK) s = write_merged(&m, out, e);
    if (s == VQ_OK && merged) *merged = m.origin;
    vq_st_writer_drop(m.out);
    for (int i = 0; m.files && i < n; i++) vq_stats_close(&m.files[i]);
    vq_arena_rewind(scratch, mark);
    return s;
}
