/* calib_world.h -- a decoder of sizes of which no two are alike, on the reference kernels, for
 * tests of calibration. */
#ifndef VQ_TESTS_CALIB_WORLD_H
#define VQ_TESTS_CALIB_WORLD_H

#include "decoder_world.h"

/* calib_open -- window: sliding attention, 0 none. Qwen2 is tied. */
static inline void calib_open(decoder_world *w, const char *type, int64_t window)
{
    made_config c = world_config(type);
    c.ffn = 56;
    c.layers = 3;
    c.heads = 6;
    c.tied = strcmp(type, "qwen2") == 0;
    c.sliding_window = window;
    world_open_as(w, &c, true, 11);
}

#endif
