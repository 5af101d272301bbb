/* findings.h -- what a check of an artifact found: failures are collected, one look shows them all.
 * test tests/unit/run/test_findings.c, tests/unit/run/test_run_verify.c */
#ifndef VQ_RUN_FINDINGS_H
#define VQ_RUN_FINDINGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "run/results.h"

typedef struct vq_findings {
    vq_failure *failures; /* [count] */
    size_t count, room;
    vq_err
        lost; /* not VQ_OK: there was no memory for a failure, so that the list says too little */
    vq_arena *arena;     /* of the list and its texts */
    size_t tensors;      /* modules checked */
    size_t not_compared; /* of them: transforms changed the weight before it was rounded, so the
                          * original does not tell its error */
    double worst_error;  /* decoded by kernels against the reference, relative to the reference */
    const char *worst;   /* its module */
    bool written_now;
} vq_findings;

/* vq_finding -- add a failure. Without memory it is noted in `lost`, which whoever collects returns
 * in the end. */
void vq_finding(vq_findings *f, const char *tensor, const char *fmt, ...) VQ_PRINTF(3, 4);

#endif
