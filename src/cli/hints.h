/* hints.h -- words of a command line as a shell reads them back. test tests/cli/resume.sh */
#ifndef VQ_CLI_HINTS_H
#define VQ_CLI_HINTS_H

#include <stdbool.h>
#include <stddef.h>

enum { VQ_HINT_BYTES = 8192 };

/* vq_hint_word -- one more word behind those in buf, quoted where a shell needs it. */
void vq_hint_word(char *buf, size_t len, const char *word);

#endif
