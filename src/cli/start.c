/* start.c -- what libraries read before main has to be said before they do. Waiting threads of the
 * OpenMP runtimes spin for milliseconds by default; where other programs want the cores too (any CI
 * machine), that costs several times the work itself. OpenBLAS would make a pool of its own, which
 * only waits, for its tiles are spread over OpenMP's threads, and would end the program where the
 * system refuses it a thread. And it would guess its kernels from the processor's model number: one
 * that is newer than the library runs the slowest, a tenth as fast, and two processors of one
 * instruction set sum in two orders. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/threads.h"

#define STACK "OMP_STACKSIZE="
#define CORE "OPENBLAS_CORETYPE="
enum { MOST = 4096, OWN = 5 };

static char **find(char **env, const char *name)
{
    while (*env && strncmp(*env, name, strlen(name)) != 0) env++;
    return *env ? env : NULL;
}

/* The variable that names OpenBLAS's kernels for this instruction set; NULL leaves them to it. */
static const char *blas_kernels(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return CORE "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CORE "Haswell";
#endif
    return NULL;
}

/* What is missing in env, as variables; returns how many. The size of stacks, if anything, is there. */
static size_t missing(char **env, const char *own[OWN])
{
    size_t n = 0;
    char **stack = find(env, STACK);
    if (!find(env, "OMP_WAIT_POLICY=") && !find(env, "GOMP_SPINCOUNT=")) {
        own[n++] = "GOMP_SPINCOUNT=1000";
        if (!find(env, "KMP_BLOCKTIME=")) own[n++] = "KMP_BLOCKTIME=0";
    }
    if (!find(env, "OPENBLAS_NUM_THREADS=")) own[n++] = "OPENBLAS_NUM_THREADS=1";
    const char *kernels = find(env, CORE) ? NULL : blas_kernels();
    if (kernels) own[n++] = kernels;
    if (n || !stack || strcmp(*stack, STACK VQ_THREAD_STACK) != 0) own[n++] = STACK VQ_THREAD_STACK;
    return n;
}

/* The program starts anew with them, another size of stacks left out; without /proc the defaults stay. */
static void start_with_own_threads(int argc, char **argv, char **env)
{
    const char *all[OWN + MOST + 1];
    const size_t n = missing(env, all);
    size_t rest = 0;
    (void)argc;
    for (char **variable = env; *variable && rest < MOST; variable++)
        if (strncmp(*variable, STACK, sizeof STACK - 1) != 0) all[n + rest++] = *variable;
    all[n + rest] = NULL;
    if (n && rest < MOST) (void)execve("/proc/self/exe", argv, (char **)(uintptr_t)all);
}

/* Runs before the constructors of the libraries. */
__attribute__((section(".preinit_array"),
               used)) static void (*const start)(int, char **, char **) = start_with_own_threads;
