/* module_store.c -- the tensors of one quantized module: declared, written, digested. */
#include "formats/layouts/module_store.h"

#include <stdio.h>
#include <string.h>

static vq_status layout_of(const vq_layout **l, const vq_target *t, const vq_module *m, vq_err *e)
{
    *l = vq_layout_for(t->layouts, m->scheme);
    return *l ? VQ_OK : vq_at(e, "%s", (vq_target_takes(t, m, e), m->name));
}

vq_status vq_module_declare(const vq_target *t, vq_module *m, vq_tensor_writer *w, vq_err *e)
{
    const vq_layout *l;
    VQ_TRY(layout_of(&l, t, m, e));
    for (int i = 0; i < VQ_LAYOUT_FIELDS && l->fields[i].suffix; i++) {
        const vq_layout_field *field = &l->fields[i];
        int64_t shape[VQ_MAX_DIMS];
        char name[1024];
        m->ids[i] = -1;
        if (!vq_layout_has(field, m)) continue;
        if (snprintf(name, sizeof name, "%s.%s", m->name, field->suffix) >= (int)sizeof name)
            return vq_fail(e, VQ_E_INPUT, "the module name %.40s... is longer than 1000 characters",
                           m->name);
        const int ndim = vq_layout_shape(l, field, m, shape);
        VQ_TRY(vq_tensor_writer_declare(w, name, vq_layout_dtype(field, m), shape, ndim, &m->ids[i],
                                        e));
    }
    return VQ_OK;
}

/* One module on its way to the file. */
typedef struct sink {
    const vq_target *target;
    const vq_layout *layout;
    const vq_module *module;
    const vq_qtensor *q;
    const vq_module_extra *extra;
    vq_tensor_writer *writer;
    vq_sha256 *sha;
    vq_arena *arena;
    int64_t id; /* of the tensor being written */
} sink;

static vq_status emit(sink *s, uint64_t at, const void *data, size_t n, vq_err *e)
{
    if (s->sha) vq_sha256_add(s->sha, data, n);
    return vq_tensor_writer_write(s->writer, s->id, at, data, n, e);
}

#define TILE_BYTES ((size_t)4 << 20)

static vq_status put_codes(sink *s, const vq_layout_field *f, vq_err *e)
{
    const vq_qtensor *q = s->q;
    const size_t row = vq_code_row(s->layout, f, &q->num, q->cols);
    int64_t tile = (int64_t)(TILE_BYTES / (row ? row : 1)) + 1;
    if (tile > q->rows) tile = q->rows;
    uint8_t *buf = VQ_ALLOC(s->arena, uint8_t, (size_t)tile * row, "packed rows", e);
    if (!buf) return e ? e->status : VQ_E_LIMIT;
    for (int64_t r = 0; r < q->rows; r += tile) {
        const int64_t n = q->rows - r < tile ? q->rows - r : tile;
        vq_pack_codes(s->layout, f, q, r, n, buf);
        VQ_TRY(emit(s, (uint64_t)r * row, buf, (size_t)n * row, e));
    }
    return VQ_OK;
}

static vq_status check_signs(const sink *s, vq_err *e)
{
    if (s->target->negative_scales && vq_num_takes_negative(&s->q->num)) return VQ_OK;
    for (int64_t i = 0; i < s->q->groups; i++)
        if (s->q->scale[i] < 0)
            return vq_fail(e, VQ_E_NUMERIC,
                           "a scale of %.9g cannot be stored in this format: it is negative",
                           (double)s->q->scale[i]);
    return VQ_OK;
}

static vq_status put_scales(sink *s, const vq_layout_field *f, vq_err *e)
{
    const size_t bytes =
        (size_t)s->q->groups * (size_t)vq_dtype_bits(vq_layout_dtype(f, s->module)) / 8;
    uint8_t *buf = VQ_ALLOC(s->arena, uint8_t, bytes, "stored scales", e);
    if (!buf) return e ? e->status : VQ_E_LIMIT;
    VQ_TRY(check_signs(s, e));
    VQ_TRY(vq_pack_scales(&s->q->num, s->q->scale, s->q->groups, buf, e));
    return emit(s, 0, buf, bytes, e);
}

static vq_status put_zeros(sink *s, const vq_layout_field *f, vq_err *e)
{
    const size_t each = (size_t)vq_dtype_bits(f->dtype) / 8, bytes = (size_t)s->q->groups * each;
    uint8_t *buf = VQ_ALLOC(s->arena, uint8_t, bytes, "stored zero points", e);
    if (!buf) return e ? e->status : VQ_E_LIMIT;
    for (int64_t i = 0; i < s->q->groups; i++)
        memcpy(buf + (size_t)i * each, &s->q->zero[i], each); /* the low byte comes first */
    return emit(s, 0, buf, bytes, e);
}

static vq_status put_zeros_down(sink *s, const vq_layout_field *f, vq_err *e)
{
    size_t bytes;
    uint8_t *buf;
    (void)f;
    VQ_TRY(vq_pack_zeros_down(s->q, s->arena, &buf, &bytes, e));
    return emit(s, 0, buf, bytes, e);
}

static vq_status put_global_scale(sink *s, const vq_layout_field *f, vq_err *e)
{
    (void)f;
    if (s->q->global_scale_divides != s->target->global_scale_divides)
        return vq_fail(e, VQ_E_BUG, "second-level scale in the form of another format");
    return emit(s, 0, &s->q->global_scale, sizeof s->q->global_scale, e);
}

static vq_status put_shape(sink *s, const vq_layout_field *f, vq_err *e)
{
    (void)f;
    return emit(s, 0, (const int64_t[]){s->module->n, s->module->k}, 2 * sizeof(int64_t), e);
}

static vq_status put_act_scale(sink *s, const vq_layout_field *f, vq_err *e)
{
    uint8_t buf[4];
    if (s->extra->act_scale == 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "a static scale of the input needs calibration: --set calib.data=self, or "
                       "--set calib.data=required --data FILE");
    VQ_TRY(vq_pack_scales(&s->module->scheme->act, &s->extra->act_scale, 1, buf, e));
    return emit(s, 0, buf, (size_t)vq_dtype_bits(vq_layout_dtype(f, s->module)) / 8, e);
}

static vq_status put_act_global_scale(sink *s, const vq_layout_field *f, vq_err *e)
{
    const vq_global_scale *x = &s->extra->act_global_scale;
    (void)f;
    if (x->value == 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "the second-level scale of the input needs calibration: --set "
                       "calib.data=self, or --set calib.data=required --data FILE");
    if (x->divides != s->target->global_scale_divides)
        return vq_fail(e, VQ_E_BUG,
                       "second-level scale of the input in the form of another format");
    return emit(s, 0, &x->value, sizeof x->value, e);
}

static vq_status put_act_any(sink *s, const vq_layout_field *f, vq_err *e)
{
    if (!s->module->scheme->act.global_scale) {
        if (s->extra->act_scale == 0) return put_act_scale(s, f, e);
        return emit(s, 0, &s->extra->act_scale, sizeof s->extra->act_scale, e);
    }
    if (s->extra->act_global_scale.value == 0) return emit(s, 0, &(float){0}, sizeof(float), e);
    return put_act_global_scale(s, f, e);
}

static vq_status put_act_zero(sink *s, const vq_layout_field *f, vq_err *e)
{
    return emit(s, 0, &s->extra->act_zero, (size_t)vq_dtype_bits(f->dtype) / 8, e);
}

static vq_status put_order(sink *s, const vq_layout_field *f, vq_err *e)
{
    (void)f;
    if (!s->extra->arc_order) return vq_fail(e, VQ_E_BUG, "arc without an order");
    return emit(s, 0, s->extra->arc_order, (size_t)s->module->k * sizeof(int32_t), e);
}

static vq_status (*const put[])(sink *, const vq_layout_field *, vq_err *) = {
    [VQ_FIELD_CODES] = put_codes,
    [VQ_FIELD_SCALE] = put_scales,
    [VQ_FIELD_ZERO] = put_zeros,
    [VQ_FIELD_ZERO_DOWN] = put_zeros_down,
    [VQ_FIELD_GLOBAL_SCALE] = put_global_scale,
    [VQ_FIELD_SHAPE] = put_shape,
    [VQ_FIELD_ACT_SCALE] = put_act_scale,
    [VQ_FIELD_ACT_GLOBAL_SCALE] = put_act_global_scale,
    [VQ_FIELD_ACT_ANY] = put_act_any,
    [VQ_FIELD_ACT_ZERO] = put_act_zero,
    [VQ_FIELD_ORDER] = put_order,
};

static vq_status write_fields(sink *s, vq_err *e)
{
    for (int i = 0; i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix; i++) {
        const vq_layout_field *f = &s->layout->fields[i];
        if (!vq_layout_has(f, s->module)) continue;
        s->id = s->module->ids[i];
        const vq_arena_mark here = vq_arena_here(s->arena);
        const vq_status status = put[f->kind](s, f, e);
        vq_arena_rewind(s->arena, here);
        if (status != VQ_OK) return vq_at(e, "%s.%s", s->module->name, f->suffix);
    }
    return VQ_OK;
}

vq_status vq_module_write(const vq_target *t, const vq_module *m, const vq_qtensor *q,
                          const vq_module_extra *x, vq_tensor_writer *w, char sha[VQ_SHA256_TEXT],
                          vq_arena *a, vq_err *e)
{
    sink s = {.target = t, .module = m, .q = q, .extra = x, .writer = w, .arena = a};
    VQ_TRY(layout_of(&s.layout, t, m, e));
    if (q->rows != m->n || q->cols != m->k + m->arc_s)
        return vq_fail(e, VQ_E_BUG, "%s: a matrix of another shape was declared", m->name);
    if (!sha) return write_fields(&s, e);
    s.sha = vq_sha256_new();
    if (!s.sha) return vq_fail(e, VQ_E_LIMIT, "%s: no memory for a digest", m->name);
    const vq_status status = write_fields(&s, e);
    vq_sha256_done(s.sha, sha);
    return status;
}

vq_status vq_module_sha(const vq_target *t, const char *module, const vq_tensor_set *set,
                        char sha[VQ_SHA256_TEXT], vq_err *e)
{
    vq_sha256 *h = vq_sha256_new();
    if (!h) return vq_fail(e, VQ_E_LIMIT, "%s: no memory for a digest", module);
    for (int i = 0; t->suffixes[i]; i++) {
        const vq_tensor *x = vq_tensor_set_member(set, module, t->suffixes[i]);
        if (x) vq_sha256_add(h, x->data, x->bytes);
    }
    vq_sha256_done(h, sha);
    return VQ_OK;
}
