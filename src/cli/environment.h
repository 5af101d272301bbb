/* environment.h -- variables VQ_* that nobody reads: a slip of the pen that would silently change
 * nothing. test tests/cli/usage.sh */
#ifndef VQ_CLI_ENVIRONMENT_H
#define VQ_CLI_ENVIRONMENT_H

#include "base/reporter.h"

/* vq_environment_check -- warns of each of them (code environment-unknown), with the nearest name. */
void vq_environment_check(const vq_reporter *w);

#endif
