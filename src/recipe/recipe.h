/* recipe.h -- YAML -> recipe: typed, checked, with the place of every mistake. Computes no tensor.
 * Grammar: docs/recipes.md. test tests/unit/recipe/test_recipe.c, tests/plans */
#ifndef VQ_RECIPE_RECIPE_H
#define VQ_RECIPE_RECIPE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/num/num.h"
#include "base/option.h"

typedef enum vq_data { VQ_DATA_NONE, VQ_DATA_SELF, VQ_DATA_REQUIRED, VQ_DATA_GIVEN } vq_data;
typedef enum vq_data_kind {
    VQ_KIND_TEXT,
    VQ_KIND_JSONL,
    VQ_KIND_TOKENS,
    VQ_KIND_SELF,
    VQ_KIND_UNSAID
} vq_data_kind;
extern const char *const vq_kind_texts[]; /* in the order of the enum, of files */
/* Which samples of a source: one drawn from each of as many equal stretches; its first ones; drawn
 * from all of it. */
typedef enum vq_select { VQ_SELECT_SPREAD, VQ_SELECT_FIRST, VQ_SELECT_RANDOM } vq_select;
extern const char *const vq_select_texts[]; /* in the order of the enum */

/* One of the places that calibration samples come from. */
typedef struct vq_calib_source {
    vq_data_kind kind;
    const char *path; /* NULL: VQ_KIND_SELF, text that the model writes */
    double share;     /* of the samples; 0: not said */
} vq_calib_source;

enum { VQ_SOURCES_MAX = 64 };
typedef struct vq_calib_sources {
    const vq_calib_source *list;
    int n; /* at most VQ_SOURCES_MAX; 0: none were given */
} vq_calib_sources;

typedef struct vq_calib_recipe {
    vq_data data;
    vq_calib_sources sources; /* VQ_DATA_GIVEN */
    vq_data_kind kind;        /* of files that do not say it themselves */
    bool plain_chat; /* template: none, messages without their roles; else chat, through the model's
                     * own template */
    int64_t samples, seqlen;
    uint64_t seed;
    vq_select select;
    bool propagate_quantized; /* propagate: quantized, blocks see what the quantized blocks before
                              * them give; else original */
} vq_calib_recipe;

typedef struct vq_rule_recipe {
    const char **roles;
    int nroles; /* globs; 0: any */
    const char **names;
    int nnames;                  /* globs or re:REGEX; 0: any */
    int layer_first, layer_last; /* -1 -1: any */
    bool keep;
    const vq_scheme *scheme; /* when not keep; always has a weight */
    bool optional;
    const char *file; /* that it stands in: of what the recipe extends, maybe */
    const char *text; /* "rule 2 (line 14)" */
} vq_rule_recipe;

typedef struct vq_pass_recipe {
    const char *name; /* "arc", "tune", or the rounder's method for the round pass */
    bool round;
    bool finish; /* comes after the round pass: works on the quantized model as a whole */
    vq_option_set options;
    const char *file; /* that it stands in */
    int line;
} vq_pass_recipe;

typedef enum vq_severity { VQ_SEVERITY_ERROR, VQ_SEVERITY_WARN } vq_severity;

typedef struct vq_recipe {
    const char *name, *about, *source;
    vq_calib_recipe calib;
    const vq_scheme **schemes;
    int nschemes; /* every scheme that a rule uses, once, in order of first use */
    vq_rule_recipe *rules;
    int nrules;
    vq_pass_recipe *passes;
    int npasses;         /* transforms in order, the rounder, finishing passes */
    const char *format;  /* name of a vq_recipe_format */
    const char *runtime; /* NULL */
    uint64_t shard;      /* bytes, 0: one file */
    double min_sqnr_db;  /* check, -inf when absent */
    double max_singular; /* check: part of the linears whose rounder may fall back; 1 when absent */
    vq_severity function; /* check: transforms keep what the model computes */
    vq_severity zeros;    /* check: no group of weights becomes all zeros */
    const char *path;     /* file it came from */
    const char
        *resolved; /* canonical YAML of everything, defaults filled, overrides applied: goes into
                   * vq.json */
} vq_recipe;

/* A target format as recipes speak of it. */
typedef struct vq_recipe_format {
    const char *name;
    const char *const *runtimes; /* that read it; NULL ends */
} vq_recipe_format;

/* What recipe may know of passes and formats without including quant and formats: run hands it the
 * tables. */
typedef struct vq_pass_table {
    const vq_option *(*transform)(const char *name); /* options of a transform, NULL when unknown */
    const vq_option *(*rounder)(const char *name);
    const char *const *names;
    int nnames; /* for "did you mean" */
    const vq_option *(*finish)(
        const char *name);           /* options of a finishing pass, NULL when unknown */
    const vq_recipe_format *formats; /* ended by name NULL */
    const char *const *roles;        /* that a weight can have */
    int nroles;
} vq_pass_table;

/* vq_share_read -- "FILE" or "0.25:FILE": *path is a part of `text`, *share 0 where none is said. A
 * file that is there under the whole name is that file. VQ_E_RECIPE: what stands before the ':', or behind
 * the name of a file, is no share. */
vq_status vq_share_read(const char *text, const char **path, double *share, vq_err *e);
/* vq_shares_fill -- those that are 0 get equal parts of what the others leave, so that the sum is 1;
 * the same for every order of them. whole, each: what they are shares of, in words. VQ_E_RECIPE: what
 * is said is more than 1, or less and nothing is left to be shared. test tests/cli/merge.sh */
vq_status vq_shares_fill(double *shares, int n, const char *whole, const char *each, vq_err *e);
/* vq_source_read -- "FILE", "self", or either behind its share of the samples. A name that ends in
 * .jsonl says its kind, others do not. VQ_E_RECIPE: no share. The path is a part of `text`. */
vq_status vq_source_read(vq_calib_source *s, const char *text, vq_err *e);
/* vq_sources_share -- the shares of all, filled as vq_shares_fill does. test tests/unit/recipe/test_sources.c */
vq_status vq_sources_share(const vq_calib_sources *s, double *shares, vq_err *e);

/* vq_recipe_load -- file PATH, or a shipped recipe by name (NAME or NAME.yaml looked up in the
 * current folder, then among `shipped`).
 *   sets: "calib.samples=64" overrides. VQ_E_RECIPE with file:line:column and the nearest known
 *   key. */
typedef struct vq_shipped {
    const char *name;
    const char *text;
} vq_shipped;
/* n bytes of YAML instead of a file; `file` names them in messages. */
vq_status vq_recipe_parse(vq_recipe *r, const char *file, const char *text, size_t n,
                          const char *const *sets, int nsets, const vq_pass_table *t, vq_arena *a,
                          vq_err *e);
vq_status vq_recipe_load(vq_recipe *r, const char *path, const char *const *sets, int nsets,
                         const vq_pass_table *t, vq_arena *a, vq_err *e);
/* vq_recipe_restate -- every scheme as `change` leaves it, and the resolved text anew. */
vq_status vq_recipe_restate(vq_recipe *r, void (*change)(const void *ctx, vq_scheme *s),
                            const void *ctx, vq_arena *a, vq_err *e);
extern const vq_shipped
    vq_shipped_recipes[]; /* made from recipes/ at build time; ends with name NULL */

/* vq_recipe_decide -- *rule: index of the deciding (last matching) rule for a weight, -1 none;
 * VQ_E_RECIPE: a pattern gives no answer. role, name:
 * as in the graph ("attn.q",
 *   "model.layers.0.self_attn.q_proj"); layer -1: outside of any block (matches no rule that
 *                    names layers).  test tests/unit/recipe/test_match.c */
vq_status vq_recipe_decide(const vq_recipe *r, const char *role, const char *name, int layer,
                           int *rule, vq_err *e);
/* vq_recipe_decide_named -- the same among the rules that spell the role or the name out, without
 * globs. */
vq_status vq_recipe_decide_named(const vq_recipe *r, const char *role, const char *name, int layer,
                                 int *rule, vq_err *e);

#endif
