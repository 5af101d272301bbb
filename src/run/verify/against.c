/* against.c -- checks that need more than one module: the original weights, the fused partners. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "load/model_row.h"
#include "load/weights.h"
#include "plan/fused.h"
#include "run/input_hash.h"
#include "run/verify/module_check.h"

#define DB_TOLERANCE 0.01
#define OTHER "not the model that the artifact was made from: "

static vq_status sums_of(const vq_module_checker *c, const vq_linear *l, const vq_tensor *original,
                         double *signal, double *noise, vq_err *e)
{
    const vq_source *src = &c->model->checkpoint.source;
    vq_qtensor q;
    VQ_TRY(src->rows(src->self, l, 0, l->n, &q, c->scratch, e));
    float *w = VQ_ALLOC(c->scratch, float, l->n * l->k, "original weight", e),
          *x = VQ_ALLOC(c->scratch, float, l->n *q.cols, "decoded weight", e);
    float *row = VQ_ALLOC(c->scratch, float, l->k, "row", e);
    if (!w || !x || !row) return e->status;
    VQ_TRY(vq_weights_load(&c->job->kernels, original, NULL, w, e));
    vq_decode_rows(&c->job->kernels, &q, x, q.cols);
    for (int64_t r = 0; r < l->n; r++) {
        double ss, dd;
        vq_model_row(&c->job->kernels, l, x + r * q.cols, row);
        c->job->kernels.error_sums(w + r * l->k, row, (size_t)l->k, &ss, &dd);
        *signal += ss;
        *noise += dd;
    }
    return VQ_OK;
}

static void compare_recorded(const vq_module_checker *c, vq_findings *f, const vq_linear *l,
                             double signal, double noise)
{
    const vq_manifest_module *entry = vq_module_entry(c, l->name);
    const double db = noise > 0 ? 10 * log10(signal / noise) : INFINITY;
    if (!entry || !isfinite(entry->sqnr_db)) return;
    if (fabs(entry->sqnr_db - db) <= DB_TOLERANCE) {
        c->against->compared++;
        return;
    }
    c->against->unlike = c->against->other_files;
    if (c->against->unlike)
        vq_finding(f, c->against->model->checkpoint.path,
                   OTHER "its weight files have other digests than those in vq.json, and of %s the "
                         "SQNR is %.3f dB, not %.3f",
                   l->name, db, entry->sqnr_db);
    else
        vq_finding(f, l->name, "SQNR against the original is %.3f dB; vq.json records %.3f dB", db,
                   entry->sqnr_db);
}

/* NULL: none of that shape; *t whatever has its name. */
static const vq_tensor *original_of(const vq_module_checker *c, const vq_linear *l,
                                    const vq_tensor **t)
{
    char name[512];
    *t = (size_t)snprintf(name, sizeof name, "%s.weight", l->name) < sizeof name
             ? vq_tensor_set_find(&c->against->model->checkpoint.weights, name)
             : NULL;
    return *t && (*t)->ndim == 2 && (*t)->shape[0] == l->n && (*t)->shape[1] == l->k ? *t : NULL;
}

static bool linear_of(const vq_module_checker *c, const char *module, vq_linear *l)
{
    const vq_source *src = &c->model->checkpoint.source;
    vq_err quiet;
    return src->linear(src->self, module, 0, 0, l, &quiet) == VQ_OK;
}

/* How many linears have no weight there, and what there is for the first of them. */
static void check_shapes(const vq_module_checker *c, vq_findings *f, const char *const *names,
                         const bool *quantized, size_t n)
{
    size_t all = 0, unlike = 0;
    char first[512] = "", have[160];
    for (size_t i = 0; i < n; i++) {
        vq_linear l;
        const vq_tensor *t;
        if (!quantized[i] || !linear_of(c, names[i], &l)) continue;
        all++;
        if (original_of(c, &l, &t) || unlike++) continue;
        (void)snprintf(first, sizeof first, "%s is [%lld, %lld] here and %s there", names[i],
                       (long long)l.n, (long long)l.k,
                       t ? vq_shape_text(t->shape, t->ndim, have, sizeof have) : "not");
    }
    c->against->unlike = unlike > 0;
    if (unlike)
        vq_finding(f, c->against->model->checkpoint.path,
                   OTHER "%zu of %zu linears have no weight of their shape in it; %s", unlike, all,
                   first);
}

static bool is_listed(const vq_manifest *m, const char *sha256)
{
    for (size_t i = 0; i < m->ninputs; i++)
        if (m->inputs[i].sha256 && strcmp(m->inputs[i].sha256, sha256) == 0) return true;
    return false;
}

static vq_status check_digests(const vq_module_checker *c, vq_err *e)
{
    const vq_tensor_set *set = &c->against->model->checkpoint.weights;
    const vq_file_digest *files;
    vq_input_hash h;
    VQ_TRY(vq_input_hash_begin(&h, set, 1, c->scratch, e));
    VQ_TRY(vq_input_hash_list(&h, &files, c->scratch, e));
    c->against->other_files = set->nfiles != c->manifest->ninputs;
    for (size_t i = 0; i < set->nfiles; i++)
        if (!is_listed(c->manifest, files[i].sha256)) c->against->other_files = true;
    return VQ_OK;
}

vq_status vq_against_model(const vq_module_checker *c, vq_findings *f, const char *const *names,
                           const bool *quantized, size_t n, vq_err *e)
{
    if (!c->against) return VQ_OK;
    check_shapes(c, f, names, quantized, n);
    if (c->against->unlike || !c->manifest) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    const vq_status s = check_digests(c, e);
    vq_arena_rewind(c->scratch, mark);
    return s;
}

void vq_against_end(const vq_module_checker *c, vq_findings *f)
{
    const vq_against *a = c->against;
    if (!a || !a->other_files || a->unlike) return;
    const char *path = a->model->checkpoint.path;
    if (a->compared)
        vq_warn(&c->job->reporter, "other-files", path,
                "its weight files have other digests than those in vq.json; %zu linears agree, and "
                "of what is kept `vq diff` tells",
                a->compared);
    else
        vq_finding(
            f, path,
            "its weight files have other digests than those in vq.json, and no linear can be "
            "compared: nothing says that it is the model that the artifact was made from");
}

static vq_status compare(const vq_module_checker *c, vq_findings *f, const vq_linear *l, vq_err *e)
{
    const vq_tensor *t, *original = original_of(c, l, &t);
    const vq_manifest_module *entry = vq_module_entry(c, l->name);
    if (!original) return VQ_OK; /* said before */
    if (entry && entry->transformed) {
        f->not_compared++;
        return VQ_OK;
    }
    double signal = 0, noise = 0;
    VQ_TRY(sums_of(c, l, original, &signal, &noise, e));
    compare_recorded(c, f, l, signal, noise);
    return VQ_OK;
}

vq_status vq_against_check(const vq_module_checker *c, vq_findings *f, const char *module,
                           vq_err *e)
{
    vq_linear l;
    if (!c->against || c->against->unlike || !linear_of(c, module, &l)) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    const vq_status s = compare(c, f, &l, e);
    vq_arena_rewind(c->scratch, mark);
    return s;
}

typedef struct global_scales {
    float weight, act;
} global_scales;

static bool global_scales_of(const vq_module_checker *c, const char *module, global_scales *s)
{
    const vq_source *src = &c->model->checkpoint.source;
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    vq_linear l;
    vq_qtensor q;
    vq_err quiet; /* whatever cannot be read was reported by vq_module_check */
    bool ok = src->linear(src->self, module, 0, 0, &l, &quiet) == VQ_OK && l.quantized &&
              l.scheme.weight.global_scale;
    ok = ok && src->rows(src->self, &l, 0, 1, &q, c->scratch, &quiet) == VQ_OK;
    if (ok) *s = (global_scales){.weight = q.global_scale, .act = l.act_global_scale.value};
    vq_arena_rewind(c->scratch, mark);
    return ok;
}

void vq_fused_check(const vq_module_checker *c, vq_findings *f, const char *const *names,
                    const bool *quantized, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        global_scales lead, follow;
        char name[512];
        if (!quantized[i] || vq_fused_follows(names[i]) || !global_scales_of(c, names[i], &lead))
            continue;
        for (int j = 0; j < VQ_FUSED_FOLLOWERS && vq_fused_follower(names[i], j, name, sizeof name);
             j++)
            if (global_scales_of(c, name, &follow) &&
                (lead.weight != follow.weight || lead.act != follow.act))
                vq_finding(f, name,
                           "second-level scales differ from %s; runtimes fuse them and keep one",
                           names[i]);
    }
}
