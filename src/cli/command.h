/* command.h -- the commands as one table: what they take, what they do, how their result looks to
 * people. One file each: cmd/cmd_NAME.c. */
#ifndef VQ_CLI_COMMAND_H
#define VQ_CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "cli/opts.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "report/report.h"
#include "run/run.h"

/* What a command works with; main owns it. */
typedef struct vq_session {
    const vq_args *args;
    vq_job job;
    vq_progress progress;
    vq_envelope output;
    vq_arena arena;
    const char *const *argv; /* the whole command line, NULL ends */
    bool kept;               /* a stopped run is there, and --resume goes on with it */
    const char
        *made; /* the output, once it stands whole under its name; what fails then leaves it */
} vq_session;

/* What a command does after a word of its own: `vq recipe list`. */
typedef struct vq_word {
    const char *name;    /* NULL ends the table */
    const char *usage;   /* what follows the word */
    const char *about;   /* one line */
    const char *options; /* " a b " with spaces around each: of the command's options those that it
                          * knows beside --help; NULL: all */
    const char *example;
    bool recipes; /* an operand is a recipe: completions offer the shipped ones */
} vq_word;

typedef struct vq_command {
    const char *name;
    unsigned bit;         /* VQ_CMD_... */
    const vq_word *words; /* the first operand is one of them; NULL: free */
    int operands_min, operands_max;
    const char *usage;    /* operands and main options */
    const char *about;    /* one line */
    const char *operands; /* lines "  NAME  about" of help about the operands */
    const char *example;
    /* run -- *answer false: it says "no" (exit 1). *result: new reference, may stay NULL. */
    vq_status (*run)(vq_session *s, json_t **result, bool *answer, vq_err *e);
    void (*show)(FILE *out, const vq_session *s, const json_t *result);
} vq_command;

extern const vq_command vq_command_plan, vq_command_calibrate, vq_command_quantize,
    vq_command_verify, vq_command_eval, vq_command_inspect, vq_command_generate,
    vq_command_tokenize, vq_command_diff, vq_command_doctor, vq_command_recipe, vq_command_version,
    vq_command_help;
extern const vq_command *const vq_commands[]; /* ends with NULL */

/* vq_command_find -- by name; NULL with VQ_E_RECIPE in e (naming the nearest) when there is none.
 */
const vq_command *vq_command_find(const char *name, vq_err *e);

/* vq_command_word -- the word of a command by name; NULL: it has none of this name.
 * vq_command_knows -- does the command, with this word of its own (NULL: without one), obey the
 * option? */
const vq_word *vq_command_word(const vq_command *c, const char *name);
bool vq_command_knows(const vq_command *c, const vq_word *w, const vq_flag *flag);

/* vq_session_sources -- what --data and --tokens say; n 0: nothing. VQ_E_RECIPE: a share that is none,
 * shares that do not sum to 1.
 * vq_session_source_inputs -- their files into the inputs of --json. */
vq_status vq_session_sources(vq_session *s, vq_calib_sources *out, vq_err *e);
vq_status vq_session_source_inputs(vq_session *s, const vq_calib_sources *sources, vq_err *e);

/* vq_session_alias -- says which shipped recipe a name of other tools means; nothing of others. */
void vq_session_alias(const vq_session *s, const char *recipe);

/* vq_session_next -- "next: vq WORDS..." on stderr, a command that works as it is printed: the words
 * quoted for a shell and the program as it was called; nothing with -q. words end with NULL. */
void vq_session_next(const vq_session *s, const char *const *words);

/* Help, from the tables. w: a page for this word of the command; NULL: for all of it. */
void vq_help_overview(FILE *f);
void vq_help_page(FILE *f, const vq_command *c, const vq_word *w);
void vq_help_man(FILE *f);
void vq_help_bash(FILE *f);
void vq_help_zsh(FILE *f);

#endif
