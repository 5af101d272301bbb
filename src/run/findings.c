/* findings.c -- collecting failures as JSON. */
#include "run/findings.h"

#include <stdarg.h>
#include <stdio.h>

void vq_finding(vq_findings *f, const char *tensor, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)json_array_append_new(f->failures,
                                json_pack("{s:s, s:s}", "tensor", tensor, "what", text));
}
