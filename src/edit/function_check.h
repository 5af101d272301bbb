/* function_check.h -- does an edited model still compute what the model computes? In f32, before
 * anything is rounded. test tests/unit/edit/test_function_check.c */
#ifndef VQ_EDIT_FUNCTION_CHECK_H
#define VQ_EDIT_FUNCTION_CHECK_H

#include "base/reporter.h"
#include "edit/edited.h"
#include "model/exec/exec.h"

#define VQ_FUNCTION_TOLERANCE                                                                      \
    1e-4 /* relative L2 error of outputs; f32 sums in another order stay well below */

/* vq_function_model -- |edited - base| / |base| over the logits of `ids` [sequences][length], for
 * transforms of the whole model. Weights of the edited one are made part by part as d says (its
 * graph may be untied or ordered), so memory is one part, not the model. base->arena is the
 * scratch; base->quantize_inputs is expected false. */
vq_status vq_function_model(const vq_exec *base, const vq_edited *d, const int32_t *ids,
                            int64_t sequences, int64_t length, double *distance, vq_err *e);

/* vq_function_block -- the same over the output of block `layer` on h [tokens][hidden], for
 * transforms inside a block: the two differ in their sources only. */
vq_status vq_function_block(const vq_exec *base, const vq_exec *edited, const vq_batch *b,
                            int layer, const float *h, double *distance, vq_err *e);

/* vq_function_judge -- VQ_E_NUMERIC that names the pass when the distance is beyond the tolerance
 * or no number; fatal false: a warning ("function-changed") instead. */
vq_status vq_function_judge(const char *pass, double distance, bool fatal, const vq_reporter *w,
                            vq_err *e);

#endif
