/* not_a_model.h -- what people give in place of a model, told from a few names and bytes. test
 * tests/cli/not_models.sh */
#ifndef VQ_FORMATS_FOLDER_NOT_A_MODEL_H
#define VQ_FORMATS_FOLDER_NOT_A_MODEL_H

#include "base/arena.h"

/* vq_not_a_model -- VQ_OK where PATH may be a model: whoever opens it has the last word. VQ_E_INPUT: in
 * one line what it is and what to do: a name of the hub, a Git LFS pointer, GGUF, pickles, ONNX,
 * weights of TensorFlow or JAX, an adapter, a pipeline of diffusers, a folder of the hub's cache, an
 * empty folder, one without weights, one of several shards, a file that lies beside the weights, a
 * folder of models; of what is not there the nearest name beside it. */
vq_status vq_not_a_model(const char *path, vq_arena *a, vq_err *e);

#endif
