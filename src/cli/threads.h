/* threads.h -- how many threads the system lets a command have, and how large their stacks are. */
#ifndef VQ_CLI_THREADS_H
#define VQ_CLI_THREADS_H

#include "base/status.h"

/* vq_threads_startable -- as many of `wanted` as start, this one included: OpenMP ends the program when
 * one of its own does not. test tests/fault/test_nth_call.sh */
int vq_threads_startable(int wanted);

/* What the stack of each of OpenMP's threads has, as OMP_STACKSIZE says it. */
#define VQ_THREAD_STACK "4M"

/* vq_stack_ready -- the first thread's stack may grow as far as the others'. VQ_E_LIMIT: the system
 * does not let it. test tests/cli/address_space.sh */
vq_status vq_stack_ready(vq_err *e);

#endif
