/* rounding.h -- from planned weights to stored tensors: loads a weight with its edits, rounds it,
 * packs it. test tests/cli/quantize.sh, tests/golden, tests/unit/run/test_run_blocks.c */
#ifndef VQ_RUN_STORE_ROUNDING_H
#define VQ_RUN_STORE_ROUNDING_H

#include "base/exchange/edit.h"
#include "plan/plan.h"
#include "run/manifest.h"

/* What was made so far: quantized weights in execution order. Arrays of plan.nweights entries. */
typedef struct vq_rounded {
    vq_module *modules; /* with their writer handles */
    const vq_plan_weight **weights;
    int *group;                    /* in plan.groups */
    vq_global_scale *global_scale; /* second-level scale that the weight is rounded under */
    double *sqnr_db;               /* INFINITY when exact */
    double *signal;                /* sum of w^2 that it is measured against */
    bool *transformed; /* passes changed the weight beyond the rotation of its input: the original
                      * does not tell its error */
    const char **fallback;       /* NULL, or what its rounder had to do instead */
    int64_t *tokens;             /* of an expert: that it saw; -1 of others */
    char (*sha)[VQ_SHA256_TEXT]; /* digest over the stored tensors */
    size_t nmodules;
    bool untied; /* lm_head.weight became a tensor of its own: config.json must say so */
    vq_finished finished;
} vq_rounded;
/* vq_rounded_fallbacks -- linears whose rounder had to do something else than was asked; *first:
 * one of them. */
size_t vq_rounded_fallbacks(const vq_rounded *r, size_t *first);
vq_status vq_rounded_init(vq_rounded *r, const vq_plan *p, vq_arena *a, vq_err *e);

/* The input of a group of the plan as the rounder meets it: what transforms leave to the runtime to
 * do with it, and what is known of it then. */
typedef struct vq_group_input {
    vq_input_map
        map; /* order and s (ARC) and the online Hadamard; what is folded stands in the edits alone
              */
    const vq_stats
        *stats; /* of the input in the order of the weights' columns; NULL when nothing was gathered
                */
} vq_group_input;

/* What a rounder made of the input of one group, for all of its weights. */
typedef struct vq_rounding_cache {
    vq_round_cache of;
    int group; /* in plan.groups; -1: none yet */
} vq_rounding_cache;

typedef struct vq_rounding {
    const vq_plan *plan;
    const vq_job *job;
    const vq_edits *edits;  /* NULL: none */
    vq_group_input *inputs; /* [plan.ngroups] */
    vq_rounded *out;
    vq_arena *scratch;
    vq_rounding_cache *cache; /* NULL: none */
} vq_rounding;

/* vq_rounding_add -- the members of a group become modules of out, with their second-level scales.
 */
vq_status vq_rounding_add(const vq_rounding *s, int group, vq_err *e);
/* vq_rounding_weight -- module i as f32 [n][k] in the order that is stored, edits applied; from
 * scratch. */
vq_status vq_rounding_weight(const vq_rounding *s, size_t i, float **w, vq_err *e);
/* vq_rounding_round -- w through the plan's rounder into q (from scratch); SQNR and fallback into
 * out. */
vq_status vq_rounding_round(const vq_rounding *s, size_t i, const float *w, vq_qtensor *q,
                            vq_err *e);
/* vq_rounding_store -- q with its residual columns, order and input scales into the writer. */
vq_status vq_rounding_store(const vq_rounding *s, size_t i, const vq_qtensor *q,
                            vq_tensor_writer *w, vq_err *e);
/* vq_rounding_linear -- module i as an executor will see it: scheme, order, scales of its input. */
vq_status vq_rounding_linear(const vq_rounding *s, size_t i, vq_linear *l, vq_err *e);
/* vq_rounding_cache_for -- from now on for the weights of that group (-1: none): what was made for
 * another one goes. */
void vq_rounding_cache_for(vq_rounding_cache *cache, int group);
/* vq_rounding_module -- weight, round, store; scratch is rewound. */
vq_status vq_rounding_module(const vq_rounding *s, size_t i, vq_tensor_writer *w, vq_err *e);
/* vq_rounding_error -- signal and noise of a rounded weight as dB, INFINITY when exact. */
double vq_sqnr_db(double signal, double noise);

/* vq_rounding_all -- a plan without transforms and statistics: declare all tensors, round and pack
 * group by group, copy what is not quantized, commit the files into dir. */
vq_status vq_rounding_all(vq_rounded *r, const vq_plan *p, const char *dir, const vq_job *job,
                          vq_budget *budget, vq_arena *a, vq_err *e);
/* vq_rounding_digests -- sha of every module, from the files in dir: what the disk holds, not what
 * was meant. Parallel over modules. */
vq_status vq_rounding_digests(vq_rounded *r, const vq_plan *p, const char *dir, vq_arena *a,
                              vq_err *e);

#endif
