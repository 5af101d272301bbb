/* fields.h -- maps of a recipe as tables of typed fields: one table gives reading, defaults'
 * places, checks and the nearest key. */
#ifndef VQ_RECIPE_FIELDS_H
#define VQ_RECIPE_FIELDS_H

#include <stddef.h>

#include "recipe/recipe.h"
#include "recipe/yaml.h"

typedef struct vq_named_scheme {
    const vq_yaml *at; /* where it is declared */
    vq_scheme scheme;
    bool used;
} vq_named_scheme;

/* What the readers of one recipe share. */
typedef struct vq_reader {
    vq_recipe *recipe;
    const vq_pass_table *passes;
    vq_named_scheme *named; /* the recipe's own schemes */
    int nnamed;
    vq_arena *a;
    vq_err *e;
} vq_reader;

typedef struct vq_field vq_field;
struct vq_field {
    const char *key;
    /* read -- n into `at` (object + offset); NULL: a key of the grammar that this version does not
     * have. */
    vq_status (*read)(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
    size_t offset;
    const char *const *choices; /* vq_read_choice: texts in the order of the enum, ends with NULL */
    const char *const
        *later; /* texts of the grammar that this version does not have, ends with NULL; may be NULL
                */
    double min, max; /* numbers: legal range */
    bool required;
};

/* vq_read_map -- every key of n must be in `fields` (ends with key NULL), which are read in table
 * order into object. what: "a scheme". */
vq_status vq_read_map(vq_reader *rd, const vq_yaml *n, const char *what, const vq_field *fields,
                      void *object);
/* vq_read_scalar -- text of n, or an error that names the key. */
vq_status vq_read_scalar(vq_reader *rd, const vq_yaml *n, const char **text);
/* vq_unknown -- "unknown WHAT "x"; did you mean "y"?" at n's value. */
vq_status vq_unknown(vq_reader *rd, const vq_yaml *n, const char *what, const char *const *known,
                     int nknown);

/* Readers for tables: const char *, an enum of int's size, int64_t, double, bool. */
vq_status vq_read_text(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
vq_status vq_read_choice(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
vq_status vq_read_int(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
vq_status vq_read_real(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);
vq_status vq_read_bool(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at);

#endif
