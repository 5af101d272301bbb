/* sides.h -- which matrices of a model without a graph are stored [in][out]. test
 * tests/families/test_conv1d.sh */
#ifndef VQ_LOAD_SIDES_H
#define VQ_LOAD_SIDES_H

#include "formats/folder/checkpoint.h"

/* vq_sides_tell -- tells the checkpoint (vq_checkpoint_transpose). A bias is as long as its linear
 * has outputs: where it is as long as a row of the stored matrix and not as a column, the model's
 * linears are GPT-2's Conv1D, and so are its square ones that have a bias and stand in a numbered
 * block. */
vq_status vq_sides_tell(vq_checkpoint *c, vq_arena *a, vq_err *e);

#endif
