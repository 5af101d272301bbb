/* model_row.h -- what a stored row of a weight means to the model. test tests/cli/verify.sh,
 * tests/cli/diff.sh */
#ifndef VQ_LOAD_MODEL_ROW_H
#define VQ_LOAD_MODEL_ROW_H

#include "base/exchange/source.h"
#include "kernels/kernels.h"

/* vq_model_row -- stored [k_stored] decoded -> row [k] as the model has it: ARC's order undone, then
 * the rotation, which is its own inverse. */
void vq_model_row(const vq_kernels *kr, const vq_linear *l, const float *stored, float *row);

/* vq_linear_text -- how a linear is stored, for people: "weight e2m1 ...; input ...; ARC". */
void vq_linear_text(const vq_linear *l, char *text, size_t len);

#endif
