/* ledger.h -- which files in the folder where outputs are made are vq's: a list, kept in a file of
 * that folder, of what was made there. A name is on it before the file is there, so that after a
 * kill at any moment nothing is vq's that is not listed. A process has one such folder at a time.
 * test tests/unit/base/test_ledger.c, tests/cli/outputs.sh */
#ifndef VQ_BASE_LEDGER_H
#define VQ_BASE_LEDGER_H

#include <stdbool.h>

#include "base/status.h"

/* vq_ledger_open -- the list in FOLDER/NAME, which is open as fd; an empty file becomes one. Names
 * that are not there any more go. folder and fd are borrowed until vq_ledger_close.
 *   VQ_E_RECIPE: the file holds something else; VQ_E_LIMIT, VQ_E_IO. Closed then. */
vq_status vq_ledger_open(const char *folder, const char *name, int fd, vq_err *e);
void vq_ledger_close(void); /* harmless when none is open */
/* vq_ledger_has -- is the path, "folder/name", on the list? */
bool vq_ledger_has(const char *path);
/* vq_ledger_check -- VQ_E_IO, naming it: something is there that is in the folder and not listed.
 * vq_ledger_add -- checks, and then the path is on the list, also after a power cut. Elsewhere, or
 * without a list, both are VQ_OK.
 * vq_ledger_forget -- vq has nothing there any more. */
vq_status vq_ledger_check(const char *path, vq_err *e);
vq_status vq_ledger_add(const char *path, vq_err *e);
void vq_ledger_forget(const char *path);

#endif
