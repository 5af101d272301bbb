/* weights.c -- reading dense weights row by row, refusing NaN and Inf. */
#include "load/weights.h"

#include <math.h>
#include <string.h>

static void row_to_f32(const vq_kernels *kr, const vq_tensor *t, int64_t row, int64_t first,
                       size_t n, float *out)
{
    const size_t size = (size_t)vq_dtype_bits(t->dtype) / 8;
    const unsigned char *src =
        (const unsigned char *)t->data + ((size_t)(row * t->shape[1]) + (size_t)first) * size;
    if (t->transposed)
        (void)vq_to_f32(t, row * t->shape[1] + first, (int64_t)n, out, NULL);
    else if (t->dtype == VQ_BF16)
        kr->bf16_to_f32(src, out, n);
    else if (t->dtype == VQ_F16)
        kr->f16_to_f32(src, out, n);
    else
        memcpy(out, src, n * sizeof *out);
}

static vq_status not_finite(const vq_kernels *kr, const vq_tensor *t, int64_t row, vq_err *e)
{
    float x = 0;
    int64_t column = 0;
    while (column < t->shape[1]) {
        row_to_f32(kr, t, row, column, 1, &x);
        if (!isfinite(x)) break;
        column++;
    }
    return vq_fail(e, VQ_E_INPUT, "%s[%lld][%lld] is %s; the model is broken: fetch it again",
                   t->name, (long long)row, (long long)column, isnan(x) ? "NaN" : "infinite");
}

/* One gathered element at a time: a row in order of ARC has no runs to speak of. */
static void row_gathered(const vq_tensor *t, int64_t row, const int32_t *order, float *out)
{
    const int64_t k = t->shape[1];
    const size_t size = (size_t)vq_dtype_bits(t->dtype) / 8;
    const int64_t rows = t->shape[0];
    for (int64_t i = 0; i < k; i++) {
        uint16_t half;
        const int64_t place = t->transposed ? order[i] * rows + row : row * k + order[i];
        const unsigned char *at = (const unsigned char *)t->data + (size_t)place * size;
        memcpy(t->dtype == VQ_F32 ? (void *)&out[i] : (void *)&half, at, size);
        if (t->dtype == VQ_BF16) out[i] = vq_bf16_to_f32(half);
        if (t->dtype == VQ_F16) out[i] = vq_f16_to_f32(half);
    }
}

vq_status vq_weights_check(const vq_kernels *kr, const char *name, int64_t r0, int64_t n, int64_t k,
                           const float *x, vq_err *e)
{
    for (int64_t r = 0; r < n; r++)
        if (!kr->all_finite(x + r * k, (size_t)k))
            return vq_fail(e, VQ_E_INPUT,
                           "%s: row %lld decodes to NaN or infinity; the model is broken: fetch it "
                           "again",
                           name, (long long)(r0 + r));
    return VQ_OK;
}

vq_status vq_weights_slices(const vq_kernels *kr, const vq_tensor *t, vq_weights_slice slice,
                            void *ctx, vq_err *e)
{
    const vq_coded *c = t->coded;
    const int64_t k = t->shape[t->ndim - 1], rows = vq_tensor_numel(t) / k;
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    float *x = VQ_ALLOC(c->scratch, float, c->step *k, "decoded weight", e);
    vq_status s = x ? VQ_OK : e->status;
    for (int64_t at = 0; at < rows && s == VQ_OK; at += c->step) {
        const int64_t n = rows - at < c->step ? rows - at : c->step;
        s = c->rows(c->self, at, n, x, e);
        if (s == VQ_OK) s = vq_weights_check(kr, t->name, at, n, k, x, e);
        if (s == VQ_OK) s = slice(ctx, at * k, x, n * k, e);
    }
    vq_arena_rewind(c->scratch, mark);
    return s;
}

static vq_status load_coded(const vq_kernels *kr, const vq_tensor *t, const int32_t *order,
                            float *out, vq_err *e)
{
    const vq_coded *c = t->coded;
    const int64_t n = t->shape[0], k = t->shape[1];
    VQ_TRY(c->rows(c->self, 0, n, out, e));
    VQ_TRY(vq_weights_check(kr, t->name, 0, n, k, out, e));
    if (!order) return VQ_OK;
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    float *row = VQ_ALLOC(c->scratch, float, k, "decoded row", e);
    if (!row) return e->status;
    for (int64_t r = 0; r < n; r++) {
        memcpy(row, out + r * k, (size_t)k * sizeof *row);
        for (int64_t i = 0; i < k; i++) out[r * k + i] = row[order[i]];
    }
    vq_arena_rewind(c->scratch, mark);
    return VQ_OK;
}

vq_status vq_weights_load(const vq_kernels *kr, const vq_tensor *t, const int32_t *order,
                          float *out, vq_err *e)
{
    const int64_t n = t->shape[0], k = t->shape[1];
    int64_t bad = n;
    if (t->coded) return load_coded(kr, t, order, out, e);
#pragma omp parallel for schedule(static) reduction(min : bad)
    for (int64_t r = 0; r < n; r++) {
        if (order)
            row_gathered(t, r, order, out + r * k);
        else
            row_to_f32(kr, t, r, 0, (size_t)k, out + r * k);
        if (!kr->all_finite(out + r * k, (size_t)k) && r < bad) bad = r;
    }
    return bad < n ? not_finite(kr, t, bad, e) : VQ_OK;
}

#define SLICE 1024 /* elements on the stack */

static float row_absmax(const vq_kernels *kr, const vq_tensor *t, int64_t row)
{
    float x[SLICE], max = 0;
    for (int64_t at = 0; at < t->shape[1]; at += SLICE) {
        const size_t n = (size_t)(t->shape[1] - at < SLICE ? t->shape[1] - at : SLICE);
        row_to_f32(kr, t, row, at, n, x);
        if (!kr->all_finite(x, n)) return INFINITY;
        const float m = kr->absmax(x, n);
        if (m > max) max = m;
    }
    return max;
}

typedef struct largest {
    const vq_kernels *kr;
    float max;
} largest;

static vq_status slice_absmax(void *ctx, int64_t first, const float *x, int64_t n, vq_err *e)
{
    largest *l = ctx;
    const float m = l->kr->absmax(x, (size_t)n);
    (void)first;
    (void)e;
    if (m > l->max) l->max = m;
    return VQ_OK;
}

static vq_status coded_absmax(const vq_kernels *kr, const vq_tensor *t, float *absmax, vq_err *e)
{
    largest l = {.kr = kr};
    const vq_status s = vq_weights_slices(kr, t, slice_absmax, &l, e);
    *absmax = l.max;
    return s;
}

vq_status vq_weights_absmax(const vq_kernels *kr, const vq_tensor *t, float *absmax, vq_err *e)
{
    if (t->coded) return coded_absmax(kr, t, absmax, e);
    const int64_t n = t->shape[0];
    int64_t bad = n;
    float max = 0;
#pragma omp parallel for schedule(static) reduction(min : bad) reduction(max : max)
    for (int64_t r = 0; r < n; r++) {
        const float m = row_absmax(kr, t, r);
        if (isinf(m) && r < bad) bad = r;
        if (m > max) max = m;
    }
    *absmax = max;
    return bad < n ? not_finite(kr, t, bad, e) : VQ_OK;
}

vq_status vq_weights_finite(const vq_kernels *kr, const vq_tensor *t, vq_err *e)
{
    if (t->dtype != VQ_F32 && t->dtype != VQ_F16 && t->dtype != VQ_BF16) return VQ_OK;
    vq_tensor flat = *t;
    if (t->ndim != 2) {
        flat.shape[0] = 1;
        flat.shape[1] = vq_tensor_numel(t);
    }
    float absmax;
    return vq_weights_absmax(kr, &flat, &absmax, e);
}
