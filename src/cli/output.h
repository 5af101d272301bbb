/* output.h -- what goes to stdout with --json: one object, with the warnings and the hashed inputs
 * of the run. Contract: docs/cli.md. test tests/cli/envelope.sh */
#ifndef VQ_CLI_OUTPUT_H
#define VQ_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/reporter.h"
#include "base/status.h"

typedef struct vq_output {
    const char *command;
    json_t *inputs, *warnings; /* arrays, owned */
} vq_output;

void vq_output_init(vq_output *o, const char *command);
void vq_output_done(vq_output *o);
void vq_output_warning(vq_output *o, const char *code, const char *where, const char *text);
/* vq_output_input -- add what the user named: a file, a model file with the config.json and
 * tokenizer.json beside it, or a folder with its .json and .safetensors files. headers_only:
 * weights were not read, so their sha256 is null. A path that is no file is left out. */
vq_status vq_output_input(vq_output *o, const char *path, bool headers_only, const vq_reporter *w,
                          vq_arena *a, vq_err *e);
/* vq_output_print -- the object on stdout. result may be NULL (an error: then `error` says why);
 * "inputs" of the result take the place of ours. */
void vq_output_print(vq_output *o, int exit_code, const char *error, json_t *result);

#endif
