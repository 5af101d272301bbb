/* arena.h -- memory with a named lifetime and a byte limit.
 *
 * A budget is shared by all arenas of a run: a request beyond the limit is an error with sizes, not
 * the OOM killer. Allocate from one thread only (outside parallel regions). Nothing below src/run
 * frees single blocks: mark and rewind. */
#ifndef VQ_BASE_ARENA_H
#define VQ_BASE_ARENA_H

#include <stddef.h>

#include "base/status.h"

typedef struct vq_arena_chunk vq_arena_chunk;

enum { VQ_SPARES = 16 };

/* Blocks that arenas gave back wait here for the next request of their size, as long as they
 * and what is in use are no more than was in use before: the system is asked less often, and holds
 * no more than `peak`. When nothing is in use, none waits. */
typedef struct vq_budget {
    size_t limit;   /* bytes, 0 = no limit */
    size_t outside; /* of the limit, taken by what is in no arena (vq_budget_measure) */
    size_t used;    /* bytes held by the arenas now */
    size_t peak;    /* largest `used` so far */
    size_t fail_in; /* test hook: the n-th request from now fails as if over the limit; 0 = off */
    size_t spared;  /* bytes in spare */
    vq_arena_chunk *spare[VQ_SPARES];
} vq_budget;

/* vq_budget_measure -- outside = what the process holds beside the arenas, when that is more than
 * before: JSON, tables of tokenizers, buffers of BLAS, stacks, data of the program. Arenas that were
 * not written to yet hide as much of it, so the first measure belongs before they are large. */
void vq_budget_measure(vq_budget *b);
/* vq_budget_left -- bytes that arenas may still take; b has a limit. */
size_t vq_budget_left(const vq_budget *b);

typedef struct vq_arena {
    vq_budget *budget;     /* borrowed, may be NULL */
    vq_arena_chunk *chunk; /* newest */
} vq_arena;

typedef struct vq_arena_mark {
    vq_arena_chunk *chunk;
    size_t used;
} vq_arena_mark;

void vq_arena_init(vq_arena *a, vq_budget *budget);
void vq_arena_done(vq_arena *a);
/* vq_arena_begin -- once, before the first arena of a program: blocks of arenas, and large ones of
 * libraries, are the system's and go back to it one by one. A heap would keep what lies between them;
 * glibc before 2.38 does not find again where an aligned block was, so that its heap grew by 0.15 MiB
 * with each block of a model. */
void vq_arena_begin(void);

/* vq_arena_alloc -- count*size bytes, aligned to 64, contents undefined. `what` names the thing in
 * the error.
 *   returns NULL with VQ_E_LIMIT in e when over the limit, on overflow, or when the system has
 *   none; never NULL for 0 bytes
 *   test tests/unit/base/test_arena.c */
void *vq_arena_alloc(vq_arena *a, size_t count, size_t size, const char *what, vq_err *e);
/* vq_arena_reserve -- room for `bytes` in one piece: what is taken and rewound again and again
 * inside it costs the system nothing. */
vq_status vq_arena_reserve(vq_arena *a, size_t bytes, const char *what, vq_err *e);
/* vq_arena_zero -- the same, filled with zero bytes. */
void *vq_arena_zero(vq_arena *a, size_t count, size_t size, const char *what, vq_err *e);
/* vq_arena_more -- a copy of `list`, whose *room elements are all in use, with twice the room, at
 * least 16; what was goes with the arena.
 *   returns NULL like vq_arena_alloc; then list and *room stay as they are
 *   test tests/unit/base/test_arena.c */
void *vq_arena_more(vq_arena *a, const void *list, size_t *room, size_t size, const char *what,
                    vq_err *e);
/* vq_arena_text -- formatted text owned by the arena; NULL like vq_arena_alloc. */
char *vq_arena_text(vq_arena *a, vq_err *e, const char *fmt, ...) VQ_PRINTF(3, 4);

vq_arena_mark vq_arena_here(const vq_arena *a);
/* vq_arena_rewind -- give back everything allocated since the mark. */
void vq_arena_rewind(vq_arena *a, vq_arena_mark m);

/* VQ_ALLOC / VQ_NEW -- `float *x = VQ_ALLOC(arena, float, n, "scales", e); if (!x) return
 * e->status;` NEW is zeroed. */
#define VQ_ALLOC(arena, type, count, what, e)                                                      \
    ((type *)vq_arena_alloc((arena), (size_t)(count), sizeof(type), (what), (e)))
#define VQ_NEW(arena, type, count, what, e)                                                        \
    ((type *)vq_arena_zero((arena), (size_t)(count), sizeof(type), (what), (e)))

#endif
