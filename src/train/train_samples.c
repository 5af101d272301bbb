/* train_samples.c -- which sample comes when, and where it lies. */
#include "train/train_samples.h"

#include <string.h>

#include "base/rng.h"

static void shuffle(int64_t *order, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)(vq_rng_unit(seed, (uint64_t)i) * (double)(i + 1)),
                      old = order[i];
        order[i] = order[j];
        order[j] = old;
    }
}

vq_status vq_train_samples_split(vq_train_samples *s, int64_t count, int64_t length,
                                 int64_t most_held, uint64_t seed, vq_arena *a, vq_err *e)
{
    *s = (vq_train_samples){.count = count, .length = length};
    if (count < 1) return vq_fail(e, VQ_E_INPUT, "no calibration samples to train on; give --data");
    s->order = VQ_ALLOC(a, int64_t, count, "order of samples", e);
    if (!s->order) return VQ_E_LIMIT;
    shuffle(s->order, count, seed);
    const int64_t most = most_held / length, part = count / 8;
    s->held = part < most ? part : most;
    if (s->held < 1) s->held = 1;
    return VQ_OK;
}

vq_status vq_train_samples_init(vq_train_samples *s, vq_calib *c, int64_t most_held, uint64_t seed,
                                vq_arena *a, vq_err *e)
{
    const int64_t batches = vq_calib_batches(c);
    const float *h;
    vq_batch first = {0}, last = {0};
    if (batches > 0) VQ_TRY(vq_calib_batch(c, 0, &first, &h, e));
    if (batches > 0) VQ_TRY(vq_calib_batch(c, batches - 1, &last, &h, e));
    const int64_t count = batches > 0 ? (batches - 1) * first.sequences + last.sequences : 0;
    VQ_TRY(vq_train_samples_split(s, count, first.length, most_held, seed, a, e));
    s->per_batch = first.sequences;
    return VQ_OK;
}

int64_t vq_train_sample(const vq_train_samples *s, int64_t i)
{
    if (s->count == s->held) return s->order[i % s->count];
    return s->order[s->held + i % (s->count - s->held)];
}

vq_status vq_train_samples_copy(const vq_train_samples *s, vq_calib *c, bool ahead, int64_t number,
                                int64_t width, float *to, vq_err *e)
{
    vq_batch shape;
    const float *h;
    if (ahead)
        VQ_TRY(vq_calib_batch_ahead(c, number / s->per_batch, &shape, &h, e));
    else
        VQ_TRY(vq_calib_batch(c, number / s->per_batch, &shape, &h, e));
    memcpy(to, h + number % s->per_batch * s->length * width,
           (size_t)(s->length * width) * sizeof *to);
    return VQ_OK;
}
