/* threads.h -- how many threads the system lets a command have. */
#ifndef VQ_CLI_THREADS_H
#define VQ_CLI_THREADS_H

/* vq_threads_startable -- as many of `wanted` as start, this one included: OpenMP ends the program when
 * one of its own does not. test tests/fault/test_nth_call.sh */
int vq_threads_startable(int wanted);

#endif
