/* edit.c -- scales, gathers and Hadamard blocks along one side of a matrix in place, and lists of
 * them by tensor. */
#include "base/exchange/edit.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "base/num/hadamard_matrix.h"
#include "base/parallel.h"

enum { TILE = 16 }; /* columns taken at a time when rows change: one cache line of f32 */

/* The part of a matrix that one task changes: n entries along the edited side, each `width`
 * neighbours long, `step` apart. */
typedef struct strip {
    float *w;
    int64_t n, step, width;
} strip;

static void scale_strip(const vq_edit *d, const strip *s, void *unused)
{
    (void)unused;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < s->width; j++) s->w[i * s->step + j] *= d->scale[i];
}

static void set_strip(const vq_edit *d, const strip *s, void *unused)
{
    (void)unused;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < s->width; j++) s->w[i * s->step + j] = d->scale[i];
}

static void gather_strip(const vq_edit *d, const strip *s, void *room)
{
    float *old = room;
    const size_t bytes = (size_t)s->width * sizeof *old;
    for (int64_t i = 0; i < s->n; i++) memcpy(old + i * s->width, s->w + i * s->step, bytes);
    for (int64_t i = 0; i < s->n; i++)
        memcpy(s->w + i * s->step, old + d->order[i] * s->width, bytes);
}

static void hadamard_strip(const vq_edit *d, const strip *s, void *room)
{
    double *x = room;
    const double scale = 1 / sqrt((double)d->block);
    for (int64_t at = 0; at < s->n; at += d->block) {
        float *w = s->w + at * s->step;
        for (int64_t i = 0; i < d->block; i++)
            for (int64_t j = 0; j < s->width; j++) x[i * s->width + j] = (double)w[i * s->step + j];
        vq_hadamard_times(x, d->block, s->width);
        for (int64_t i = 0; i < d->block; i++)
            for (int64_t j = 0; j < s->width; j++)
                w[i * s->step + j] = (float)(x[i * s->width + j] * scale);
    }
}

/* What a kind does to a strip, and what of an old strip it must hold meanwhile. */
static const struct kind {
    void (*run)(const vq_edit *d, const strip *s, void *room);
    size_t entry; /* bytes per element held */
    bool block;   /* of a block; else of the whole strip */
} kinds[] = {
    [VQ_EDIT_SCALE] = {scale_strip, 0, false},
    [VQ_EDIT_SET] = {set_strip, 0, false},
    [VQ_EDIT_GATHER] = {gather_strip, sizeof(float), false},
    [VQ_EDIT_HADAMARD] = {hadamard_strip, sizeof(double), true},
};

static bool order_fits(const vq_edit *d)
{
    for (int64_t i = 0; i < d->n; i++)
        if (d->order[i] < 0 || d->order[i] >= d->n) return false;
    return true;
}

static vq_status check_edit(const vq_edit *d, int64_t rows, int64_t cols, vq_err *e)
{
    const int64_t side = d->side == VQ_EDIT_ROWS ? rows : cols;
    if ((d->of ? d->of : d->n) != side || d->first < 0 || d->first > side - d->n)
        return vq_fail(e, VQ_E_BUG, "%s: an edit of %lld entries on a side of %lld", d->tensor,
                       (long long)d->n, (long long)side);
    if (d->kind == VQ_EDIT_GATHER && !order_fits(d))
        return vq_fail(e, VQ_E_BUG, "%s: an order that leaves the tensor", d->tensor);
    if (d->kind != VQ_EDIT_HADAMARD) return VQ_OK;
    if (vq_hadamard_core(d->block) > 0 && d->n % d->block == 0) return VQ_OK;
    return vq_fail(e, VQ_E_BUG, "%s: Hadamard blocks of %lld on a side of %lld", d->tensor,
                   (long long)d->block, (long long)d->n);
}

/* Task t of a matrix: row t, or its t-th tile of columns. */
static strip strip_at(const vq_edit *d, float *w, int64_t cols, int64_t t)
{
    if (d->side == VQ_EDIT_COLS) return (strip){w + t * cols + d->first, d->n, 1, 1};
    const int64_t at = t * TILE, left = cols - at;
    return (strip){w + d->first * cols + at, d->n, cols, left < TILE ? left : TILE};
}

vq_status vq_edit_apply(const vq_edit *d, float *w, int64_t rows, int64_t cols, vq_arena *scratch,
                        vq_err *e)
{
    VQ_TRY(check_edit(d, rows, cols, e));
    const struct kind *kind = &kinds[d->kind];
    const int64_t tasks = d->side == VQ_EDIT_COLS ? rows : (cols + TILE - 1) / TILE,
                  width = d->side == VQ_EDIT_COLS ? 1 : TILE;
    const size_t room = (size_t)((kind->block ? d->block : d->n) * width) * kind->entry;
    const vq_arena_mark mark = vq_arena_here(scratch);
    char *rooms = VQ_ALLOC(scratch, char, (size_t)omp_get_max_threads() * room, "edited weight", e);
    if (!rooms) return VQ_E_LIMIT;
#pragma omp parallel for schedule(static) if (rows * cols > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < tasks; t++) {
        const strip s = strip_at(d, w, cols, t);
        kind->run(d, &s, rooms + (size_t)omp_get_thread_num() * room);
    }
    vq_arena_rewind(scratch, mark);
    return VQ_OK;
}

void vq_edits_init(vq_edits *s, vq_arena *a)
{
    *s = (vq_edits){.arena = a};
}

vq_status vq_edits_add(vq_edits *s, const vq_edit *d, vq_err *e)
{
    if ((size_t)s->count == s->room) {
        vq_edit *list = vq_arena_more(s->arena, s->list, &s->room, sizeof *list, "edits", e);
        if (!list) return VQ_E_LIMIT;
        s->list = list;
    }
    s->list[s->count++] = *d;
    return VQ_OK;
}

int vq_edits_touch(const vq_edits *s, const char *tensor)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->list[i].tensor, tensor) == 0) return 1;
    return 0;
}

vq_status vq_edits_run(const vq_edits *s, const char *tensor, float *w, int64_t rows, int64_t cols,
                       vq_arena *scratch, vq_err *e)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->list[i].tensor, tensor) == 0)
            VQ_TRY(vq_edit_apply(&s->list[i], w, rows, cols, scratch, e));
    return VQ_OK;
}
