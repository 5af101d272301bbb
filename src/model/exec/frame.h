/* frame.h -- where the values of one part lie while it runs: few buffers, each handed on when its
 * value's last reader has run. */
#ifndef VQ_MODEL_EXEC_FRAME_H
#define VQ_MODEL_EXEC_FRAME_H

#include "model/exec/buffers.h"
#include "model/exec/program.h"

/* Buffer 0 is the caller's: it holds the part's record and, at the end, that of the part itself. */
typedef struct vq_frame_plan {
    int *buffer; /* [count] of each value */
    vq_buffers buffers;
} vq_frame_plan;

/* vq_frame_plan_make -- assign buffers. An op that may work in place takes over its first input's
 * buffer when it is the last reader. apart: input and output are different memory. */
vq_status vq_frame_plan_make(vq_frame_plan *plan, const vq_program *p, const vq_batch *b,
                             bool apart, vq_arena *a, vq_err *e);

/* A pass over a part: ids for the embedding, the records in and out, which may be the same memory
 * (room for the larger of both). */
typedef struct vq_frame_job {
    const vq_batch *batch;
    int part;
    const int32_t *ids;
    const float *in;
    float *out;
} vq_frame_job;

/* vq_frame_run -- the arena is rewound. Errors carry the node's name. test
 * tests/unit/model/test_exec.c */
vq_status vq_frame_run(const vq_exec *x, const vq_frame_job *job, vq_err *e);
/* vq_frame_bytes -- arena bytes that it takes: buffers, angles and the largest scratch of an op; 0
 * where the source does not hold the part (running it says why). */
size_t vq_frame_bytes(const vq_exec *x, const vq_batch *b, int part);

/* Pieces of it that a backward pass needs too. vq_frame_open fills in all but the values;
 * vq_frame_forward runs every node; vq_frame_fixed_bytes is what open takes. */
vq_status vq_frame_open(vq_frame *f, const vq_exec *x, const vq_program *p, const vq_batch *b,
                        vq_err *e);
vq_status vq_frame_forward(vq_frame *f, const vq_program *p, vq_err *e);
size_t vq_frame_fixed_bytes(const vq_program *p, const vq_batch *b);
/* vq_frame_scratch -- the most that an op takes on the way there. */
size_t vq_frame_scratch(const vq_exec *x, const vq_program *p, const vq_batch *b);
/* vq_frame_copy_out -- the record of the part from its values (or their gradients). */
vq_status vq_frame_copy_out(const vq_frame *f, const vq_program *p, float *const *values,
                            float *out, vq_err *e);

/* Small requests open chunks of their own size class in the arena; a part has at most this much of
 * it. */
enum { VQ_SMALL_CHUNKS = 6 * (64 << 10) };

#endif
