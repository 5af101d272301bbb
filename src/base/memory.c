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
    return vq_fail(e, VQ_E_LIMIT, VQ_NO_MEMORY);
}

/* The first three fields of /proc/self/statm, in bytes: address space, pages in memory, those of files. */
static bool read_statm(size_t bytes[3])
{
    char text[128] = "", *at = text;
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    for (int i = 0; i < 3; i++)
        bytes[i] = (size_t)strtoull(at, &at, 10) * (size_t)sysconf(_SC_PAGESIZE);
    return n > 0;
}

size_t vq_memory_anonymous(void)
{
#ifdef __SANITIZE_ADDRESS__
    return 0; /* what the sanitizer keeps beside every block is not vq's */
#endif
    size_t bytes[3];
    return read_statm(bytes) && bytes[1] > bytes[2] ? bytes[1] - bytes[2] : 0;
}

size_t vq_memory_mapped(void)
{
    size_t bytes[3];
    return read_statm(bytes) ? bytes[0] : 0;
}
