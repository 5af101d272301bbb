/* normal_form.c -- decompose and compose with utf8proc; marks are put in canonical order here,
 * because utf8proc's insertion sort takes quadratic time on long runs of them. */
#include "text/steps/normal_form.h"

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

/* Decompose into c; with room 0 only count. */
static size_t decompose(vq_form form, const uint8_t *text, size_t n, int32_t *c, size_t room)
{
    const unsigned options =
        UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (form & 2 ? UTF8PROC_COMPAT : 0);
    size_t count = 0;
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t cp;
        int boundary = 0;
        at += (size_t)utf8proc_iterate(text + at, (utf8proc_ssize_t)(n - at), &cp);
        const size_t left = room > count ? room - count : 0;
        count +=
            (size_t)utf8proc_decompose_char(cp, left ? c + count : NULL, (utf8proc_ssize_t)left,
                                            (utf8proc_option_t)options, &boundary);
    }
    return count;
}

/* Compose in place. U+11A7 composes with nothing; utf8proc 2.8 drops it behind a Hangul syllable,
 * so it never sees one. */
static size_t compose(int32_t *c, size_t n)
{
    size_t to = 0;
    for (size_t from = 0, end; from < n; from = end + 1) {
        for (end = from; end < n && c[end] != 0x11A7;) end++;
        memmove(c + to, c + from, (end - from) * sizeof *c);
        to += (size_t)utf8proc_normalize_utf32(c + to, (utf8proc_ssize_t)(end - from),
                                               UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        if (end < n) c[to++] = 0x11A7;
    }
    return to;
}

/* Of the first k code points, how many stay in front of all others when marks are put in order? */
static size_t front_of(const int32_t *c, size_t n, size_t k)
{
    int least = 255;
    for (size_t i = k; i < n && class_of(c[i]) != 0; i++)
        if (class_of(c[i]) < least) least = class_of(c[i]);
    size_t front = 0;
    for (size_t i = 0; i < k; i++) front += class_of(c[i]) <= least;
    return front || !k ? front : 1; /* what comes to stand first takes the place of the first */
}

/* Order and compose; front: of so many code points, how many are left. */
static size_t arrange(vq_form form, int32_t *c, size_t n, int32_t *tmp, size_t *front)
{
    *front = front_of(c, n, *front);
    order_marks(c, n, tmp);
    if (!(form & 1)) return n;
    memcpy(tmp, c, *front * sizeof *c);
    *front = compose(tmp, *front);
    return compose(c, n);
}

static vq_status encode(const int32_t *c, size_t count, size_t front, vq_piece *t, vq_arena *a,
                        vq_err *e)
{
    uint8_t *bytes = VQ_ALLOC(a, uint8_t, 4 * count, "normalized text", e);
    if (!bytes) return VQ_E_LIMIT;
    t->text = bytes;
    t->n = t->head = 0;
    for (size_t i = 0; i < count; i++) {
        t->n += (size_t)utf8proc_encode_char(c[i], bytes + t->n);
        if (i < front) t->head = t->n;
    }
    return VQ_OK;
}

vq_status vq_normal_form(vq_form form, vq_piece *t, vq_arena *a, vq_err *e)
{
    if (ascii_prefix(t->text, t->n) == t->n) return VQ_OK;
    size_t count = decompose(form, t->text, t->n, NULL, 0),
           front = decompose(form, t->text, t->head, NULL, 0);
    int32_t *c = VQ_ALLOC(a, int32_t, count, "text under normalization", e);
    int32_t *tmp = c ? VQ_ALLOC(a, int32_t, count, "text under normalization", e) : NULL;
    if (!tmp) return VQ_E_LIMIT;
    (void)decompose(form, t->text, t->n, c, count);
    count = arrange(form, c, count, tmp, &front);
    return encode(c, count, front, t, a, e);
}
