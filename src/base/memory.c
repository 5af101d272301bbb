/* memory.c -- a note that memory ended. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

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
