/* memory_source.h -- a vq_source in memory: seeded small f32 weights for every tensor that a graph
 * names. */
#ifndef VQ_TESTS_MEMORY_SOURCE_H
#define VQ_TESTS_MEMORY_SOURCE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/op/op.h"

enum { MEMORY_TENSORS = 256 };

typedef struct memory_source {
    vq_source source;
    vq_tensor tensors[MEMORY_TENSORS];
    float *data[MEMORY_TENSORS];
    char names[MEMORY_TENSORS][128];
    int count;
    uint64_t seed;
} memory_source;

/* Uniform in [-1, 1), the same on every machine. */
static inline float memory_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)((int32_t)(*seed >> 33) - (1 << 30)) / (float)(1 << 30);
}

static inline int memory_find(const memory_source *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->names[i], name) == 0) return i;
    return -1;
}

static inline vq_status memory_tensor(void *self, const char *name, vq_tensor *out, vq_err *e)
{
    const memory_source *m = self;
    const int i = memory_find(m, name);
    if (i < 0) return vq_fail(e, VQ_E_INPUT, "tensor %s is missing", name);
    *out = m->tensors[i];
    return VQ_OK;
}

static inline bool memory_has(void *self, const char *name)
{
    return memory_find(self, name) >= 0;
}

static inline vq_status memory_linear(void *self, const char *module, int64_t n, int64_t k,
                                      vq_linear *out, vq_err *e)
{
    char name[128];
    *out = (vq_linear){.name = module, .n = n, .k = k, .k_stored = k};
    snprintf(name, sizeof name, "%s.weight", module);
    VQ_TRY(memory_tensor(self, name, &out->dense, e));
    snprintf(name, sizeof name, "%s.bias", module);
    return memory_has(self, name) ? memory_tensor(self, name, &out->bias, e) : VQ_OK;
}

/* A tensor [rows][cols] (rows 0: a vector [cols]) of base + spread * random. */
static inline float *memory_add(memory_source *m, const char *name, int64_t rows, int64_t cols,
                                float base, float spread)
{
    const int i = m->count++;
    const size_t n = (size_t)((rows ? rows : 1) * cols);
    snprintf(m->names[i], sizeof m->names[i], "%s", name);
    m->data[i] = malloc(n * sizeof(float));
    for (size_t j = 0; j < n; j++) m->data[i][j] = base + spread * memory_random(&m->seed);
    m->tensors[i] = (vq_tensor){
        .name = m->names[i], .dtype = VQ_F32, .data = m->data[i], .bytes = n * sizeof(float)};
    if (rows) m->tensors[i].shape[m->tensors[i].ndim++] = rows;
    m->tensors[i].shape[m->tensors[i].ndim++] = cols;
    return m->data[i];
}

static inline float *memory_data(const memory_source *m, const char *name)
{
    const int i = memory_find(m, name);
    return i < 0 ? NULL : m->data[i];
}

/* Norms around 1 (0 where 1 + w works), tables and matrices around 0. */
static inline void memory_add_node(memory_source *m, const vq_node *n)
{
    vq_param params[VQ_OP_PARAMS];
    char name[VQ_PARAM_NAME];
    const int count = vq_op_params(n, params);
    for (int i = 0; i < count; i++) {
        const vq_param *p = &params[i];
        const bool bias = p->ndim == 1 && strcmp(p->suffix, ".bias") == 0,
                   norm = p->ndim == 1 && !bias;
        const float base = norm && !p->plus_one ? 1 : 0, spread = p->ndim == 2 && !p->matrix ? 1
                                                                  : bias                     ? 0.2f
                                                                                             : 0.3f;
        memory_add(m, vq_param_name(p, name), p->ndim == 2 ? p->shape[0] : 0, p->shape[p->ndim - 1],
                   base, spread);
    }
}

/* memory_open -- weights for all nodes of g, in graph order; memory_close frees them. */
static inline void memory_open(memory_source *m, const vq_graph *g, uint64_t seed)
{
    *m = (memory_source){.seed = seed};
    m->source =
        (vq_source){.self = m, .tensor = memory_tensor, .has = memory_has, .linear = memory_linear};
    for (int id = 0; id < g->count; id++) memory_add_node(m, &g->nodes[id]);
}

static inline void memory_close(memory_source *m)
{
    for (int i = 0; i < m->count; i++) free(m->data[i]);
}

#endif
