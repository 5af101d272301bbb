/* foreign.h -- options of other tools, and what stands for them here. test tests/cli/aliases.sh */
#ifndef VQ_CLI_FOREIGN_H
#define VQ_CLI_FOREIGN_H

enum { VQ_FOREIGN = 512 };
/* vq_foreign_option -- what to do here, for the name of an option without its dashes, '_' as '-', and
 * its value (NULL: none); in buf. NULL: no tool that is known has it. */
const char *vq_foreign_option(const char *name, const char *value, char buf[VQ_FOREIGN]);

#endif
