/* status.c -- error text: written once by the deepest function, prefixed by callers. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* File content ends up in messages: keep terminals safe and messages on one line. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) *text = '?';
    }
}

/* Of long texts the middle goes, where paths are; the reason stands at the end. Characters stay whole. */
static void cut_middle(char *text, size_t room)
{
    static const char gap[] = "...";
    const size_t len = strlen(text);
    if (len < room) return;
    size_t head = (room - sizeof gap) / 2, tail = len - (room - sizeof gap - head);
    while (head > 0 && ((unsigned char)text[head] & 0xc0) == 0x80) head--;
    while (((unsigned char)text[tail] & 0xc0) == 0x80) tail++;
    memmove(text + head + sizeof gap - 1, text + tail, len - tail + 1);
    memcpy(text + head, gap, sizeof gap - 1);
}

/* room bytes of what may be longer; without memory its end is lost. */
static void print(char *text, size_t room, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(text, room, fmt, args);
    char *all = n >= (int)room ? malloc((size_t)n + 1) : NULL;
    if (all) {
        (void)vsnprintf(all, (size_t)n + 1, fmt, again);
        cut_middle(all, room);
        memcpy(text, all, strlen(all) + 1);
        free(all);
    }
    va_end(again);
}

vq_status vq_fail(vq_err *e, vq_status status, const char *fmt, ...)
{
    if (!e) return status;
    e->status = status;
    va_list args;
    va_start(args, fmt);
    print(e->text, sizeof e->text, fmt, args);
    va_end(args);
    make_printable(e->text);
    return status;
}

vq_status vq_refusal(int error)
{
    return error == ENOMEM || error == ENOSPC || error == EDQUOT || error == EFBIG ? VQ_E_LIMIT
                                                                                   : VQ_E_IO;
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
    print(text, sizeof e->text - 4, fmt, args);
    va_end(args);
    const size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, " > %s", e->text);
    make_printable(text);
    cut_middle(text, sizeof e->text);
    memcpy(e->text, text, strlen(text) + 1);
    return e->status;
}
