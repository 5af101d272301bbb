/* jinja.h -- inside the chat template evaluator: values, one rendering under way, and what the
 * files jinja_*.c give each other. */
#ifndef VQ_JINJA_JINJA_H
#define VQ_JINJA_JINJA_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "jinja/jinja_tree.h"

typedef enum vq_jkind {
    VQ_J_UNDEFINED, /* text: its name */
    VQ_J_NONE,
    VQ_J_BOOL,
    VQ_J_INT,
    VQ_J_REAL,
    VQ_J_STRING,
    VQ_J_LIST,
    VQ_J_MAP,
    VQ_J_SPACE, /* namespace(): the one thing that changes */
    VQ_J_LOOP,
    VQ_J_MACRO
} vq_jkind;

typedef struct vq_jvalue vq_jvalue;
struct vq_jvalue {
    vq_jkind kind;
    bool tuple; /* a list that prints with round brackets */
    bool lazy;  /* a list that Jinja has as a generator: true, without a length */
    bool group; /* a tuple of groupby, with .grouper and .list */
    int depth;  /* of lists and maps: one more than the deepest inside */
    union {
        int64_t i; /* bool, int */
        double r;
        struct vq_jtext {
            const char *s; /* UTF-8, n bytes, valid */
            size_t n;
        } text;
        struct {
            const vq_jvalue
                *at; /* n values; of a map n keys (strings), each followed by its value */
            size_t n;
        } list;
        struct vq_jframe *space; /* its members */
        const struct vq_jloop *loop;
        const struct vq_jmacro *macro;
    };
};

typedef struct vq_jbinding {
    const char *name;
    vq_jvalue value;
    struct vq_jbinding *next;
} vq_jbinding;

/* A scope: a loop's turn, a macro's call, the template itself; or the members of a namespace. */
typedef struct vq_jframe {
    vq_jbinding *first;
    struct vq_jframe *up;
} vq_jframe;

struct vq_jrun;
typedef struct vq_jloop {
    const vq_jvalue *at;
    size_t n, i;
    int depth;
    vq_jvalue *seen; /* what loop.changed() saw */
    const vq_jnode *node;
    vq_jframe *frame; /* where it stands */
    /* a recursive one on other items; NULL: it is none */
    vq_status (*call)(struct vq_jrun *x, const struct vq_jloop *l, const vq_jvalue *items,
                      vq_jvalue *out);
} vq_jloop;

struct vq_jarguments;
/* A macro runs statements, and expressions call it: it brings along who runs it. */
typedef struct vq_jmacro {
    const vq_jnode *node;
    vq_jframe *frame; /* where it was defined */
    vq_status (*call)(struct vq_jrun *x, const struct vq_jmacro *m,
                      const struct vq_jarguments *args, vq_jvalue *out);
} vq_jmacro;

typedef struct vq_jbuffer {
    char *s;
    size_t n, room;
} vq_jbuffer;

typedef enum vq_jflow { VQ_J_ON, VQ_J_BREAK, VQ_J_CONTINUE } vq_jflow;

/* One rendering. */
typedef struct vq_jrun {
    vq_arena *a;
    vq_err *e;
    const volatile sig_atomic_t *stop; /* may be NULL; nonzero: leave */
    int64_t work;                      /* what is left of steps and bytes */
    int depth, line;
    vq_jframe *frame;
    vq_jbuffer *out;
    vq_jflow flow;
} vq_jrun;

enum {
    VQ_J_WORK = 1 << 27, /* a step is VQ_J_STEP of it, an allocated byte one */
    VQ_J_OWN = 1 << 18, /* of each rendering, and so much for each byte of the conversation; what */
    VQ_J_OWN_BYTE = 1024, /* goes beyond is one VQ_J_WORK for all renderings of a template */
    VQ_J_STEP = 16,
    VQ_J_LOOK = 4,       /* of it for a character or a name that is looked at */
    VQ_J_NESTING = 64,   /* of lists and maps */
    VQ_J_DEPTH = 300,    /* of calls, blocks and expressions in each other */
    VQ_J_PARAMETERS = 4, /* of a filter, test or method at most */
    VQ_J_OPEN = -1       /* required of one that takes any: see vq_jbuiltin */
};

/* jinja_value.c -- all fail with VQ_E_INPUT "line N: ...", in the line that the run is in. */
vq_status vq_jfail(vq_jrun *x, const char *fmt, ...) VQ_PRINTF(2, 3);
vq_status vq_jspend(vq_jrun *x, size_t work);
/* vq_jspend_late -- work that is counted where nothing can fail: the next vq_jspend does, even of 0,
 * when it was too much. */
void vq_jspend_late(vq_jrun *x, size_t work);
void *vq_jalloc(vq_jrun *x, size_t count, size_t size);
vq_jvalue vq_jtext(const char *s, size_t n);
vq_status vq_jput(vq_jrun *x, vq_jbuffer *b, const char *s, size_t n);
vq_jvalue vq_jbool(bool b);
vq_jvalue vq_jint(int64_t i);
const char *vq_jname(const vq_jvalue *v); /* "a string" */
bool vq_jtruth(const vq_jvalue *v);
/* n values as a list; map: n pairs. Refused when nested too deep. */
vq_status vq_jlist(vq_jrun *x, const vq_jvalue *at, size_t n, vq_jkind kind, vq_jvalue *out);
/* a list that templates see as a generator */
vq_status vq_jlazy(vq_jrun *x, const vq_jvalue *at, size_t n, vq_jvalue *out);
/* `from` to `to` of a text, in bytes */
vq_jvalue vq_jbytes(const vq_jvalue *text, size_t from, size_t to);
/* VQ_E_INPUT unless v is text, or NULL */
vq_status vq_jneed_text(vq_jrun *x, const vq_jvalue *v);
/* the whole number that v is, `other` when v is NULL */
vq_status vq_jneed_int(vq_jrun *x, const vq_jvalue *v, int64_t other, int64_t *i);
/* what a loop over v walks: items, keys, or characters */
vq_status vq_jiterate(vq_jrun *x, const vq_jvalue *v, const vq_jvalue **at, size_t *n);
vq_status vq_jlength(vq_jrun *x, const vq_jvalue *v, int64_t *n);
vq_status vq_jequal(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, bool *equal);
vq_status vq_jless(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, int *order);
vq_status vq_jcontains(vq_jrun *x, const vq_jvalue *in, const vq_jvalue *what, bool *yes);
/* the value of a map's key, NULL when it has none */
const vq_jvalue *vq_jmember(vq_jrun *x, const vq_jvalue *map, const char *s, size_t n);
vq_status vq_jfrom_json(vq_jrun *x, const json_t *j, vq_jvalue *out);

/* jinja_print.c -- values as text */
vq_status vq_jprint(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v); /* as str() */
vq_status vq_jstring(vq_jrun *x, const vq_jvalue *v, vq_jvalue *out);
/* How tojson writes; of json.dumps. */
typedef struct vq_jstyle {
    bool ascii, sort, lines;        /* lines: one for each item */
    vq_jvalue indent, item, member; /* texts: of a level, between items, between key and value */
} vq_jstyle;
vq_status vq_jjson(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *v, const vq_jstyle *style);

/* jinja_list_filters.c: a member of an item, what map, join, sort and selectattr look at. Names with
 * points go deeper, and numbers among them are places in lists. other: of what is not there, may be
 * NULL. */
vq_status vq_jmember_of(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *name,
                        const vq_jvalue *other, vq_jvalue *out);
/* jinja_sort_filters.c: a map in the order of its keys */
vq_status vq_jsort_map(vq_jrun *x, const vq_jvalue *map, vq_jvalue *out);
/* jinja_format.c */
/* text % values, as Python: a tuple, a map, or one value */
vq_status vq_jpercent(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *values, vq_jvalue *out);
/* text.format(...): {}, {0} and {name} */
vq_status vq_jbraces(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *const *arg,
                     vq_jvalue *out);

/* jinja_chars.c */
bool vq_jspace(int32_t c); /* as Python's str.isspace */
/* the character at s (n > 0 bytes are there): its code, and its length */
size_t vq_jchar(const char *s, size_t n, int32_t *c);
/* the first place of what in text at or behind `at`, SIZE_MAX when there is none */
size_t vq_jfind(const vq_jvalue *text, const vq_jvalue *what, size_t at);
/* vq_jsearch -- the same into *found, and spends what it takes: memmem may look at as many bytes
 * again as `what` has at each place, of short ones. */
vq_status vq_jsearch(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *what, size_t at,
                     size_t *found);
/* vq_jsearch_last -- the same for the last place. */
vq_status vq_jsearch_last(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *what, size_t *found);

/* jinja_text.c */
vq_jvalue vq_jstrip(vq_jvalue text, bool left, bool right); /* white space */
vq_status vq_jstrip_by(vq_jrun *x, vq_jvalue text, const vq_jvalue *set /* NULL: white space */,
                       bool left, bool right, vq_jvalue *out);
/* characters [from, to) of a text */
vq_jvalue vq_jpart(vq_jvalue text, int64_t from, int64_t to);
vq_status vq_jcase(vq_jrun *x, vq_jvalue text, bool upper, vq_jvalue *out);
vq_status vq_jsplit(vq_jrun *x, vq_jvalue text, const vq_jvalue *by, int64_t most, vq_jvalue *out);
/* most: so many at most, -1: all */
vq_status vq_jreplace(vq_jrun *x, vq_jvalue text, vq_jvalue from, vq_jvalue to, int64_t most,
                      vq_jvalue *out);

/* jinja_words.c */
/* Each character c becomes of(c, the one before it, 0 of the first). */
vq_status vq_jeach(vq_jrun *x, vq_jvalue text, int32_t (*of)(int32_t c, int32_t before),
                   vq_jvalue *out);
vq_status vq_jlines(vq_jrun *x, vq_jvalue text, bool keep /* their ends */, vq_jvalue *out);
/* To `width` characters. share: of the filling that stands before, in halves. */
vq_status vq_jpad(vq_jrun *x, const vq_jvalue *text, int64_t width, int share,
                  const vq_jvalue *fill /* NULL: a space */, vq_jvalue *out);
bool vq_jcased(int32_t c); /* a capital or a small letter */
bool vq_jword(int32_t c);  /* a letter, a digit or "_" */

/* jinja_filters.c, jinja_methods.c -- tables of what has a name. Parameters by place and by name
 * end in arg[], NULL when not given. One that takes any (required is VQ_J_OPEN) gets a tuple of those
 * by place in arg[0] and a map of those by name in arg[1]. */
typedef struct vq_jbuiltin {
    const char *name;
    vq_status (*call)(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, vq_jvalue *out);
    const char *parameters[VQ_J_PARAMETERS];
    int required;
} vq_jbuiltin;
extern const vq_jbuiltin vq_jtext_filters[], vq_jlist_filters[], vq_jsort_filters[],
    vq_jtext_methods[], vq_jclass_methods[];
const vq_jbuiltin *vq_jfilter(const char *name);
const vq_jbuiltin *vq_jtest(const char *name);
/* vq_jlisted -- `| list` and `.keys()`: what a loop over v walks. */
vq_status vq_jlisted(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, vq_jvalue *out);
const vq_jbuiltin *vq_jmethod(vq_jkind kind, const char *name);
bool vq_jmethod_name(vq_jkind kind, const char *name); /* supported or not */

/* Arguments of a call as they stand. */
typedef struct vq_jarguments {
    const vq_jvalue *at;      /* by place */
    const char *const *names; /* of those after the first `placed`, NULL before */
    size_t n;
} vq_jarguments;
/* vq_jcall -- bind the arguments to the parameters, then call. what: "filter". */
vq_status vq_jcall(vq_jrun *x, const vq_jbuiltin *f, const char *what, const vq_jvalue *v,
                   const vq_jarguments *args, vq_jvalue *out);

/* jinja_globals.c -- call the function of this name */
vq_status vq_jglobal(vq_jrun *x, const char *name, const vq_jarguments *args, vq_jvalue *out);

/* jinja_arithmetic.c -- none of the operands is undefined */
vq_status vq_jarithmetic(vq_jrun *x, vq_jop op, const vq_jvalue *a, const vq_jvalue *b,
                         vq_jvalue *out);

/* v[key]; undefined when there is none */
vq_status vq_jitem(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *key, vq_jvalue *out);
/* jinja_eval.c, jinja_run.c */
vq_status vq_jeval(vq_jrun *x, const vq_jnode *n, vq_jvalue *out);
vq_status vq_jexec(vq_jrun *x, const vq_jnode *body);
/* what a body prints */
vq_status vq_jcapture(vq_jrun *x, const vq_jnode *body, vq_jvalue *out);
/* what a macro's node stands for in this scope */
vq_status vq_jclosure(vq_jrun *x, const vq_jnode *n, vq_jvalue *out);

/* jinja_scope.c */
vq_status vq_jbind(vq_jrun *x, vq_jframe *f, const char *name, const vq_jvalue *v);
const vq_jvalue *vq_jlookup(vq_jrun *x, const vq_jframe *f, const char *name, bool upwards);
/* jinja_run.c: a value, or a pair of them, to the target of set and for */
vq_status vq_jassign(vq_jrun *x, const vq_jnode *target, const vq_jvalue *v);

#endif
