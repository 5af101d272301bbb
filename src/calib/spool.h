/* spool.h -- activations of all samples between two blocks, in memory or in an unlinked file. test
 * tests/unit/calib/test_spool.c */
#ifndef VQ_CALIB_SPOOL_H
#define VQ_CALIB_SPOOL_H

#include <stdint.h>

#include "base/arena.h"

typedef struct vq_spool {
    float *memory; /* NULL: in the file */
    int fd;        /* -1: in memory */
} vq_spool;

/* vq_spool_open -- room for `count` floats: memory of the arena when they take at most `limit`
 * bytes, else a file in `folder`, whose space is taken now. VQ_E_LIMIT: no memory or no disk space,
 * with sizes. VQ_E_IO: the folder refuses. */
vq_status vq_spool_open(vq_spool *s, size_t count, size_t limit, const char *folder, vq_arena *a,
                        vq_err *e);
/* vq_spool_close -- close the file, if any; memory stays the arena's. May be called twice. */
void vq_spool_close(vq_spool *s);

/* vq_spool_take -- floats [first, first + n): *out is where they lie in memory, or buffer [n], read
 * from the file. VQ_E_IO. */
vq_status vq_spool_take(const vq_spool *s, size_t first, size_t n, float *buffer, float **out,
                        vq_err *e);
/* vq_spool_give -- put floats x [n] at [first, first + n); x may be what vq_spool_take gave.
 * VQ_E_IO; VQ_E_LIMIT: no disk space. */
vq_status vq_spool_give(const vq_spool *s, size_t first, size_t n, const float *x, vq_err *e);

#endif
