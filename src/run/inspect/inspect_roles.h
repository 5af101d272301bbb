/* inspect_roles.h -- what is stored of a model, summed up by role. test tests/cli/values.sh */
#ifndef VQ_RUN_INSPECT_INSPECT_ROLES_H
#define VQ_RUN_INSPECT_INSPECT_ROLES_H

#include "load/model.h"
#include "run/results.h"

/* vq_inspect_roles -- into d->roles, from a, one row for each role and way of storing, in the order of
 * vq_role. A quantized linear with its scales counts as one tensor. VQ_E_LIMIT. */
vq_status vq_inspect_roles(vq_model_description *d, const vq_model *m, vq_arena *a, vq_err *e);

#endif
