/* threads.c -- starting threads that only wait. */
#include "cli/threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

static void *wait_for_gate(void *gate)
{
    (void)pthread_mutex_lock(gate);
    (void)pthread_mutex_unlock(gate);
    return NULL;
}

int vq_threads_startable(int wanted)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *threads = malloc((size_t)wanted * sizeof *threads);
    int n = 0;
    (void)pthread_mutex_lock(&gate);
    while (threads && n < wanted - 1 &&
           pthread_create(&threads[n], NULL, wait_for_gate, &gate) == 0)
        n++;
    (void)pthread_mutex_unlock(&gate);
    for (int i = 0; i < n; i++) (void)pthread_join(threads[i], NULL);
    free(threads);
    return n + 1;
}

/* Tiles of a product lie on the stack: 768 KiB, and what calls it. */
enum { STACK_LEAST = 2 << 20, STACK_WANTED = 4 << 20 };

vq_status vq_stack_ready(vq_err *e)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_STACK, &now) != 0 || now.rlim_cur >= STACK_WANTED) return VQ_OK;
    const struct rlimit whole = {STACK_WANTED,
                                 now.rlim_max > STACK_WANTED ? now.rlim_max : STACK_WANTED},
                        most = {now.rlim_max, now.rlim_max};
    if (setrlimit(RLIMIT_STACK, &whole) == 0) return VQ_OK;
    (void)setrlimit(RLIMIT_STACK, &most);
    if (now.rlim_max >= STACK_LEAST) return VQ_OK;
    return vq_fail(e, VQ_E_LIMIT, "the stack may grow to %llu KiB, vq needs %d: ulimit -s %d",
                   (unsigned long long)now.rlim_max >> 10, STACK_LEAST >> 10, STACK_WANTED >> 10);
}
