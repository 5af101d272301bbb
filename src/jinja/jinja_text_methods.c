/* jinja_text_methods.c -- the methods of strings that chat templates call. */
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

static vq_status need_text(vq_jrun *x, const vq_jvalue *v)
{
    return !v || v->kind == VQ_J_STRING || v->kind == VQ_J_NONE
               ? VQ_OK
               : vq_jfail(x, "%s where a string is needed", vq_jname(v));
}

/* None as an argument says what leaving it out says. */
static const vq_jvalue *given(const vq_jvalue *v)
{
    return v && v->kind == VQ_J_STRING ? v : NULL;
}

static vq_status strip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *set, bool left, bool right,
                       vq_jvalue *out)
{
    VQ_TRY(need_text(x, set));
    return vq_jstrip_by(x, *v, given(set), left, right, out);
}

static vq_status text_strip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return strip(x, v, arg[0], true, true, out);
}

static vq_status text_lstrip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return strip(x, v, arg[0], true, false, out);
}

static vq_status text_rstrip(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return strip(x, v, arg[0], false, true, out);
}

static vq_status text_upper(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    (void)arg;
    return vq_jcase(x, *v, true, out);
}

static vq_status text_lower(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    (void)arg;
    return vq_jcase(x, *v, false, out);
}

static vq_status at_end(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *what, bool front,
                        bool *yes)
{
    if (what->kind != VQ_J_STRING)
        return vq_jfail(x, "%s where a string is needed", vq_jname(what));
    const size_t n = what->text.n;
    VQ_TRY(vq_jspend(x, VQ_J_STEP + (n <= v->text.n ? n : 0)));
    *yes = n <= v->text.n &&
           (n == 0 || memcmp(front ? v->text.s : v->text.s + v->text.n - n, what->text.s, n) == 0);
    return VQ_OK;
}

/* One of a tuple's texts will do. */
static vq_status any_at_end(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *what, bool front,
                            vq_jvalue *out)
{
    bool yes = false;
    const bool many = what->kind == VQ_J_LIST && what->tuple;
    if (!many) VQ_TRY(at_end(x, v, what, front, &yes));
    for (size_t i = 0; many && !yes && i < what->list.n; i++)
        VQ_TRY(at_end(x, v, &what->list.at[i], front, &yes));
    *out = vq_jbool(yes);
    return VQ_OK;
}

static vq_status text_startswith(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    return any_at_end(x, v, arg[0], true, out);
}

static vq_status text_endswith(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    return any_at_end(x, v, arg[0], false, out);
}

static vq_status text_split(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    VQ_TRY(need_text(x, arg[0]));
    if (arg[1] && arg[1]->kind != VQ_J_INT)
        return vq_jfail(x, "%s as the maxsplit of split", vq_jname(arg[1]));
    return vq_jsplit(x, *v, given(arg[0]), arg[1] ? arg[1]->i : -1, out);
}

static vq_status text_replace(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    for (int i = 0; i < 2; i++)
        if (arg[i]->kind != VQ_J_STRING)
            return vq_jfail(x, "%s where a string is needed", vq_jname(arg[i]));
    int64_t most;
    VQ_TRY(vq_jneed_int(x, arg[2], -1, &most));
    return vq_jreplace(x, *v, *arg[0], *arg[1], most, out);
}

/* As many splits as `most` from the end on; what is left of them stays one piece. */
static vq_status split_right(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *by, size_t most,
                             vq_jvalue *out)
{
    size_t n = 0, at;
    vq_jvalue rest = *v,
              *pieces = vq_jalloc(x, most < v->text.n ? most + 1 : v->text.n + 1, sizeof *pieces);
    if (!pieces) return x->e->status;
    if (by->text.n == 0) return vq_jfail(x, "split by an empty text");
    for (; n < most; n++) {
        VQ_TRY(vq_jsearch_last(x, &rest, by, &at));
        if (at == SIZE_MAX) break;
        pieces[n] = vq_jbytes(&rest, at + by->text.n, rest.text.n);
        rest = vq_jbytes(&rest, 0, at);
    }
    pieces[n++] = rest;
    for (size_t i = 0; i < n / 2; i++) {
        const vq_jvalue swap = pieces[i];
        pieces[i] = pieces[n - 1 - i];
        pieces[n - 1 - i] = swap;
    }
    return vq_jlist(x, pieces, n, VQ_J_LIST, out);
}

/* The same at white space: the pieces from the left, of which the first ones are joined again. */
static vq_status split_words_right(vq_jrun *x, const vq_jvalue *v, size_t most, vq_jvalue *out)
{
    vq_jvalue all;
    VQ_TRY(vq_jsplit(x, *v, NULL, -1, &all));
    const size_t n = all.list.n;
    if (n <= most) {
        *out = all;
        return VQ_OK;
    }
    vq_jvalue *pieces = vq_jalloc(x, most + 1, sizeof *pieces);
    if (!pieces) return x->e->status;
    const vq_jvalue *last = &all.list.at[n - most - 1];
    pieces[0] = vq_jbytes(v, 0, (size_t)(last->text.s - v->text.s) + last->text.n);
    for (size_t i = 0; i < most; i++) pieces[i + 1] = all.list.at[n - most + i];
    return vq_jlist(x, pieces, most + 1, VQ_J_LIST, out);
}

static vq_status text_rsplit(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    int64_t most;
    VQ_TRY(need_text(x, arg[0]));
    VQ_TRY(vq_jneed_int(x, arg[1], -1, &most));
    const size_t splits = most < 0 ? v->text.n : (size_t)most;
    return given(arg[0]) ? split_right(x, v, arg[0], splits, out)
                         : split_words_right(x, v, splits, out);
}

static vq_status text_splitlines(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    return vq_jlines(x, *v, arg[0] && vq_jtruth(arg[0]), out);
}

/* Before, the text that is looked for, behind it. Not found: all of it, and two empty texts on the
 * other side. */
static vq_status partition(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *by, bool last,
                           vq_jvalue *out)
{
    const vq_jvalue empty = vq_jtext("", 0);
    vq_jvalue *part = vq_jalloc(x, 3, sizeof *part);
    size_t at;
    if (!part) return x->e->status;
    VQ_TRY(vq_jneed_text(x, by));
    if (by->text.n == 0) return vq_jfail(x, "partition by an empty text");
    VQ_TRY(last ? vq_jsearch_last(x, v, by, &at) : vq_jsearch(x, v, by, 0, &at));
    const bool found = at != SIZE_MAX;
    part[0] = found ? vq_jbytes(v, 0, at) : last ? empty : *v;
    part[1] = found ? *by : empty;
    part[2] = found ? vq_jbytes(v, at + by->text.n, v->text.n) : last ? *v : empty;
    VQ_TRY(vq_jlist(x, part, 3, VQ_J_LIST, out));
    out->tuple = true;
    return VQ_OK;
}

static vq_status text_partition(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                vq_jvalue *out)
{
    return partition(x, v, arg[0], false, out);
}

static vq_status text_rpartition(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    return partition(x, v, arg[0], true, out);
}

static vq_status text_removeprefix(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                   vq_jvalue *out)
{
    bool yes = false;
    VQ_TRY(at_end(x, v, arg[0], true, &yes));
    *out = yes ? vq_jbytes(v, arg[0]->text.n, v->text.n) : *v;
    return VQ_OK;
}

static vq_status text_removesuffix(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                   vq_jvalue *out)
{
    bool yes = false;
    VQ_TRY(at_end(x, v, arg[0], false, &yes));
    *out = yes ? vq_jbytes(v, 0, v->text.n - arg[0]->text.n) : *v;
    return VQ_OK;
}

/* An end of the part that is looked at, as of a slice. */
static vq_status part_end(vq_jrun *x, const vq_jvalue *v, int64_t other, int64_t n, int64_t *end)
{
    VQ_TRY(vq_jneed_int(x, v && v->kind != VQ_J_NONE ? v : NULL, other, end));
    if (*end < 0) *end = *end + n < 0 ? 0 : *end + n;
    if (*end > n + 1) *end = n + 1;
    return VQ_OK;
}

/* The place of arg[0] in characters, between arg[1] and arg[2]; -1: it is not there. */
static vq_status place_of(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, bool last,
                          int64_t *place)
{
    int64_t n, from, to;
    size_t at = SIZE_MAX;
    VQ_TRY(vq_jneed_text(x, arg[0]));
    VQ_TRY(vq_jlength(x, v, &n));
    VQ_TRY(vq_jspend(x, VQ_J_LOOK * v->text.n));
    VQ_TRY(part_end(x, arg[1], 0, n, &from));
    VQ_TRY(part_end(x, arg[2], n, n, &to));
    *place = -1;
    if (from > n || from > to) return VQ_OK;
    const vq_jvalue part = from == 0 && to >= n ? *v : vq_jpart(*v, from, to);
    VQ_TRY(last ? vq_jsearch_last(x, &part, arg[0], &at) : vq_jsearch(x, &part, arg[0], 0, &at));
    if (at == SIZE_MAX) return VQ_OK;
    const vq_jvalue before = vq_jbytes(&part, 0, at);
    VQ_TRY(vq_jlength(x, &before, place));
    *place += from;
    return VQ_OK;
}

static vq_status find(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, bool last,
                      bool needed, vq_jvalue *out)
{
    int64_t place;
    VQ_TRY(place_of(x, v, arg, last, &place));
    *out = vq_jint(place);
    return place < 0 && needed ? vq_jfail(x, "index of a text that is not there") : VQ_OK;
}

static vq_status text_find(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                           vq_jvalue *out)
{
    return find(x, v, arg, false, false, out);
}

static vq_status text_rfind(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return find(x, v, arg, true, false, out);
}

static vq_status text_index(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return find(x, v, arg, false, true, out);
}

static vq_status text_rindex(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return find(x, v, arg, true, true, out);
}

static vq_status text_count(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    int64_t n = 0;
    VQ_TRY(vq_jneed_text(x, arg[0]));
    if (arg[0]->text.n == 0) VQ_TRY(vq_jlength(x, v, &n));
    if (arg[0]->text.n == 0) n++;
    for (size_t at = 0; arg[0]->text.n; n++, at += arg[0]->text.n) {
        VQ_TRY(vq_jsearch(x, v, arg[0], at, &at));
        if (at == SIZE_MAX) break;
    }
    *out = vq_jint(n);
    return VQ_OK;
}

static vq_status pad(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg, int share,
                     vq_jvalue *out)
{
    int64_t width;
    VQ_TRY(vq_jneed_int(x, arg[0], 0, &width));
    VQ_TRY(vq_jneed_text(x, arg[1]));
    return vq_jpad(x, v, width, share, arg[1], out);
}

static vq_status text_ljust(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return pad(x, v, arg, 0, out);
}

static vq_status text_center(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return pad(x, v, arg, 1, out);
}

static vq_status text_rjust(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    return pad(x, v, arg, 2, out);
}

static vq_status text_zfill(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    const vq_jvalue zero = vq_jtext("0", 1);
    const size_t sign = v->text.n && (v->text.s[0] == '-' || v->text.s[0] == '+');
    vq_jvalue digits = vq_jbytes(v, sign, v->text.n);
    int64_t width;
    vq_jbuffer b = {0};
    VQ_TRY(vq_jneed_int(x, arg[0], 0, &width));
    VQ_TRY(
        vq_jpad(x, &digits, width > (int64_t)sign ? width - (int64_t)sign : 0, 2, &zero, &digits));
    VQ_TRY(vq_jput(x, &b, v->text.s, sign));
    VQ_TRY(vq_jput(x, &b, digits.text.s, digits.text.n));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static vq_status text_join(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                           vq_jvalue *out)
{
    const vq_jvalue *at;
    size_t n;
    vq_jbuffer b = {0};
    VQ_TRY(vq_jiterate(x, arg[0], &at, &n));
    for (size_t i = 0; i < n; i++) {
        VQ_TRY(vq_jneed_text(x, &at[i]));
        if (i) VQ_TRY(vq_jput(x, &b, v->text.s, v->text.n));
        VQ_TRY(vq_jput(x, &b, at[i].text.s, at[i].text.n));
    }
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static int32_t capital_char(int32_t c, int32_t before)
{
    return before == 0 ? utf8proc_totitle(c) : utf8proc_tolower(c);
}

static int32_t title_char(int32_t c, int32_t before)
{
    return vq_jcased(before) ? utf8proc_tolower(c) : utf8proc_totitle(c);
}

static int32_t swapped_char(int32_t c, int32_t before)
{
    (void)before;
    return utf8proc_category(c) == UTF8PROC_CATEGORY_LU ? utf8proc_tolower(c) : utf8proc_toupper(c);
}

static vq_status text_capitalize(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    (void)arg;
    return vq_jeach(x, *v, capital_char, out);
}

static vq_status text_title(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                            vq_jvalue *out)
{
    (void)arg;
    return vq_jeach(x, *v, title_char, out);
}

static vq_status text_swapcase(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    (void)arg;
    return vq_jeach(x, *v, swapped_char, out);
}

static vq_status text_format(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    return vq_jbraces(x, v, arg, out);
}

const vq_jbuiltin vq_jtext_methods[] = {
    {"strip", text_strip, {"chars"}, 0},
    {"lstrip", text_lstrip, {"chars"}, 0},
    {"rstrip", text_rstrip, {"chars"}, 0},
    {"upper", text_upper, {NULL}, 0},
    {"lower", text_lower, {NULL}, 0},
    {"casefold", text_lower, {NULL}, 0},
    {"capitalize", text_capitalize, {NULL}, 0},
    {"title", text_title, {NULL}, 0},
    {"swapcase", text_swapcase, {NULL}, 0},
    {"startswith", text_startswith, {"prefix"}, 1},
    {"endswith", text_endswith, {"suffix"}, 1},
    {"removeprefix", text_removeprefix, {"prefix"}, 1},
    {"removesuffix", text_removesuffix, {"suffix"}, 1},
    {"split", text_split, {"sep", "maxsplit"}, 0},
    {"rsplit", text_rsplit, {"sep", "maxsplit"}, 0},
    {"splitlines", text_splitlines, {"keepends"}, 0},
    {"partition", text_partition, {"sep"}, 1},
    {"rpartition", text_rpartition, {"sep"}, 1},
    {"replace", text_replace, {"old", "new", "count"}, 2},
    {"find", text_find, {"sub", "start", "end"}, 1},
    {"rfind", text_rfind, {"sub", "start", "end"}, 1},
    {"index", text_index, {"sub", "start", "end"}, 1},
    {"rindex", text_rindex, {"sub", "start", "end"}, 1},
    {"count", text_count, {"sub"}, 1},
    {"ljust", text_ljust, {"width", "fillchar"}, 1},
    {"rjust", text_rjust, {"width", "fillchar"}, 1},
    {"center", text_center, {"width", "fillchar"}, 1},
    {"zfill", text_zfill, {"width"}, 1},
    {"join", text_join, {"iterable"}, 1},
    {"format", text_format, {NULL}, VQ_J_OPEN},
    {NULL, NULL, {NULL}, 0},
};
