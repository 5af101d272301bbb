/* arena.c -- chunks of memory with mark and rewind, counted against a budget. */
#include "base/arena.h"

#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

#define ALIGN ((size_t)64)
#define CHUNK ((size_t)64 << 10)
#define HUGE_PAGE ((size_t)2 << 20) /* larger blocks are made of such, where the system has them */

struct vq_arena_chunk {
    vq_arena_chunk *older;
    size_t size, used; /* payload bytes */
    unsigned char *payload;
};

void vq_arena_init(vq_arena *a, vq_budget *budget)
{
    a->budget = budget;
    a->chunk = NULL;
}

static void give_back(vq_arena_chunk *c)
{
    free(c->payload);
    free(c);
}

static vq_arena_chunk *take_spare(vq_budget *b, unsigned i)
{
    vq_arena_chunk *c = b->spare[i];
    b->spare[i] = NULL;
    b->spared -= c->size;
    return c;
}

/* Slot of the smallest spare: what is small costs the system the least to give again. Slots without
 * one are smaller still, when they count. */
static unsigned smallest_spare(const vq_budget *b, bool empty_counts)
{
    unsigned best = VQ_SPARES;
    for (unsigned i = 0; i < VQ_SPARES; i++) {
        if (!b->spare[i] && empty_counts) return i;
        if (b->spare[i] && (best == VQ_SPARES || b->spare[i]->size < b->spare[best]->size))
            best = i;
    }
    return best;
}

/* b->spared > 0 */
static void drop_spare(vq_budget *b)
{
    give_back(take_spare(b, smallest_spare(b, false)));
}

/* A checker of memory sees no use of what was given back when it is used again. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARES = 0 };
#else
enum { SPARES = 1 };
#endif

static void spare_or_free(vq_budget *b, vq_arena_chunk *c)
{
    if (!SPARES || b->used + b->spared + c->size > b->peak) {
        give_back(c);
        return;
    }
    const unsigned i = smallest_spare(b, true);
    if (b->spare[i]) give_back(take_spare(b, i));
    b->spare[i] = c;
    b->spared += c->size;
}

static void chunk_free(vq_arena *a)
{
    vq_arena_chunk *c = a->chunk;
    vq_budget *b = a->budget;
    a->chunk = c->older;
    if (!b) {
        give_back(c);
        return;
    }
    b->used -= c->size;
    spare_or_free(b, c);
    while (!b->used && b->spared) drop_spare(b);
}

/* The smallest spare that holds size bytes and is at most a sixteenth larger; NULL: there is none. */
static vq_arena_chunk *find_spare(vq_budget *b, size_t size)
{
    unsigned best = VQ_SPARES;
    for (unsigned i = 0; i < VQ_SPARES; i++) {
        const vq_arena_chunk *c = b->spare[i];
        if (c && c->size >= size && c->size - size <= size / 16 &&
            (best == VQ_SPARES || c->size < b->spare[best]->size))
            best = i;
    }
    return best < VQ_SPARES ? take_spare(b, best) : NULL;
}

void vq_arena_done(vq_arena *a)
{
    while (a->chunk) chunk_free(a);
}

void vq_arena_begin(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, (int)CHUNK);
    (void)mallopt(M_ARENA_MAX, 1); /* threads ask for little, and never in a loop */
#endif
}

void vq_budget_measure(vq_budget *b)
{
    const size_t all = vq_memory_anonymous(), arenas = b->used + b->spared;
    if (all > arenas && all - arenas > b->outside) b->outside = all - arenas;
}

size_t vq_budget_left(const vq_budget *b)
{
    const size_t taken = b->used + b->outside;
    return taken < b->limit ? b->limit - taken : 0;
}

static int budget_refuses(const vq_budget *b, size_t bytes)
{
    return b->limit && bytes > vq_budget_left(b);
}

static vq_status over_limit(const vq_arena *a, size_t bytes, const char *what, vq_err *e)
{
    const vq_budget *b = a->budget;
    if (!b || !b->limit)
        return vq_fail(e, VQ_E_LIMIT, "%s: %zu bytes are needed, and " VQ_NO_MEMORY, what, bytes);
    return vq_fail(e, VQ_E_LIMIT,
                   "%s: %zu bytes are needed, and %zu of the %zu-byte limit are left", what, bytes,
                   vq_budget_left(b), b->limit);
}

static vq_arena_chunk *chunk_make(size_t size)
{
    vq_arena_chunk *c = malloc(sizeof *c);
    void *payload;
    if (!c || posix_memalign(&payload, size < HUGE_PAGE ? ALIGN : HUGE_PAGE, size) != 0) {
        free(c);
        return NULL;
    }
    if (size >= HUGE_PAGE) (void)madvise(payload, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    *c = (vq_arena_chunk){.size = size, .payload = payload};
    return c;
}

static vq_arena_chunk *chunk_within(vq_budget *b, size_t size)
{
    vq_arena_chunk *c = find_spare(b, size);
    while (!c && b->spared && b->used + size + b->spared > b->peak) drop_spare(b);
    if (!c) c = chunk_make(size);
    for (; !c && b->spared; c = chunk_make(size)) drop_spare(b);
    if (!c) return NULL;
    b->used += c->size;
    if (b->used > b->peak) b->peak = b->used;
    return c;
}

static vq_status chunk_new(vq_arena *a, size_t bytes, const char *what, vq_err *e)
{
    const size_t size = bytes > CHUNK ? bytes : CHUNK;
    if (a->budget && budget_refuses(a->budget, size)) return over_limit(a, size, what, e);
    vq_arena_chunk *c = a->budget ? chunk_within(a->budget, size) : chunk_make(size);
    if (!c) {
        vq_memory_note();
        return over_limit(a, size, what, e);
    }
    c->used = 0;
    c->older = a->chunk;
    a->chunk = c;
    return VQ_OK;
}

void *vq_arena_alloc(vq_arena *a, size_t count, size_t size, const char *what, vq_err *e)
{
    if (size && count > (SIZE_MAX - ALIGN) / size) {
        (void)vq_fail(e, VQ_E_LIMIT,
                      "%s: %zu x %zu bytes are needed, more than this machine can address", what,
                      count, size);
        return NULL;
    }
    const size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    if (a->budget && a->budget->fail_in > 0 && --a->budget->fail_in == 0) {
        (void)over_limit(a, bytes, what, e);
        return NULL;
    }
    if (!a->chunk || a->chunk->size - a->chunk->used < bytes) {
        if (chunk_new(a, bytes, what, e) != VQ_OK) return NULL;
    }
    assert(a->chunk);
    void *p = a->chunk->payload + a->chunk->used;
    a->chunk->used += bytes;
    return p;
}

vq_status vq_arena_reserve(vq_arena *a, size_t bytes, const char *what, vq_err *e)
{
    if (bytes > SIZE_MAX - ALIGN)
        return vq_fail(e, VQ_E_LIMIT,
                       "%s: %zu bytes are needed, more than this machine can address", what, bytes);
    const size_t rounded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (a->chunk && a->chunk->size - a->chunk->used >= rounded) return VQ_OK;
    return chunk_new(a, rounded, what, e);
}

void *vq_arena_zero(vq_arena *a, size_t count, size_t size, const char *what, vq_err *e)
{
    void *p = vq_arena_alloc(a, count, size, what, e);
    if (p) memset(p, 0, count * size);
    return p;
}

void *vq_arena_more(vq_arena *a, const void *list, size_t *room, size_t size, const char *what,
                    vq_err *e)
{
    const size_t more = *room < 8 ? 16 : 2 * *room;
    void *copy = vq_arena_alloc(a, more, size, what, e);
    if (!copy) return NULL;
    if (*room) memcpy(copy, list, *room * size);
    *room = more;
    return copy;
}

char *vq_arena_text(vq_arena *a, vq_err *e, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : vq_arena_alloc(a, (size_t)n + 1, 1, "names and messages", e);
    if (text) (void)vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

vq_arena_mark vq_arena_here(const vq_arena *a)
{
    return (vq_arena_mark){.chunk = a->chunk, .used = a->chunk ? a->chunk->used : 0};
}

void vq_arena_rewind(vq_arena *a, vq_arena_mark m)
{
    while (a->chunk != m.chunk) chunk_free(a);
    if (a->chunk) a->chunk->used = m.used;
}
