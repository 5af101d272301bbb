/* jinja_globals.c -- the functions that a chat template finds: namespace, dict, range and those of
 * transformers. */
#include <string.h>
#include <time.h>

#include "jinja/jinja.h"

/* namespace(a=1), dict(a=1) */
static vq_status call_namespace(vq_jrun *x, const vq_jarguments *args, vq_jvalue *out)
{
    vq_jframe *space = vq_jalloc(x, 1, sizeof *space);
    if (!space) return x->e->status;
    *space = (vq_jframe){0};
    for (size_t i = 0; i < args->n; i++) {
        if (!args->names[i]) return vq_jfail(x, "namespace() takes name=value only");
        VQ_TRY(vq_jbind(x, space, args->names[i], &args->at[i]));
    }
    *out = (vq_jvalue){.kind = VQ_J_SPACE, .space = space};
    return VQ_OK;
}

static vq_status call_dict(vq_jrun *x, const vq_jarguments *args, vq_jvalue *out)
{
    vq_jvalue *at = vq_jalloc(x, args->n, 2 * sizeof *at);
    if (!at) return x->e->status;
    for (size_t i = 0; i < args->n; i++) {
        if (!args->names[i]) return vq_jfail(x, "dict() takes name=value only");
        at[2 * i] = vq_jtext(args->names[i], strlen(args->names[i]));
        at[2 * i + 1] = args->at[i];
    }
    return vq_jlist(x, at, args->n, VQ_J_MAP, out);
}

static vq_status call_raise(vq_jrun *x, const vq_jarguments *args, vq_jvalue *out)
{
    vq_jvalue text;
    (void)out;
    if (args->n != 1) return vq_jfail(x, "raise_exception() takes one text");
    VQ_TRY(vq_jstring(x, &args->at[0], &text));
    return vq_jfail(x, "the template refuses: %.*s", (int)(text.text.n < 300 ? text.text.n : 300),
                    text.text.s);
}

static vq_status call_range(vq_jrun *x, const vq_jarguments *args, vq_jvalue *out)
{
    int64_t part[3] = {0, 0, 1};
    if (args->n < 1 || args->n > 3) return vq_jfail(x, "range() takes one to three numbers");
    for (size_t i = 0; i < args->n; i++) {
        if (args->names[i] || args->at[i].kind != VQ_J_INT || args->at[i].i > INT32_MAX ||
            args->at[i].i < INT32_MIN)
            return vq_jfail(x, "range() takes one to three numbers below 2^31");
        part[args->n == 1 ? 1 : i] = args->at[i].i;
    }
    if (part[2] == 0) return vq_jfail(x, "range() with step 0");
    const int64_t span = part[2] > 0 ? part[1] - part[0] : part[0] - part[1],
                  step = part[2] > 0 ? part[2] : -part[2];
    const size_t n = span > 0 ? (size_t)((span + step - 1) / step) : 0;
    vq_jvalue *at = vq_jalloc(x, n, sizeof *at);
    if (!at) return x->e->status;
    for (size_t i = 0; i < n; i++) at[i] = vq_jint(part[0] + (int64_t)i * part[2]);
    return vq_jlist(x, at, n, VQ_J_LIST, out);
}

/* The day that templates see is always this one, that of the default in Llama 3.1's: the clock would
 * give other tokens tomorrow. */
static vq_status call_strftime_now(vq_jrun *x, const vq_jarguments *args, vq_jvalue *out)
{
    const struct tm day = {
        .tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_wday = 5, .tm_yday = 207};
    char format[128], text[256];
    if (args->n != 1 || args->at[0].kind != VQ_J_STRING || args->at[0].text.n >= sizeof format)
        return vq_jfail(x, "strftime_now() takes one text of at most %zu bytes", sizeof format - 1);
    memcpy(format, args->at[0].text.s, args->at[0].text.n);
    format[args->at[0].text.n] = '\0';
    if (strstr(format, "%s")) return vq_jfail(x, "strftime_now(): %%s is no date");
    const size_t n = strftime(text, sizeof text, format, &day);
    if (n == 0 && *format) return vq_jfail(x, "strftime_now(): the format gives too long a text");
    char *copy = vq_jalloc(x, n, 1);
    if (!copy) return x->e->status;
    memcpy(copy, text, n);
    *out = vq_jtext(copy, n);
    return VQ_OK;
}

vq_status vq_jglobal(vq_jrun *x, const char *name, const vq_jarguments *args, vq_jvalue *out)
{
    static const struct {
        const char *name;
        vq_status (*call)(vq_jrun *x, const vq_jarguments *args, vq_jvalue *out);
    } globals[] = {{"namespace", call_namespace},
                   {"dict", call_dict},
                   {"raise_exception", call_raise},
                   {"strftime_now", call_strftime_now},
                   {"range", call_range}};
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (strcmp(name, globals[i].name) == 0) return globals[i].call(x, args, out);
    return vq_jfail(x, "the function \"%.80s\" is not supported", name);
}
