/* against.c -- checks that need more than one module: the original weights, the fused partners. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "load/model_row.h"
#include "load/weights.h"
#include "plan/fused.h"
#include "run/verify/module_check.h"

#define DB_TOLERANCE 0.01

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
    if (entry && isfinite(entry->sqnr_db) && fabs(entry->sqnr_db - db) > DB_TOLERANCE)
        vq_finding(f, l->name, "SQNR against the original is %.3f dB; vq.json records %.3f dB", db,
                   entry->sqnr_db);
}

static vq_status compare(const vq_module_checker *c, vq_findings *f, const vq_linear *l, vq_err *e)
{
    char name[512];
    if ((size_t)snprintf(name, sizeof name, "%s.weight", l->name) >= sizeof name) return VQ_OK;
    const vq_tensor *original = vq_tensor_set_find(&c->against->checkpoint.weights, name);
    if (!original || original->ndim != 2 || original->shape[0] != l->n ||
        original->shape[1] != l->k) {
        vq_finding(f, l->name, "the original has no weight of this shape");
        return VQ_OK;
    }
    const vq_manifest_module *entry = vq_module_entry(c, l->name);
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
    const vq_source *src = &c->model->checkpoint.source;
    vq_linear l;
    vq_err quiet;
    if (!c->against || src->linear(src->self, module, 0, 0, &l, &quiet) != VQ_OK) return VQ_OK;
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
