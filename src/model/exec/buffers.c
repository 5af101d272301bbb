/* buffers.c -- which buffer a value gets. */
#include "model/exec/buffers.h"

#include <stdbool.h>

vq_status vq_buffers_init(vq_buffers *b, int room, int64_t floats, vq_arena *a, vq_err *e)
{
    *b = (vq_buffers){.floats = VQ_NEW(a, int64_t, room, "buffers of a block", e), .count = 1};
    b->until = b->floats ? VQ_NEW(a, int, room, "buffers of a block", e) : NULL;
    if (!b->until) return e->status;
    b->floats[0] = floats;
    return VQ_OK;
}

static bool is_tighter(const vq_buffers *b, int i, int best, int64_t floats)
{
    if (best < 0) return true;
    const bool fits = b->floats[i] >= floats, best_fits = b->floats[best] >= floats;
    if (fits != best_fits) return fits;
    return fits ? b->floats[i] < b->floats[best] : b->floats[i] > b->floats[best];
}

int vq_buffers_take(vq_buffers *b, int now, int until, int64_t floats)
{
    int best = -1;
    for (int i = 1; i < b->count; i++)
        if (b->until[i] < now && is_tighter(b, i, best, floats)) best = i;
    if (best < 0) best = b->count++;
    if (b->floats[best] < floats) b->floats[best] = floats;
    b->until[best] = until;
    return best;
}

int64_t vq_buffers_floats(const vq_buffers *b)
{
    int64_t floats = 0;
    for (int i = 1; i < b->count; i++) floats += b->floats[i];
    return floats;
}

vq_status vq_buffers_place(const vq_buffers *b, float *callers, float ***start, vq_arena *a,
                           vq_err *e)
{
    *start = VQ_ALLOC(a, float *, b->count, "buffers of a block", e);
    float *at = *start ? VQ_ALLOC(a, float, vq_buffers_floats(b), "values of a block", e) : NULL;
    if (!at) return e->status;
    (*start)[0] = callers;
    for (int i = 1; i < b->count; i++) {
        (*start)[i] = at;
        at += b->floats[i];
    }
    return VQ_OK;
}
