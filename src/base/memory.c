/* memory.c -- a note that memory ended. */
#include "base/memory.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool refused;

void vq_memory_note(void)
{
    atomic_store(&refused, true);
}

bool vq_memory_refused(void)
{
    return atomic_load(&refused);
}

void *vq_memory_alloc(size_t size)
{
    void *p = malloc(size);
    if (!p) vq_memory_note();
    return p;
}

vq_status vq_memory_check(vq_err *e)
{
    if (!vq_memory_refused()) return VQ_OK;
    return vq_fail(e, VQ_E_LIMIT, "the system has no more memory; something is missing");
}

size_t vq_memory_anonymous(void)
{
#ifdef __SANITIZE_ADDRESS__
    return 0; /* what the sanitizer keeps beside every block is not vq's */
#endif
    char text[128] = "", *at = text;
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0) return 0;
    (void)strtoull(text, &at, 10); /* address space; then pages in memory, and those of files */
    const unsigned long long all = strtoull(at, &at, 10), files = strtoull(at, &at, 10);
    return all > files ? (size_t)(all - files) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}
