/* names.h -- what a matrix of a model without a graph is, told by its name and shape. test
 * tests/unit/plan/test_names.c, docs/recipes.md */
#ifndef VQ_PLAN_NAMES_H
#define VQ_PLAN_NAMES_H

#include <jansson.h>

#include "base/num/dtype.h"
#include "model/graph.h"

typedef enum vq_place {
    VQ_PLACE_MODEL,
    VQ_PLACE_TOWER,    /* of images or sounds, beside a language model */
    VQ_PLACE_NO_LINEAR /* a kernel of a convolution, a factor of an adapter */
} vq_place;

/* vq_name_role -- of the matrix `t` of this module: embed and lm_head where the name says so, or
 * where it stands outside of the blocks and has vocab rows (0: not known); linears by the usual names
 * of families; other. Words between dots are compared. */
vq_role vq_name_role(const char *module, const vq_tensor *t, int64_t vocab);
/* vq_name_layer -- block of "model.layers.12.mlp.up_proj", "transformer.h.12...", "block.12 ...";
 * -1: none. */
int vq_name_layer(const char *module);
/* vq_name_place -- config (NULL: none) says whether there are towers. */
vq_place vq_name_place(const char *module, const json_t *config);
/* vq_name_expert -- length of "model.layers.0.mlp.experts." in a name of an expert's linear, and the
 * name behind its number in *rest; 0: it is none. */
size_t vq_name_expert(const char *module, const char **rest);

#endif
