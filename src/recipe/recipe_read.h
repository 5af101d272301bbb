/* recipe_read.h -- the steps between a file and a vq_recipe: overrides, typed reading, canonical
 * text. */
#ifndef VQ_RECIPE_RECIPE_READ_H
#define VQ_RECIPE_RECIPE_READ_H

#include "recipe/fields.h"

/* vq_recipe_override -- "calib.samples=64" into the tree. A segment is a key, an index of a list,
 * or the name of a pass. The value is plain
 *   text, or YAML when it begins with '[' or '{'. Keys are checked when the tree is read.
 *   VQ_E_RECIPE "--set TEXT: cause". */
vq_status vq_recipe_override(vq_yaml *root, const char *set, vq_arena *a, vq_err *e);
/* vq_recipe_extend -- base under child: maps are joined by key (child wins), base's rules come
 * before child's, other lists are child's. */
void vq_recipe_extend(vq_yaml *child, vq_yaml *base);
/* vq_recipe_read -- the whole tree into r, resolved text included. */
vq_status vq_recipe_read(vq_recipe *r, const vq_yaml *root, const vq_pass_table *t, vq_arena *a,
                         vq_err *e);
/* vq_recipe_read_passes -- the list of passes. */
vq_status vq_recipe_read_passes(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
/* vq_recipe_read_rules -- the list of rules. */
vq_status vq_recipe_read_rules(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
/* vq_recipe_read_data -- calib.data into a vq_calib_recipe: a word, a file, or a list of sources. The
 * kind of the others is read before. */
vq_status vq_recipe_read_data(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
/* vq_recipe_resolve -- r as YAML with every default spelled out, into r->resolved. */
vq_status vq_recipe_resolve(vq_recipe *r, vq_arena *a, vq_err *e);

#endif
