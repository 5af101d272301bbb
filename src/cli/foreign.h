/* foreign.h -- options of other tools, and what stands for them here. test tests/cli/aliases.sh */
#ifndef VQ_CLI_FOREIGN_H
#define VQ_CLI_FOREIGN_H

/* vq_foreign_option -- what to do here, for the name of an option without its dashes, '_' as '-';
 * NULL: no tool that is known has it. */
const char *vq_foreign_option(const char *name);

#endif
