/* jinja_text_filters.c -- the filters of text. */
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

static vq_status filter_trim(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                             vq_jvalue *out)
{
    vq_jvalue text;
    VQ_TRY(vq_jneed_text(x, arg[0]));
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jstrip_by(x, text, arg[0], true, true, out);
}

static vq_status change_case(vq_jrun *x, const vq_jvalue *v, bool upper, vq_jvalue *out)
{
    vq_jvalue text;
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jcase(x, text, upper, out);
}

static vq_status filter_upper(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    (void)arg;
    return change_case(x, v, true, out);
}

static vq_status filter_lower(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    (void)arg;
    return change_case(x, v, false, out);
}

static vq_status filter_capitalize(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                   vq_jvalue *out)
{
    vq_jvalue text, first, rest;
    vq_jbuffer b = {0};
    int32_t c;
    (void)arg;
    VQ_TRY(vq_jstring(x, v, &text));
    const size_t n = text.text.n ? vq_jchar(text.text.s, text.text.n, &c) : 0;
    VQ_TRY(vq_jcase(x, vq_jtext(text.text.s, n), true, &first));
    VQ_TRY(vq_jcase(x, vq_jtext(text.text.s + n, text.text.n - n), false, &rest));
    VQ_TRY(vq_jput(x, &b, first.text.s, first.text.n));
    VQ_TRY(vq_jput(x, &b, rest.text.s, rest.text.n));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

/* The letter behind white space and some signs is a capital, the others are small. */
static int32_t title_char(int32_t c, int32_t before)
{
    const bool first =
        before == 0 || vq_jspace(before) || (before < 128 && strchr("-({[<", (char)before));
    return first ? utf8proc_toupper(c) : utf8proc_tolower(c);
}

static vq_status filter_title(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    vq_jvalue text;
    (void)arg;
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jeach(x, text, title_char, out);
}

static const vq_jvalue *given_count(const vq_jvalue *v)
{
    return v && v->kind != VQ_J_NONE ? v : NULL;
}

static vq_status filter_replace(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                vq_jvalue *out)
{
    vq_jvalue text;
    VQ_TRY(vq_jneed_text(x, arg[0]));
    VQ_TRY(vq_jneed_text(x, arg[1]));
    int64_t most;
    VQ_TRY(vq_jneed_int(x, given_count(arg[2]), -1, &most));
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jreplace(x, text, *arg[0], *arg[1], most, out);
}

/* Every line but the first goes in; empty ones when `blank` says so. */
static vq_status filter_indent(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    const vq_jvalue space = vq_jtext(" ", 1), four = vq_jint(4), *width = arg[0] ? arg[0] : &four;
    vq_jvalue lines, by = *width;
    vq_jbuffer b = {0};
    const bool first = arg[1] && vq_jtruth(arg[1]), blank = arg[2] && vq_jtruth(arg[2]);
    VQ_TRY(vq_jneed_text(x, v));
    if (width->kind != VQ_J_STRING) VQ_TRY(vq_jarithmetic(x, VQ_J_MUL, &space, width, &by));
    VQ_TRY(vq_jarithmetic(x, VQ_J_ADD, v, &(vq_jvalue){.kind = VQ_J_STRING, .text = {"\n", 1}},
                          &lines)); /* so that an end of a line has an empty one behind it */
    VQ_TRY(vq_jlines(x, lines, false, &lines));
    for (size_t i = 0; i < lines.list.n; i++) {
        const vq_jvalue *line = &lines.list.at[i];
        if (i) VQ_TRY(vq_jput(x, &b, "\n", 1));
        if (i ? blank || line->text.n : first) VQ_TRY(vq_jput(x, &b, by.text.s, by.text.n));
        VQ_TRY(vq_jput(x, &b, line->text.s, line->text.n));
    }
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static vq_status filter_wordcount(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                  vq_jvalue *out)
{
    vq_jvalue text;
    int32_t c;
    int64_t n = 0;
    bool inside = false;
    (void)arg;
    VQ_TRY(vq_jstring(x, v, &text));
    VQ_TRY(vq_jspend(x, VQ_J_LOOK * text.text.n));
    for (size_t at = 0; at < text.text.n;) {
        at += vq_jchar(text.text.s + at, text.text.n - at, &c);
        n += vq_jword(c) && !inside;
        inside = vq_jword(c);
    }
    *out = vq_jint(n);
    return VQ_OK;
}

static vq_status filter_center(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    vq_jvalue text;
    int64_t width;
    VQ_TRY(vq_jneed_int(x, arg[0], 80, &width));
    VQ_TRY(vq_jstring(x, v, &text));
    return vq_jpad(x, &text, width, 1, NULL, out);
}

static vq_status filter_format(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    vq_jvalue text;
    const bool named = arg[1]->list.n > 0;
    VQ_TRY(vq_jstring(x, v, &text));
    if (named && arg[0]->list.n)
        return vq_jfail(x, "format takes arguments with names, or without");
    return vq_jpercent(x, &text, arg[named ? 1 : 0], out);
}

/* At most `length` characters, `end` among them, unless `leeway` more would do. */
static vq_status filter_truncate(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                                 vq_jvalue *out)
{
    const vq_jvalue dots = vq_jtext("...", 3), *end = arg[2] ? arg[2] : &dots,
                    space = vq_jtext(" ", 1);
    int64_t length, leeway, n, tail;
    size_t at = SIZE_MAX;
    vq_jvalue text, kept;
    VQ_TRY(vq_jneed_text(x, end));
    VQ_TRY(vq_jneed_int(x, arg[0], 255, &length));
    VQ_TRY(vq_jneed_int(x, arg[3], 5, &leeway));
    VQ_TRY(vq_jstring(x, v, &text));
    VQ_TRY(vq_jlength(x, &text, &n));
    VQ_TRY(vq_jlength(x, end, &tail));
    if (length < tail || leeway < 0)
        return vq_jfail(x, "truncate to fewer characters than its end has");
    *out = text;
    if (n <= length || n - length <= leeway) return VQ_OK;
    VQ_TRY(vq_jspend(x, VQ_J_LOOK * text.text.n));
    kept = vq_jpart(text, 0, length - tail);
    if (!arg[1] || !vq_jtruth(arg[1])) VQ_TRY(vq_jsearch_last(x, &kept, &space, &at));
    if (at != SIZE_MAX) kept = vq_jbytes(&kept, 0, at);
    return vq_jarithmetic(x, VQ_J_ADD, &kept, end, out);
}

/* What HTML would read as a sign of its own. */
static vq_status filter_escape(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                               vq_jvalue *out)
{
    static const char signs[] = "&<>'\"", *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;",
                                                            "&#34;"};
    vq_jvalue text;
    vq_jbuffer b = {0};
    (void)arg;
    VQ_TRY(vq_jstring(x, v, &text));
    for (size_t i = 0; i < text.text.n; i++) {
        const char *s = text.text.s + i, *sign = *s ? strchr(signs, *s) : NULL,
                   *name = sign ? names[sign - signs] : s;
        VQ_TRY(vq_jput(x, &b, name, sign ? strlen(name) : 1));
    }
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

const vq_jbuiltin vq_jtext_filters[] = {
    {"trim", filter_trim, {"chars"}, 0},
    {"upper", filter_upper, {NULL}, 0},
    {"lower", filter_lower, {NULL}, 0},
    {"capitalize", filter_capitalize, {NULL}, 0},
    {"title", filter_title, {NULL}, 0},
    {"replace", filter_replace, {"old", "new", "count"}, 2},
    {"indent", filter_indent, {"width", "first", "blank"}, 0},
    {"wordcount", filter_wordcount, {NULL}, 0},
    {"center", filter_center, {"width"}, 0},
    {"format", filter_format, {NULL}, VQ_J_OPEN},
    {"truncate", filter_truncate, {"length", "killwords", "end", "leeway"}, 0},
    {"escape", filter_escape, {NULL}, 0},
    {"e", filter_escape, {NULL}, 0},
    {"forceescape", filter_escape, {NULL}, 0},
    {NULL, NULL, {NULL}, 0},
};
