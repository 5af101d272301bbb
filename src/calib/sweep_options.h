/* sweep_options.h -- the samples of a sweep, and how it goes over them. */
#ifndef VQ_CALIB_SWEEP_OPTIONS_H
#define VQ_CALIB_SWEEP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vq_samples {
    const int32_t *ids; /* [count][length] */
    int64_t count, length;
} vq_samples;

typedef struct vq_calib_options {
    unsigned needs; /* vq_need bits; gather ignores those of the gradient */
    const char
        *spool_path;    /* existing folder for the spool beyond the limit; its file has no name, so
                     * nothing can be left behind */
    size_t spool_bytes; /* activations kept in memory at most this many bytes */
    int64_t batch_tokens; /* tokens per forward call; whole samples, at least one */
    bool ahead; /* the outputs of a block stay beside its inputs, in a spool of their own, until
                * advance */
    bool bf16;  /* matrix products, those of the statistics too, take inputs rounded to bf16
               * (vq_kernels.bf16) */
    struct vq_coverage *coverage; /* to fill (calib/coverage.h); NULL: not asked for */
} vq_calib_options;

#endif
