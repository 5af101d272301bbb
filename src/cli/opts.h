/* opts.h -- the options of every command as one table: parsing, environment, help, man page and
 * completions come from it. test tests/cli/usage.sh, tests/cli/values.sh */
#ifndef VQ_CLI_OPTS_H
#define VQ_CLI_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* One bit per command: which commands know an option. */
enum {
    VQ_CMD_PLAN = 1,
    VQ_CMD_QUANTIZE = 2,
    VQ_CMD_VERIFY = 4,
    VQ_CMD_EVAL = 8,
    VQ_CMD_INSPECT = 16,
    VQ_CMD_RECIPE = 32,
    VQ_CMD_VERSION = 64,
    VQ_CMD_HELP = 128,
    VQ_CMD_CALIBRATE = 256,
    VQ_CMD_GENERATE = 512,
    VQ_CMD_TOKENIZE = 1024,
    VQ_CMD_DIFF = 2048,
    VQ_CMD_DOCTOR = 4096,
    VQ_CMD_LONG = VQ_CMD_PLAN | VQ_CMD_QUANTIZE | VQ_CMD_VERIFY | VQ_CMD_EVAL | VQ_CMD_INSPECT |
                  VQ_CMD_CALIBRATE | VQ_CMD_GENERATE | VQ_CMD_DIFF | VQ_CMD_DOCTOR,
    VQ_CMD_READS = VQ_CMD_PLAN | VQ_CMD_INSPECT | VQ_CMD_DOCTOR, /* no kernel works on weights */
    VQ_CMD_ALL = 8191
};

#define VQ_MAX_SETS 64
#define VQ_MAX_OPERANDS 256

typedef struct vq_text_list {
    const char *text[VQ_MAX_SETS + 1]; /* one more for --seed */
    int n;
} vq_text_list;

/* Where a value came from; a later one wins. */
typedef enum vq_origin { VQ_FROM_BUILTIN, VQ_FROM_ENVIRONMENT, VQ_FROM_FLAG } vq_origin;

/* What the command line and the environment asked for. Texts are borrowed from argv and environ. */
typedef struct vq_args {
    const char *operands[VQ_MAX_OPERANDS];
    int noperands;
    bool merge, common;
    int64_t threads, mem_limit, seed, verbose, window, stride, max_windows, max_tokens, top_k, top;
    double temperature, top_p;
    const char *isa, *numeric, *progress, *recipe, *data, *tokens, *out, *stats, *against, *ref,
        *completion, *prompt, *system;
    bool json, quiet, force, resume, bos, weights_only, help, man, ids, decode, no_special;
    vq_text_list sets, chat, sources, token_sources, recipes /* all that are named */;
    vq_origin origin[64]; /* by row of vq_flags */
    char seed_set[40];    /* "calib.seed=N" */
} vq_args;

typedef enum vq_flag_type {
    VQ_FLAG_SWITCH,
    VQ_FLAG_COUNT,
    VQ_FLAG_INT,
    VQ_FLAG_SIZE,
    VQ_FLAG_TEXT,
    VQ_FLAG_CHOICE,
    VQ_FLAG_LIST,  /* KEY=VALUE, may be repeated */
    VQ_FLAG_TEXTS, /* may be repeated */
    VQ_FLAG_REAL
} vq_flag_type;

typedef struct vq_flag {
    const char *name; /* without the dashes; NULL ends the table */
    char letter;      /* 0: none */
    vq_flag_type type;
    unsigned commands;
    size_t offset;     /* of the value in vq_args */
    const char *value; /* what help calls the value; CHOICE: "a|b|c" */
    int64_t min, max;  /* INT, REAL */
    const char *env;   /* NULL: not in the environment */
    const char *doc;
} vq_flag;

extern const vq_flag vq_flags[];

/* vq_flag_find -- row of a long name that the commands in `mask` know, NULL when there is none. */
const vq_flag *vq_flag_find(const char *name, size_t len, unsigned mask);

/* vq_args_parse -- built-in values, then VQ_* from the environment, then argv[0..argc).
 * VQ_E_RECIPE: unknown option (with the nearest),
 * missing or wrong value, an option given twice, too many operands.
 *         a: filled, borrows
 * argv and environ */
vq_status vq_args_parse(vq_args *a, unsigned command, int argc, char **argv, vq_err *e);
/* vq_args_need_recipe -- VQ_E_RECIPE: no recipe. */
vq_status vq_args_need_recipe(const vq_args *a, vq_err *e);

/* vq_flag_text -- the value of a flag as text into buf ("" when unset), for `vq plan`. */
const char *vq_flag_text(const vq_args *a, const vq_flag *f, char *buf, size_t len);
const char *vq_origin_name(vq_origin o);

/* vq_flag_usage -- "-r, --recipe R" into buf. */
const char *vq_flag_usage(const vq_flag *f, char *buf, size_t len);

#endif
