/* buffers.h -- buffers of one width each that values of limited lifetime are handed to, one after
 * the other. */
#ifndef VQ_MODEL_EXEC_BUFFERS_H
#define VQ_MODEL_EXEC_BUFFERS_H

#include <stdint.h>

enum {
    VQ_PART_NODES = 64,
    VQ_BUFFERS_MAX = 2 * VQ_PART_NODES + 1
}; /* most nodes of one part: a builder's promise */

/* Buffer 0 is the caller's: it cannot grow and is only taken over from the value in it. */
typedef struct vq_buffers {
    int64_t width[VQ_BUFFERS_MAX]; /* columns */
    int until[VQ_BUFFERS_MAX];     /* last moment at which the value in it is read */
    int count;
} vq_buffers;

/* vq_buffers_take -- a buffer for a value of `width` columns made now and read until `until`: the
 * tightest free one that is wide enough,
 * else the widest free one (it grows), else a new one.
 *      test tests/unit/test_exec.c */
int vq_buffers_take(vq_buffers *b, int now, int until, int64_t width);

/* vq_buffers_width -- columns of all but the caller's. */
int64_t vq_buffers_width(const vq_buffers *b);

#endif
