/* nfc.c -- decompose and compose with utf8proc; marks are put in canonical order here, because
 * utf8proc's insertion sort takes quadratic time on long runs of them. */
#include "text/nfc.h"

#include <string.h>
#include <utf8proc.h>

static size_t ascii_prefix(const uint8_t *text, size_t n)
{
    size_t i = 0;
    while (i < n && text[i] < 0x80) i++;
    return i;
}

static int class_of(int32_t c)
{
    return utf8proc_get_property(c)->combining_class;
}

/* Stable counting sort of n code points by combining class (1..254); tmp has room for n. */
static void sort_marks(int32_t *c, size_t n, int32_t *tmp)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[class_of(c[i]) + 1]++;
    for (int k = 0; k < 256; k++) start[k + 1] += start[k];
    for (size_t i = 0; i < n; i++) tmp[start[class_of(c[i])]++] = c[i];
    memcpy(c, tmp, n * sizeof *c);
}

static void order_marks(int32_t *c, size_t n, int32_t *tmp)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && class_of(c[end]) != 0) end++;
        if (end - i > 1) sort_marks(c + i, end - i, tmp);
        i = end + 1;
    }
}

/* Canonical decomposition: at most 4 code points for one, so c has room for 4 per byte of text. */
static size_t decompose(const uint8_t *text, size_t n, int32_t *c)
{
    size_t count = 0;
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t cp;
        int boundary = 0;
        at += (size_t)utf8proc_iterate(text + at, (utf8proc_ssize_t)(n - at), &cp);
        count += (size_t)utf8proc_decompose_char(cp, c + count, 4,
                                                 UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &boundary);
    }
    return count;
}

static size_t code_points(const uint8_t *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += (text[i] & 0xC0) != 0x80;
    return count;
}

vq_status vq_nfc(const uint8_t *text, size_t n, const uint8_t **out, size_t *out_len, vq_arena *a,
                 vq_err *e)
{
    *out = text;
    *out_len = n;
    if (ascii_prefix(text, n) == n) return VQ_OK;
    const size_t room = 4 * code_points(text, n);
    int32_t *c = VQ_ALLOC(a, int32_t, room, "text under normalization", e);
    int32_t *tmp = c ? VQ_ALLOC(a, int32_t, room, "text under normalization", e) : NULL;
    if (!tmp) return VQ_E_LIMIT;
    size_t count = decompose(text, n, c);
    order_marks(c, count, tmp);
    count = (size_t)utf8proc_normalize_utf32(c, (utf8proc_ssize_t)count,
                                             UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    uint8_t *bytes = VQ_ALLOC(a, uint8_t, 4 * count, "normalized text", e);
    if (!bytes) return VQ_E_LIMIT;
    *out_len = 0;
    for (size_t i = 0; i < count; i++)
        *out_len += (size_t)utf8proc_encode_char(c[i], bytes + *out_len);
    *out = bytes;
    return VQ_OK;
}
