/* verify.h -- reopening an artifact and proving that it is what vq.json says. test
 * tests/cli/verify.sh */
#ifndef VQ_RUN_VERIFY_VERIFY_H
#define VQ_RUN_VERIFY_VERIFY_H

#include "load/model.h"
#include "run/findings.h"

/* vq_verify_folder -- checks DIR: manifest, files, modules. Failures are collected; a status other
 * than VQ_OK means that the folder could not be read at all. written_now: vq itself has just hashed
 * the files, so
 *   that structure, names, scales and fused scales are what is left to check. against: the original
 *   model for the recorded errors, or NULL. Findings are from `findings`, all else from a, which
 *   may be the same. */
vq_status vq_verify_folder(vq_findings *f, const vq_job *job, const char *dir, bool written_now,
                           const vq_model *against, vq_budget *budget, vq_arena *findings,
                           vq_arena *a, vq_err *e);

#endif
