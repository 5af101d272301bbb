/* own_ids.h -- the text that a model wrote for its calibration, kept in OUT.run, so that a resumed run
 * does not write it again: OUT.run/own-text.ids, int32 ids and behind them their SHA-256 in hex. test
 * tests/cli/resume.sh */
#ifndef VQ_RUN_STORE_OWN_IDS_H
#define VQ_RUN_STORE_OWN_IDS_H

#include <stdint.h>

#include "base/arena.h"

/* vq_own_ids_write -- n ids into the run folder DIR. VQ_E_LIMIT | VQ_E_IO. */
vq_status vq_own_ids_write(const char *dir, const int32_t *ids, size_t n, vq_arena *a, vq_err *e);
/* vq_own_ids_read -- the n ids that DIR holds, from a; *ids NULL: they are not there, not so many, or
 * not as they were written. VQ_E_LIMIT. */
vq_status vq_own_ids_read(const char *dir, size_t n, const int32_t **ids, vq_arena *a, vq_err *e);

#endif
