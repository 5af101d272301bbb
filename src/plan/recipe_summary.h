/* recipe_summary.h -- what a recipe gives and takes, without a model: a row of `vq recipe list`.
 * test tests/cli/recipes.sh */
#ifndef VQ_PLAN_RECIPE_SUMMARY_H
#define VQ_PLAN_RECIPE_SUMMARY_H

#include "recipe/recipe.h"

enum { VQ_SUMMARY_RUNTIMES = 6 };

typedef struct vq_recipe_summary {
    double bits;      /* per weight, of the first scheme and what passes append at most */
    char weights[24]; /* "INT4 g64 asym" */
    char inputs[24];  /* the same; "16 bits": as they are */
    bool data;        /* calibrates: on text that is given, or that the model writes */
    const char *time; /* "fast": reads and rounds; "medium": a sweep over samples too;
                                * "slow": gradients, training or candidates tried out */
    const char *runtimes[VQ_SUMMARY_RUNTIMES + 1]; /* that load the result; NULL ends */
} vq_recipe_summary;

void vq_recipe_summarize(vq_recipe_summary *s, const vq_recipe *r);
/* vq_summary_runtimes -- who loads a scheme in a format ("compressed-tensors"); NULL ends the list. */
void vq_summary_runtimes(const char *format, const vq_scheme *scheme,
                         const char *list[VQ_SUMMARY_RUNTIMES + 1]);

#endif
