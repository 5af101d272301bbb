/* hints.h -- words of a command line as a shell reads them back. test tests/cli/resume.sh */
#ifndef VQ_CLI_HINTS_H
#define VQ_CLI_HINTS_H

#include <stdbool.h>
#include <stddef.h>

enum { VQ_HINT_BYTES = 8192, VQ_HINT_PATH = 4096 + 2 };

/* vq_hint_word -- one more word behind those in buf, quoted where a shell needs it. */
void vq_hint_word(char *buf, size_t len, const char *word);
/* vq_hint_path -- the path as no command reads it as an option: itself, or of "-x" "./-x" in buf.
 * test tests/cli/quantize.sh */
const char *vq_hint_path(const char *path, char buf[VQ_HINT_PATH]);

#endif
