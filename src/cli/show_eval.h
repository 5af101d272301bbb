/* show_eval.h -- what `vq eval ppl` found out, for people. test tests/cli/eval.sh */
#ifndef VQ_CLI_SHOW_EVAL_H
#define VQ_CLI_SHOW_EVAL_H

#include <jansson.h>
#include <stdio.h>

/* vq_show_eval -- the result of the report: fields of one model on one text, else a table, and of
 * each model the text on which it is furthest from the reference. model: the first one as it was
 * given, ref: NULL without a reference. */
void vq_show_eval(FILE *out, const char *model, const char *ref, const json_t *r);

#endif
