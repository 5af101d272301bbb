/* own_files.h -- which files in OUT.run, where an output is made, are vq's: those that it has listed
 * there (base/ledger.h). Only those are handed on, and only those go. test tests/cli/outputs.sh */
#ifndef VQ_RUN_QUANTIZE_OWN_FILES_H
#define VQ_RUN_QUANTIZE_OWN_FILES_H

#include "base/arena.h"

#define VQ_RUN_LOCK "vq.lock" /* its owner works in the folder; the list of what vq made there */

/* vq_own_foreign -- the first file in RUN/INSIDE ("": in all of it) that vq did not make, with RUN in
 * front; *path NULL: none. */
vq_status vq_own_foreign(const char *run, const char *inside, const char **path, vq_arena *a,
                         vq_err *e);
/* vq_own_remove -- what vq made in RUN/INSIDE ("": in all of it, but for the lock), and folders that
 * are empty then. */
vq_status vq_own_remove(const char *run, const char *inside, vq_arena *a, vq_err *e);
/* vq_own_list -- what the artifact in the folder OUT holds is vq's also when it lies in RUN/INSIDE: its
 * vq.json, and what that lists. */
vq_status vq_own_list(const char *run, const char *inside, const char *out, vq_arena *a, vq_err *e);

#endif
