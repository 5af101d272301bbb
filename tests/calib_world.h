/* calib_world.h -- a small made-up decoder with samples, for tests of calibration. */
#ifndef VQ_TESTS_CALIB_WORLD_H
#define VQ_TESTS_CALIB_WORLD_H

#include "decoder_reference.h"
#include "model/exec.h"

enum { WORLD_SAMPLES = 5, WORLD_LENGTH = 24, WORLD_IDS = WORLD_SAMPLES * WORLD_LENGTH };

typedef struct calib_world {
    vq_arch_config config;
    vq_budget budget;
    vq_arena arena, scratch;
    vq_graph graph;
    memory_source weights;
    vq_kernels kernels;
    vq_exec exec;
    int32_t ids[WORLD_IDS];
} calib_world;

/* world_open_as -- of any family of decoders; window: sliding attention, 0 none. Qwen2 is tied. */
static inline void world_open_as(calib_world *w, const char *type, int64_t window)
{
    vq_err e;
    *w = (calib_world){.config = {.model_type = type,
                                  .hidden = 32,
                                  .ffn = 56,
                                  .layers = 3,
                                  .heads = 6,
                                  .kv_heads = 2,
                                  .head_dim = 8,
                                  .vocab = 61,
                                  .max_position = 64,
                                  .norm_eps = 1e-5,
                                  .rope_theta = 10000,
                                  .tied = strcmp(type, "qwen2") == 0,
                                  .sliding_window = window,
                                  .activation = "silu"}};
    vq_arena_init(&w->arena, NULL);
    vq_arena_init(&w->scratch, &w->budget);
    if (vq_arch_find(type)->build(&w->config, &w->graph, &w->arena, &e) != VQ_OK) abort();
    if (vq_kernels_select(&w->kernels, NULL, true, &e) != VQ_OK) abort();
    memory_open(&w->weights, &w->graph, 11);
    w->exec = (vq_exec){.graph = &w->graph, .source = &w->weights.source, .kernels = &w->kernels, .arena = &w->scratch};
    for (int i = 0; i < WORLD_IDS; i++) w->ids[i] = (i * i * 7 + 3 * i) % (int)w->config.vocab;
}

static inline void world_open(calib_world *w)
{
    world_open_as(w, "llama", 0);
}

static inline void world_close(calib_world *w)
{
    memory_close(&w->weights);
    vq_arena_done(&w->scratch);
    vq_arena_done(&w->arena);
}

#endif
