/* finite.h -- are the rows between two parts finite? */
#ifndef VQ_MODEL_EXEC_FINITE_H
#define VQ_MODEL_EXEC_FINITE_H

#include "model/op/context.h"

/* vq_first_bad_row -- first row of h [rows][width] with a NaN or Inf, -1 when all are finite. */
int64_t vq_first_bad_row(const vq_kernels *kr, const float *h, int64_t rows, int64_t width);

/* vq_check_finite -- VQ_E_NUMERIC with position and sequence of the first bad row of `what`
 * [tokens][width]. */
vq_status vq_check_finite(const vq_exec *x, const vq_batch *b, const float *h, int64_t width,
                          const char *what, vq_err *e);

#endif
