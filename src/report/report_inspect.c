/* report_inspect.c -- what a path is: tensors, types, schemes, statistics. */
#include "report/report.h"

#include <stdio.h>

#include "calib/stats/stats_file.h"
#include "json/json_make.h"

static void put_counts(vq_json_maker *m, json_t *o, const char *key, const vq_count *list, size_t n)
{
    json_t *to = vq_put_object(m, o, key);
    for (size_t i = 0; i < n; i++) vq_put_int(m, to, list[i].name, (int64_t)list[i].count);
}

static void add_tensor(vq_json_maker *m, json_t *list, const vq_stored_tensor *t)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "name", t->name);
    vq_put_text(m, o, "dtype", vq_dtype_name(t->dtype));
    json_t *shape = vq_put_array(m, o, "shape");
    for (int i = 0; i < t->ndim; i++) vq_add_int(m, shape, t->shape[i]);
    vq_put_int(m, o, "bytes", (int64_t)t->bytes);
}

static void put_model(vq_json_maker *m, json_t *o, const vq_model_description *d)
{
    vq_put_text(m, o, "kind", d->quantized ? "artifact" : "model");
    if (d->architecture) vq_put_text(m, o, "architecture", d->architecture);
    if (d->quantized) vq_put_text(m, o, "quant_method", d->quant_method);
    vq_put_flag(m, o, "can_run", d->can_run);
    if (d->quantized) put_counts(m, o, "modules_by_scheme", d->schemes, d->nschemes);
    json_t *files = vq_put_array(m, o, "files");
    for (size_t i = 0; i < d->nfiles; i++) {
        json_t *one = vq_add_object(m, files);
        vq_put_text(m, one, "name", d->files[i].name);
        vq_put_int(m, one, "bytes", (int64_t)d->files[i].bytes);
    }
    put_counts(m, o, "bytes_by_dtype", d->dtypes, d->ndtypes);
    json_t *roles = vq_put_array(m, o, "roles");
    for (size_t i = 0; i < d->nroles; i++) {
        const vq_role_sum *r = &d->roles[i];
        json_t *one = vq_add_object(m, roles);
        vq_put_text(m, one, "role", r->role);
        vq_put_text(m, one, "stored", r->stored);
        vq_put_int(m, one, "tensors", (int64_t)r->tensors);
        vq_put_int(m, one, "parameters", (int64_t)r->parameters);
        vq_put_int(m, one, "bytes", (int64_t)r->bytes);
    }
    json_t *tensors = vq_put_array(m, o, "tensors");
    for (size_t i = 0; i < d->ntensors; i++) add_tensor(m, tensors, &d->tensors[i]);
}

/* "input_trace", "input_diag_min" ...; nothing of what was not gathered. */
static void put_diagonal(vq_json_maker *m, json_t *o, const char *prefix, const vq_diagonal *d)
{
    const struct {
        const char *key;
        double value;
    } figures[] = {{"trace", d->trace}, {"diag_min", d->least}, {"diag_max", d->most}};
    if (!d->known) return;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s%s", prefix, figures[i].key);
        vq_put_real(m, o, key, figures[i].value);
    }
}

static void add_group(vq_json_maker *m, json_t *list, const vq_group_description *g)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "name", g->name);
    vq_put_int(m, o, "k", g->k);
    vq_put_int(m, o, "tokens", (int64_t)g->tokens);
    if (g->has_range) {
        vq_put_real(m, o, "min", g->min);
        vq_put_real(m, o, "max", g->max);
    }
    put_diagonal(m, o, "", &g->hessian);
    if (g->dead >= 0) vq_put_int(m, o, "dead", g->dead);
}

static void put_rows(vq_json_maker *m, json_t *o, const vq_stats_description *d)
{
    json_t *groups = vq_put_array(m, o, "groups");
    for (size_t i = 0; i < d->ngroups; i++) add_group(m, groups, &d->groups[i]);
    if (!d->nlinears) return;
    json_t *linears = vq_put_array(m, o, "linears");
    for (size_t i = 0; i < d->nlinears; i++) {
        json_t *one = vq_add_object(m, linears);
        vq_put_text(m, one, "name", d->linears[i].name);
        put_diagonal(m, one, "input_", &d->linears[i].input);
        put_diagonal(m, one, "output_", &d->linears[i].output);
    }
}

static void put_parts(vq_json_maker *m, json_t *o, const vq_stats_description *d)
{
    json_t *list = d->nparts ? vq_put_array(m, o, "parts") : NULL;
    for (int i = 0; i < d->nparts; i++) {
        json_t *part = vq_add_object(m, list);
        vq_put_text(m, part, "data", d->parts[i].data);
        vq_put_int(m, part, "samples", d->parts[i].samples);
        vq_put_real(m, part, "share", d->parts[i].share);
    }
}

static void put_statistics(vq_json_maker *m, json_t *o, const vq_stats_description *d)
{
    char needs[128];
    vq_put_text(m, o, "kind", "statistics");
    vq_put_text(m, o, "version", d->version);
    vq_put_text(m, o, "model", d->model);
    vq_put_text(m, o, "data", d->data);
    put_parts(m, o, d);
    vq_put_int(m, o, "samples", d->samples);
    vq_put_int(m, o, "seqlen", d->seqlen);
    vq_put_text(m, o, "holds", vq_stats_needs_text(d->needs, needs, sizeof needs));
    vq_put_int(m, o, "bytes", (int64_t)d->bytes);
    vq_put_text(m, o, "sha256", d->sha256);
    if (d->needs & VQ_NEED_GRADIENT) vq_put_int(m, o, "seed", (int64_t)d->seed);
    put_rows(m, o, d);
}

vq_status vq_report_inspect(const vq_inspect_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    if (r->is_statistics)
        put_statistics(&m, o, &r->statistics);
    else
        put_model(&m, o, &r->model);
    return vq_make_done(&m, o, "result", out, e);
}
