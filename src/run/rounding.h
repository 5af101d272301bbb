/* rounding.h -- the stage that turns planned weights into stored tensors, group by group. test tests/cli/quantize.sh, tests/golden */
#ifndef VQ_RUN_ROUNDING_H
#define VQ_RUN_ROUNDING_H

#include "run/calibration.h"
#include "run/plan.h"

typedef struct vq_rounded {
    vq_input_map *maps;             /* [ngroups] what the transforms decided */
    vq_module *modules;             /* quantized weights in execution order, with their writer handles */
    const vq_plan_weight **weights; /* [nmodules] */
    int *group;                     /* [nmodules] */
    size_t nmodules;
    char (*sha)[VQ_SHA256_TEXT]; /* [nmodules] digest over the stored tensors */
    double *sqnr_db;             /* [nmodules] INFINITY when exact */
} vq_rounded;

/* vq_rounding_maps -- run the transforms of every group. */
vq_status vq_rounding_maps(vq_rounded *r, const vq_plan *p, const vq_calibration *c, vq_arena *a, vq_err *e);
/* vq_rounding_write -- declare all tensors, round and pack group by group, copy what is kept, commit the files into dir. */
vq_status vq_rounding_write(vq_rounded *r, const vq_plan *p, const vq_calibration *c, const char *dir, const vq_job *job, vq_budget *budget,
                            vq_arena *a, vq_err *e);
/* vq_rounding_digests -- sha of every module, from the files in dir: what the disk holds, not what was meant. Parallel over modules. */
vq_status vq_rounding_digests(vq_rounded *r, const vq_plan *p, const char *dir, vq_arena *a, vq_err *e);

#endif
