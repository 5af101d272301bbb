/* buffers.c -- which buffer a value gets. */
#include "model/exec/buffers.h"

#include <assert.h>
#include <stdbool.h>

static bool is_tighter(const vq_buffers *b, int i, int best, int64_t width)
{
    if (best < 0) return true;
    const bool fits = b->width[i] >= width, best_fits = b->width[best] >= width;
    if (fits != best_fits) return fits;
    return fits ? b->width[i] < b->width[best] : b->width[i] > b->width[best];
}

int vq_buffers_take(vq_buffers *b, int now, int until, int64_t width)
{
    int best = -1;
    for (int i = 1; i < b->count; i++)
        if (b->until[i] < now && is_tighter(b, i, best, width)) best = i;
    if (best < 0) {
        best = b->count++;
        assert(best < VQ_BUFFERS_MAX);
        b->width[best] = 0;
    }
    if (b->width[best] < width) b->width[best] = width;
    b->until[best] = until;
    return best;
}

int64_t vq_buffers_width(const vq_buffers *b)
{
    int64_t width = 0;
    for (int i = 1; i < b->count; i++) width += b->width[i];
    return width;
}
