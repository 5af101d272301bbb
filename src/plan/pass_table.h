/* pass_table.h -- the registries of quant, as the recipe reader wants them. */
#ifndef VQ_PLAN_PASS_TABLE_H
#define VQ_PLAN_PASS_TABLE_H

#include "recipe/recipe.h"

/* vq_pass_names -- the transforms and rounders of this build, as the recipe reader wants them. */
const vq_pass_table *vq_pass_names(void);

#endif
