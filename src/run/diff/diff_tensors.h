/* diff_tensors.h -- the tensors of two checkpoints side by side. */
#ifndef VQ_RUN_DIFF_DIFF_TENSORS_H
#define VQ_RUN_DIFF_DIFF_TENSORS_H

#include "load/model.h"
#include "run/results.h"

/* vq_diff_tensors -- fills tensors, ntensors and same of r; rows from a, scratch is rewound. */
vq_status vq_diff_tensors(const vq_job *job, const vq_model *ma, const vq_model *mb,
                          vq_diff_result *r, vq_arena *scratch, vq_arena *a, vq_err *e);

#endif
