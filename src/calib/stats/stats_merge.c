/* stats_merge.c -- sums of statistics files, tensor by tensor. */
#include <math.h>
#include <string.h>

#include "calib/stats/stats_origin.h"
#include "calib/stats/stats_part.h"

typedef struct merging {
    const char *const *paths;
    int n;
    vq_stats_file *files;
    vq_stats_origin origin;
    vq_sealed *sealed; /* of the output, in the order of the first file */
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

static vq_status same_tensors(const merging *m, int i, vq_err *e)
{
    const vq_st_file *a = &m->files[0].file, *b = &m->files[i].file;
    for (size_t t = 0; t < a->count; t++) {
        const vq_tensor *x = &a->tensors[t], *y = vq_stats_find(&m->files[i], x->name);
        if (!y)
            return vq_fail(e, VQ_E_INPUT, "%s: %s, which %s holds, is missing", m->paths[i],
                           x->name, m->paths[0]);
        if (x->bytes != y->bytes)
            return vq_fail(e, VQ_E_INPUT, "%s: %s has another shape than in %s", m->paths[i],
                           x->name, m->paths[0]);
    }
    if (a->count == b->count) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: holds %zu tensors more than %s", m->paths[i],
                   b->count - a->count, m->paths[0]);
}

static vq_status same_origin(const merging *m, int i, vq_err *e)
{
    const vq_stats_origin *a = &m->files[0].origin, *b = &m->files[i].origin;
    char have[128], want[128];
    VQ_TRY(vq_stats_check_origin(b, a, false, m->paths[i], e));
    if (a->needs != b->needs)
        return vq_fail(e, VQ_E_INPUT, "%s: holds %s, and %s holds %s", m->paths[i],
                       vq_stats_needs_text(b->needs, have, sizeof have), m->paths[0],
                       vq_stats_needs_text(a->needs, want, sizeof want));
    if (a->seqlen != b->seqlen || a->seed != b->seed)
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
        vq_sha256_add(h, o->data, strlen(o->data));
        m->origin.samples =
            o->samples > INT64_MAX - m->origin.samples ? INT64_MAX : m->origin.samples + o->samples;
    }
    vq_sha256_done(h, m->origin.data);
    return VQ_OK;
}

static vq_status declare_all(merging *m, vq_err *e)
{
    const vq_st_file *f = &m->files[0].file;
    m->sealed = VQ_NEW(m->arena, vq_sealed, f->count, "list of statistics", e);
    if (!m->sealed) return e->status;
    for (size_t i = 0; i < f->count; i++) {
        const vq_tensor *t = &f->tensors[i];
        int64_t id;
        m->sealed[i].tensor = *t;
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
    for (size_t i = 0; i < m->files[0].file.count; i++) {
        const vq_arena_mark mark = vq_arena_here(m->arena);
        const vq_status s = merge_tensor(m, i, e);
        vq_arena_rewind(m->arena, mark);
        VQ_TRY(s);
    }
    return vq_stats_seal(m->out, &m->origin, m->sealed, m->files[0].file.count, e);
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

vq_status vq_stats_merge(const char *const *paths, int n, const char *out, vq_stats_origin *merged,
                         vq_arena *scratch, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    merging m = {.paths = paths, .n = n, .arena = scratch};
    vq_status s = open_all(&m, e);
    if (s == VQ_OK) s = write_merged(&m, out, e);
    if (s == VQ_OK && merged) *merged = m.origin;
    vq_st_writer_drop(m.out);
    for (int i = 0; m.files && i < n; i++) vq_stats_close(&m.files[i]);
    vq_arena_rewind(scratch, mark);
    return s;
}
