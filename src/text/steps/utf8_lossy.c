/* utf8_lossy.c -- replace what is no UTF-8, as Unicode (3.9, U+FFFD substitution of maximal
 * subparts) and Rust do. */
#include "text/steps/decode.h"

/* Length of the character at p (1..4), or minus the length of the broken part. */
static int char_length(const uint8_t *p, size_t n)
{
    const uint8_t c = p[0];
    if (c < 0x80) return 1;
    const int want = c >= 0xC2 && c < 0xE0   ? 2
                     : c >= 0xE0 && c < 0xF0 ? 3
                     : c >= 0xF0 && c < 0xF5 ? 4
                                             : 0;
    if (want == 0) return -1;
    const uint8_t low = c == 0xE0   ? 0xA0
                        : c == 0xF0 ? 0x90
                                    : 0x80,
                  high = c == 0xED   ? 0x9F
                         : c == 0xF4 ? 0x8F
                                     : 0xBF;
    for (int i = 1; i < want; i++) {
        if ((size_t)i == n) return -i;
        if (i == 1 ? p[i] < low || p[i] > high : (p[i] & 0xC0) != 0x80) return -i;
    }
    return want;
}

vq_status vq_utf8_lossy(const uint8_t *data, size_t n, vq_sink *out, vq_err *e)
{
    for (size_t at = 0; at < n;) {
        const int len = char_length(data + at, n - at);
        VQ_TRY(len > 0 ? vq_sink_put(out, data + at, (size_t)len, e)
                       : vq_sink_put(out, "\xEF\xBF\xBD", 3, e));
        at += (size_t)(len > 0 ? len : -len);
    }
    return VQ_OK;
}
