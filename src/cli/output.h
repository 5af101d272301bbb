/* output.h -- what goes to stdout with --json: one object (report/envelope.h), with the warnings
 * and the hashed inputs of the run. test tests/cli/envelope.sh */
#ifndef VQ_CLI_OUTPUT_H
#define VQ_CLI_OUTPUT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/reporter.h"
#include "base/status.h"
#include "report/envelope.h"

/* vq_output_input -- add what the user named: a file, a model file with the config.json and
 * tokenizer.json beside it, or a folder with its .json and .safetensors files. headers_only:
 * weights were not read, so their sha256 is null. A path that is no file is left out. */
vq_status vq_output_input(vq_envelope *o, const char *path, bool headers_only, const vq_reporter *w,
                          vq_arena *a, vq_err *e);
/* vq_output_print -- the object on stdout; returns the exit code that it says. result may be NULL
 * (an error: then `error` says why). Without memory for it (VQ_E_LIMIT in e) the object is one
 * without inputs, warnings and result. */
int vq_output_print(const vq_envelope *o, int exit_code, const char *error, json_t *result,
                    vq_err *e);

#endif
