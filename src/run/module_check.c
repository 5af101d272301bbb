/* module_check.c -- one module of an artifact, slab by slab. */
#include "run/module_check.h"

#include <math.h>
#include <string.h>

#include "formats/artifact.h"
#include "run/weights.h"

#define SLAB_ELEMENTS ((int64_t)1 << 20)

static void check_hash(const vq_module_checker *c, vq_findings *f, const vq_linear *l)
{
    const json_t *entry = json_object_get(json_object_get(c->manifest, "tensors"), l->name);
    const char *want = json_string_value(json_object_get(entry, "sha256"));
    if (!want) return; /* named by check_names already */
    const vq_format format = strcmp(c->model->checkpoint.config.quant_method, "vq") == 0 ? VQ_FORMAT_VQ : VQ_FORMAT_CT;
    char sha[VQ_SHA256_TEXT];
    vq_err why;
    if (vq_module_sha(format, l->name, &c->model->checkpoint.weights, sha, &why) != VQ_OK)
        vq_finding(f, l->name, "%s", why.text);
    else if (strcmp(sha, want) != 0)
        vq_finding(f, l->name, "stored bytes changed: their SHA-256 is not the one in vq.json");
}

static void check_scales(vq_findings *f, const vq_linear *l, const vq_qtensor *q, int64_t r0)
{
    for (int64_t i = 0; i < q->groups; i++) {
        if (isfinite(q->scale[i]) && q->scale[i] >= 0) continue;
        vq_finding(f, l->name, "scale of row %lld, group %lld is %g", (long long)(r0 + i / q->per_row), (long long)(i % q->per_row),
                   (double)q->scale[i]);
        return;
    }
    if (l->scheme.weight.super && !(isfinite(q->super) && q->super > 0))
        vq_finding(f, l->name, "second-level scale is %g", (double)q->super);
}

/* Zero in the difference or nothing: decoding is one exact product per element in both. */
static void check_decode(const vq_module_checker *c, vq_findings *f, const vq_linear *l, const vq_qtensor *q, float *fast, float *slow)
{
    const int64_t n = q->rows * q->cols;
    vq_decode_rows(&c->job->kernels, q, fast, q->cols);
    vq_dequantize_ref(q, 0, q->rows, slow);
    for (int64_t i = 0; i < n; i++) {
        if (fast[i] == slow[i]) continue;
        const double error = fabs((double)fast[i] - (double)slow[i]) / fmax(fabs((double)slow[i]), 1e-30);
        if (!isfinite(slow[i]))
            vq_finding(f, l->name, "weight [%lld][%lld] decodes to %g", (long long)(i / q->cols), (long long)(i % q->cols),
                       (double)slow[i]);
        else
            vq_finding(f, l->name, "kernel %s decodes %g where the reference has %g", c->job->kernels.isa, (double)fast[i],
                       (double)slow[i]);
        if (error > f->worst_error) f->worst_error = error;
        return;
    }
}

static void check_ranges(vq_findings *f, const vq_linear *l, const float *slow, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(slow[i])) continue;
        vq_finding(f, l->name, "a weight decodes to %g", (double)slow[i]);
        return;
    }
}

static vq_status check_slab(const vq_module_checker *c, vq_findings *f, const vq_linear *l, int64_t r0, int64_t rows, vq_err *e)
{
    vq_qtensor q;
    VQ_TRY(c->model->checkpoint.source.rows(c->model->checkpoint.source.self, l, r0, rows, &q, c->scratch, e));
    float *fast = VQ_ALLOC(c->scratch, float, rows *q.cols, "decoded weights", e);
    float *slow = VQ_ALLOC(c->scratch, float, rows *q.cols, "decoded weights", e);
    if (!fast || !slow) return e->status;
    const size_t before = json_array_size(f->failures);
    check_scales(f, l, &q, r0);
    if (json_array_size(f->failures) != before) return VQ_OK;
    check_decode(c, f, l, &q, fast, slow);
    if (json_array_size(f->failures) == before) check_ranges(f, l, slow, rows * q.cols);
    return VQ_OK;
}

static int64_t slab_rows(const vq_linear *l)
{
    const vq_group_shape *g = &l->scheme.weight.group;
    const int64_t unit = g->kind == VQ_PER_BLOCK && g->rows > 1 ? g->rows : g->kind == VQ_PER_TENSOR ? l->n : 1;
    const int64_t rows = SLAB_ELEMENTS / (l->k_stored > 0 ? l->k_stored : 1) / unit * unit;
    return rows > 0 ? rows : unit;
}

static void check_order(vq_findings *f, const vq_linear *l, bool *seen)
{
    for (int64_t i = 0; i < l->k; i++) {
        const int32_t c = l->arc_order[i];
        if (c >= 0 && c < l->k && !seen[c]) {
            seen[c] = true;
            continue;
        }
        vq_finding(f, l->name, "arc_order is no permutation: entry %lld is %d", (long long)i, c);
        return;
    }
}

static vq_status check_values(const vq_module_checker *c, vq_findings *f, const vq_linear *l, vq_err *e)
{
    if (l->arc_order) {
        bool *seen = VQ_NEW(c->scratch, bool, l->k, "order", e);
        if (!seen) return e->status;
        check_order(f, l, seen);
    }
    const int64_t step = slab_rows(l);
    for (int64_t r = 0; r < l->n; r += step) {
        const vq_arena_mark mark = vq_arena_here(c->scratch);
        const vq_status s = check_slab(c, f, l, r, l->n - r < step ? l->n - r : step, e);
        vq_arena_rewind(c->scratch, mark);
        VQ_TRY(s);
    }
    return VQ_OK;
}

vq_status vq_module_check(const vq_module_checker *c, vq_findings *f, const char *module, vq_err *e)
{
    vq_linear l;
    const vq_source *source = &c->model->checkpoint.source;
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    vq_status s = source->linear(source->self, module, 0, 0, &l, e);
    if (s == VQ_E_INPUT) {
        vq_finding(f, module, "%s", e->text);
        return VQ_OK;
    }
    f->tensors++;
    if (s == VQ_OK && c->manifest) check_hash(c, f, &l);
    if (s == VQ_OK) s = check_values(c, f, &l, e);
    if (s == VQ_OK && c->against) s = vq_against_check(c, f, &l, e);
    vq_arena_rewind(c->scratch, mark);
    return s;
}
