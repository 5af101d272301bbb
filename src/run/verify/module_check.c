/* module_check.c -- one module of an artifact, slab by slab. */
#include "run/verify/module_check.h"

#include <math.h>
#include <string.h>

#include "formats/layouts/module_store.h"
#include "load/weights.h"

#define SLAB_ELEMENTS ((int64_t)1 << 20)

const vq_manifest_module *vq_module_entry(const vq_module_checker *c, const char *module)
{
    return c->manifest ? vq_manifest_module_named(c->manifest, module) : NULL;
}

static void check_hash(const vq_module_checker *c, vq_findings *f, const vq_linear *l)
{
    const vq_manifest_module *entry = vq_module_entry(c, l->name);
    const char *want = entry ? entry->sha256 : NULL;
    if (!want) return; /* named by check_names already */
    char sha[VQ_SHA256_TEXT];
    vq_err why;
    if (vq_module_sha(c->model->checkpoint.target, l->name, &c->model->checkpoint.weights, sha,
                      &why) != VQ_OK)
        vq_finding(f, l->name, "%s", why.text);
    else if (strcmp(sha, want) != 0)
        vq_finding(f, l->name, "stored bytes changed: their SHA-256 is not the one in vq.json");
}

static void check_scales(vq_findings *f, const vq_linear *l, const vq_qtensor *q, int64_t r0)
{
    for (int64_t i = 0; i < q->groups; i++) {
        if (isfinite(q->scale[i]) && (q->scale[i] >= 0 || vq_num_takes_negative(&q->num))) continue;
        vq_finding(f, l->name, "scale of row %lld, group %lld is %g",
                   (long long)(r0 + i / q->per_row), (long long)(i % q->per_row),
                   (double)q->scale[i]);
        return;
    }
    if (l->scheme.weight.global_scale && !(isfinite(q->global_scale) && q->global_scale > 0))
        vq_finding(f, l->name, "second-level scale is %g", (double)q->global_scale);
}

/* First row in which kernel and reference differ, or that holds NaN or Inf; rows when there is
 * none. Decoding is one exact product per element. */
static int64_t first_bad_row(const vq_qtensor *q, const float *fast, float *slow)
{
    int64_t bad = q->rows;
#pragma omp parallel for schedule(static) reduction(min : bad)
    for (int64_t r = 0; r < q->rows; r++) {
        const float *x = fast + r * q->cols;
        float *y = slow + r * q->cols;
        vq_dequantize_ref(q, r, 1, y);
        for (int64_t i = 0; i < q->cols; i++)
            if (x[i] != y[i] || !isfinite(y[i])) bad = r < bad ? r : bad;
    }
    return bad;
}

static void report_row(const vq_module_checker *c, vq_findings *f, const vq_linear *l, int64_t row,
                       const float *fast, const float *slow)
{
    for (int64_t i = 0; i < l->k_stored; i++) {
        const double x = (double)fast[i], y = (double)slow[i];
        if (fast[i] == slow[i] && isfinite(slow[i])) continue;
        if (!isfinite(slow[i]))
            vq_finding(f, l->name, "weight [%lld][%lld] decodes to %g", (long long)row,
                       (long long)i, y);
        else
            vq_finding(f, l->name, "weight [%lld][%lld]: kernel %s decodes %g, the reference %g",
                       (long long)row, (long long)i, c->job->kernels.isa, x, y);
        const double error = fabs(x - y) / fmax(fabs(y), 1e-30);
        if (error > f->worst_error) {
            f->worst_error = error;
            f->worst = l->name;
        }
        return;
    }
}

static vq_status check_decode(const vq_module_checker *c, vq_findings *f, const vq_linear *l,
                              const vq_qtensor *q, int64_t r0, vq_err *e)
{
    float *fast = VQ_ALLOC(c->scratch, float, q->rows * q->cols, "decoded weights", e);
    float *slow = VQ_ALLOC(c->scratch, float, q->rows * q->cols, "decoded weights", e);
    if (!fast || !slow) return e->status;
    vq_decode_rows(&c->job->kernels, q, fast, q->cols);
    const int64_t bad = first_bad_row(q, fast, slow);
    if (bad < q->rows) report_row(c, f, l, r0 + bad, fast + bad * q->cols, slow + bad * q->cols);
    return VQ_OK;
}

static vq_status check_slab(const vq_module_checker *c, vq_findings *f, const vq_linear *l,
                            int64_t r0, int64_t rows, vq_err *e)
{
    vq_qtensor q;
    VQ_TRY(c->model->checkpoint.source.rows(c->model->checkpoint.source.self, l, r0, rows, &q,
                                            c->scratch, e));
    const size_t before = f->count;
    check_scales(f, l, &q, r0);
    if (f->count != before || !c->decode) return VQ_OK;
    return check_decode(c, f, l, &q, r0, e);
}

static int64_t slab_rows(const vq_linear *l)
{
    const vq_group_shape *g = &l->scheme.weight.group;
    const int64_t unit = g->kind == VQ_PER_BLOCK && g->rows > 1 ? g->rows
                         : g->kind == VQ_PER_TENSOR             ? l->n
                                                                : 1;
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

static vq_status check_values(const vq_module_checker *c, vq_findings *f, const vq_linear *l,
                              vq_err *e)
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
    if (s == VQ_OK && c->manifest && c->decode) check_hash(c, f, &l);
    if (s == VQ_OK) s = check_values(c, f, &l, e);
    vq_arena_rewind(c->scratch, mark);
    return s;
}
