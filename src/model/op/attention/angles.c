/* angles.c -- cosines and sines of a batch's positions, in f32 as the models were trained. */
#include <math.h>

#include "model/op/attention/rope.h"

const vq_angles *vq_angles_find(const vq_angles *list, const vq_rope_table *t)
{
    while (list && list->table != t) list = list->next;
    return list;
}

/* b' = b * (factor L / M - (factor - 1))^(d / (d - 2)), L positions by now, M trained */
static void stretch(const vq_rope_table *t, int64_t length, float *freq)
{
    const double d = 2 * (double)t->half, f = t->dynamic_factor;
    const double grown = f * (double)length / (double)t->trained - (f - 1);
    const double base = t->theta * pow(grown, d / (d - 2));
    for (int64_t i = 0; i < t->half; i++)
        freq[i] = 1 / powf((float)base, (float)(2 * i) / (float)(2 * t->half));
}

static vq_status frequencies(const vq_rope_table *t, const vq_batch *b, const float **freq,
                             vq_arena *a, vq_err *e)
{
    const int64_t length = b->position + b->length;
    *freq = t->inv_freq;
    if (t->trained == 0 || length <= t->trained) return VQ_OK;
    if (t->long_freq) *freq = t->long_freq;
    if (t->dynamic_factor == 0) return VQ_OK;
    float *stretched = VQ_ALLOC(a, float, t->half, "rope angles", e);
    if (!stretched) return e->status;
    stretch(t, length, stretched);
    *freq = stretched;
    return VQ_OK;
}

vq_status vq_angles_make(const vq_angles **list, const vq_rope_table *t, const vq_batch *b,
                         vq_arena *a, vq_err *e)
{
    const int64_t half = t->half, length = b->length;
    const float *freq;
    vq_angles *made = VQ_ALLOC(a, vq_angles, 1, "rope angles", e);
    float *cosines = made ? VQ_ALLOC(a, float, length *half, "rope angles", e) : NULL;
    float *sines = cosines ? VQ_ALLOC(a, float, length *half, "rope angles", e) : NULL;
    if (!sines) return e->status;
    VQ_TRY(frequencies(t, b, &freq, a, e));
#pragma omp parallel for schedule(static) if (length > 1024)
    for (int64_t p = 0; p < length; p++) {
        const float position = (float)(b->position + p);
        for (int64_t i = 0; i < half; i++) {
            const double angle = (double)(position * freq[i]);
            cosines[p * half + i] = (float)(cos(angle) * (double)t->scale);
            sines[p * half + i] = (float)(sin(angle) * (double)t->scale);
        }
    }
    *made = (vq_angles){.table = t, .cos = cosines, .sin = sines, .next = *list};
    *list = made;
    return VQ_OK;
}

size_t vq_angles_bytes(const vq_rope_table *t, const vq_batch *b)
{
    return sizeof(vq_angles) + (size_t)((2 * b->length + 1) * t->half) * sizeof(float);
}
