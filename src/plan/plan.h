/* plan.h -- what happens to every tensor: data that vq_plan_make fills and everybody reads. test
 * tests/unit/plan/test_run_plan.c, tests/plans */
#ifndef VQ_PLAN_PLAN_H
#define VQ_PLAN_PLAN_H

#include "formats/target.h"
#include "load/model.h"
#include "quant/finish.h"
#include "quant/rounder.h"
#include "quant/transform.h"
#include "recipe/recipe.h"

enum {
    VQ_RULE_ROUTER = -1,   /* of routers only rules that name them decide */
    VQ_RULE_DRAFT = -2,    /* it belongs to a draft head */
    VQ_RULE_TOWER = -3,    /* of images or sounds, beside a language model without a graph */
    VQ_RULE_NO_LINEAR = -4 /* a kernel of a convolution, a factor of an adapter */
};
typedef struct vq_plan_weight {
    const char *module; /* without ".weight" */
    const vq_tensor *tensor;
    vq_role role;
    int layer; /* -1 outside blocks */
    int rule;  /* deciding rule of the recipe, or why it is kept without one */
    bool quantized;
    vq_scheme
        scheme; /* when quantized; float scales in the model's type where the format asks for it */
    int group;  /* index in plan.groups, -1 when kept */
} vq_plan_weight;

/* Linears that share an input (and, when fused, the second-level scales). */
typedef struct vq_plan_group {
    int *weights; /* [count] indices in plan.weights */
    int count;
    int layer;
    bool fused;
    int stats; /* index among the block's groups (vq_graph_groups order); -1 without a graph */
} vq_plan_group;

typedef struct vq_plan_pass {
    const vq_transform *transform;
    const vq_option_set *options;
} vq_plan_pass;

#define VQ_PLAN_PASSES 8
typedef struct vq_plan {
    const vq_recipe *recipe;
    const vq_model *model;
    const vq_target *target;
    vq_plan_weight *weights; /* every 2-D weight, sorted by name */
    int nweights, nquantized, ndraft /* of draft heads */;
    vq_plan_group *groups; /* quantized ones, in execution order */
    int ngroups;
    int *next_member; /* while groups are made: where the members of the next one go */
    vq_plan_pass passes[VQ_PLAN_PASSES];
    int npasses;
    const vq_rounder *rounder;
    const vq_option_set *round_options;
    const vq_finish *finish; /* NULL: none */
    const vq_option_set *finish_options;
    unsigned needs; /* statistics (vq_need bits) that passes and static activation scales ask for */
} vq_plan;

/* vq_plan_observes -- is a scale of this weight's input made once, from what calibration saw? */
bool vq_plan_observes(const vq_plan *p, const vq_plan_weight *w);
/* vq_plan_arith -- compat modes repeat the arithmetic of the writer that they are named after:
 * scales in the model's own type. */
vq_dtype vq_plan_arith(const vq_plan *p, const vq_num *n);
/* vq_plan_weight_named -- index of the weight of this module, -1: none. */
int vq_plan_weight_named(const vq_plan *p, const char *module);
/* vq_plan_quantizes -- is this stored tensor the weight of a module that is quantized? */
bool vq_plan_quantizes(const vq_plan *p, const char *tensor);
/* vq_plan_module -- the format's view of a planned weight [n][k]; names and scheme are borrowed
 * from the plan. arc_s as far as known. */
vq_module vq_plan_module(const vq_plan *p, const vq_plan_weight *w, int64_t arc_s);
/* vq_plan_loads_as_bf16 -- the model is of another type, and weights are stored in a layout whose
 * readers make them BF16: the rest has to be loaded so, too. */
bool vq_plan_loads_as_bf16(const vq_plan *p);
/* vq_plan_warn -- what a user should know before the run: weights of draft heads,
 * and whatever the model says twice. */
void vq_plan_warn(const vq_plan *p, const vq_reporter *w);
/* vq_plan_stored_bytes -- bytes of one weight as it will be stored, quantized or not. ARC's extra
 * channels are only known after calibration and not counted. */
uint64_t vq_plan_stored_bytes(const vq_plan_weight *w);
/* vq_plan_most_bytes -- the same with as many of them as the passes may append. */
uint64_t vq_plan_most_bytes(const vq_plan *p, const vq_plan_weight *w);
/* vq_plan_bytes -- bytes of all weights of the checkpoint as they will be stored, without ARC's extra
 * channels. */
uint64_t vq_plan_bytes(const vq_plan *p);

#endif
