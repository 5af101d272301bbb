/* findings.c -- collecting failures. */
#include "run/findings.h"

#include <stdarg.h>
#include <stdio.h>

static bool grow(vq_findings *f)
{
    if (f->count < f->room) return true;
    vq_failure *list =
        vq_arena_more(f->arena, f->failures, &f->room, sizeof *list, "findings", &f->lost);
    if (list) f->failures = list;
    return list != NULL;
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
