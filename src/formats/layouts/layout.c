/* layout.c -- walks the rows of the layout tables: presence, types and shapes of a module's
 * tensors, codes and scales to bytes and back. */
#include "formats/layouts/layout.h"

#include <string.h>

#include "formats/layouts/pack_bits.h"

static bool row_takes(const vq_layout *l, const vq_scheme *s)
{
    return s->has_weight && l->holds(&s->weight) &&
           (!s->has_act || l->takes_act(&s->weight, &s->act));
}

const vq_layout *vq_layout_for(const vq_layout *rows, const vq_scheme *s)
{
    for (const vq_layout *l = rows; l->name; l++)
        if ((s->has_act || !l->with_act) && row_takes(l, s) &&
            (!l->bytes || s->weight.grid.bits == 8))
            return l;
    return NULL;
}

const vq_layout *vq_layout_named(const vq_layout *rows, const char *name, const vq_scheme *s)
{
    for (const vq_layout *l = rows; l->name; l++)
        if (strcmp(l->name, name) == 0 && row_takes(l, s)) return l;
    return NULL;
}

static bool static_act(const vq_module *m)
{
    return m->scheme->has_act && m->scheme->act.when == VQ_STATIC;
}

bool vq_layout_has(const vq_layout_field *f, const vq_module *m)
{
    const vq_scheme *s = m->scheme;
    switch (f->kind) {
    case VQ_FIELD_ZERO:
    case VQ_FIELD_ZERO_DOWN:
        return s->weight.zero != VQ_ZERO_NONE;
    case VQ_FIELD_GLOBAL_SCALE:
        return s->weight.global_scale;
    case VQ_FIELD_ACT_SCALE:
        return static_act(m);
    case VQ_FIELD_ACT_GLOBAL_SCALE:
        return s->has_act && s->act.global_scale;
    case VQ_FIELD_ACT_ANY:
        return static_act(m) || (s->has_act && s->act.global_scale);
    case VQ_FIELD_ACT_ZERO:
        return static_act(m) && s->act.zero != VQ_ZERO_NONE;
    case VQ_FIELD_ORDER:
        return m->arc_s > 0;
    default:
        return true;
    }
}

vq_dtype vq_layout_dtype(const vq_layout_field *f, const vq_module *m)
{
    if (f->dtype != VQ_DTYPES) return f->dtype;
    return vq_scale_dtype(f->kind == VQ_FIELD_ACT_SCALE ? &m->scheme->act : &m->scheme->weight);
}

static int shape2(int64_t *shape, int64_t a, int64_t b)
{
    shape[0] = a;
    shape[1] = b;
    return 2;
}

static int shape_single(const vq_layout *l, int64_t *shape)
{
    shape[0] = 1;
    return l->scalar ? 0 : 1;
}

static int shape_scales(const vq_module *m, int64_t *shape)
{
    int64_t per_row = 1, groups = 1;
    (void)vq_group_count(&m->scheme->weight, m->n, m->k + m->arc_s, &per_row, &groups, NULL);
    shape[0] = 1;
    return m->scheme->weight.group.kind == VQ_PER_TENSOR ? 1
                                                         : shape2(shape, groups / per_row, per_row);
}

static int shape_codes(const vq_layout *l, const vq_layout_field *f, const vq_module *m,
                       int64_t *shape)
{
    const size_t unit = (size_t)vq_dtype_bits(f->dtype) / 8;
    const int64_t row = (int64_t)(vq_code_row(l, f, &m->scheme->weight, m->k + m->arc_s) / unit);
    shape2(shape, m->n, row);
    if (!l->never_dense || row != m->k) return 2;
    shape[2] = 1;
    return 3;
}

int vq_layout_shape(const vq_layout *l, const vq_layout_field *f, const vq_module *m,
                    int64_t *shape)
{
    switch (f->kind) {
    case VQ_FIELD_CODES:
        return shape_codes(l, f, m, shape);
    case VQ_FIELD_SCALE:
    case VQ_FIELD_ZERO:
        return shape_scales(m, shape);
    case VQ_FIELD_ZERO_DOWN: {
        (void)shape_scales(m, shape);
        return shape2(shape, (int64_t)(vq_bits_bytes(m->n, m->scheme->weight.grid.bits, 4) / 4),
                      shape[1]);
    }
    case VQ_FIELD_SHAPE:
        shape[0] = 2;
        return 1;
    case VQ_FIELD_ORDER:
        shape[0] = m->k;
        return 1;
    default:
        return shape_single(l, shape);
    }
}

static int stored_bits(const vq_layout *l, const vq_num *num)
{
    return l->bytes ? 8 : num->grid.bits;
}

size_t vq_code_row(const vq_layout *l, const vq_layout_field *f, const vq_num *num, int64_t cols)
{
    return l->codec ? l->codec->row(num, cols)
                    : vq_bits_bytes(cols, stored_bits(l, num), (size_t)vq_dtype_bits(f->dtype) / 8);
}

static uint8_t flip_of(const vq_layout *l, const vq_num *num)
{
    return (uint8_t)(l->offset ? 1u << (num->grid.bits - 1) : 0);
}

static void pack_row(const vq_layout *l, const vq_qtensor *q, int64_t r, uint8_t *to, size_t row)
{
    const int bits = stored_bits(l, &q->num);
    if (l->codec)
        l->codec->pack(q, r, to);
    else if (q->codes16)
        vq_bits_pack16(q->codes16 + r * q->cols, q->cols, bits, to, row);
    else
        vq_bits_pack(q->codes + r * q->cols, q->cols, bits, flip_of(l, &q->num), to, row);
}

void vq_pack_codes(const vq_layout *l, const vq_layout_field *f, const vq_qtensor *q, int64_t r0,
                   int64_t n, uint8_t *out)
{
    const size_t row = vq_code_row(l, f, &q->num, q->cols);
#pragma omp parallel for schedule(static) if (n * q->cols > 65536)
    for (int64_t r = 0; r < n; r++) pack_row(l, q, r0 + r, out + (size_t)r * row, row);
}

/* Bytes that hold a code of fewer bits may be sign-extended: the code is what is left of them. */
static void unpack_row(const vq_layout *l, const uint8_t *from, vq_qtensor *q, int64_t r)
{
    const int bits = stored_bits(l, &q->num), code = q->num.grid.bits;
    const int64_t at = r * q->cols;
    const uint8_t mask = (uint8_t)((1u << (code < 8 ? code : 8)) - 1);
    if (l->codec) {
        l->codec->unpack(from, q, r);
    } else if (q->codes16) {
        vq_bits_unpack16(from, q->cols, bits, q->codes16 + at);
    } else {
        vq_bits_unpack(from, q->cols, bits, flip_of(l, &q->num), q->codes + at);
        for (int64_t k = 0; bits > code && k < q->cols; k++) q->codes[at + k] &= mask;
    }
}

void vq_unpack_codes(const vq_layout *l, const vq_layout_field *f, const uint8_t *in, vq_qtensor *q)
{
    const size_t row = vq_code_row(l, f, &q->num, q->cols);
#pragma omp parallel for schedule(static) if (q->rows * q->cols > 65536)
    for (int64_t r = 0; r < q->rows; r++) unpack_row(l, in + (size_t)r * row, q, r);
}
