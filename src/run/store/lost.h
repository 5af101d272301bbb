/* lost.h -- weights that would be gone. test tests/cli/lost.sh */
#ifndef VQ_RUN_STORE_LOST_H
#define VQ_RUN_STORE_LOST_H

#include "load/job.h"
#include "plan/plan.h"

/* vq_lost_check -- a group of q that is all zeros although w [n][k] there is not (its scale lies
 * below what the scale's type holds) and has 2^-16 or more of the largest weight of its rows. VQ_E_NUMERIC names module, row and columns; with
 * checks.zeros: warn one warning names the first and counts the groups. */
vq_status vq_lost_check(const vq_plan *p, const vq_job *job, const char *module, const float *w,
                        const vq_qtensor *q, vq_err *e);

#endif
