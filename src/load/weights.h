/* weights.h -- dense weights as f32, checked. */
#ifndef VQ_LOAD_WEIGHTS_H
#define VQ_LOAD_WEIGHTS_H

#include "base/num/dtype.h"
#include "kernels/kernels.h"

/* vq_weights_load -- t [n][k] of F32, F16 or BF16 -> out [n][k] f32, columns gathered by order when
 * given. VQ_E_INPUT: NaN or Inf, with its place. Parallel over rows. */
vq_status vq_weights_load(const vq_kernels *kr, const vq_tensor *t, const int32_t *order,
                          float *out, vq_err *e);
/* vq_weights_absmax -- largest magnitude of a dense tensor, without holding it in f32. VQ_E_INPUT
 * as above. */
vq_status vq_weights_absmax(const vq_kernels *kr, const vq_tensor *t, float *absmax, vq_err *e);
/* vq_weights_slices -- a coded tensor (vq_tensor.coded) of any shape, decoded slice by slice: n
 * numbers from `first` on, in the order of the tensor. VQ_E_INPUT as above, or what slice says. */
typedef vq_status (*vq_weights_slice)(void *ctx, int64_t first, const float *x, int64_t n,
                                      vq_err *e);
vq_status vq_weights_slices(const vq_kernels *kr, const vq_tensor *t, vq_weights_slice slice,
                            void *ctx, vq_err *e);
/* vq_weights_check -- x [n][k], rows r0 and on of what is called so, is finite; VQ_E_INPUT names the
 * first row that is not. */
vq_status vq_weights_check(const vq_kernels *kr, const char *name, int64_t r0, int64_t n, int64_t k,
                           const float *x, vq_err *e);
/* vq_weights_finite -- VQ_E_INPUT as above for a tensor of any shape that is kept as it is; types
 * other than F32, F16 and BF16 pass. */
vq_status vq_weights_finite(const vq_kernels *kr, const vq_tensor *t, vq_err *e);

#endif
