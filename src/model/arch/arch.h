/* arch.h -- an architecture: one file, one line in the table (arch_table.c). It reads its own keys of
 * config.json with their defaults, names its tensors and strings ops together.
 * docs/adding-an-architecture.md has the steps. */
#ifndef VQ_MODEL_ARCH_ARCH_H
#define VQ_MODEL_ARCH_ARCH_H

#include "model/arch/build/config.h"
#include "model/graph.h"

typedef struct vq_arch {
    const char *model_type; /* as config.json says it */
    const char *doc;
    int64_t bos, eos; /* tokens where the config is silent, -1: none */
    /* build -- VQ_E_INPUT: a key that is missing or out of range; with c->unsupported a model that is
     * sound but has something that this builder cannot run. */
    vq_status (*build)(vq_config *c, vq_graph *g, vq_arena *a, vq_err *e);
} vq_arch;

#endif
