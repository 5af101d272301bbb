/* recipe_open.h -- a recipe by its name, from a file, or out of an artifact that was made by it.
 * test tests/cli/aliases.sh */
#ifndef VQ_RUN_RECIPE_OPEN_H
#define VQ_RUN_RECIPE_OPEN_H

#include "base/num/dtype.h"
#include "recipe/recipe.h"

typedef struct vq_recipe_request {
    const char *name; /* as vq_recipe_load takes it, or an artifact's folder, or its vq.json */
    const char *const *sets;
    int nsets;
    bool data; /* calibration data or statistics are given beside it */
} vq_recipe_request;

/* vq_recipe_open -- texts from a; scale types that nobody gave are those of a model in BF16.
 * VQ_E_RECIPE, VQ_E_INPUT: as vq_recipe_load; also VQ_E_RECIPE: what the format or the rounder takes
 * of no model, an artifact that was calibrated on a file, and neither data nor a --set for
 * calib.data is given. */
vq_status vq_recipe_open(vq_recipe *r, const vq_recipe_request *q, vq_arena *a, vq_err *e);
/* vq_recipe_settle -- the recipe as it is carried out on a model of this type: schemes, and the text
 * that vq.json records, name the scale types that are stored. test tests/cli/scale_types.sh */
vq_status vq_recipe_settle(vq_recipe *r, vq_dtype model, vq_arena *a, vq_err *e);

#endif
