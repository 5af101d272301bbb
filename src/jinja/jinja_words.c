/* jinja_words.c -- letters, lines and fillings of UTF-8 text, as Python's strings have them. */
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

bool vq_jword(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return c == '_' || (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
           (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

vq_status vq_jeach(vq_jrun *x, vq_jvalue v, int32_t (*of)(int32_t c, int32_t before),
                   vq_jvalue *out)
{
    vq_jbuffer b = {0};
    int32_t c, before = 0;
    for (size_t at = 0, n; at < v.text.n; at += n) {
        utf8proc_uint8_t bytes[4];
        n = vq_jchar(v.text.s + at, v.text.n - at, &c);
        const size_t len = (size_t)utf8proc_encode_char(of(c, before), bytes);
        VQ_TRY(vq_jput(x, &b, (const char *)bytes, len));
        before = c;
    }
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static bool ends_line(int32_t c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

/* The bytes of the line that begins at `at`, and with its end. */
static void line_at(const vq_jvalue *text, size_t at, size_t *n, size_t *whole)
{
    int32_t c = 0;
    size_t i = at, len = 0;
    for (; i < text->text.n; i += len) {
        len = vq_jchar(text->text.s + i, text->text.n - i, &c);
        if (ends_line(c)) break;
    }
    *n = *whole = i - at;
    if (i == text->text.n) return;
    *whole += len;
    if (c == '\r' && i + 1 < text->text.n && text->text.s[i + 1] == '\n') ++*whole;
}

vq_status vq_jlines(vq_jrun *x, vq_jvalue text, bool keep, vq_jvalue *out)
{
    size_t count = 0, n, whole;
    VQ_TRY(vq_jspend(x, 8 * text.text.n));
    for (size_t at = 0; at < text.text.n; at += whole, count++) line_at(&text, at, &n, &whole);
    vq_jvalue *lines = vq_jalloc(x, count, sizeof *lines);
    if (!lines) return x->e->status;
    for (size_t at = 0, i = 0; at < text.text.n; at += whole, i++) {
        line_at(&text, at, &n, &whole);
        lines[i] = vq_jbytes(&text, at, at + (keep ? whole : n));
    }
    return vq_jlist(x, lines, count, VQ_J_LIST, out);
}

static vq_status put_times(vq_jrun *x, vq_jbuffer *b, const vq_jvalue *fill, int64_t times)
{
    for (int64_t i = 0; i < times; i++) VQ_TRY(vq_jput(x, b, fill->text.s, fill->text.n));
    return VQ_OK;
}

vq_status vq_jpad(vq_jrun *x, const vq_jvalue *text, int64_t width, int share,
                  const vq_jvalue *fill, vq_jvalue *out)
{
    const vq_jvalue space = vq_jtext(" ", 1);
    vq_jbuffer b = {0};
    int64_t have, filled = 1;
    if (fill) VQ_TRY(vq_jlength(x, fill, &filled));
    if (filled != 1) return vq_jfail(x, "a filling of %lld characters", (long long)filled);
    VQ_TRY(vq_jlength(x, text, &have));
    *out = *text;
    if (width <= have) return VQ_OK;
    const int64_t room = width - have,
                  left = share == 1 ? room / 2 + (room & width & 1) : share * room / 2;
    VQ_TRY(put_times(x, &b, fill ? fill : &space, left));
    VQ_TRY(vq_jput(x, &b, text->text.s, text->text.n));
    VQ_TRY(put_times(x, &b, fill ? fill : &space, room - left));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}
