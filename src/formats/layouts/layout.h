/* layout.h -- stored layouts as data: which tensors a quantized module consists of, their types and
 * shapes, and how they turn into rows of a vq_qtensor and back. One table row per layout
 * (ct/ct_layouts.c, vq/vq_layouts.c); writer, reader and checks walk the same rows. test
 * tests/unit/formats/test_artifact.c */
#ifndef VQ_FORMATS_LAYOUTS_LAYOUT_H
#define VQ_FORMATS_LAYOUTS_LAYOUT_H

#include "formats/layouts/module.h"

/* What a tensor of a module holds. */
typedef enum vq_field_kind {
    VQ_FIELD_CODES,        /* bit streams, one per row */
    VQ_FIELD_SCALE,        /* first-level scales */
    VQ_FIELD_ZERO,         /* zero points, one number each, shaped like the scales */
    VQ_FIELD_ZERO_DOWN,    /* zero points as offset bit streams down the columns (dim 0), in int32
                            * words
                            */
    VQ_FIELD_GLOBAL_SCALE, /* second-level scale */
    VQ_FIELD_SHAPE,        /* n and k of the layer */
    VQ_FIELD_ACT_SCALE,    /* static per-tensor scale of the input */
    VQ_FIELD_ACT_GLOBAL_SCALE, /* static second-level scale of the input */
    VQ_FIELD_ACT_ANY, /* either of them; 0 when the input's second-level scale is made on the way */
    VQ_FIELD_ACT_ZERO, /* static zero point of the input */
    VQ_FIELD_ORDER     /* gather of the input channels (ARC) */
} vq_field_kind;

/* VQ_DTYPES as a field's type: the type of the scheme's scale (of the input's for
 * VQ_FIELD_ACT_SCALE). */
typedef struct vq_layout_field {
    const char *suffix;
    vq_field_kind kind;
    vq_dtype dtype;
    vq_dtype also; /* a second type that readers accept; the same as dtype when there is none */
} vq_layout_field;

/* Rows of codes in a form of their own, instead of bit streams. A layout without VQ_FIELD_SCALE
 * keeps scales (zero points, ...) in these rows: pack reads them from q, unpack fills them. Called
 * for several rows at once. */
typedef struct vq_row_codec {
    /* row -- bytes of one row of `cols` codes; a multiple of the tensor's type. */
    size_t (*row)(const vq_num *num, int64_t cols);
    void (*pack)(const vq_qtensor *q, int64_t r, uint8_t *out);
    void (*unpack)(const uint8_t *in, vq_qtensor *q, int64_t r);
} vq_row_codec;

typedef struct vq_layout {
    const char *name;          /* "nvfp4-pack-quantized" */
    const vq_row_codec *codec; /* NULL: bit streams */
    bool with_act;             /* written only for schemes that quantize the input too */
    bool bytes;                /* one byte per code, whatever the width */
    bool offset;               /* codes are stored as offset binary */
    bool scalar;               /* single numbers have shape [], else [1] */
    bool never_dense;   /* codes must not have the shape of the dense weight, so that a loader that
                       * does not know the layout stumbles over them */
    bool loads_as_bf16; /* its readers decode to BF16 whatever the model's type is, so config.json
                         * has to say that type */
    /* holds -- can this row store weights of this format? Float scales of any type pass: the type
     * is checked with the tensors. */
    bool (*holds)(const vq_num *weight);
    /* takes_act -- may the input be quantized like this? */
    bool (*takes_act)(const vq_num *weight, const vq_num *act);
    vq_layout_field
        fields[VQ_LAYOUT_FIELDS]; /* ends with suffix NULL; in the order of the target's suffixes */
} vq_layout;

/* vq_layout_for -- the first of `rows` (ended by name NULL) that stores this scheme: the one that
 * is written; NULL when there is none. */
const vq_layout *vq_layout_for(const vq_layout *rows, const vq_scheme *s);
/* vq_layout_named -- the row of this name that holds the scheme (a reader's question); NULL. */
const vq_layout *vq_layout_named(const vq_layout *rows, const char *name, const vq_scheme *s);

/* vq_scheme_recognize -- fill s->id with the preset that is stored in the same way; `otherwise`
 * when there is none. */
void vq_scheme_recognize(vq_scheme *s, const char *otherwise);

/* vq_layout_has -- does this module have the tensor? */
bool vq_layout_has(const vq_layout_field *f, const vq_module *m);
/* vq_layout_dtype -- type as written. */
vq_dtype vq_layout_dtype(const vq_layout_field *f, const vq_module *m);
/* vq_layout_shape -- shape into shape[VQ_MAX_DIMS], number of dimensions returned. The module must
 * have passed vq_group_count. */
int vq_layout_shape(const vq_layout *l, const vq_layout_field *f, const vq_module *m,
                    int64_t *shape);

/* vq_code_row -- bytes of one row of codes. */
size_t vq_code_row(const vq_layout *l, const vq_layout_field *f, const vq_num *num, int64_t cols);
/* vq_scale_dtype -- the stored type of scales of this number (F8_E4M3, U8, F32, F16, BF16). */
vq_dtype vq_scale_dtype(const vq_num *n);
/* vq_scale_find -- float scale type stored as t; false when t is no float type that scales may
 * have. */
bool vq_scale_find(vq_dtype t, vq_scale_type *out);

/* vq_pack_codes -- rows [r0, r0+n) of q as stored bytes, n * vq_code_row of them. Parallel over
 * rows. */
void vq_pack_codes(const vq_layout *l, const vq_layout_field *f, const vq_qtensor *q, int64_t r0,
                   int64_t n, uint8_t *out);
/* vq_unpack_codes -- all rows of q from stored bytes (row 0 of q first). */
void vq_unpack_codes(const vq_layout *l, const vq_layout_field *f, const uint8_t *in,
                     vq_qtensor *q);
/* vq_pack_scales -- n scales to their stored type. VQ_E_NUMERIC: a scale that the type does not
 * hold exactly (NaN, not rounded, negative where the type has no sign). */
vq_status vq_pack_scales(const vq_num *num, const float *scale, int64_t n, uint8_t *out, vq_err *e);
/* vq_unpack_scales -- n stored scales, starting at element `first` of the tensor. */
vq_status vq_unpack_scales(const vq_num *num, const vq_tensor *t, int64_t first, int64_t n,
                           float *out, vq_err *e);
/* vq_pack_zeros_down -- zero points of a matrix with one row of groups per row, packed along dim 0;
 * *out from the arena. */
vq_status vq_pack_zeros_down(const vq_qtensor *q, vq_arena *a, uint8_t **out, size_t *bytes,
                             vq_err *e);
/* vq_unpack_zeros_down -- the zero points of stored rows [r0, r0 + q->rows). */
void vq_unpack_zeros_down(const uint8_t *in, int64_t r0, vq_qtensor *q);

#endif
