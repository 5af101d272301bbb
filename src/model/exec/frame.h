/* frame.h -- where the values of one part lie while it runs: few buffers, each handed on when its
 * value's last reader has run. */
#ifndef VQ_MODEL_EXEC_FRAME_H
#define VQ_MODEL_EXEC_FRAME_H

#include "model/exec/buffers.h"
#include "model/op/op.h"

/* Buffer 0 is the caller's: it holds the part's input and, at the end, its output. */
typedef struct vq_frame_plan {
    int first, end;
    int buffer[VQ_PART_NODES]; /* of node first + i */
    vq_buffers buffers;
} vq_frame_plan;

/* vq_frame_plan_part -- assign buffers. An op that may work in place takes over its first input's
 * buffer when it is the last reader. */
void vq_frame_plan_part(vq_frame_plan *p, const vq_graph *g, int part);

/* vq_frame_bytes -- arena bytes that vq_frame_run takes for a part: buffers, angles and the largest
 * scratch of an op. */
size_t vq_frame_bytes(const vq_exec *x, const vq_batch *b, int part);

/* vq_frame_run -- run a part on h [tokens][hidden], in place.  The arena is rewound. Errors
 *              carry the node's name. test tests/unit/test_exec.c */
vq_status vq_frame_run(const vq_exec *x, const vq_batch *b, int part, float *h, vq_err *e);

/* Pieces of it that a backward pass needs too. vq_frame_forward runs nodes [first, end);
 * vq_frame_open_angles makes the angles of rope where one of these nodes needs them,
 * vq_frame_angle_bytes says how much that takes; vq_frame_name is what errors call a node. */
vq_status vq_frame_forward(vq_frame *f, int first, int end, vq_err *e);
vq_status vq_frame_open_angles(vq_frame *f, int first, int end, vq_err *e);
size_t vq_frame_angle_bytes(const vq_graph *g, const vq_batch *b, int first, int end);
const char *vq_frame_name(const vq_node *n);

/* Small requests open chunks of their own size class in the arena; a part has at most this much of
 * it. */
enum { VQ_SMALL_CHUNKS = 6 * (64 << 10) };

#endif
