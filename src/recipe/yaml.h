/* yaml.h -- a small subset of YAML as a tree that knows where every value stands.
 *
 * No anchors, aliases, tags or second documents; at most VQ_YAML_DEPTH deep and VQ_YAML_BYTES long;
 * a key only once per map. Scalars are text: their type is the business of whoever reads the tree.
 * test tests/unit/recipe/test_yaml.c */
#ifndef VQ_RECIPE_YAML_H
#define VQ_RECIPE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

enum { VQ_YAML_DEPTH = 8, VQ_YAML_BYTES = 1 << 20, VQ_YAML_KEYS = 1000, VQ_YAML_ITEMS = 10000 };

typedef enum vq_yaml_kind { VQ_YAML_SCALAR, VQ_YAML_LIST, VQ_YAML_MAP } vq_yaml_kind;

typedef struct vq_yaml vq_yaml;
struct vq_yaml {
    vq_yaml_kind kind;
    const char *file; /* for messages, borrowed */
    int line, column; /* of the value, from 1; line 0: not from a file (an override) */
    const char *key;  /* when the parent is a map */
    int key_line, key_column;
    const char *text;      /* scalar, never NULL */
    vq_yaml *first, *last; /* children of lists and maps, in order */
    vq_yaml *next;         /* next sibling */
    int count;             /* children */
};

/* vq_yaml_parse -- n bytes of UTF-8 YAML whose top is a map. file names it in messages and must
 * outlive the tree; the tree is the arena's.
 *   VQ_E_RECIPE "FILE:LINE:COL: cause". */
vq_status vq_yaml_parse(const char *file, const char *text, size_t n, vq_arena *a, vq_yaml **root,
                        vq_err *e);

/* vq_yaml_child -- value of a key, NULL when absent or when n is no map. */
vq_yaml *vq_yaml_child(const vq_yaml *n, const char *key);
/* vq_yaml_append -- a child at the end; key NULL for lists. */
void vq_yaml_append(vq_yaml *parent, vq_yaml *child);

/* vq_yaml_fail -- VQ_E_RECIPE "FILE:LINE:COL: cause" at the value; _fail_key at its key. */
vq_status vq_yaml_fail(vq_err *e, const vq_yaml *n, const char *fmt, ...) VQ_PRINTF(3, 4);
vq_status vq_yaml_fail_key(vq_err *e, const vq_yaml *n, const char *fmt, ...) VQ_PRINTF(3, 4);

#endif
