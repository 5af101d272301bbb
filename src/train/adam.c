/* adam.c -- one step of Adam. */
#include "train/adam.h"

#include <math.h>

static const double keep_mean = 0.9, keep_square = 0.95, smallest = 1e-12;

vq_status vq_adam_init(vq_adam *a, int64_t count, vq_arena *arena, vq_err *e)
{
    *a = (vq_adam){.count = count};
    a->mean = VQ_NEW(arena, float, count, "moments", e);
    a->square = VQ_NEW(arena, float, count, "moments", e);
    return a->mean && a->square ? VQ_OK : VQ_E_LIMIT;
}

void vq_adam_step(vq_adam *a, float *p, const float *g, const float *unit, double rate)
{
    a->steps++;
    const double mean_part = 1 - pow(keep_mean, (double)a->steps),
                 square_part = 1 - pow(keep_square, (double)a->steps);
    for (int64_t i = 0; i < a->count; i++) {
        const double slope = (double)g[i] * (double)unit[i];
        const double mean = keep_mean * (double)a->mean[i] + (1 - keep_mean) * slope;
        const double square =
            keep_square * (double)a->square[i] + (1 - keep_square) * slope * slope;
        a->mean[i] = (float)mean;
        a->square[i] = (float)square;
        p[i] -= (float)(rate * (double)unit[i] * (mean / mean_part) /
                        (sqrt(square / square_part) + smallest));
    }
}
