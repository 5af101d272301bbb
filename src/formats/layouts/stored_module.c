/* stored_module.c -- one quantized module of an artifact: its tensors checked against the layout,
 * its rows in canonical order. */
#include "formats/layouts/stored_module.h"

#include <stdio.h>
#include <string.h>

static const vq_tensor *tensor_of(const vq_stored_module *s, vq_field_kind kind)
{
    for (int i = 0; i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix; i++)
        if (s->layout->fields[i].kind == kind) return s->tensors[i];
    return NULL;
}

static vq_status missing(const vq_stored_module *s, vq_field_kind kind, vq_err *e)
{
    for (int i = 0; i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix; i++)
        if (s->layout->fields[i].kind == kind)
            return vq_fail(e, VQ_E_INPUT, "%s is missing", s->layout->fields[i].suffix);
    return vq_fail(e, VQ_E_INPUT, "a tensor is missing");
}

static int64_t int_at(const vq_tensor *t, int64_t i)
{
    int64_t wide = 0;
    int32_t narrow;
    if (t->dtype == VQ_I64) memcpy(&wide, (const uint8_t *)t->data + 8 * i, 8);
    if (t->dtype == VQ_I64) return wide;
    memcpy(&narrow, (const uint8_t *)t->data + 4 * i, 4);
    return narrow;
}

/* n and k where the config does not say: weight_shape, or the codes. */
static vq_status find_size(vq_stored_module *s, vq_err *e)
{
    vq_linear *l = &s->linear;
    const vq_tensor *shape = tensor_of(s, VQ_FIELD_SHAPE), *codes = tensor_of(s, VQ_FIELD_CODES);
    if (!codes) return missing(s, VQ_FIELD_CODES, e);
    if (codes->ndim < 2) return vq_fail(e, VQ_E_INPUT, "the codes are not a matrix");
    if (shape &&
        ((shape->dtype != VQ_I64 && shape->dtype != VQ_I32) || vq_tensor_numel(shape) != 2))
        return vq_fail(e, VQ_E_INPUT, "weight_shape is not two integers");
    if (l->n == 0) {
        const int64_t bits = s->layout->bytes ? 8 : l->scheme.weight.grid.bits;
        l->n = shape ? int_at(shape, 0) : codes->shape[0];
        l->k = shape                         ? int_at(shape, 1)
               : codes->shape[1] > INT32_MAX ? 0
                                             : codes->shape[1] * vq_dtype_bits(codes->dtype) / bits;
    }
    if (l->n < 1 || l->k < 1 || l->n > INT32_MAX || l->k > INT32_MAX)
        return vq_fail(e, VQ_E_INPUT, "a weight of [%lld, %lld] is not possible", (long long)l->n,
                       (long long)l->k);
    l->k_stored = l->k + l->arc_s;
    return VQ_OK;
}

/* Float scales have the type of the stored tensor. */
static vq_status find_scale_type(vq_num *n, const vq_tensor *t, vq_err *e)
{
    if (n->scale > VQ_SCALE_BF16 || !t || vq_scale_find(t->dtype, &n->scale)) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s is %s; scales are F32, F16 or BF16", t->name,
                   vq_dtype_name(t->dtype));
}

static bool shape_is(const vq_tensor *t, const int64_t *shape, int ndim)
{
    if (ndim < 2 && t->ndim < 2 && vq_tensor_numel(t) == 1 && (ndim == 0 || shape[0] == 1))
        return true; /* [] and [1] are one number */
    if (t->ndim != ndim) return false;
    for (int i = 0; i < ndim; i++)
        if (t->shape[i] != shape[i]) return false;
    return true;
}

static vq_status check_field(const vq_stored_module *s, const vq_layout_field *f,
                             const vq_tensor *t, const vq_module *m, vq_err *e)
{
    if (!vq_layout_has(f, m))
        return t ? vq_fail(e, VQ_E_INPUT, "%s does not belong to this scheme", f->suffix) : VQ_OK;
    if (!t) return vq_fail(e, VQ_E_INPUT, "%s is missing", f->suffix);
    const vq_dtype want = vq_layout_dtype(f, m);
    if (t->dtype != want && (f->also == VQ_DTYPES || t->dtype != f->also))
        return vq_fail(e, VQ_E_INPUT, "%s is %s; %s is expected", f->suffix,
                       vq_dtype_name(t->dtype), vq_dtype_name(want));
    int64_t shape[VQ_MAX_DIMS];
    const int ndim = vq_layout_shape(s->layout, f, m, shape);
    if (shape_is(t, shape, ndim)) return VQ_OK;
    char is[96], expected[96];
    return vq_fail(e, VQ_E_INPUT, "%s has the shape %s; %s is expected", f->suffix,
                   vq_shape_text(t->shape, t->ndim, is, sizeof is),
                   vq_shape_text(shape, ndim, expected, sizeof expected));
}

static vq_status check_fields(const vq_stored_module *s, vq_err *e)
{
    const vq_linear *l = &s->linear;
    const vq_module m = {
        .name = l->name, .n = l->n, .k = l->k, .arc_s = l->arc_s, .scheme = &l->scheme};
    int64_t per_row, groups;
    if (vq_group_count(&l->scheme.weight, l->n, l->k_stored, &per_row, &groups, e) != VQ_OK) {
        if (e) e->status = VQ_E_INPUT; /* the cause as it is: here it is the file's fault */
        return VQ_E_INPUT;
    }
    for (int i = 0; i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix; i++)
        VQ_TRY(check_field(s, &s->layout->fields[i], s->tensors[i], &m, e));
    return VQ_OK;
}

static float float_at(const vq_tensor *t)
{
    float x = 0;
    (void)vq_to_f32(t, 0, 1, &x, NULL);
    return x;
}

static void fill_act(vq_stored_module *s)
{
    vq_linear *l = &s->linear;
    const vq_tensor *scale = tensor_of(s, VQ_FIELD_ACT_SCALE),
                    *global_scale = tensor_of(s, VQ_FIELD_ACT_GLOBAL_SCALE),
                    *any = tensor_of(s, VQ_FIELD_ACT_ANY);
    const vq_tensor *zero = tensor_of(s, VQ_FIELD_ACT_ZERO);
    if (any && l->scheme.act.global_scale)
        global_scale = any;
    else if (any)
        scale = any;
    l->act_global_scale = (vq_global_scale){.value = global_scale ? float_at(global_scale) : 0,
                                            .divides = s->target->global_scale_divides};
    l->act_scale = scale ? float_at(scale) : 0;
    if (zero && zero->dtype == VQ_I8)
        l->act_zero = *(const int8_t *)zero->data;
    else if (zero)
        memcpy(&l->act_zero, zero->data, sizeof l->act_zero);
}

static vq_status bad_order(vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT, "arc_order is not an order of the input channels");
}

static vq_status check_order(const int32_t *order, int64_t k, vq_arena *a, vq_err *e)
{
    const vq_arena_mark here = vq_arena_here(a);
    bool *seen = VQ_NEW(a, bool, k, "check of arc_order", e);
    if (!seen) return VQ_E_LIMIT;
    vq_status status = VQ_OK;
    for (int64_t i = 0; i < k && status == VQ_OK; i++) {
        if (order[i] < 0 || order[i] >= k || seen[order[i]])
            status = bad_order(e);
        else
            seen[order[i]] = true;
    }
    vq_arena_rewind(a, here);
    return status;
}

/* The residual channels lie between blocks. */
static vq_status fill_order(vq_stored_module *s, vq_arena *a, vq_err *e)
{
    vq_linear *l = &s->linear;
    const vq_tensor *t = tensor_of(s, VQ_FIELD_ORDER);
    if (l->arc_s == 0) return VQ_OK;
    int32_t *order = VQ_ALLOC(a, int32_t, l->k, "arc_order", e);
    if (!order) return VQ_E_LIMIT;
    memcpy(order, t->data, (size_t)l->k * sizeof *order);
    l->arc_order = order;
    return check_order(order, l->k, a, e);
}

vq_status vq_stored_fill(vq_stored_module *s, const vq_tensor_set *set, vq_arena *a, vq_err *e)
{
    vq_linear *l = &s->linear;
    l->quantized = true;
    for (int i = 0; i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix && !s->stack; i++)
        s->tensors[i] = vq_tensor_set_member(set, l->name, s->layout->fields[i].suffix);
    vq_status status = find_size(s, e);
    if (status == VQ_OK)
        status = find_scale_type(&l->scheme.weight, tensor_of(s, VQ_FIELD_SCALE), e);
    if (status == VQ_OK && l->scheme.has_act)
        status = find_scale_type(&l->scheme.act, tensor_of(s, VQ_FIELD_ACT_SCALE), e);
    if (status == VQ_OK) status = check_fields(s, e);
    if (status == VQ_OK) status = fill_order(s, a, e);
    if (status != VQ_OK) return vq_at(e, "%s", l->name);
    fill_act(s);
    return VQ_OK;
}

static void read_zeros(const vq_stored_module *s, int64_t r0, vq_qtensor *q, int64_t first)
{
    const vq_tensor *plain = tensor_of(s, VQ_FIELD_ZERO), *down = tensor_of(s, VQ_FIELD_ZERO_DOWN);
    if (down) vq_unpack_zeros_down(down->data, r0, q);
    for (int64_t i = 0; plain && i < q->groups; i++) {
        const uint8_t *in = plain->data;
        if (plain->dtype == VQ_I8)
            q->zero[i] = (int8_t)in[first + i];
        else
            memcpy(&q->zero[i], in + 2 * (first + i), 2);
    }
}

vq_status vq_stored_rows(const vq_stored_module *s, int64_t r0, int64_t count, vq_qtensor *out,
                         vq_arena *a, vq_err *e)
{
    const vq_linear *l = &s->linear;
    int64_t group_rows, group_cols;
    vq_group_size(&l->scheme.weight, l->n, l->k_stored, &group_rows, &group_cols);
    const bool one = l->scheme.weight.group.kind == VQ_PER_TENSOR;
    if (r0 < 0 || count < 1 || count > l->n - r0 || (!one && r0 % group_rows))
        return vq_fail(e, VQ_E_BUG, "%s: rows %lld to %lld", l->name, (long long)r0,
                       (long long)(r0 + count));
    VQ_TRY(vq_qtensor_new(out, &l->scheme.weight, count, l->k_stored, a, e));
    const int64_t first = one ? 0 : r0 / group_rows * out->per_row;
    const vq_tensor *global_scale = tensor_of(s, VQ_FIELD_GLOBAL_SCALE),
                    *codes = tensor_of(s, VQ_FIELD_CODES);
    const vq_layout_field *f = &s->layout->fields[0];
    const vq_tensor *scales = tensor_of(s, VQ_FIELD_SCALE);
    if (scales) VQ_TRY(vq_unpack_scales(&out->num, scales, first, out->groups, out->scale, e));
    if (out->zero) read_zeros(s, r0, out, first);
    if (global_scale) memcpy(&out->global_scale, global_scale->data, sizeof out->global_scale);
    out->global_scale_divides = global_scale && s->target->global_scale_divides;
    vq_unpack_codes(s->layout, f,
                    (const uint8_t *)codes->data +
                        (size_t)r0 * vq_code_row(s->layout, f, &out->num, l->k_stored),
                    out);
    return VQ_OK;
}
