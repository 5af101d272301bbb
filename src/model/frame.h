/* frame.h -- where the values of one part lie while it runs: few buffers, each handed on when its value's last reader has run. */
#ifndef VQ_MODEL_FRAME_H
#define VQ_MODEL_FRAME_H

#include "model/op.h"

enum { VQ_PART_NODES = 64 }; /* most nodes of one part; a builder's promise */

/* Buffer 0 is the caller's: it holds the part's input and, at the end, its output. */
typedef struct vq_frame_plan {
    int first, end;
    int buffer[VQ_PART_NODES];        /* of node first + i */
    int64_t width[VQ_PART_NODES + 1]; /* columns of a buffer */
    int count;
} vq_frame_plan;

/* vq_frame_plan_part -- assign buffers. An op that may work in place takes over its first input's buffer when it is the last reader. */
void vq_frame_plan_part(vq_frame_plan *p, const vq_graph *g, int part);

/* vq_frame_bytes -- arena bytes that vq_frame_run takes for a part: buffers, angles and the largest scratch of an op. */
size_t vq_frame_bytes(const vq_exec *x, const vq_batch *b, int part);

/* vq_frame_run -- run a part on h [tokens][hidden], in place.  The arena is rewound. Errors carry the node's name.
 *                                                                                           test tests/unit/test_exec.c */
vq_status vq_frame_run(const vq_exec *x, const vq_batch *b, int part, float *h, vq_err *e);

#endif
