/* factor.c -- order the channels, damp, factor in f64, keep the unit upper factor as f32 panels. */
#include "quant/round/factor.h"

#include <stdlib.h>
#include <string.h>

#include "base/num/dtype.h"
#include "quant/round/tiled_cholesky.h"

/* A pivot this far below the mean diagonal is rounding noise of an f32 statistic. */
static const double least_pivot = 1e-8;

static int64_t panels_of(int64_t k, int64_t width)
{
    return (k + width - 1) / width;
}

static uint64_t panel_floats(int64_t k, int64_t width)
{
    const int64_t p = panels_of(k, width);
    return (uint64_t)(width * width) * (uint64_t)(p * (p + 1) / 2);
}

uint64_t vq_factor_kept(int64_t k, int64_t width)
{
    return panel_floats(k, width) * sizeof(float) +
           (uint64_t)k * (sizeof(double) + sizeof(float) + sizeof(int32_t)) + 4096;
}

uint64_t vq_factor_bytes(int64_t k, int64_t width)
{
    const vq_tiles t = vq_tiles_shape(k);
    return vq_factor_kept(k, width) + (uint64_t)vq_tiles_doubles(&t) * sizeof(double) +
           (uint64_t)k * 16 + 4096;
}

typedef struct channel {
    float diag;
    int32_t index;
} channel;

static int by_falling_diag(const void *a, const void *b)
{
    const channel *x = a, *y = b;
    if (x->diag != y->diag) return x->diag > y->diag ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static vq_status sort_channels(vq_factor *f, vq_arena *a, vq_err *e)
{
    channel *c = VQ_ALLOC(a, channel, f->k, "order of channels", e);
    if (!c) return VQ_E_LIMIT;
    for (int64_t i = 0; i < f->k; i++) c[i] = (channel){f->diag[i], (int32_t)i};
    qsort(c, (size_t)f->k, sizeof *c, by_falling_diag);
    for (int64_t i = 0; i < f->k; i++) f->order[i] = c[i].index;
    return VQ_OK;
}

static vq_status check(vq_factor *f, const float *h, double *mean, vq_err *e)
{
    int64_t bad = f->k;
#pragma omp parallel for schedule(static) reduction(min : bad)
    for (int64_t i = 0; i < f->k; i++)
        if (!vq_f32_all_finite(h + i * f->k, (size_t)f->k)) bad = i < bad ? i : bad;
    if (bad < f->k)
        return vq_fail(e, VQ_E_NUMERIC, "the curvature of channel %lld is not finite",
                       (long long)bad);
    *mean = 0;
    for (int64_t i = 0; i < f->k; i++) {
        f->diag[i] = h[i * f->k + i];
        *mean += (double)f->diag[i] / (double)f->k;
        if (f->diag[i] < 0)
            return vq_fail(e, VQ_E_NUMERIC, "the curvature of channel %lld is negative",
                           (long long)i);
    }
    return VQ_OK;
}

/* The matrix that is factored: h shrunk towards its diagonal, and damped. */
typedef struct loading {
    const vq_factor *f;
    const float *h;
    double kept, added, mean; /* of what is off the diagonal; to the diagonal; of the diagonal */
} loading;

/* Row i of the tiles is position k - 1 - i of the chosen order: the matrix is loaded backwards, so
 * that its lower factor L, read backwards, is the upper factor of H. Channels with a diagonal of 0 are
 * tied to no other. Rows from k on fill up the last tile. */
static void load_row(const loading *from, const vq_tiles *t, int64_t i)
{
    const vq_factor *f = from->f;
    const int64_t k = f->k, length = vq_tiles_length(t, i / t->size);
    double *row = vq_tiles_row(t, i);
    memset(row, 0, (size_t)length * sizeof *row);
    if (i >= k) {
        row[i] = from->mean;
        return;
    }
    const int64_t r = f->order[k - 1 - i];
    for (int64_t j = 0; f->diag[r] != 0 && j < i; j++) {
        const int64_t c = f->order[k - 1 - j];
        if (f->diag[c] != 0) row[j] = from->kept * (double)from->h[r * k + c];
    }
    row[i] = (double)f->diag[r] + from->added;
}

static void load(const loading *from, const vq_tiles *t)
{
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t i = 0; i < t->count * t->size; i++) load_row(from, t, i);
}

/* Panel p of U: U[r][c] = L[k - 1 - r][k - 1 - c] / L[k - 1 - c][k - 1 - c]. f->d holds the
 * diagonal of L here. */
static void store_panel(const vq_factor *f, const vq_tiles *t, int64_t p)
{
    const int64_t k = f->k, first = p * f->width, end = first + f->width;
    float *u = f->u + f->width * f->width * (p * (p + 1) / 2);
    memset(u, 0, (size_t)(end * f->width) * sizeof *u);
    for (int64_t r = 0; r < end && r < k; r++) {
        const double *l = vq_tiles_row(t, k - 1 - r) + k - 1;
        for (int64_t c = r < first ? first : r + 1; c < end && c < k; c++)
            u[r * f->width + c - first] = (float)(l[-c] / f->d[c]);
    }
}

static void store(vq_factor *f, const vq_tiles *t)
{
    for (int64_t c = 0; c < f->k; c++) f->d[c] = vq_tiles_row(t, f->k - 1 - c)[f->k - 1 - c];
#pragma omp parallel for schedule(dynamic)
    for (int64_t p = 0; p < panels_of(f->k, f->width); p++) store_panel(f, t, p);
    for (int64_t c = 0; c < f->k; c++) f->d[c] *= f->d[c];
}

static vq_status new_arrays(vq_factor *f, const vq_factor_spec *s, vq_arena *a, vq_err *e)
{
    *f = (vq_factor){.k = s->k, .width = s->width};
    f->order = VQ_ALLOC(a, int32_t, s->k, "order of channels", e);
    f->diag = VQ_ALLOC(a, float, s->k, "curvature", e);
    f->d = VQ_ALLOC(a, double, s->k, "curvature", e);
    f->u = VQ_ALLOC(a, float, panel_floats(s->k, s->width), "factor of the curvature", e);
    return f->order && f->diag && f->d && f->u ? VQ_OK : VQ_E_LIMIT;
}

/* No factorization succeeded: U = 0 and D the damped diagonal, which makes the walk round to
 * nearest. */
static void leave_out(vq_factor *f, double added)
{
    f->none = true;
    memset(f->u, 0, (size_t)panel_floats(f->k, f->width) * sizeof *f->u);
    for (int64_t i = 0; i < f->k; i++) f->d[i] = (double)f->diag[f->order[i]] + added;
}

static vq_status factor(vq_factor *f, const float *h, const vq_factor_spec *s, double mean,
                        vq_arena *a, vq_err *e)
{
    vq_tiles t = vq_tiles_shape(s->k);
    t.data = VQ_ALLOC(a, double, vq_tiles_doubles(&t), "factoring the curvature", e);
    if (!t.data) return VQ_E_LIMIT;
    for (double damp = s->damp; mean > 0 && damp < 1.5; damp *= 10, f->tries++) {
        const loading from = {f, h, 1 - s->shrink, damp * mean, mean};
        load(&from, &t);
        if (!vq_tiles_cholesky(&t, least_pivot * mean, s->strict)) continue;
        store(f, &t);
        f->kept = from.kept, f->added = from.added;
        return VQ_OK;
    }
    leave_out(f, s->damp * mean);
    return VQ_OK;
}

vq_status vq_factor_new(vq_factor *f, const float *h, const vq_factor_spec *s, vq_arena *a,
                        vq_err *e)
{
    double mean = 0;
    VQ_TRY(new_arrays(f, s, a, e));
    VQ_TRY(check(f, h, &mean, e));
    const vq_arena_mark mark = vq_arena_here(a);
    for (int64_t i = 0; i < s->k; i++) f->order[i] = (int32_t)i;
    vq_status status = s->sorted ? sort_channels(f, a, e) : VQ_OK;
    if (status == VQ_OK) status = factor(f, h, s, mean, a, e);
    vq_arena_rewind(a, mark);
    return status;
}
