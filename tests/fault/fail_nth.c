/* fail_nth.c -- a library to preload: the n-th call of one kind between the start of main and its end fails.
 * VQ_FAULT=KIND:N:ERRNO[:on|:kill], KIND a row below or `short` (a write of half the bytes), `on`: all later ones fail
 * too, `kill`: the process is killed instead. VQ_FAULT_COUNT=FILE: the number of calls is written there. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

enum { NAME = 32 };
static char kind[NAME];
static long nth;
static int error_number;
static bool later_too, ends;
static atomic_bool active;
static atomic_long calls;

static bool fails(const char *name)
{
    if (!atomic_load(&active) || strcmp(name, kind) != 0) return false;
    const long n = atomic_fetch_add(&calls, 1) + 1;
    if (nth == 0 || n < nth || (n > nth && !later_too)) return false;
    if (ends) (void)raise(SIGKILL);
    errno = error_number;
    return true;
}

static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* The function of that name behind this one, as the type of `like`. */
#define NEXT(like) ((__typeof__(&like))next_of(#like))

void *malloc(size_t size)
{
    return fails("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails("malloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails("malloc") ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return fails("malloc") ? NULL : __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    *out = fails("malloc") ? NULL : __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails("open") ? -1 : NEXT(open)(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    return fails("open") ? NULL : NEXT(fopen)(path, mode);
}

DIR *opendir(const char *path)
{
    return fails("open") ? NULL : NEXT(opendir)(path);
}

int mkostemp(char *path, int flags)
{
    return fails("open") ? -1 : NEXT(mkostemp)(path, flags);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    if (fails("short") && n > 1) n /= 2;
    return fails("pwrite") ? -1 : NEXT(pwrite)(fd, data, n, at);
}

ssize_t pread(int fd, void *data, size_t n, off_t at)
{
    return fails("pread") ? -1 : NEXT(pread)(fd, data, n, at);
}

int fsync(int fd)
{
    return fails("fsync") ? -1 : NEXT(fsync)(fd);
}

int ftruncate(int fd, off_t size)
{
    return fails("ftruncate") ? -1 : NEXT(ftruncate)(fd, size);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
    return fails("fallocate") ? error_number : NEXT(posix_fallocate)(fd, at, n);
}

int rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : NEXT(rename)(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails("renameat2") ? -1 : NEXT(renameat2)(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path)
{
    return fails("unlink") ? -1 : NEXT(unlink)(path);
}

int rmdir(const char *path)
{
    return fails("unlink") ? -1 : NEXT(rmdir)(path);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir") ? -1 : NEXT(mkdir)(path, mode);
}

int fstat(int fd, struct stat *st)
{
    return fails("fstat") ? -1 : NEXT(fstat)(fd, st);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t from)
{
    return fails("mmap") ? MAP_FAILED : NEXT(mmap)(at, n, protection, flags, fd, from);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    return fails("pthread_create") ? error_number : NEXT(pthread_create)(thread, attr, run, arg);
}

static void read_wish(void)
{
    const char *wish = getenv("VQ_FAULT");
    char on[8] = "";
    if (wish && sscanf(wish, "%31[^:]:%ld:%d:%7s", kind, &nth, &error_number, on) < 3) _exit(99);
    later_too = strcmp(on, "on") == 0;
    ends = strcmp(on, "kill") == 0;
}

static void write_count(void)
{
    const char *path = getenv("VQ_FAULT_COUNT");
    char text[32];
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd < 0) return;
    const ssize_t n = write(fd, text, (size_t)snprintf(text, sizeof text, "%ld\n", calls));
    (void)n;
    (void)close(fd);
}

typedef int (*main_function)(int, char **, char **);
static main_function real_main;

static int wrapped_main(int argc, char **argv, char **env)
{
    read_wish();
    atomic_store(&active, true);
    const int code = real_main(argc, argv, env);
    atomic_store(&active, false);
    write_count();
    return code;
}

int __libc_start_main(main_function m, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*at_end)(void), void *stack_end)
{
    int (*next)(main_function, int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *) = (__typeof__(next))next_of("__libc_start_main");
    real_main = m;
    return next(wrapped_main, argc, argv, init, fini, at_end, stack_end);
}
