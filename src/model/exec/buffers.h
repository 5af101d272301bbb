/* buffers.h -- buffers that values of limited lifetime are handed to, one after the other. */
#ifndef VQ_MODEL_EXEC_BUFFERS_H
#define VQ_MODEL_EXEC_BUFFERS_H

#include <stdint.h>

#include "base/arena.h"

/* Buffer 0 is the caller's: it cannot grow and is only taken over from the value in it. */
typedef struct vq_buffers {
    int64_t *floats; /* size of each */
    int *until;      /* last moment at which the value in it is read */
    int count;
} vq_buffers;

/* vq_buffers_init -- buffer 0 of `floats`; room: most buffers there can be. */
vq_status vq_buffers_init(vq_buffers *b, int room, int64_t floats, vq_arena *a, vq_err *e);
/* vq_buffers_take -- a buffer for a value of `floats` made now and read until `until`: the tightest
 * free one that is large enough, else the largest free one (it grows), else a new one.
 * test tests/unit/model/test_exec.c */
int vq_buffers_take(vq_buffers *b, int now, int until, int64_t floats);

/* vq_buffers_floats -- of all but the caller's. */
int64_t vq_buffers_floats(const vq_buffers *b);
/* vq_buffers_place -- where each begins: start [count], the caller's first, the others in one piece
 * of the arena. */
vq_status vq_buffers_place(const vq_buffers *b, float *callers, float ***start, vq_arena *a,
                           vq_err *e);

#endif
