/* option.h -- typed options of registry entries (passes, rounders): one table gives parsing,
 * checking, help and the schema. */
#ifndef VQ_BASE_OPTION_H
#define VQ_BASE_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum vq_option_type { VQ_OPT_INT, VQ_OPT_REAL, VQ_OPT_BOOL, VQ_OPT_CHOICE } vq_option_type;

typedef struct vq_option {
    const char *name;
    vq_option_type type;
    const char *def;     /* default as text */
    double min, max;     /* INT, REAL: legal range */
    const char *choices; /* CHOICE: "a|b|c"; aliases are in option.c */
    const char *doc;     /* one line, with source */
} vq_option;

#define VQ_MAX_OPTIONS 16
typedef struct vq_option_value {
    int64_t i;
    double r;
    bool b;
    const char *s; /* points into choices' owner or the recipe's arena */
} vq_option_value;
typedef struct vq_option_set {
    const vq_option *table;
    vq_option_value value[VQ_MAX_OPTIONS]; /* in table order, defaults filled */
} vq_option_set;

/* vq_option_defaults -- every value at its default. */
void vq_option_defaults(vq_option_set *s, const vq_option *table);
/* vq_option_parse -- set one option from text. An alias of a choice (option.c) sets that choice.
 * VQ_E_RECIPE: unknown (names the nearest), wrong type, out of range. text must outlive the set. */
vq_status vq_option_parse(vq_option_set *s, const char *name, const char *text, vq_err *e);
const vq_option_value *vq_option_get(const vq_option_set *s, const char *name);
/* An option that changes nothing without a choice of another one. */
typedef struct vq_option_beside {
    const char *option, *other, *choice;
} vq_option_beside;
/* vq_option_lacks -- what an option that is not at its default lacks to have an effect (static);
 * NULL: nothing. test tests/cli/values.sh */
const vq_option_beside *vq_option_lacks(const vq_option_set *s, const char *name);
/* vq_option_is -- does an option of choices have this one? */
bool vq_option_is(const vq_option_set *s, const char *name, const char *choice);
/* vq_nearest -- the candidate with the smallest edit distance to name, NULL when none is near. */
const char *vq_nearest(const char *name, const char *const *candidates, int n);

#endif
