/* blocks.h -- the calibrated way: part by part (blocks in order, then what lies outside of them)
 * statistics are gathered, transforms run, weights are rounded and written, activations move on. A
 * finished part survives anything; --resume continues after the last one. test tests/cli/resume.sh,
 * tests/unit/test_run_blocks.c */
#ifndef VQ_RUN_QUANTIZE_BLOCKS_H
#define VQ_RUN_QUANTIZE_BLOCKS_H

#include <jansson.h>

#include "plan/samples.h"
#include "run/quantize/rounding.h"

typedef struct vq_blocks_job {
    const vq_plan *plan;
    const vq_job *job;
    vq_budget *budget;
    const char *dir; /* where the final files go */
    const char *
        work; /* OUT.run: finished parts, state, statistics, spool; the caller removes it in the end
               */
    const char *data;       /* NULL: as the recipe says */
    bool tokens;            /* data holds int32 ids */
    const char *statistics; /* .vqs made before; NULL: gather */
    bool resume;
    const char *model_sha; /* of origin.h */
    json_t
        *made_from; /* fields that a resumed run must share; those of data and statistics are added
                    */
} vq_blocks_job;

/* What the run was calibrated on. */
typedef struct vq_calibrated {
    const char *kind;            /* "none", "self", "text", "jsonl", "tokens", "statistics" */
    char sha256[VQ_SHA256_TEXT]; /* of the data file; "" for none and self */
    char statistics
        [VQ_SHA256_TEXT]; /* of the .vqs file; "" when statistics were gathered on the way */
    int64_t samples, seqlen;
} vq_calibrated;

/* vq_blocks_needed -- does this plan need more than rounding weight after weight (statistics,
 * transforms, training)? */
bool vq_blocks_needed(const vq_plan *p, const char *statistics);
/* vq_blocks_run -- fills r and the final weight files in j->dir.
 *   VQ_E_INPUT: too little data, statistics of another model. VQ_E_RECIPE: nothing to resume, or
 *   something differs. VQ_E_NUMERIC: a
 * transform does not keep the function; non-finite activations. */
vq_status vq_blocks_run(const vq_blocks_job *j, vq_rounded *r, vq_calibrated *c, vq_arena *a,
                        vq_err *e);

#endif
