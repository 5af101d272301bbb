/* status.c -- error text: written once by the deepest function, prefixed by callers. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* File content ends up in messages: keep terminals safe and messages on one line. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) *text = '?';
    }
}

vq_status vq_fail(vq_err *e, vq_status status, const char *fmt, ...)
{
    if (!e) return status;
    e->status = status;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    make_printable(e->text);
    return status;
}

const char *vq_why(int error)
{
    return error == EMFILE ? "too many open files; raise the limit (ulimit -n)" : strerror(error);
}

vq_status vq_at(vq_err *e, const char *fmt, ...)
{
    if (!e) return VQ_E_BUG;
    char text[2 * sizeof e->text];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof e->text - 4, fmt, args);
    va_end(args);
    const size_t used = n < 0 ? 0 : strlen(text);
    (void)snprintf(text + used, sizeof text - used, " > %s", e->text);
    make_printable(text);
    memcpy(e->text, text, sizeof e->text - 1);
    e->text[sizeof e->text - 1] = '\0';
    return e->status;
}
