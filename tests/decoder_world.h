/* decoder_world.h -- small random decoders of every family at hand, and their logits. */
#ifndef VQ_TESTS_DECODER_WORLD_H
#define VQ_TESTS_DECODER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "made_config.h"
#include "memory_source.h"
#include "model/exec/exec.h"
#include "model/op/attention/rope.h"

enum { WORLD_SAMPLES = 5, WORLD_TOKENS = 24, WORLD_IDS = 150 };

typedef struct decoder_world {
    made_config config;
    vq_budget budget; /* of scratch */
    vq_arena arena, scratch;
    vq_graph graph;
    memory_source weights;
    vq_kernels kernels;
    vq_exec exec;
    int32_t ids[WORLD_IDS]; /* at least WORLD_SAMPLES of WORLD_TOKENS */
} decoder_world;

/* llama and mistral with untied, qwen2 (biases) and qwen3 (head norms) with tied embeddings; two
 * query heads share a key head. */
static const char *const world_families[] = {"llama", "mistral", "qwen2", "qwen3"};
enum { WORLD_FAMILIES = 4 };

static inline made_config world_config(const char *type)
{
    return (made_config){.model_type = type,
                         .hidden = 32,
                         .ffn = 64,
                         .layers = 2,
                         .heads = 4,
                         .kv_heads = 2,
                         .head_dim = 8,
                         .vocab = 61,
                         .max_position = 256,
                         .norm_eps = 1e-5,
                         .rope_theta = 10000,
                         .activation = "silu",
                         .tied = strncmp(type, "qwen", 4) == 0,
                         .sliding_window = strcmp(type, "mistral") == 0 ? 9 : 0};
}

/* world_open_as -- of other sizes. strict: with the reference kernels alone. */
static inline void world_open_as(decoder_world *w, const made_config *c, bool strict, uint64_t seed)
{
    vq_err e = {0};
    *w = (decoder_world){.config = *c};
    vq_arena_init(&w->arena, NULL);
    vq_arena_init(&w->scratch, &w->budget);
    if (made_config_build(&w->config, &w->graph, &w->arena, &e) != VQ_OK) fail_msg("%s", e.text);
    memory_open(&w->weights, &w->graph, seed);
    assert_int_equal(vq_kernels_select(&w->kernels, NULL, strict, &e), VQ_OK);
    w->exec = (vq_exec){.graph = &w->graph,
                        .source = &w->weights.source,
                        .kernels = &w->kernels,
                        .arena = &w->scratch};
    for (int i = 0; i < WORLD_IDS; i++) w->ids[i] = (i * i * 7 + 3 * i) % (int)w->config.vocab;
}

static inline void world_open(decoder_world *w, const char *type, uint64_t seed)
{
    const made_config c = world_config(type);
    world_open_as(w, &c, false, seed);
}

static inline void world_close(decoder_world *w)
{
    assert_int_equal(w->budget.used, 0); /* everything gave its scratch back */
    memory_close(&w->weights);
    vq_arena_done(&w->scratch);
    vq_arena_done(&w->arena);
}

/* Logits [WORLD_TOKENS][vocab] of the world's graph and ids with the weights of a source; free
 * them. */
static inline float *world_logits(const decoder_world *w, const vq_source *source)
{
    vq_err e = {0};
    vq_exec x = w->exec;
    const vq_batch b = {.sequences = 1, .length = WORLD_TOKENS};
    x.source = source;
    float *h = malloc((size_t)(WORLD_TOKENS * w->config.hidden) * sizeof *h);
    float *logits = malloc((size_t)(WORLD_TOKENS * w->config.vocab) * sizeof *logits);
    assert_int_equal(vq_exec_embed(&x, &b, w->ids, h, &e), VQ_OK);
    for (int layer = 0; layer < w->graph.layers; layer++)
        assert_int_equal(vq_exec_block(&x, &b, layer, h, &e), VQ_OK);
    assert_int_equal(vq_exec_head(&x, h, WORLD_TOKENS, h, &e), VQ_OK);
    assert_int_equal(vq_exec_logits(&x, h, WORLD_TOKENS, 0, w->config.vocab, logits, &e), VQ_OK);
    free(h);
    return logits;
}

/* |a - b| / |b| over all logits. */
static inline double world_distance(const decoder_world *w, const float *a, const float *b)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < WORLD_TOKENS * w->config.vocab; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / size);
}

/* world_key_orders -- the orders that the keys of a block turn by, NULL: none. */
static inline const int32_t *world_key_orders(const vq_graph *g, int layer)
{
    for (int id = g->parts[1 + layer].first; id < vq_graph_end(g, 1 + layer); id++)
        if (g->nodes[id].op == &vq_op_rope) return ((const vq_rope *)g->nodes[id].args)->orders;
    return NULL;
}

#endif
