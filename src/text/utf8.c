/* utf8.c -- is it UTF-8? */
#include "text/utf8.h"

#include <utf8proc.h>

vq_status vq_utf8_check(const char *text, size_t n, const char *what, vq_err *e)
{
    const utf8proc_uint8_t *s = (const utf8proc_uint8_t *)text;
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t c;
        const utf8proc_ssize_t step =
            s[at] < 0x80 ? 1 : utf8proc_iterate(s + at, (utf8proc_ssize_t)(n - at), &c);
        if (step < 1) return vq_fail(e, VQ_E_INPUT, "%s is not UTF-8 at byte %zu", what, at);
        at += (size_t)step;
    }
    return VQ_OK;
}
