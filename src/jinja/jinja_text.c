/* jinja_text.c -- the methods of Python's strings on UTF-8 text. */
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

/* Where the last character of n bytes begins. */
static size_t last_char(const char *s, size_t n)
{
    size_t at = n - 1;
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80) at--;
    return at;
}

static bool in_set(const char *s, size_t n, const vq_jvalue *set)
{
    int32_t c;
    if (!set) return vq_jchar(s, n, &c) == n && vq_jspace(c);
    const vq_jvalue one = vq_jtext(s, n);
    return vq_jfind(set, &one, 0) != SIZE_MAX;
}

/* Each character that goes, and the one that stays, is looked for in the whole set. */
vq_status vq_jstrip_by(vq_jrun *x, vq_jvalue v, const vq_jvalue *set, bool left, bool right,
                       vq_jvalue *out)
{
    const char *s = v.text.s;
    size_t n = v.text.n;
    int32_t c;
    while (left && n) {
        const size_t len = vq_jchar(s, n, &c);
        VQ_TRY(vq_jspend(x, VQ_J_LOOK + (set ? set->text.n : 0)));
        if (!in_set(s, len, set)) break;
        s += len;
        n -= len;
    }
    while (right && n) {
        const size_t at = last_char(s, n);
        VQ_TRY(vq_jspend(x, VQ_J_LOOK + (set ? set->text.n : 0)));
        if (!in_set(s + at, n - at, set)) break;
        n = at;
    }
    *out = vq_jtext(s, n);
    return VQ_OK;
}

vq_jvalue vq_jstrip(vq_jvalue v, bool left, bool right)
{
    const char *s = v.text.s;
    size_t n = v.text.n, len;
    int32_t c;
    for (; left && n && in_set(s, len = vq_jchar(s, n, &c), NULL); n -= len) s += len;
    for (; right && n && in_set(s + last_char(s, n), n - last_char(s, n), NULL);)
        n = last_char(s, n);
    return vq_jtext(s, n);
}

vq_jvalue vq_jpart(vq_jvalue text, int64_t from, int64_t to)
{
    int32_t c;
    size_t at = 0, first = text.text.n;
    for (int64_t i = 0; i < to && at < text.text.n; i++) {
        if (i == from) first = at;
        at += vq_jchar(text.text.s + at, text.text.n - at, &c);
    }
    return first < at ? vq_jtext(text.text.s + first, at - first) : vq_jtext("", 0);
}

vq_status vq_jcase(vq_jrun *x, vq_jvalue v, bool upper, vq_jvalue *out)
{
    vq_jbuffer b = {0};
    int32_t c;
    for (size_t at = 0, n; at < v.text.n; at += n) {
        utf8proc_uint8_t bytes[4];
        n = vq_jchar(v.text.s + at, v.text.n - at, &c);
        c = upper ? utf8proc_toupper(c) : utf8proc_tolower(c);
        VQ_TRY(vq_jput(x, &b, (const char *)bytes, (size_t)utf8proc_encode_char(c, bytes)));
    }
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

/* The next piece of a text that ends at white space; false when only white space is left. last:
 * take all that is left. */
static bool next_word(vq_jvalue *rest, bool last, vq_jvalue *word)
{
    int32_t c;
    *rest = vq_jstrip(*rest, true, false);
    size_t n = 0;
    for (size_t len; n < rest->text.n; n += len) {
        len = vq_jchar(rest->text.s + n, rest->text.n - n, &c);
        if (!last && vq_jspace(c)) break;
    }
    *word = vq_jtext(rest->text.s, n);
    *rest = vq_jtext(rest->text.s + n, rest->text.n - n);
    return n > 0;
}

static bool next_piece(vq_jvalue *rest, const vq_jvalue *by, bool last, bool *done,
                       vq_jvalue *piece)
{
    if (*done) return false;
    const size_t at = last ? SIZE_MAX : vq_jfind(rest, by, 0);
    *done = at == SIZE_MAX;
    *piece = vq_jtext(rest->text.s, *done ? rest->text.n : at);
    if (!*done) *rest = vq_jtext(rest->text.s + at + by->text.n, rest->text.n - at - by->text.n);
    return true;
}

vq_status vq_jsplit(vq_jrun *x, vq_jvalue text, const vq_jvalue *by, int64_t most, vq_jvalue *out)
{
    vq_jvalue rest = text, piece, *pieces = NULL;
    size_t n = 0;
    if (by && by->text.n == 0) return vq_jfail(x, "split by an empty text");
    VQ_TRY(vq_jspend(x, text.text.n * (by ? 2 + by->text.n / 8 : 8)));
    for (int turn = 0; turn < 2; turn++) { /* count, then keep */
        bool done = false;
        rest = text;
        if (turn == 1 && !(pieces = vq_jalloc(x, n, sizeof *pieces))) return x->e->status;
        for (n = 0;; n++) {
            const bool last = most >= 0 && n >= (size_t)most;
            if (by ? !next_piece(&rest, by, last, &done, &piece) : !next_word(&rest, last, &piece))
                break;
            if (turn == 1) pieces[n] = piece;
        }
    }
    return vq_jlist(x, pieces, n, VQ_J_LIST, out);
}

vq_status vq_jreplace(vq_jrun *x, vq_jvalue text, vq_jvalue from, vq_jvalue to, int64_t most,
                      vq_jvalue *out)
{
    vq_jbuffer b = {0};
    size_t at = 0, found;
    if (from.text.n == 0) return vq_jfail(x, "replace of an empty text");
    for (int64_t n = 0; n != most; at = found + from.text.n, n++) {
        VQ_TRY(vq_jsearch(x, &text, &from, at, &found));
        if (found == SIZE_MAX) break;
        VQ_TRY(vq_jput(x, &b, text.text.s + at, found - at));
        VQ_TRY(vq_jput(x, &b, to.text.s, to.text.n));
    }
    VQ_TRY(vq_jput(x, &b, text.text.s + at, text.text.n - at));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}
