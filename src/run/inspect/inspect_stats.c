/* inspect_stats.c -- describes a statistics file from its tensors alone. */
#include "run/inspect/inspect_stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/stats/stats_file.h"

#define SUFFIX ".vqs"
#define NAME_MAX_BYTES 1024

bool vq_is_stats_path(const char *path)
{
    const size_t n = strlen(path), m = sizeof SUFFIX - 1;
    return n > m && strcmp(path + n - m, SUFFIX) == 0;
}

static const vq_tensor *part_of(const vq_stats_file *f, const char *module, const char *suffix)
{
    char name[NAME_MAX_BYTES];
    if ((size_t)snprintf(name, sizeof name, "%s%s", module, suffix) >= sizeof name) return NULL;
    return vq_stats_find(f, name);
}

static const void *data_of(const vq_stats_file *f, const char *module, const char *suffix)
{
    const vq_tensor *t = part_of(f, module, suffix);
    return t ? t->data : NULL;
}

/* First dimension of the first tensor MODULE + suffix that is in the file; 0 when none is. */
static int64_t width_of(const vq_stats_file *f, const char *module, const char *const suffixes[])
{
    const vq_tensor *t = NULL;
    for (; *suffixes && !t; suffixes++) t = part_of(f, module, *suffixes);
    return t ? t->shape[0] : 0;
}

/* Trace, least and most of the diagonal of sum [n][n], where it was gathered; *zeros: how many of
 * its entries are 0. */
static vq_diagonal diagonal_of(const float *sum, int64_t n, int64_t *zeros)
{
    double trace = 0;
    float least = INFINITY, most = 0;
    *zeros = 0;
    if (!sum) return (vq_diagonal){0};
    for (int64_t i = 0; i < n; i++) {
        const float d = sum[i * (n + 1)];
        trace += (double)d;
        least = fminf(least, d);
        most = fmaxf(most, d);
        *zeros += d == 0;
    }
    return (vq_diagonal){
        .known = true, .trace = trace, .least = (double)least, .most = (double)most};
}

static void describe_range(vq_group_description *g, const float *min, const float *max)
{
    float least = INFINITY, most = -INFINITY;
    g->dead = 0;
    for (int64_t i = 0; i < g->k; i++) {
        least = fminf(least, min[i]);
        most = fmaxf(most, max[i]);
        g->dead += min[i] == 0 && max[i] == 0;
    }
    g->has_range = true;
    g->min = (double)least;
    g->max = (double)most;
}

static vq_status describe_group(vq_group_description *g, const vq_stats_file *f, const char *module,
                                const uint64_t *counts, vq_arena *a, vq_err *e)
{
    static const char *const widths[] = {".min", ".abs_sum", ".hessian", ".fisher", NULL};
    const float *min = data_of(f, module, ".min"), *max = data_of(f, module, ".max"),
                *hessian = data_of(f, module, ".hessian");
    int64_t zeros;
    *g = (vq_group_description){.name = vq_arena_text(a, e, "%s", module),
                                .k = width_of(f, module, widths),
                                .tokens = counts[0],
                                .dead = -1};
    if (!g->name) return e->status;
    if (min && max && counts[0]) describe_range(g, min, max);
    g->hessian = diagonal_of(hessian, g->k, &zeros);
    if (hessian) g->dead = zeros;
    return VQ_OK;
}

static vq_status describe_linear(vq_linear_description *l, const vq_stats_file *f,
                                 const char *module, vq_arena *a, vq_err *e)
{
    static const char *const inputs[] = {".fisher", NULL}, *const outputs[] = {".output", NULL};
    int64_t zeros;
    *l = (vq_linear_description){
        .name = vq_arena_text(a, e, "%s", module),
        .input = diagonal_of(data_of(f, module, ".fisher"), width_of(f, module, inputs), &zeros),
        .output = diagonal_of(data_of(f, module, ".output"), width_of(f, module, outputs), &zeros),
    };
    return l->name ? VQ_OK : e->status;
}

static bool ends_with(const char *name, const char *suffix, char *module)
{
    const size_t n = strlen(name), m = strlen(suffix);
    if (n <= m || n >= NAME_MAX_BYTES || strcmp(name + n - m, suffix) != 0) return false;
    memcpy(module, name, n - m);
    module[n - m] = '\0';
    return true;
}

static size_t count_suffix(const vq_stats_file *f, const char *suffix)
{
    size_t n = 0;
    char module[NAME_MAX_BYTES];
    for (size_t i = 0; i < f->file.count; i++)
        n += ends_with(f->file.tensors[i].name, suffix, module);
    return n;
}

static vq_status describe_rows(vq_stats_description *d, const vq_stats_file *f, vq_arena *a,
                               vq_err *e)
{
    const char *of_linear = f->origin.needs & VQ_NEED_FISHER ? ".fisher" : ".output";
    vq_group_description *groups =
        VQ_ALLOC(a, vq_group_description, count_suffix(f, ".counts"), "groups", e);
    vq_linear_description *linears =
        VQ_ALLOC(a, vq_linear_description, count_suffix(f, of_linear), "linears", e);
    if (!groups || !linears) return e->status;
    for (size_t i = 0; i < f->file.count; i++) {
        const vq_tensor *t = &f->file.tensors[i];
        char module[NAME_MAX_BYTES];
        if (ends_with(t->name, ".counts", module))
            VQ_TRY(describe_group(&groups[d->ngroups++], f, module, t->data, a, e));
        if (ends_with(t->name, of_linear, module))
            VQ_TRY(describe_linear(&linears[d->nlinears++], f, module, a, e));
    }
    d->groups = groups;
    d->linears = linears;
    return VQ_OK;
}

static vq_status describe_parts(vq_stats_description *d, const vq_stats_origin *o, vq_arena *a,
                                vq_err *e)
{
    vq_stats_share *parts = VQ_ALLOC(a, vq_stats_share, o->nparts, "list of parts", e);
    if (!parts) return e->status;
    if (o->nparts) memcpy(parts, o->parts, (size_t)o->nparts * sizeof *parts);
    d->parts = parts;
    d->nparts = o->nparts;
    return VQ_OK;
}

static vq_status describe_file(vq_stats_description *d, const vq_stats_file *f, vq_arena *a,
                               vq_err *e)
{
    const vq_stats_origin *o = &f->origin;
    *d = (vq_stats_description){
        .version = vq_arena_text(a, e, "%s", o->version),
        .model = vq_arena_text(a, e, "%s", o->model),
        .data = vq_arena_text(a, e, "%s", o->data),
        .samples = o->samples,
        .seqlen = o->seqlen,
        .needs = o->needs,
        .bytes = f->file.map.size,
        .sha256 = vq_arena_text(a, e, "%s", f->sha256),
        .seed = o->seed,
    };
    if (!d->version || !d->model || !d->data || !d->sha256) return e->status;
    VQ_TRY(describe_parts(d, o, a, e));
    return describe_rows(d, f, a, e);
}

vq_status vq_inspect_stats(const char *path, vq_stats_description *d, vq_arena *a,
                           vq_arena *scratch, vq_err *e)
{
    vq_stats_file f;
    VQ_TRY(vq_stats_load(&f, path, NULL, scratch, e));
    const vq_status s = describe_file(d, &f, a, e);
    vq_stats_close(&f);
    return s;
}
