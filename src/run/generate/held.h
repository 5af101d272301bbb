/* held.h -- the quantized weights of a model that makes one token after the other, decoded once instead
 * of for every token. */
#ifndef VQ_RUN_GENERATE_HELD_H
#define VQ_RUN_GENERATE_HELD_H

#include "edit/overlay.h"
#include "load/job.h"
#include "model/exec/exec.h"

/* vq_held_make -- x->source becomes one in front of what it was, which gives the same numbers: in f32
 * what meets inputs as they are (weights that meet quantized inputs stay as stored). Entries and values
 * from a, codes on the way from x->arena. Where they do not fit the memory limit, or half of what this
 * machine has free, x stays as it is, and the reporter says so. o is borrowed by x. VQ_E_LIMIT |
 * VQ_E_INPUT | VQ_E_STOPPED. test tests/cli/generate.sh */
vq_status vq_held_make(vq_overlay *o, vq_exec *x, const vq_job *job, vq_arena *a, vq_err *e);

#endif
