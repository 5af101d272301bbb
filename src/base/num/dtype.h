/* dtype.h -- element types of stored tensors (safetensors names) and a borrowed view of one tensor.
 */
#ifndef VQ_BASE_NUM_DTYPE_H
#define VQ_BASE_NUM_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define VQ_MAX_DIMS 8

/* clang-format off */
typedef enum vq_dtype {
    VQ_BOOL, VQ_F4, VQ_F6_E2M3, VQ_F6_E3M2, VQ_U8, VQ_I8, VQ_F8_E5M2, VQ_F8_E4M3, VQ_F8_E8M0, VQ_F8_E4M3FNUZ, VQ_F8_E5M2FNUZ,
    VQ_I16, VQ_U16, VQ_F16, VQ_BF16, VQ_I32, VQ_U32, VQ_F32, VQ_C64, VQ_F64, VQ_I64, VQ_U64, VQ_DTYPES
} vq_dtype;
/* clang-format on */

struct vq_coded;

/* vq_tensor -- name, type and shape of a stored tensor; data is borrowed (mapped file or arena),
 * possibly unaligned. */
typedef struct vq_tensor {
    const char *name;
    vq_dtype dtype;
    int ndim;
    int64_t shape[VQ_MAX_DIMS];
    const void *data;
    size_t bytes;
    bool transposed; /* a matrix whose data is stored [shape[1]][shape[0]]: whoever reads data by
                      * itself heeds it, all others see shape alone */
    const struct vq_coded *coded; /* it is stored as codes and decoded where it is read: data is
                                   * NULL, bytes what it would take. NULL: it is stored as it is */
} vq_tensor;

/* How a coded tensor is read. */
typedef struct vq_coded {
    void *self;
    /* rows -- rows [r0, r0 + n) of the tensor, all dimensions but the last seen as one, as f32 into
     * out [n][last]. One thread at a time. VQ_E_LIMIT: no memory to decode in. */
    vq_status (*rows)(void *self, int64_t r0, int64_t n, float *out, vq_err *e);
    int64_t step;      /* rows that are best read together: a matrix of a stack whole */
    vq_arena *scratch; /* room for whoever reads slice by slice; rewound to where it was */
} vq_coded;
/* vq_tensor_turn -- the same data seen as the other kind of matrix: [in][out] as stored becomes
 * [out][in] with `transposed`, and back. */
vq_tensor vq_tensor_turn(const vq_tensor *t);
/* vq_tensor_as_stored -- with the shape that the file has. */
vq_tensor vq_tensor_as_stored(const vq_tensor *t);

const char *vq_dtype_name(vq_dtype t);
int vq_dtype_bits(vq_dtype t);
/* vq_dtype_find -- by safetensors name; VQ_DTYPES when unknown. */
vq_dtype vq_dtype_find(const char *name, size_t len);
/* vq_tensor_bytes -- bytes of a tensor of this type and shape; VQ_E_INPUT on overflow, negative
 * sizes or partial bytes. */
vq_status vq_tensor_bytes(vq_dtype t, const int64_t *shape, int ndim, size_t *bytes, vq_err *e);
int64_t vq_tensor_numel(const vq_tensor *t);
/* vq_shape_text -- "[64, 256]" into buf, returns buf. */
const char *vq_shape_text(const int64_t *shape, int ndim, char *buf, size_t len);

/* vq_to_f32 -- n elements, in the order of the shape, of a float type (F32, F16, BF16, F64, F8_E4M3, F8_E5M2, F8_E8M0) starting
 * at element `first`, unaligned
 * input allowed. The scalar definition; kernels.h has the fast one for BF16 and F16.
 *       VQ_E_INPUT for other types */
vq_status vq_to_f32(const vq_tensor *t, int64_t first, int64_t n, float *out, vq_err *e);

float vq_bf16_to_f32(uint16_t h);
/* vq_f32_all_finite -- no NaN and no Inf among x[n]; for where no kernels are at hand
 * (vq_kernels.all_finite). */
bool vq_f32_all_finite(const float *x, size_t n);
uint16_t vq_f32_to_bf16(float x); /* nearest even; NaN stays NaN */
float vq_f16_to_f32(uint16_t h);
uint16_t vq_f32_to_f16(float x); /* nearest even; overflow gives Inf */
/* vq_round_to -- x rounded to a stored float type (F32, BF16, F16) and back. */
float vq_round_to(vq_dtype t, float x);

#endif
