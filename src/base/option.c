/* option.c -- typed options: defaults and text become values, wrong ones become errors that name
 * the nearest right one. */
#include "base/option.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static vq_status parse_int(const vq_option *o, const char *text, vq_option_value *v, vq_err *e)
{
    char *end;
    errno = 0;
    const long long i = strtoll(text, &end, 10);
    if (end == text || *end)
        return vq_fail(e, VQ_E_RECIPE, "%s: '%s' is not a whole number", o->name, text);
    if (errno || (double)i < o->min || (double)i > o->max)
        return vq_fail(e, VQ_E_RECIPE, "%s: %s is outside %.0f ... %.0f", o->name, text, o->min,
                       o->max);
    v->i = i;
    v->r = (double)i;
    return VQ_OK;
}

static vq_status parse_real(const vq_option *o, const char *text, vq_option_value *v, vq_err *e)
{
    char *end;
    const double r = strtod(text, &end);
    if (end == text || *end || r != r)
        return vq_fail(e, VQ_E_RECIPE, "%s: '%s' is not a number", o->name, text);
    if (r < o->min || r > o->max)
        return vq_fail(e, VQ_E_RECIPE, "%s: %s is outside %g ... %g", o->name, text, o->min,
                       o->max);
    v->r = r;
    return VQ_OK;
}

static vq_status parse_bool(const vq_option *o, const char *text, vq_option_value *v, vq_err *e)
{
    v->b = strcmp(text, "true") == 0;
    if (v->b || strcmp(text, "false") == 0) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE, "%s: '%s' is neither true nor false", o->name, text);
}

/* Second names of choices, by option. The value is the choice itself, so both spellings give the
 * same resolved recipe, hash and bytes. */
static const struct {
    const char *option, *alias, *choice;
} aliases[] = {
    {"curvature", "guidedquant", "token"}, /* arXiv 2505.07004 */
    {"curvature", "yaqa", "kronecker"},    /* arXiv 2505.22988 */
};

static const char *without_alias(const vq_option *o, const char *text)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].option, o->name) == 0 && strcmp(aliases[i].alias, text) == 0)
            return aliases[i].choice;
    return text;
}

static vq_status parse_choice(const vq_option *o, const char *given, vq_option_value *v, vq_err *e)
{
    const char *text = without_alias(o, given);
    const size_t n = strchr(text, '|') ? 0 : strlen(text);
    for (const char *p = o->choices; n && p; p = strchr(p, '|')) {
        if (*p == '|') p++;
        if (strncmp(p, text, n) == 0 && (p[n] == '|' || p[n] == 0)) {
            v->s = text;
            return VQ_OK;
        }
    }
    return vq_fail(e, VQ_E_RECIPE, "%s: '%s' is none of %s", o->name, given, o->choices);
}

static vq_status parse_value(const vq_option *o, const char *text, vq_option_value *v, vq_err *e)
{
    static vq_status (*const parsers[])(const vq_option *, const char *, vq_option_value *,
                                        vq_err *) = {[VQ_OPT_INT] = parse_int,
                                                     [VQ_OPT_REAL] = parse_real,
                                                     [VQ_OPT_BOOL] = parse_bool,
                                                     [VQ_OPT_CHOICE] = parse_choice};
    *v = (vq_option_value){0};
    return parsers[o->type](o, text, v, e);
}

void vq_option_defaults(vq_option_set *s, const vq_option *table)
{
    memset(s, 0, sizeof *s);
    s->table = table;
    for (int i = 0; table && table[i].name; i++) {
        assert(i < VQ_MAX_OPTIONS);
        vq_err e;
        const vq_status status = parse_value(&table[i], table[i].def, &s->value[i], &e);
        assert(status == VQ_OK);
        (void)status;
    }
}

static int find(const vq_option_set *s, const char *name)
{
    for (int i = 0; s->table && s->table[i].name; i++)
        if (strcmp(s->table[i].name, name) == 0) return i;
    return -1;
}

static vq_status unknown_option(const vq_option_set *s, const char *name, vq_err *e)
{
    const char *names[VQ_MAX_OPTIONS];
    int n = 0;
    for (; s->table && s->table[n].name; n++) names[n] = s->table[n].name;
    if (n == 0)
        return vq_fail(e, VQ_E_RECIPE, "unknown option '%s': there are no options here", name);
    const char *near = vq_nearest(name, names, n);
    if (near) return vq_fail(e, VQ_E_RECIPE, "unknown option '%s'; did you mean '%s'?", name, near);
    return vq_fail(e, VQ_E_RECIPE, "unknown option '%s'", name);
}

vq_status vq_option_parse(vq_option_set *s, const char *name, const char *text, vq_err *e)
{
    const int i = find(s, name);
    if (i < 0) return unknown_option(s, name, e);
    vq_option_value v;
    VQ_TRY(parse_value(&s->table[i], text, &v, e));
    s->value[i] = v;
    return VQ_OK;
}

const vq_option_value *vq_option_get(const vq_option_set *s, const char *name)
{
    const int i = find(s, name);
    return i < 0 ? NULL : &s->value[i];
}

bool vq_option_is(const vq_option_set *s, const char *name, const char *choice)
{
    return strcmp(vq_option_get(s, name)->s, choice) == 0;
}

static bool at_default(const vq_option *o, const vq_option_value *v)
{
    vq_option_value d;
    vq_err ignored;
    (void)parse_value(o, o->def, &d, &ignored);
    return v->i == d.i && v->r == d.r && v->b == d.b && (!d.s || strcmp(v->s, d.s) == 0);
}

/* Where their table has `other`. */
static const vq_option_beside besides[] = {
    {"shrink_output", "curvature", "kronecker"},
    {"curvature", "init", "gptq"},
    {"order", "init", "gptq"},
    {"damp", "init", "gptq"},
    {"scales", "init", "gptq"},
    {"refit", "init", "gptq"},
    {"shrink", "init", "gptq"},
    {"descent", "init", "gptq"},
    {"search", "init", "mse"},
    {"weigh", "init", "mse"},
};

const vq_option_beside *vq_option_lacks(const vq_option_set *s, const char *name)
{
    const int at = find(s, name);
    if (at < 0 || at_default(&s->table[at], &s->value[at])) return NULL;
    for (size_t i = 0; i < sizeof besides / sizeof *besides; i++)
        if (strcmp(besides[i].option, name) == 0 && find(s, besides[i].other) >= 0 &&
            !vq_option_is(s, besides[i].other, besides[i].choice))
            return &besides[i];
    return NULL;
}

/* Edit distance where swapping neighbours counts one. a and b have at most 63 bytes. */
static int edit_distance(const char *a, int la, const char *b, int lb)
{
    int rows[3][64];
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= lb; j++) last[j] = j;
    for (int i = 1; i <= la; i++) {
        now[0] = i;
        for (int j = 1; j <= lb; j++) {
            int d = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < d) d = last[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            now[j] = d;
        }
        int *const free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[lb];
}

const char *vq_nearest(const char *name, const char *const *candidates, int n)
{
    const size_t la = strlen(name);
    if (la > 63) return NULL;
    const char *best = NULL;
    int least = (int)la / 3 + 1; /* a third of the letters wrong is another word */
    for (int i = 0; i < n; i++) {
        const size_t lb = strlen(candidates[i]);
        if (lb > 63) continue;
        const int d = edit_distance(name, (int)la, candidates[i], (int)lb);
        if (d < least || (d == least && !best)) {
            best = candidates[i];
            least = d;
        }
    }
    return best;
}
