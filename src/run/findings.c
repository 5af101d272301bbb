/* findings.c -- collecting failures. */
#include "run/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Room for one failure more; the list that was goes with the arena. */
static bool grow(vq_findings *f)
{
    if (f->count < f->room) return true;
    const size_t room = f->room ? 2 * f->room : 16;
    vq_failure *list = VQ_ALLOC(f->arena, vq_failure, room, "findings", &f->lost);
    if (!list) return false;
    if (f->count) memcpy(list, f->failures, f->count * sizeof *list);
    f->failures = list;
    f->room = room;
    return true;
}

void vq_finding(vq_findings *f, const char *tensor, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!grow(f)) return;
    const vq_failure one = {.tensor = vq_arena_text(f->arena, &f->lost, "%s", tensor),
                            .what = vq_arena_text(f->arena, &f->lost, "%s", text)};
    if (one.tensor && one.what) f->failures[f->count++] = one;
}
