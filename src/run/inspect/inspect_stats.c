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

static void set_real(json_t *row, const char *prefix, const char *key, double value)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", prefix, key);
    (void)json_object_set_new(row, name, json_real(value));
}

/* Adds trace, least and most of the diagonal of sum [n][n] to the row; returns how many entries of
 * it are 0. */
static int64_t add_diagonal(json_t *row, const char *prefix, const float *sum, int64_t n)
{
    double trace = 0;
    float least = INFINITY, most = 0;
    int64_t zeros = 0;
    for (int64_t i = 0; i < n; i++) {
        const float d = sum[i * (n + 1)];
        trace += (double)d;
        least = fminf(least, d);
        most = fmaxf(most, d);
        zeros += d == 0;
    }
    set_real(row, prefix, "trace", trace);
    set_real(row, prefix, "diag_min", (double)least);
    set_real(row, prefix, "diag_max", (double)most);
    return zeros;
}

static int64_t add_range(json_t *row, const float *min, const float *max, int64_t k)
{
    float least = INFINITY, most = -INFINITY;
    int64_t zeros = 0;
    for (int64_t i = 0; i < k; i++) {
        least = fminf(least, min[i]);
        most = fmaxf(most, max[i]);
        zeros += min[i] == 0 && max[i] == 0;
    }
    set_real(row, "", "min", (double)least);
    set_real(row, "", "max", (double)most);
    return zeros;
}

static json_t *group_row(const vq_stats_file *f, const char *module, const uint64_t *counts)
{
    static const char *const widths[] = {".min", ".abs_sum", ".hessian", ".fisher", NULL};
    json_t *row =
        json_pack("{s:s, s:I, s:I}", "name", module, "k", (json_int_t)width_of(f, module, widths),
                  "tokens", (json_int_t)counts[0]);
    const int64_t k = width_of(f, module, widths);
    const float *min = data_of(f, module, ".min"), *max = data_of(f, module, ".max"),
                *hessian = data_of(f, module, ".hessian");
    int64_t dead = -1;
    if (min && max && counts[0]) dead = add_range(row, min, max, k);
    if (hessian) dead = add_diagonal(row, "", hessian, k);
    if (dead >= 0) (void)json_object_set_new(row, "dead", json_integer((json_int_t)dead));
    return row;
}

static json_t *linear_row(const vq_stats_file *f, const char *module)
{
    static const char *const inputs[] = {".fisher", NULL}, *const outputs[] = {".output", NULL};
    json_t *row = json_pack("{s:s}", "name", module);
    const float *fisher = data_of(f, module, ".fisher"), *output = data_of(f, module, ".output");
    if (fisher) (void)add_diagonal(row, "input_", fisher, width_of(f, module, inputs));
    if (output) (void)add_diagonal(row, "output_", output, width_of(f, module, outputs));
    return row;
}

static bool ends_with(const char *name, const char *suffix, char *module)
{
    const size_t n = strlen(name), m = strlen(suffix);
    if (n <= m || n >= NAME_MAX_BYTES || strcmp(name + n - m, suffix) != 0) return false;
    memcpy(module, name, n - m);
    module[n - m] = '\0';
    return true;
}

static void add_rows(json_t *out, const vq_stats_file *f)
{
    json_t *groups = json_array(), *linears = json_array();
    const char *of_linear = f->origin.needs & VQ_NEED_FISHER ? ".fisher" : ".output";
    for (size_t i = 0; i < f->file.count; i++) {
        const vq_tensor *t = &f->file.tensors[i];
        char module[NAME_MAX_BYTES];
        if (ends_with(t->name, ".counts", module))
            (void)json_array_append_new(groups, group_row(f, module, t->data));
        if (ends_with(t->name, of_linear, module))
            (void)json_array_append_new(linears, linear_row(f, module));
    }
    (void)json_object_set_new(out, "groups", groups);
    if (json_array_size(linears))
        (void)json_object_set_new(out, "linears", linears);
    else
        json_decref(linears);
}

vq_status vq_inspect_stats(const char *path, json_t **result, vq_arena *a, vq_err *e)
{
    vq_stats_file f;
    char needs[128];
    VQ_TRY(vq_stats_load(&f, path, NULL, a, e));
    const vq_stats_origin *o = &f.origin;
    *result = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:s}", "kind", "statistics",
                        "version", o->version, "model", o->model, "data", o->data, "samples",
                        (json_int_t)o->samples, "seqlen", (json_int_t)o->seqlen, "holds",
                        vq_stats_needs_text(o->needs, needs, sizeof needs), "bytes",
                        (json_int_t)f.file.map.size, "sha256", f.sha256);
    if (o->needs & VQ_NEED_GRADIENT)
        (void)json_object_set_new(*result, "seed", json_integer((json_int_t)o->seed));
    add_rows(*result, &f);
    vq_stats_close(&f);
    return VQ_OK;
}
