/* unquantized.h -- tensors of an artifact that are no quantized module: those of the model as they
 * are, and those that a transform or a finishing pass changed. test
 * tests/unit/run/test_run_blocks.c */
#ifndef VQ_RUN_STORE_UNQUANTIZED_H
#define VQ_RUN_STORE_UNQUANTIZED_H

#include "plan/plan.h"

/* vq_unquantized_declare, vq_unquantized_copy -- tensors of the model that stay as they are: not
 * quantized and, with `skip`, not in those sets. ids[count of the model's tensors], -1: not copied.
 * VQ_E_NUMERIC: a value that is not finite. */
vq_status vq_unquantized_declare(const vq_plan *p, const vq_tensor_set *const *skip, int nskip,
                                 vq_tensor_writer *w, int64_t *ids, vq_err *e);
vq_status vq_unquantized_copy(const vq_plan *p, const vq_kernels *kr, vq_tensor_writer *w,
                              const int64_t *ids, vq_err *e);
/* vq_store_floats -- n values of x into a declared tensor of type t (F32, F16, BF16). */
vq_status vq_store_floats(vq_tensor_writer *w, int64_t id, vq_dtype t, const float *x, int64_t n,
                          vq_arena *scratch, vq_err *e);
/* vq_copy_tensor -- bytes of a stored tensor into a declared one, step by step. */
vq_status vq_copy_tensor(const vq_tensor *t, vq_tensor_writer *w, int64_t id, vq_err *e);

#endif
