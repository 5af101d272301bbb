/* alias.h -- names that other tools gave such recipes, and the shipped recipe that is closest.
 * docs/coming-from.md is this table for people. test tests/cli/aliases.sh */
#ifndef VQ_RECIPE_ALIAS_H
#define VQ_RECIPE_ALIAS_H

#include "base/status.h"
#include "recipe/recipe.h"

typedef struct vq_alias {
    const char *name;   /* NULL ends the table; any case, '-' as '_' */
    const char *recipe; /* shipped; NULL: there is no honest equivalent */
    const char *note;   /* what differs, or what to take instead; NULL: nothing to say */
} vq_alias;

extern const vq_alias vq_aliases[];

/* vq_alias_find -- NULL: no alias has this name. */
const vq_alias *vq_alias_find(const char *name);
/* vq_shipped_find -- a shipped recipe by NAME or NAME.yaml, in any case; NULL: there is none. */
const vq_shipped *vq_shipped_find(const char *name);
/* vq_alias_unknown -- VQ_E_RECIPE: no recipe of this name, with what is meant: an alias without an
 * equivalent, the nearest name, those that begin so, or those for what the name speaks of. */
vq_status vq_alias_unknown(const char *name, vq_err *e);

#endif
