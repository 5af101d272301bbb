/* recipe_open.h -- a recipe by its name, from a file, or out of an artifact that was made by it.
 * test tests/cli/aliases.sh */
#ifndef VQ_RUN_RECIPE_OPEN_H
#define VQ_RUN_RECIPE_OPEN_H

#include "recipe/recipe.h"

typedef struct vq_recipe_request {
    const char *name; /* as vq_recipe_load takes it, or an artifact's folder, or its vq.json */
    const char *const *sets;
    int nsets;
    bool data; /* calibration data or statistics are given beside it */
} vq_recipe_request;

/* vq_recipe_open -- texts from a. VQ_E_RECIPE, VQ_E_INPUT: as vq_recipe_load; also VQ_E_RECIPE: an
 * artifact that was calibrated on a file, and neither data nor a --set for calib.data is given. */
vq_status vq_recipe_open(vq_recipe *r, const vq_recipe_request *q, vq_arena *a, vq_err *e);

#endif
