/* wrap.h -- text that breaks at words. test tests/cli/help.sh */
#ifndef VQ_CLI_WRAP_H
#define VQ_CLI_WRAP_H

#include <stdio.h>

#define VQ_COLUMNS 80

/* vq_wrap -- text onto a line on which `column` columns are taken; what does not fit goes below with
 * `indent` spaces in front. A word that is longer than a line stays whole. Line feeds in the text
 * begin a line of their own; one more ends it. */
void vq_wrap(FILE *f, int column, int indent, const char *text);
/* vq_wrap_shown -- the same for a result: what programs read from a pipe or a file stays one line. */
void vq_wrap_shown(FILE *f, int column, int indent, const char *text);

#endif
