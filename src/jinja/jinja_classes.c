/* jinja_classes.c -- the methods of strings that ask what their characters are. */
#include <string.h>
#include <utf8proc.h>

#include "jinja/jinja.h"

bool vq_jcased(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}

/* What Python's "isdigit" and the like ask of every character of a text that is not empty. */
static bool decimal(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

static bool digit(int32_t c)
{
    return decimal(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 ||
           (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
           (c >= 0x2460 && c <= 0x2468);
}

static bool numeric(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

static bool alphabetic(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static bool alphanumeric(int32_t c)
{
    return alphabetic(c) || numeric(c);
}

static bool no_capital(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k != UTF8PROC_CATEGORY_LU && k != UTF8PROC_CATEGORY_LT;
}

static bool no_small(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    return k != UTF8PROC_CATEGORY_LL && k != UTF8PROC_CATEGORY_LT;
}

static bool ascii(int32_t c)
{
    return c < 128;
}

/* Every character is `of`, and one at least `some`. */
static vq_status every(vq_jrun *x, const vq_jvalue *v, bool (*of)(int32_t c),
                       bool (*some)(int32_t c), vq_jvalue *out)
{
    int32_t c;
    bool all = true, one = false;
    VQ_TRY(vq_jspend(x, VQ_J_LOOK * v->text.n));
    for (size_t at = 0; at < v->text.n && all;) {
        at += vq_jchar(v->text.s + at, v->text.n - at, &c);
        all = of(c);
        one = one || some(c);
    }
    *out = vq_jbool(all && one);
    return VQ_OK;
}

#define EVERY(name, of, some)                                                                      \
    static vq_status name(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,             \
                          vq_jvalue *out)                                                          \
    {                                                                                              \
        (void)arg;                                                                                 \
        return every(x, v, of, some, out);                                                         \
    }

EVERY(text_isdecimal, decimal, decimal)
EVERY(text_isdigit, digit, digit)
EVERY(text_isnumeric, numeric, numeric)
EVERY(text_isalpha, alphabetic, alphabetic)
EVERY(text_isalnum, alphanumeric, alphanumeric)
EVERY(text_isspace, vq_jspace, vq_jspace)
EVERY(text_isupper, no_small, vq_jcased)
EVERY(text_islower, no_capital, vq_jcased)

static vq_status text_isascii(vq_jrun *x, const vq_jvalue *v, const vq_jvalue *const *arg,
                              vq_jvalue *out)
{
    (void)arg;
    VQ_TRY(every(x, v, ascii, ascii, out));
    if (v->text.n == 0) *out = vq_jbool(true);
    return VQ_OK;
}

const vq_jbuiltin vq_jclass_methods[] = {
    {"isdecimal", text_isdecimal, {NULL}, 0}, {"isdigit", text_isdigit, {NULL}, 0},
    {"isnumeric", text_isnumeric, {NULL}, 0}, {"isalpha", text_isalpha, {NULL}, 0},
    {"isalnum", text_isalnum, {NULL}, 0},     {"isspace", text_isspace, {NULL}, 0},
    {"isupper", text_isupper, {NULL}, 0},     {"islower", text_islower, {NULL}, 0},
    {"isascii", text_isascii, {NULL}, 0},     {NULL, NULL, {NULL}, 0},
};
