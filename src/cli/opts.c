/* opts.c -- arguments and environment against the option table. */
#include "cli/opts.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "cli/foreign.h"

const vq_flag *vq_flag_find(const char *name, size_t len, unsigned mask)
{
    for (const vq_flag *f = vq_flags; f->name; f++)
        if ((f->commands & mask) && strlen(f->name) == len && strncmp(f->name, name, len) == 0)
            return f;
    return NULL;
}

static const vq_flag *find_letter(char letter, unsigned mask)
{
    for (const vq_flag *f = vq_flags; f->name; f++)
        if ((f->commands & mask) && f->letter == letter) return f;
    return NULL;
}

static vq_status unknown_option(const char *name, size_t len, const char *value, unsigned mask,
                                vq_err *e)
{
    const char *known[64];
    char given[64], text[VQ_FOREIGN];
    int n = 0;
    for (const vq_flag *f = vq_flags; f->name; f++)
        if (f->commands & mask) known[n++] = f->name;
    snprintf(given, sizeof given, "%.*s", (int)(len < 60 ? len : 60), name);
    const char *here = vq_foreign_option(given, value, text);
    if (here) return vq_fail(e, VQ_E_RECIPE, "no option --%s here: %s", given, here);
    const char *near = vq_nearest(given, known, n);
    if (near)
        return vq_fail(e, VQ_E_RECIPE, "unknown option --%s; did you mean --%s?", given, near);
    return vq_fail(e, VQ_E_RECIPE, "unknown option --%s", given);
}

static vq_status set_int(int64_t *out, const vq_flag *f, const char *what, const char *text,
                         vq_err *e)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || v < f->min || v > f->max) {
        if (f->max == INT64_MAX && errno != ERANGE)
            return vq_fail(e, VQ_E_RECIPE, "%s needs a whole number, at least %lld; got '%s'", what,
                           (long long)f->min, text);
        return vq_fail(e, VQ_E_RECIPE, "%s needs a whole number from %lld to %lld; got '%s'", what,
                       (long long)f->min, (long long)f->max, text);
    }
    *out = v;
    return VQ_OK;
}

/* Bytes: a number and K, M, G or T (powers of 1024), also written Ki, KiB, KB. */
static vq_status set_size(int64_t *out, const char *what, const char *text, vq_err *e)
{
    static const char units[] = "KMGT";
    char *end;
    double v = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    const bool number = end != text && strspn(text, "0123456789.") == (size_t)(end - text);
    if (unit && *unit) {
        for (const char *u = units; u <= unit; u++) v *= 1024;
        end++;
        if (*end == 'i') end++;
    }
    if (*end == 'B') end++;
    if (!number || *end || !(v >= 1) || v > 0x1p62)
        return vq_fail(e, VQ_E_RECIPE, "%s needs a size such as 512M or 16G; got '%s'", what, text);
    *out = (int64_t)v;
    return VQ_OK;
}

static vq_status set_choice(const char **out, const vq_flag *f, const char *what, const char *text,
                            vq_err *e)
{
    const size_t len = strlen(text);
    for (const char *p = f->value; len && p;) {
        if (strncmp(p, text, len) == 0 && (p[len] == '|' || !p[len])) {
            *out = text;
            return VQ_OK;
        }
        p = strchr(p, '|');
        if (p) p++;
    }
    return vq_fail(e, VQ_E_RECIPE, "%s is one of %s; got '%s'", what, f->value, text);
}

static vq_status add_text(vq_text_list *l, const char *what, const char *text, vq_err *e)
{
    if (l->n == VQ_MAX_SETS)
        return vq_fail(e, VQ_E_RECIPE, "%s is given more than %d times", what, VQ_MAX_SETS);
    l->text[l->n++] = text;
    return VQ_OK;
}

static vq_status set_real(double *out, const vq_flag *f, const char *what, const char *text,
                          vq_err *e)
{
    char *end;
    const double v = strtod(text, &end);
    const bool number = end != text && strspn(text, "0123456789.eE+-") == (size_t)(end - text);
    if (!number || *end || v < (double)f->min || v > (double)f->max)
        return vq_fail(e, VQ_E_RECIPE, "%s needs a number from %lld to %lld; got '%s'", what,
                       (long long)f->min, (long long)f->max, text);
    *out = v;
    return VQ_OK;
}

static vq_status set_list(vq_text_list *l, const char *what, const char *text, vq_err *e)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s needs KEY=VALUE, for instance calib.samples=64; got '%s'", what, text);
    return add_text(l, what, text, e);
}

static vq_status set_value(vq_args *a, const vq_flag *f, const char *what, const char *text,
                           vq_err *e)
{
    void *at = (char *)a + f->offset;
    switch (f->type) {
    case VQ_FLAG_SWITCH:
        *(bool *)at = true;
        return VQ_OK;
    case VQ_FLAG_COUNT:
        ++*(int64_t *)at;
        return VQ_OK;
    case VQ_FLAG_INT:
        return set_int(at, f, what, text, e);
    case VQ_FLAG_SIZE:
        return set_size(at, what, text, e);
    case VQ_FLAG_CHOICE:
        return set_choice(at, f, what, text, e);
    case VQ_FLAG_LIST:
        return set_list(at, what, text, e);
    case VQ_FLAG_REAL:
        return set_real(at, f, what, text, e);
    case VQ_FLAG_TEXTS:
    case VQ_FLAG_TEXT:
        break;
    }
    if (!*text) return vq_fail(e, VQ_E_RECIPE, "%s needs a value", what);
    if (f->type == VQ_FLAG_TEXTS) return add_text(at, what, text, e);
    *(const char **)at = text;
    return VQ_OK;
}

static bool may_repeat(const vq_flag *f)
{
    return f->type == VQ_FLAG_LIST || f->type == VQ_FLAG_TEXTS || f->type == VQ_FLAG_COUNT ||
           f->type == VQ_FLAG_SWITCH;
}

/* An option on the command line; a second value for the same one would silently lose the first. */
static vq_status set_flag(vq_args *a, const vq_flag *f, const char *text, vq_err *e)
{
    char what[40];
    vq_origin *origin = &a->origin[f - vq_flags];
    snprintf(what, sizeof what, "--%s", f->name);
    if (*origin == VQ_FROM_FLAG && !may_repeat(f))
        return vq_fail(e, VQ_E_RECIPE, "%s is given twice", what);
    *origin = VQ_FROM_FLAG;
    return set_value(a, f, what, text, e);
}

static bool takes_value(const vq_flag *f)
{
    return f->type != VQ_FLAG_SWITCH && f->type != VQ_FLAG_COUNT;
}

static vq_status parse_long(vq_args *a, unsigned command, int *i, int argc, char **argv, vq_err *e)
{
    const char *name = argv[*i] + 2;
    const size_t len = strcspn(name, "=");
    const vq_flag *f = vq_flag_find(name, len, command);
    const char *text = name[len] ? name + len + 1 : NULL;
    if (!f) return unknown_option(name, len, text ? text : argv[*i + 1], command, e);
    if (!takes_value(f) && text) return vq_fail(e, VQ_E_RECIPE, "--%s takes no value", f->name);
    if (takes_value(f) && !text) {
        if (*i + 1 >= argc)
            return vq_fail(e, VQ_E_RECIPE, "--%s needs a value: %s", f->name, f->value);
        text = argv[++*i];
    }
    return set_flag(a, f, text ? text : "", e);
}

/* -x, -xVALUE, -x VALUE, and bundles of switches such as -vv. */
static vq_status parse_letters(vq_args *a, unsigned command, int *i, int argc, char **argv,
                               vq_err *e)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const vq_flag *f = find_letter(*p, command);
        if (!f) return vq_fail(e, VQ_E_RECIPE, "unknown option -%c", *p);
        if (!takes_value(f)) {
            VQ_TRY(set_flag(a, f, "", e));
            continue;
        }
        if (!p[1] && *i + 1 >= argc)
            return vq_fail(e, VQ_E_RECIPE, "-%c needs a value: %s", *p, f->value);
        return set_flag(a, f, p[1] ? p + 1 : argv[++*i], e);
    }
    return VQ_OK;
}

static vq_status add_operand(vq_args *a, const char *text, vq_err *e)
{
    if (a->noperands == VQ_MAX_OPERANDS)
        return vq_fail(e, VQ_E_RECIPE,
                       "too many arguments: '%s' is one more than any command takes", text);
    if (!*text) return vq_fail(e, VQ_E_RECIPE, "an argument is empty");
    a->operands[a->noperands++] = text;
    return VQ_OK;
}

static vq_status parse_environment(vq_args *a, unsigned command, vq_err *e)
{
    for (const vq_flag *f = vq_flags; f->name; f++) {
        const char *text = f->env && (f->commands & command) ? getenv(f->env) : NULL;
        if (!text || !*text) continue;
        a->origin[f - vq_flags] = VQ_FROM_ENVIRONMENT;
        VQ_TRY(set_value(a, f, f->env, text, e));
    }
    return VQ_OK;
}

/* The seed is a value of the recipe, where the command has one: it travels as one more override. */
static vq_status seed_to_set(vq_args *a, vq_err *e)
{
    const vq_flag *f = vq_flag_find("seed", 4, VQ_CMD_PLAN);
    const vq_origin origin = a->origin[f - vq_flags];
    if (origin == VQ_FROM_BUILTIN) return VQ_OK;
    for (int i = 0; i < a->sets.n; i++) {
        if (strncmp(a->sets.text[i], "calib.seed=", 11) != 0) continue;
        if (origin == VQ_FROM_ENVIRONMENT) return VQ_OK;
        return vq_fail(e, VQ_E_RECIPE, "--seed and --set calib.seed both give the seed");
    }
    snprintf(a->seed_set, sizeof a->seed_set, "calib.seed=%lld", (long long)a->seed);
    a->sets.text[a->sets.n++] = a->seed_set;
    return VQ_OK;
}

static void set_builtin(vq_args *a)
{
    *a = (vq_args){.isa = "auto",
                   .numeric = "fast",
                   .progress = "auto",
                   .max_tokens = 128,
                   .top = 10,
                   .temperature = 1,
                   .top_p = 1};
    a->threads = omp_get_max_threads();
}

vq_status vq_args_need_recipe(const vq_args *a, vq_err *e)
{
    if (!a->recipe && !a->recipes.n)
        return vq_fail(e, VQ_E_RECIPE,
                       "no recipe: give one with -r; `vq recipe list` shows the shipped ones");
    return VQ_OK;
}

vq_status vq_args_parse(vq_args *a, unsigned command, int argc, char **argv, vq_err *e)
{
    bool options = true;
    set_builtin(a);
    VQ_TRY(parse_environment(a, command, e));
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (options && strcmp(arg, "--") == 0)
            options = false;
        else if (options && arg[0] == '-' && arg[1] == '-')
            VQ_TRY(parse_long(a, command, &i, argc, argv, e));
        else if (options && arg[0] == '-' && arg[1] && !strchr("0123456789.", arg[1]))
            VQ_TRY(parse_letters(a, command, &i, argc, argv, e));
        else
            VQ_TRY(add_operand(a, arg, e));
    }
    return seed_to_set(a, e);
}

/* As set_size reads it. */
static void put_size(char *buf, size_t len, int64_t bytes)
{
    static const char *const units[] = {"", "K", "M", "G", "T"};
    int u = 0;
    for (; bytes && bytes % 1024 == 0 && u < 4; u++) bytes /= 1024;
    if (bytes == 0)
        snprintf(buf, len, "none");
    else
        snprintf(buf, len, "%lld%s", (long long)bytes, units[u]);
}

const char *vq_flag_text(const vq_args *a, const vq_flag *f, char *buf, size_t len)
{
    const void *at = (const char *)a + f->offset;
    const char *text = NULL;
    buf[0] = 0;
    if (f->type == VQ_FLAG_SWITCH)
        text = *(const bool *)at ? "yes" : "no";
    else if (f->type == VQ_FLAG_TEXT || f->type == VQ_FLAG_CHOICE)
        text = *(const char *const *)at;
    else if (f->type == VQ_FLAG_SIZE)
        put_size(buf, len, *(const int64_t *)at);
    else if (f->type == VQ_FLAG_REAL)
        snprintf(buf, len, "%g", *(const double *)at);
    else if (f->type != VQ_FLAG_LIST && f->type != VQ_FLAG_TEXTS)
        snprintf(buf, len, "%lld", (long long)*(const int64_t *)at);
    return text ? text : buf;
}

const char *vq_origin_name(vq_origin o)
{
    static const char *const names[] = {"built-in", "environment", "flag"};
    return names[o];
}
