/* made_artifact.h -- a small artifact in a scratch folder: made-up modules, written by the packers,
 * with a config.json around them. */
#ifndef VQ_TESTS_MADE_ARTIFACT_H
#define VQ_TESTS_MADE_ARTIFACT_H

#include "formats/layouts/module_store.h"
#include "scratch.h"

#define CT vq_target_find("compressed-tensors")
#define OWN vq_target_find("vq")

enum { MADE_MAX = 8 };

typedef struct made {
    const vq_target *target;
    const vq_container *container; /* NULL: the target's */
    vq_module modules[MADE_MAX];
    vq_scheme schemes[MADE_MAX];
    vq_qtensor q[MADE_MAX];
    vq_module_extra extra[MADE_MAX];
    char sha[MADE_MAX][VQ_SHA256_TEXT];
    size_t count;
    const char *dense[4]; /* modules with a dense [4, 8] BF16 weight */
    size_t ndense;
    int64_t hadamard; /* of the modules to be made */
    uint32_t seed;
    vq_arena arena;
    vq_err err;
} made;

static inline uint32_t made_next(made *m)
{
    m->seed = m->seed * 1664525u + 1013904223u;
    return m->seed >> 8;
}

/* A matrix of random codes, scales and zeros that its number format can have. */
static inline void made_fill(made *m, vq_qtensor *q)
{
    for (int64_t i = 0; i < q->rows * q->cols; i++) {
        const uint32_t c = made_next(m) & ((1u << q->num.grid.bits) - 1);
        if (q->codes16)
            q->codes16[i] = (uint16_t)c;
        else
            q->codes[i] = (uint8_t)c;
    }
    const vq_dtype types[] = {VQ_F32, VQ_F16, VQ_BF16};
    for (int64_t i = 0; i < q->groups; i++) {
        const vq_grid *g = vq_scale_grid(q->num.scale);
        const float x = (float)(1 + made_next(m) % 5000) / 7000.0f;
        q->scale[i] = g ? vq_decode(g, made_next(m) % (g->max_code + 1u))
                        : vq_round_to(types[q->num.scale], x);
        if (q->zero)
            q->zero[i] = (int16_t)((int)(made_next(m) % (1u << q->num.grid.bits)) -
                                   (1 << (q->num.grid.bits - 1)));
    }
    q->global_scale_divides = q->num.global_scale && m->target->global_scale_divides;
    if (q->num.global_scale) q->global_scale = q->global_scale_divides ? 18816.0f : 0x1.5p-14f;
}

/* made_module -- add a module; s columns of ARC. */
static inline vq_status made_module(made *m, const char *name, const vq_scheme *scheme, int64_t n,
                                    int64_t k, int64_t s)
{
    const size_t i = m->count;
    m->schemes[i] = *scheme;
    VQ_TRY(vq_target_adapt(m->target, VQ_BF16, &m->schemes[i], &m->err));
    m->modules[i] = (vq_module){.name = name,
                                .n = n,
                                .k = k,
                                .arc_s = s,
                                .hadamard = m->hadamard,
                                .scheme = &m->schemes[i],
                                .model_dtype = VQ_BF16};
    VQ_TRY(vq_target_takes(m->target, &m->modules[i], &m->err));
    VQ_TRY(vq_qtensor_new(&m->q[i], &m->schemes[i].weight, n, k + s, &m->arena, &m->err));
    made_fill(m, &m->q[i]);
    m->extra[i] = (vq_module_extra){
        .act_global_scale = {.value = 0.5f, .divides = m->target->global_scale_divides},
        .act_scale = 0.375f,
        .act_zero = -3};
    if (s > 0) {
        int32_t *order = VQ_ALLOC(&m->arena, int32_t, k, "order", &m->err);
        if (!order) return VQ_E_LIMIT;
        for (int64_t c = 0; c < k; c++)
            order[c] = (int32_t)((c * 5 + 3) % k); /* 5 and k have no common divisor */
        m->extra[i].arc_order = order;
    }
    m->count++;
    return VQ_OK;
}

static inline vq_status made_tensors(made *m, const char *dir)
{
    vq_tensor_writer *w;
    int64_t ids[4];
    char name[128];
    const uint8_t zeros[64] = {0};
    VQ_TRY(vq_tensor_writer_new(&w, m->container ? m->container : m->target->container, &m->arena,
                                &m->err));
    for (size_t i = 0; i < m->count; i++)
        VQ_TRY(vq_module_declare(m->target, &m->modules[i], w, &m->err));
    for (size_t i = 0; i < m->ndense; i++) {
        snprintf(name, sizeof name, "%s.weight", m->dense[i]);
        VQ_TRY(vq_tensor_writer_declare(w, name, VQ_BF16, (const int64_t[]){4, 8}, 2, &ids[i],
                                        &m->err));
    }
    VQ_TRY(vq_tensor_writer_begin(w, dir, 0, &m->err));
    for (size_t i = 0; i < m->count; i++)
        VQ_TRY(vq_module_write(m->target, &m->modules[i], &m->q[i], &m->extra[i], w, m->sha[i],
                               &m->arena, &m->err));
    for (size_t i = 0; i < m->ndense; i++)
        VQ_TRY(vq_tensor_writer_write(w, ids[i], 0, zeros, sizeof zeros, &m->err));
    return vq_tensor_writer_commit(w, NULL, NULL, &m->err);
}

/* made_write -- tensors and config.json into dir. */
static inline vq_status made_write(made *m, const char *dir)
{
    json_t *q;
    VQ_TRY(made_tensors(m, dir));
    VQ_TRY(m->target->write_config(m->modules, m->count, m->dense, m->ndense, &q, &m->err));
    json_t *config = json_pack("{s:s, s:b, s:o}", "model_type", "llama", "tie_word_embeddings", 1,
                               "quantization_config", q);
    char *text = json_dumps(config, JSON_INDENT(1));
    const vq_status status =
        vq_write_file(vq_join(&m->arena, dir, "config.json", &m->err), text, strlen(text), &m->err);
    free(text);
    json_decref(config);
    return status;
}

#endif
