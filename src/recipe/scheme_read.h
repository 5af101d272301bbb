/* scheme_read.h -- the NUM and SCHEME parts of the grammar to vq_num and vq_scheme. test
 * tests/unit/recipe/test_recipe.c */
#ifndef VQ_RECIPE_SCHEME_READ_H
#define VQ_RECIPE_SCHEME_READ_H

#include "recipe/fields.h"

/* Texts of num.h's enums in their order, each ending with NULL: for reading and for writing. */
extern const char *const vq_scale_texts[],
    *const vq_zero_texts[], *const vq_when_texts[], *const vq_rule_texts[],
                                                        *const vq_range_texts[],
                                                            *const vq_compat_texts[];

/* vq_read_schemes -- the map ID: SCHEME into the reader's list. */
vq_status vq_read_schemes(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
/* vq_read_use -- what a rule uses: an ID of the recipe, a preset, or a map. id: name for the map.
 * *out is the arena's. */
vq_status vq_read_use(vq_reader *rd, const vq_yaml *n, const char *id, const vq_scheme **out);

#endif
