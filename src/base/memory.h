/* memory.h -- was a request for memory refused? Libraries say "broken input" when they mean it, and a
 * caller that can do without says nothing. And how much memory the process has. */
#ifndef VQ_BASE_MEMORY_H
#define VQ_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Cause and advice of every refusal. */
#define VQ_NO_MEMORY                                                                               \
    "the system has no more memory; free some, or raise the limit on it (ulimit -v)"

/* vq_memory_alloc -- malloc whose failure is noted; for libraries that take such a function. */
void *vq_memory_alloc(size_t size);
void vq_memory_note(void); /* the system refused a request */
bool vq_memory_refused(void);
/* vq_memory_check -- VQ_E_LIMIT when one was: before an output gets its final name. */
vq_status vq_memory_check(vq_err *e);

/* vq_memory_anonymous -- bytes of the process that no file is behind and that are in memory now
 * (RssAnon); 0 where there is no /proc, and under ASan. test tests/unit/base/test_arena.c */
size_t vq_memory_anonymous(void);
/* vq_memory_mapped -- bytes of its address space; 0 where there is no /proc. */
size_t vq_memory_mapped(void);

#endif
