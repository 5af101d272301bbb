/* input_hash.h -- digests of the input files, made beside the main work when there is a second
 * thread. */
#ifndef VQ_RUN_INPUT_HASH_H
#define VQ_RUN_INPUT_HASH_H

#include <pthread.h>
#include <stdbool.h>

#include "formats/container.h"
#include "run/manifest.h"

typedef struct vq_input_hash {
    const vq_tensor_set *set;    /* borrowed; must stay open until the hash is ended */
    char (*sha)[VQ_SHA256_TEXT]; /* [nfiles] */
    pthread_t thread;
    bool running;
} vq_input_hash;

/* vq_input_hash_begin -- start on the files of a checkpoint; with one thread nothing happens before
 * the end. */
vq_status vq_input_hash_begin(vq_input_hash *h, const vq_tensor_set *set, int threads, vq_arena *a,
                              vq_err *e);
/* vq_input_hash_end -- wait; idempotent. Every begin needs one before the set is closed. */
void vq_input_hash_end(vq_input_hash *h);
/* vq_input_hash_list -- the weight files with their digests and sizes, from a; ends the hash. */
vq_status vq_input_hash_list(vq_input_hash *h, const vq_file_digest **files, vq_arena *a,
                             vq_err *e);

#endif
