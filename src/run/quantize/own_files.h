/* own_files.h -- which files in OUT.run, where an output is made, are vq's: only those are handed
 * on, and only those go. test tests/cli/outputs.sh */
#ifndef VQ_RUN_QUANTIZE_OWN_FILES_H
#define VQ_RUN_QUANTIZE_OWN_FILES_H

#include "base/arena.h"

#define VQ_RUN_LOCK "vq.lock" /* its owner works in the folder; where it is, vq made the folder */

/* Borrowed. */
typedef struct vq_own_files {
    const char *run;           /* OUT.run */
    const char *const *copied; /* what a run puts into OUT.run/artifact beside weights and config */
    size_t ncopied;
} vq_own_files;

/* vq_own_foreign -- the first file in OUT.run/INSIDE ("": in all of it) that vq did not make, with
 * OUT.run in front; *path NULL: none. */
vq_status vq_own_foreign(const vq_own_files *o, const char *inside, const char **path, vq_arena *a,
                         vq_err *e);
/* vq_own_remove -- what vq made in OUT.run/INSIDE ("": in all of it, but for the lock), and folders
 * that are empty then. */
vq_status vq_own_remove(const vq_own_files *o, const char *inside, vq_arena *a, vq_err *e);

#endif
