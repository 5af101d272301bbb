/* lock.h -- files that one process at a time works on. test tests/unit/base/test_lock.c */
#ifndef VQ_BASE_LOCK_H
#define VQ_BASE_LOCK_H

#include "base/status.h"

/* vq_lock_open -- PATH, made where it is missing, to read and write and for this process alone until
 * *fd is closed, be it by its death. On file systems without locks it is open all the same.
 *   VQ_E_RECIPE: another process has it (says which); VQ_E_IO, VQ_E_LIMIT: it cannot be made; *fd is
 *   -1 then. A lock goes when its process closes any descriptor of the file. */
vq_status vq_lock_open(const char *path, int *fd, vq_err *e);

#endif
