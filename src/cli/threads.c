/* threads.c -- starting threads that only wait. */
#include "cli/threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
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
enum { STACK_LEAST = 2 << 20, STACK_WANTED = 4 << 20, STACK_AND_OTHERS = 3 << 20 };

/* The stack reaches down to its lowest byte that was touched, of which one page is resident. */
__attribute__((noinline)) static char touch_lowest(void)
{
    volatile char room[STACK_LEAST];
    room[0] = 0;
    return room[0];
}

/* A stack that cannot grow because other things took the address space ends the program without a
 * word; so it grows at the beginning, while somebody can say that there is no room. */
static vq_status grow_stack(vq_err *e)
{
    void *room =
        mmap(NULL, STACK_AND_OTHERS, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return vq_fail(e, VQ_E_LIMIT,
                       "no address space for a stack of %d KiB; raise the limit (ulimit -v)",
                       STACK_LEAST >> 10);
    (void)munmap(room, STACK_AND_OTHERS);
    (void)touch_lowest();
    return VQ_OK;
}

static vq_status let_stack_grow(vq_err *e)
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

vq_status vq_stack_ready(vq_err *e)
{
    VQ_TRY(let_stack_grow(e));
    return grow_stack(e);
}
