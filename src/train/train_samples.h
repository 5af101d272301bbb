/* train_samples.h -- whole samples out of the activations that calibration holds: some held out,
 * the others drawn in a seeded order. */
#ifndef VQ_TRAIN_TRAIN_SAMPLES_H
#define VQ_TRAIN_TRAIN_SAMPLES_H

#include "calib/calibrate.h"

typedef struct vq_train_samples {
    int64_t count, length; /* samples; tokens of one */
    int64_t held;      /* the first `held` of `order` are held out; with one sample it is both */
    int64_t per_batch; /* of the calibration's batches; 0 after split */
    int64_t *order;    /* [count] a permutation of the samples */
} vq_train_samples;

/* vq_train_samples_split -- count samples of length tokens: order [count] from a, shuffled by seed;
 * held out: an eighth of them, at most `most_held` tokens, at least one sample. VQ_E_INPUT: none.
 * VQ_E_LIMIT. */
vq_status vq_train_samples_split(vq_train_samples *s, int64_t count, int64_t length,
                                 int64_t most_held, uint64_t seed, vq_arena *a, vq_err *e);
/* vq_train_samples_init -- the same of all samples of c. */
vq_status vq_train_samples_init(vq_train_samples *s, vq_calib *c, int64_t most_held, uint64_t seed,
                                vq_arena *a, vq_err *e);
/* vq_train_sample -- the i-th sample for training, around and around: its number.
 *   test tests/unit/train/test_train_samples.c */
int64_t vq_train_sample(const vq_train_samples *s, int64_t i);
/* vq_train_samples_copy -- sample `number` of c's current activations into to [length][width];
 * ahead: of the outputs that it holds ahead. VQ_E_BUG: they are not there. VQ_E_IO. */
vq_status vq_train_samples_copy(const vq_train_samples *s, vq_calib *c, bool ahead, int64_t number,
                                int64_t width, float *to, vq_err *e);

#endif
