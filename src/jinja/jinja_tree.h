/* jinja_tree.h -- a chat template as tokens and as a syntax tree. */
#ifndef VQ_JINJA_JINJA_TREE_H
#define VQ_JINJA_JINJA_TREE_H

#include <stdbool.h>

#include "base/arena.h"

enum {
    VQ_J_SOURCE = 1 << 18, /* bytes of a template */
    VQ_J_NAME = 128,       /* bytes of a name */
    VQ_J_PARSE_DEPTH = 60  /* blocks and brackets in each other */
};

typedef enum vq_jtoken_kind {
    VQ_JT_END,
    VQ_JT_DATA,
    VQ_JT_OUTPUT_BEGIN, /* {{ */
    VQ_JT_OUTPUT_END,
    VQ_JT_BLOCK_BEGIN, /* {% */
    VQ_JT_BLOCK_END,
    VQ_JT_NAME,
    VQ_JT_STRING, /* s: its value */
    VQ_JT_INT,
    VQ_JT_REAL,
    VQ_JT_OPERATOR
} vq_jtoken_kind;

typedef struct vq_jtoken {
    vq_jtoken_kind kind;
    int line;
    const char *s; /* n bytes and a NUL, except of data */
    size_t n;
} vq_jtoken;

typedef enum vq_jnode_kind {
    VQ_JN_CONST,     /* value */
    VQ_JN_NAME,      /* name */
    VQ_JN_LIST,      /* list: items */
    VQ_JN_TUPLE,     /* list: items */
    VQ_JN_MAP,       /* list: pairs, right the value of left */
    VQ_JN_ATTRIBUTE, /* left.name */
    VQ_JN_ITEM,      /* left[right] */
    VQ_JN_SLICE,     /* left[list], three of them; kind ABSENT where nothing stands */
    VQ_JN_ABSENT,
    VQ_JN_CALL,   /* left(list); an argument by name has its name */
    VQ_JN_FILTER, /* left | name(list) */
    VQ_JN_TEST,   /* left is name(list) */
    VQ_JN_NOT,
    VQ_JN_NEGATE,
    VQ_JN_AND,
    VQ_JN_OR,
    VQ_JN_COMPARE, /* left, list: terms with op and left */
    VQ_JN_ARITHMETIC,
    VQ_JN_CONCAT,
    VQ_JN_CONDITION, /* left if right else third, which may be NULL */
    VQ_JN_ARGUMENT,  /* name, may be NULL; left; op MUL: *left, POW: **left */
    VQ_JN_BODY,      /* what list prints */
    VQ_JN_CALLER,    /* a macro as a value, see below */
    /* statements */
    VQ_JN_DATA,
    VQ_JN_OUTPUT, /* left */
    VQ_JN_FOR,    /* for left in right if third: list, else other; name: it is recursive */
    VQ_JN_IF,     /* if left: list, else other */
    VQ_JN_SET,    /* left = right */
    VQ_JN_MACRO,  /* name(other: names with defaults in left): list */
    VQ_JN_GROUP,  /* list, in a scope of its own where other is set: left = right */
    VQ_JN_BREAK,
    VQ_JN_CONTINUE,
    VQ_JN_KINDS
} vq_jnode_kind;

typedef enum vq_jop {
    VQ_J_EQ,
    VQ_J_NE,
    VQ_J_LT,
    VQ_J_LE,
    VQ_J_GT,
    VQ_J_GE,
    VQ_J_IN,
    VQ_J_NOT_IN,
    VQ_J_ADD,
    VQ_J_SUB,
    VQ_J_MUL,
    VQ_J_DIV,
    VQ_J_FLOOR,
    VQ_J_MOD,
    VQ_J_POW,
    VQ_J_TILDE,
    VQ_J_AND,
    VQ_J_OR
} vq_jop;

typedef struct vq_jnode vq_jnode;
struct vq_jnode {
    vq_jnode_kind kind;
    vq_jop op;
    int line;
    const char *name;              /* NUL-terminated */
    const struct vq_jvalue *value; /* of a constant, and the text of data */
    vq_jnode *left, *right, *third;
    vq_jnode *list, *other;
    vq_jnode *next; /* sibling */
};

/* vq_jlex -- tokens of a template, ends with VQ_JT_END; white space control is done. VQ_E_INPUT
 * "line N: cause". */
vq_status vq_jlex(const char *text, size_t len, vq_arena *a, vq_jtoken **tokens, vq_err *e);
/* vq_jparse -- the tree of a template's tokens; *body NULL: it is empty. */
vq_status vq_jparse(const vq_jtoken *tokens, vq_arena *a, vq_jnode **body, vq_err *e);
/* vq_jexpression -- jinja_expression.c, used by jinja_parse.c */
typedef struct vq_jparser {
    const vq_jtoken *at;
    vq_arena *a;
    vq_err *e;
    int depth, loops;
} vq_jparser;
/* All give NULL after a failure. */
vq_jnode *vq_jexpression(vq_jparser *p);
vq_jnode *vq_jtuple(vq_jparser *p);    /* expressions between commas: a tuple, or just the one */
vq_jnode *vq_jor_tuple(vq_jparser *p); /* the same of vq_jor_expression */
vq_jnode *vq_jor_expression(vq_jparser *p); /* without "a if b else c" */
vq_jnode *vq_jprimary(vq_jparser *p);
vq_jnode *vq_jfilter_node(vq_jparser *p, vq_jnode *left); /* name(list) behind a "|" */
vq_jnode *vq_jfilters(vq_jparser *p, vq_jnode *n);
vq_jnode *vq_jnode_new(vq_jparser *p, vq_jnode_kind kind, int line);
vq_jnode *vq_jparse_fail(vq_jparser *p, const char *fmt, ...) VQ_PRINTF(2, 3);
bool vq_jis(const vq_jparser *p, vq_jtoken_kind kind,
            const char *text); /* the next token is this one */
bool vq_jskip(vq_jparser *p, vq_jtoken_kind kind, const char *text);   /* ... and take it */
bool vq_jexpect(vq_jparser *p, vq_jtoken_kind kind, const char *text); /* ... or fail */
const char *vq_jdescribe(const vq_jtoken *t, char buf[64]);

#endif
