/* command.h -- the commands as one table: what they take, what they do, how their result looks to
 * people. One file each: cmd_NAME.c. */
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
} vq_session;

typedef struct vq_command {
    const char *name;  /* NULL ends the table */
    unsigned bit;      /* VQ_CMD_... */
    const char *words; /* first operand is one of "a|b"; NULL: free */
    int operands_min, operands_max;
    const char *usage;    /* operands and main options */
    const char *about;    /* one line */
    const char *operands; /* lines of help about the operands, indented by two */
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

/* Help, from the tables. */
void vq_help_overview(FILE *f);
void vq_help_command(FILE *f, const vq_command *c);
void vq_help_man(FILE *f);
void vq_help_bash(FILE *f);
void vq_help_zsh(FILE *f);

#endif
