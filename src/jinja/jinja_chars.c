/* jinja_chars.c -- characters of UTF-8 text, as Python sees them. */
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

bool vq_jspace(int32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

size_t vq_jchar(const char *s, size_t n, int32_t *c)
{
    *c = (unsigned char)*s;
    if (*c < 0x80) return 1;
    const utf8proc_ssize_t len =
        utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, c);
    return len > 0 ? (size_t)len : 1;
}

size_t vq_jfind(const vq_jvalue *text, const vq_jvalue *what, size_t at)
{
    if (what->text.n == 0) return at <= text->text.n ? at : SIZE_MAX;
    if (at >= text->text.n) return SIZE_MAX;
    for (;;) { /* by windows: what is found soon costs little, whatever lies behind it */
        const size_t left = text->text.n - at, most = 4096 + 2 * what->text.n,
                     window = left < most ? left : most;
        const char *found = memmem(text->text.s + at, window, what->text.s, what->text.n);
        if (found) return (size_t)(found - text->text.s);
        if (window == left) return SIZE_MAX;
        at += window - what->text.n + 1;
    }
}

vq_status vq_jsearch(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *what, size_t at,
                     size_t *found)
{
    const size_t part = what->text.n < 256 ? what->text.n : 256;
    *found = vq_jfind(text, what, at);
    const size_t end = *found == SIZE_MAX ? text->text.n : *found;
    return vq_jspend(x, VQ_J_STEP + what->text.n + (end > at ? end - at : 0) * (2 + part / 8));
}

vq_status vq_jsearch_last(vq_jrun *x, const vq_jvalue *text, const vq_jvalue *what, size_t *found)
{
    const size_t n = what->text.n, part = n < 256 ? n : 256;
    size_t at = text->text.n < n ? SIZE_MAX : text->text.n - n;
    const size_t last = at;
    while (at != SIZE_MAX && n && memcmp(text->text.s + at, what->text.s, n) != 0) at--;
    *found = at;
    return vq_jspend(x, VQ_J_STEP + n + (last - at) * (2 + part / 8));
}
