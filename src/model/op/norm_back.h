/* norm_back.h -- the backward pass that norms over tokens and norms over heads share. */
#ifndef VQ_MODEL_OP_NORM_BACK_H
#define VQ_MODEL_OP_NORM_BACK_H

#include "model/op/op.h"

/* vq_norm_back -- rows [rows][width] of a node whose weight has `width` elements: gradient of the
 * input into f->into[0], and of the weight
 * for who asked, each element summed over the rows in order.
 *   test tests/unit/test_backward.c */
vq_status vq_norm_back(const vq_node *n, int id, vq_frame *f, int64_t rows, int64_t width,
                       vq_err *e);
size_t vq_norm_back_scratch(int64_t rows, int64_t width);

#endif
