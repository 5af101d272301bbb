/* findings.h -- what a check of an artifact found: failures are collected, one look shows them all.
 */
#ifndef VQ_RUN_FINDINGS_H
#define VQ_RUN_FINDINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct vq_findings {
    json_t *failures;    /* array of {"tensor", "what"}; owned */
    size_t tensors;      /* modules checked */
    size_t not_compared; /* of them: transforms changed the weight before it was rounded, so the
                       * original does not tell its error */
    double
        worst_error; /* decoded by kernels against the reference, relative to the largest magnitude
                      */
    const char *worst; /* its module */
    bool written_now;
} vq_findings;

/* vq_finding -- add a failure. */
void vq_finding(vq_findings *f, const char *tensor, const char *fmt, ...) VQ_PRINTF(3, 4);

#endif
