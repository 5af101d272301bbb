/* arena.c -- chunks of memory with mark and rewind, counted against a budget. */
#include "base/arena.h"

#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN ((size_t)64)
#define CHUNK ((size_t)64 << 10)

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

static void chunk_free(vq_arena *a)
{
    vq_arena_chunk *c = a->chunk;
    a->chunk = c->older;
    if (a->budget) a->budget->used -= c->size;
    free(c->payload);
    free(c);
}

void vq_arena_done(vq_arena *a)
{
    while (a->chunk) chunk_free(a);
}

void vq_arena_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

static int budget_refuses(const vq_budget *b, size_t bytes)
{
    return b->limit && (bytes > b->limit || b->used > b->limit - bytes);
}

static vq_status over_limit(const vq_arena *a, size_t bytes, const char *what, vq_err *e)
{
    const vq_budget *b = a->budget;
    if (!b || !b->limit)
        return vq_fail(e, VQ_E_LIMIT, "%s needs %zu bytes; the system has no more memory", what,
                       bytes);
    return vq_fail(e, VQ_E_LIMIT, "%s needs %zu bytes; %zu of the %zu-byte limit are left", what,
                   bytes, b->limit - b->used, b->limit);
}

static vq_status chunk_new(vq_arena *a, size_t bytes, const char *what, vq_err *e)
{
    const size_t size = bytes > CHUNK ? bytes : CHUNK;
    if (a->budget && budget_refuses(a->budget, size)) return over_limit(a, size, what, e);
    vq_arena_chunk *c = malloc(sizeof *c);
    void *payload = c ? aligned_alloc(ALIGN, size) : NULL;
    if (!payload) {
        free(c);
        return over_limit(a, size, what, e);
    }
    *c = (vq_arena_chunk){.older = a->chunk, .size = size, .payload = payload};
    a->chunk = c;
    if (a->budget) {
        a->budget->used += size;
        if (a->budget->used > a->budget->peak) a->budget->peak = a->budget->used;
    }
    return VQ_OK;
}

void *vq_arena_alloc(vq_arena *a, size_t count, size_t size, const char *what, vq_err *e)
{
    if (size && count > (SIZE_MAX - ALIGN) / size) {
        (void)vq_fail(e, VQ_E_LIMIT, "%s needs %zu x %zu bytes, more than this machine can address",
                      what, count, size);
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
        return vq_fail(e, VQ_E_LIMIT, "%s needs %zu bytes, more than this machine can address",
                       what, bytes);
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
    char *text = n < 0 ? NULL : vq_arena_alloc(a, (size_t)n + 1, 1, "text", e);
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
