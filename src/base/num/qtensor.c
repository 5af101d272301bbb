/* qtensor.c -- the canonical quantized matrix: its arrays, and quantizing and dequantizing by
 * definition. */
#include "base/num/qtensor.h"

#include <math.h>

vq_status vq_qtensor_new(vq_qtensor *q, const vq_num *num, int64_t rows, int64_t cols, vq_arena *a,
                         vq_err *e)
{
    *q = (vq_qtensor){.num = *num, .rows = rows, .cols = cols, .global_scale = 1.0F};
    int64_t numel;
    if (__builtin_mul_overflow(rows, cols, &numel))
        return vq_fail(e, VQ_E_INPUT, "a matrix of %lld x %lld is too large", (long long)rows,
                       (long long)cols);
    VQ_TRY(vq_group_count(num, rows, cols, &q->per_row, &q->groups, e));
    if (num->grid.bits > 8) {
        q->codes16 = VQ_ALLOC(a, uint16_t, numel, "codes", e);
        if (!q->codes16) return e ? e->status : VQ_E_LIMIT;
    } else {
        q->codes = VQ_ALLOC(a, uint8_t, numel, "codes", e);
        if (!q->codes) return e ? e->status : VQ_E_LIMIT;
    }
    q->scale = VQ_ALLOC(a, float, q->groups, "scales", e);
    if (!q->scale) return e ? e->status : VQ_E_LIMIT;
    if (num->zero == VQ_ZERO_NONE) return VQ_OK;
    q->zero = VQ_NEW(a, int16_t, q->groups, "zero points", e);
    return q->zero ? VQ_OK : e ? e->status : VQ_E_LIMIT;
}

/* One group: rows [r0, r1), columns [k0, k1). */
typedef struct box {
    int64_t r0, r1, k0, k1;
} box;

static box box_of(const vq_qtensor *q, int64_t group)
{
    int64_t gr, gc;
    vq_group_size(&q->num, q->rows, q->cols, &gr, &gc);
    const int64_t r0 = group / q->per_row * gr, k0 = group % q->per_row * gc;
    return (box){r0, r0 + gr < q->rows ? r0 + gr : q->rows, k0,
                 k0 + gc < q->cols ? k0 + gc : q->cols};
}

static vq_status range_of(const float *w, int64_t ld, const box *b, float *lo, float *hi, vq_err *e)
{
    *lo = *hi = 0;
    for (int64_t r = b->r0; r < b->r1; r++) {
        for (int64_t k = b->k0; k < b->k1; k++) {
            const float x = w[r * ld + k];
            if (!isfinite(x))
                return vq_fail(e, VQ_E_NUMERIC, "element [%lld][%lld] is %s", (long long)r,
                               (long long)k, x != x ? "NaN" : "infinite");
            if (x < *lo) *lo = x;
            if (x > *hi) *hi = x;
        }
    }
    return VQ_OK;
}

static void encode_box(vq_qtensor *q, const float *w, const box *b, float scale, int zero)
{
    for (int64_t r = b->r0; r < b->r1; r++) {
        for (int64_t i = r * q->cols + b->k0; i < r * q->cols + b->k1; i++) {
            const uint32_t code = vq_encode_at(&q->num, w[i], scale, zero);
            if (q->codes16)
                q->codes16[i] = (uint16_t)code;
            else
                q->codes[i] = (uint8_t)code;
        }
    }
}

vq_status vq_quantize_ref(vq_qtensor *q, const float *w, vq_global_scale global_scale,
                          vq_dtype arith, vq_err *e)
{
    q->global_scale = q->num.global_scale ? global_scale.value : 1.0F;
    q->global_scale_divides = q->num.global_scale && global_scale.divides;
    for (int64_t g = 0; g < q->groups; g++) {
        const box b = box_of(q, g);
        float lo, hi;
        int16_t zero = 0;
        VQ_TRY(range_of(w, q->cols, &b, &lo, &hi, e));
        vq_group_scale(&q->num, lo, hi, global_scale, arith, &q->scale[g], &zero);
        if (q->zero) q->zero[g] = zero;
        encode_box(q, w, &b, vq_effective_scale(&q->num, q->scale[g], global_scale), zero);
    }
    return VQ_OK;
}

void vq_dequantize_ref(const vq_qtensor *q, int64_t r0, int64_t n, float *out)
{
    const vq_global_scale global_scale = {q->global_scale, q->global_scale_divides};
    int64_t gr, gc;
    vq_group_size(&q->num, q->rows, q->cols, &gr, &gc);
    for (int64_t r = r0; r < r0 + n; r++) {
        for (int64_t k = 0; k < q->cols; k++) {
            const int64_t g = r / gr * q->per_row + k / gc, i = r * q->cols + k;
            const uint32_t code = q->codes16 ? q->codes16[i] : q->codes[i];
            const float scale = vq_effective_scale(&q->num, q->scale[g], global_scale);
            out[(r - r0) * q->cols + k] =
                vq_decode_at(&q->num, code, scale, q->zero ? q->zero[g] : 0);
        }
    }
}

int64_t vq_arc_block(const vq_scheme *s)
{
    enum { WIDEST = 1024 };
    const vq_num *w = &s->weight, *x = &s->act;
    if (!s->has_weight || !s->has_act || w->group.kind != VQ_PER_BLOCK ||
        x->group.kind != VQ_PER_BLOCK)
        return 0;
    if (w->group.rows != 1 || x->group.rows != 1 || w->group.cols != x->group.cols ||
        w->group.cols > WIDEST)
        return 0;
    if (x->grid.bits > 8 || x->zero != VQ_ZERO_NONE || (x->when == VQ_STATIC && !x->global_scale))
        return 0;
    return w->group.cols;
}
