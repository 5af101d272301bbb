/* threads.c -- starting threads that only wait. */
#include "cli/threads.h"

#include <pthread.h>
#include <stdlib.h>

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
