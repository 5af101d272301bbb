/* stats_load.c -- open statistics: nothing of the file is believed before its digest, its values
 * and its shapes are right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num/dtype.h"
#include "calib/stats/stats_origin.h"
#include "calib/stats/stats_part.h"
#include "model/walk/groups.h"

static int by_name(const void *a, const void *b)
{
    return strcmp((*(vq_tensor *const *)a)->name, (*(vq_tensor *const *)b)->name);
}

static vq_status sort_tensors(vq_stats_file *f, vq_arena *a, vq_err *e)
{
    f->sorted = VQ_ALLOC(a, vq_tensor *, f->file.count, "list of statistics", e);
    if (!f->sorted) return e->status;
    for (size_t i = 0; i < f->file.count; i++) f->sorted[i] = &f->file.tensors[i];
    qsort(f->sorted, f->file.count, sizeof(vq_tensor *), by_name);
    return VQ_OK;
}

const vq_tensor *vq_stats_find(const vq_stats_file *f, const char *name)
{
    const vq_tensor key = {.name = name}, *want = &key;
    vq_tensor *const *found =
        bsearch(&want, f->sorted, f->file.count, sizeof(vq_tensor *), by_name);
    return found ? *found : NULL;
}

/* What a tensor must be whatever the model is. */
static vq_status check_kind(const vq_tensor *t, vq_err *e)
{
    size_t module;
    char shape[160];
    const vq_stats_part *p = vq_stats_part_of(t->name, &module);
    if (!p || module == 0)
        return vq_fail(e, VQ_E_INPUT, "%s: no statistic that this version knows", t->name);
    int64_t dims[2];
    const int ndim = vq_stats_part_dims(p, t->shape[0], t->shape[0], dims);
    const bool fits = t->dtype == p->dtype && t->ndim == ndim && t->shape[0] > 0 &&
                      t->shape[0] == dims[0] && t->shape[ndim - 1] == dims[1];
    if (!fits)
        return vq_fail(e, VQ_E_INPUT, "%s: %s of shape %s cannot be that statistic", t->name,
                       vq_dtype_name(t->dtype),
                       vq_shape_text(t->shape, t->ndim, shape, sizeof shape));
    if ((uintptr_t)t->data % (size_t)(vq_dtype_bits(t->dtype) / 8))
        return vq_fail(e, VQ_E_INPUT, "%s: its data is not aligned to its type", t->name);
    return VQ_OK;
}

static const char *flaw_of_sums(const vq_tensor *t)
{
    const float *x = t->data;
    const size_t n = (size_t)t->shape[0];
    if (!vq_f32_all_finite(x, t->bytes / sizeof *x)) return "holds a value that is not finite";
    for (size_t i = 0; i < n; i++)
        if (x[i * n + i] < 0) return "has a negative sum of squares on its diagonal";
    return NULL;
}

static const char *flaw_of_counts(const vq_tensor *t)
{
    const uint64_t *c = t->data;
    for (int i = 0; i < VQ_STATS_COUNTS; i++)
        if (c[i] > INT64_MAX) return "holds a count that cannot be";
    /* An expert may have seen none. */
    return (c[0] == 0) != (c[1] == 0) || c[1] > c[0]
               ? "counts no tokens, or more samples than tokens"
               : NULL;
}

static const char *flaw_of_abs(const vq_tensor *t)
{
    const double *x = t->data;
    for (int64_t i = 0; i < t->shape[0]; i++)
        if (!isfinite(x[i]) || x[i] < 0) return "holds a sum of |x| that cannot be";
    return NULL;
}

static const char *flaw_of_range(const vq_tensor *t)
{
    return vq_f32_all_finite(t->data, t->bytes / sizeof(float))
               ? NULL
               : "holds a value that is not finite";
}

const char *vq_stats_flaw(const vq_tensor *t)
{
    size_t module;
    const vq_stats_part *p = vq_stats_part_of(t->name, &module);
    if (p->shape == VQ_PART_COUNTS) return flaw_of_counts(t);
    if (p->shape == VQ_PART_BINS) return NULL;
    if (p->shape == VQ_PART_K) return p->dtype == VQ_F64 ? flaw_of_abs(t) : flaw_of_range(t);
    return flaw_of_sums(t);
}

/* Every byte once: its digest and its values, tensors shared out over the threads. */
static vq_status read_all(const vq_stats_file *f, vq_sealed *sealed, const char **flaws, vq_err *e)
{
    const char *wanted = f->sha256;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < f->file.count; i++) {
        const vq_tensor *t = &f->file.tensors[i];
        sealed[i] = (vq_sealed){.tensor = *t};
        vq_sha256_of(t->data, t->bytes, sealed[i].sha256);
        flaws[i] = vq_stats_flaw(t);
    }
    char sha[VQ_SHA256_TEXT];
    VQ_TRY(vq_stats_digest(&f->origin, sealed, f->file.count, sha, e));
    if (strcmp(sha, wanted) != 0)
        return vq_fail(
            e, VQ_E_INPUT,
            "its digest is %.12s..., and it says %.12s...: the file is damaged; calibrate again",
            sha, wanted);
    for (size_t i = 0; i < f->file.count; i++)
        if (flaws[i])
            return vq_fail(e, VQ_E_INPUT, "%s %s: calibrate again", f->file.tensors[i].name,
                           flaws[i]);
    return VQ_OK;
}

/* NULL: the module has none. */
static const void *part_of(const vq_stats_file *f, const vq_tensor *t, size_t module,
                           const char *suffix)
{
    char name[1024];
    if ((size_t)snprintf(name, sizeof name, "%.*s%s", (int)module, t->name, suffix) >= sizeof name)
        return NULL;
    const vq_tensor *other = vq_stats_find(f, name);
    return other && (t->bytes == other->bytes || other->dtype == VQ_U64) ? other->data : NULL;
}

/* Against what else the file says. An expert that no token went to has a range that is none. */
static vq_status check_beside(const vq_stats_file *f, const vq_tensor *t, vq_err *e)
{
    size_t module;
    const vq_stats_part *p = vq_stats_part_of(t->name, &module);
    if (p->shape == VQ_PART_COUNTS && ((const uint64_t *)t->data)[1] > (uint64_t)f->origin.samples)
        return vq_fail(e, VQ_E_INPUT, "%s counts %llu samples, and all together are %lld", t->name,
                       (unsigned long long)((const uint64_t *)t->data)[1],
                       (long long)f->origin.samples);
    if (p->merge != VQ_MERGE_LEAST) return VQ_OK;
    const float *min = t->data, *max = part_of(f, t, module, ".max");
    const uint64_t *counts = part_of(f, t, module, ".counts");
    for (int64_t c = 0; max && counts && counts[0] > 0 && c < t->shape[0]; c++)
        if (min[c] > max[c])
            return vq_fail(e, VQ_E_INPUT, "%s is above .max at channel %lld", t->name,
                           (long long)c);
    return VQ_OK;
}

static vq_status check_data(const vq_stats_file *f, vq_arena *a, vq_err *e)
{
    for (size_t i = 0; i < f->file.count; i++) VQ_TRY(check_kind(&f->file.tensors[i], e));
    const vq_arena_mark mark = vq_arena_here(a);
    vq_sealed *sealed = VQ_ALLOC(a, vq_sealed, f->file.count, "digests", e);
    const char **flaws = sealed ? VQ_ALLOC(a, const char *, f->file.count, "digests", e) : NULL;
    const vq_status s = flaws ? read_all(f, sealed, flaws, e) : e->status;
    vq_arena_rewind(a, mark);
    for (size_t i = 0; s == VQ_OK && i < f->file.count; i++)
        VQ_TRY(check_beside(f, &f->file.tensors[i], e));
    return s;
}

/* Filling the statistics of one layer. */
typedef struct layer_fill {
    const vq_stats_file *f;
    vq_stats *stats;
    vq_curvature **curvature; /* per group of the layer: of its linears */
    size_t found;
    vq_arena *arena;
} layer_fill;

/* NULL: the error says why. */
static const vq_tensor *find_slot(const vq_stats_file *f, const vq_stats_slot *slot, vq_err *e)
{
    char name[1024], have[160], want[160];
    int64_t dims[2];
    const int ndim = vq_stats_part_dims(slot->part, slot->n, slot->k, dims);
    const bool fits =
        (size_t)snprintf(name, sizeof name, "%s%s", slot->module, slot->part->suffix) < sizeof name;
    const vq_tensor *t = fits ? vq_stats_find(f, name) : NULL;
    if (t && t->shape[0] == dims[0]) return t; /* the rest was checked without the model */
    if (!fits)
        (void)vq_fail(e, VQ_E_INPUT, "%.60s...: the name is too long", slot->module);
    else if (!t)
        (void)vq_fail(e, VQ_E_INPUT, "%s is missing: made from another model", name);
    else
        (void)vq_fail(e, VQ_E_INPUT,
                      "%s has shape %s and the model needs %s: made from another model", name,
                      vq_shape_text(t->shape, t->ndim, have, sizeof have),
                      vq_shape_text(dims, ndim, want, sizeof want));
    return NULL;
}

static void take_counts(vq_stats *s, const vq_stats_slot *slot, const uint64_t *counts,
                        unsigned needs)
{
    *s = (vq_stats){.name = slot->module, .k = slot->k, .gathered = needs};
    s->tokens = (int64_t)counts[0];
    s->samples = (int64_t)counts[1];
    s->tail_count = counts[2];
}

static vq_status fill_slot(void *ctx, const vq_stats_slot *slot, vq_err *e)
{
    layer_fill *l = ctx;
    const vq_tensor *t = find_slot(l->f, slot, e);
    if (!t) return e->status;
    l->found++;
    vq_stats *s = &l->stats[slot->group];
    if (slot->part->shape == VQ_PART_COUNTS) {
        take_counts(s, slot, t->data, l->f->origin.needs);
        return VQ_OK;
    }
    char *owner = (char *)s;
    if (slot->part->per_linear) {
        s->linears = l->curvature[slot->group];
        vq_curvature *c = &s->linears[slot->linear];
        c->name = slot->module;
        c->n = slot->n;
        s->nlinears = slot->linear + 1;
        owner = (char *)c;
    }
    memcpy(owner + slot->part->offset, &t->data, sizeof t->data);
    return VQ_OK;
}

/* absmax is not stored: it follows from the range. */
static vq_status end_range(vq_stats *s, vq_arena *a, vq_err *e)
{
    if (!s->min) return VQ_OK;
    s->absmax = VQ_ALLOC(a, float, s->k, "statistics", e);
    if (!s->absmax) return e->status;
    for (int64_t c = 0; c < s->k; c++) {
        s->absmax[c] = 0;
        if (s->tokens == 0) continue; /* an expert that no token went to */
        s->absmax[c] = fmaxf(fabsf(s->min[c]), fabsf(s->max[c]));
    }
    return VQ_OK;
}

static bool has_layer(const vq_stats_file *f, const vq_graph *g, const vq_linear_group *groups,
                      int n, int layer)
{
    for (int i = 0; i < n; i++) {
        char name[1024];
        if (groups[i].layer != layer) continue;
        (void)snprintf(name, sizeof name, "%s.counts", g->nodes[groups[i].linears[0]].name);
        if (vq_stats_find(f, name)) return true;
    }
    return false;
}

static vq_status fill_layer(layer_fill *l, const vq_graph *g, const vq_linear_group *groups, int n,
                            int layer, vq_err *e)
{
    const int count = vq_graph_groups_in(groups, n, layer);
    l->stats = l->f->stats[layer] = VQ_NEW(l->arena, vq_stats, count, "statistics", e);
    l->curvature = l->stats ? VQ_NEW(l->arena, vq_curvature *, count, "statistics", e) : NULL;
    if (!l->curvature) return e->status;
    for (int i = 0, at = 0; i < n; i++) {
        if (groups[i].layer != layer) continue;
        l->curvature[at] = VQ_NEW(l->arena, vq_curvature, groups[i].count, "statistics", e);
        if (!l->curvature[at++]) return e->status;
    }
    VQ_TRY(vq_stats_each(g, groups, n, layer, l->f->origin.needs, fill_slot, l, e));
    for (int i = 0; i < count; i++) VQ_TRY(end_range(&l->stats[i], l->arena, e));
    return VQ_OK;
}

static vq_status fill(vq_stats_file *f, const vq_graph *g, vq_arena *a, vq_err *e)
{
    vq_linear_group *groups;
    int n;
    layer_fill l = {.f = f, .arena = a};
    VQ_TRY(vq_graph_groups(g, a, &groups, &n, e));
    f->layers = g->layers;
    f->stats = VQ_NEW(a, vq_stats *, g->layers, "statistics", e);
    if (!f->stats) return e->status;
    for (int layer = 0; layer < g->layers; layer++)
        if (has_layer(f, g, groups, n, layer)) VQ_TRY(fill_layer(&l, g, groups, n, layer, e));
    if (l.found == f->file.count) return VQ_OK;
    return vq_fail(
        e, VQ_E_INPUT,
        "%zu of its %zu tensors belong to no linear of this model: made from another model",
        f->file.count - l.found, f->file.count);
}

static vq_status load(vq_stats_file *f, const vq_graph *g, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_origin_read(&f->origin, f->sha256, &f->file, a, e));
    VQ_TRY(sort_tensors(f, a, e));
    VQ_TRY(check_data(f, a, e));
    return g ? fill(f, g, a, e) : VQ_OK;
}

vq_status vq_stats_load(vq_stats_file *f, const char *path, const vq_graph *g, vq_arena *a,
                        vq_err *e)
{
    *f = (vq_stats_file){0};
    VQ_TRY(vq_st_open(&f->file, path, a, e));
    if (load(f, g, a, e) == VQ_OK) return VQ_OK;
    vq_stats_close(f);
    return vq_at(e, "%s", vq_base_name(path));
}

void vq_stats_close(vq_stats_file *f)
{
    vq_st_close(&f->file);
    *f = (vq_stats_file){0};
}
