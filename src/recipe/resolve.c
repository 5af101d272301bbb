/* resolve.c -- a recipe as canonical YAML: every default spelled out, every preset written as
 * numbers. Reading it gives the same recipe. */
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "recipe/recipe_read.h"
#include "recipe/scheme_read.h"

/* Text that grows in an arena; the first error stays. */
typedef struct writer {
    vq_arena *a;
    vq_err *e;
    char *text;
    size_t len, room;
    vq_status status;
} writer;

static void put_bytes(writer *w, const char *s, size_t n)
{
    if (w->status != VQ_OK) return;
    if (w->len + n + 1 > w->room) {
        const size_t room = 2 * (w->len + n + 1) + 4096;
        char *text = VQ_ALLOC(w->a, char, room, "resolved recipe", w->e);
        if (!text) {
            w->status = VQ_E_LIMIT;
            return;
        }
        if (w->len) memcpy(text, w->text, w->len);
        w->text = text;
        w->room = room;
    }
    memcpy(w->text + w->len, s, n);
    w->len += n;
    w->text[w->len] = '\0';
}

static void put(writer *w, const char *s)
{
    put_bytes(w, s, strlen(s));
}

static void putf(writer *w, const char *fmt, ...) VQ_PRINTF(2, 3);
static void putf(writer *w, const char *fmt, ...)
{
    char buf[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(buf, sizeof buf, fmt, args);
    va_end(args);
    put(w, buf);
}

/* What YAML reads as a line break, as a mark of order, or not at all. */
static bool unreadable(int32_t c)
{
    return c < 32 || (c >= 127 && c < 160) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c == 0xfffe || c == 0xffff;
}

static void put_quoted(writer *w, const char *s)
{
    put(w, "\"");
    for (int32_t c; *s;) {
        const ptrdiff_t n = utf8proc_iterate((const uint8_t *)s, -1, &c);
        const size_t length = n > 0 ? (size_t)n : 1;
        if (n > 0 && unreadable(c))
            putf(w, c < 256 ? "\\x%02x" : "\\u%04x", (unsigned)c);
        else {
            if (*s == '"' || *s == '\\') put(w, "\\");
            put_bytes(w, s, length);
        }
        s += length;
    }
    put(w, "\"");
}

static void put_note(writer *w, const char *key, const char *text)
{
    if (!text[0]) return;
    put(w, key);
    put_quoted(w, text);
    put(w, "\n");
}

static void put_group(writer *w, const vq_group_shape *g)
{
    static const char *const texts[] = {"tensor", "channel", "token"};
    if (g->kind != VQ_PER_BLOCK)
        put(w, texts[g->kind]);
    else if (g->rows == 1)
        putf(w, "block:%d", g->cols);
    else
        putf(w, "block:%dx%d", g->rows, g->cols);
}

static void put_observer(writer *w, const vq_num *n)
{
    static const char *const texts[] = {"absmax", "minmax"};
    if (n->observer == VQ_OBS_PERCENTILE)
        putf(w, "percentile:%.17g", n->percentile);
    else
        put(w, texts[n->observer]);
}

static void put_num(writer *w, const char *key, const vq_num *n)
{
    char grid[32];
    putf(w, "    %s: {grid: %s, group: ", key, vq_grid_name(&n->grid, grid));
    put_group(w, &n->group);
    putf(w, ", scale: %s, super: %s, zero: %s, when: %s, observer: ", vq_scale_texts[n->scale],
         n->global_scale ? "f32" : "none", vq_zero_texts[n->zero], vq_when_texts[n->when]);
    put_observer(w, n);
    putf(w, ", rule: %s, range: %s, compat: %s}\n", vq_rule_texts[n->rule],
         vq_range_texts[n->range], vq_compat_texts[n->compat]);
}

static void put_schemes(writer *w, const vq_recipe *r)
{
    if (r->nschemes) put(w, "schemes:\n");
    for (int i = 0; i < r->nschemes; i++) {
        put(w, "  ");
        put_quoted(w, r->schemes[i]->id);
        put(w, ":\n");
        put_num(w, "weight", &r->schemes[i]->weight);
        if (r->schemes[i]->has_act) put_num(w, "act", &r->schemes[i]->act);
    }
}

static void put_source(writer *w, const vq_calib_source *s)
{
    put(w, "{from: ");
    put_quoted(w, s->path ? s->path : "self");
    if (s->path) putf(w, ", kind: %s", vq_kind_texts[s->kind]);
    if (s->share > 0) putf(w, ", share: %.17g", s->share);
    put(w, "}");
}

static void put_data(writer *w, const vq_calib_recipe *c)
{
    static const char *const words[] = {"none", "self", "required"};
    const vq_calib_sources *s = &c->sources;
    if (c->data != VQ_DATA_GIVEN) {
        put(w, words[c->data]);
        return;
    }
    for (int i = 0; i < s->n; i++) {
        put(w, i ? ", " : "[");
        put_source(w, &s->list[i]);
    }
    put(w, "]");
}

static void put_calib(writer *w, const vq_calib_recipe *c)
{
    put(w, "calib: {data: ");
    put_data(w, c);
    putf(w, ", kind: %s, template: %s, samples: %lld, seqlen: %lld, seed: %llu",
         vq_kind_texts[c->kind], c->plain_chat ? "none" : "chat", (long long)c->samples,
         (long long)c->seqlen, (unsigned long long)c->seed);
    putf(w, ", select: %s, propagate: %s}\n", vq_select_texts[c->select],
         c->propagate_quantized ? "quantized" : "original");
}

/* "role: [...]" with the separator that its neighbours need. */
static void put_patterns(writer *w, const char *key, const char **items, int n,
                         const char **separator)
{
    for (int i = 0; i < n; i++) {
        if (i)
            put(w, ", ");
        else
            putf(w, "%s%s: [", *separator, key);
        put_quoted(w, items[i]);
    }
    if (n == 0) return;
    put(w, "]");
    *separator = ", ";
}

static void put_rule(writer *w, const vq_rule_recipe *r)
{
    const char *separator = "";
    put(w, "  - {match: {");
    put_patterns(w, "role", r->roles, r->nroles, &separator);
    put_patterns(w, "name", r->names, r->nnames, &separator);
    if (r->layer_first >= 0 && r->layer_last == INT_MAX)
        putf(w, "%slayers: %d-", separator, r->layer_first);
    else if (r->layer_first >= 0)
        putf(w, "%slayers: %d-%d", separator, r->layer_first, r->layer_last);
    put(w, "}, use: ");
    put_quoted(w, r->keep ? "keep" : r->scheme->id);
    putf(w, ", optional: %s}\n", r->optional ? "true" : "false");
}

static void put_option(writer *w, const vq_option *o, const vq_option_value *v)
{
    putf(w, ", %s: ", o->name);
    if (o->type == VQ_OPT_INT)
        putf(w, "%lld", (long long)v->i);
    else if (o->type == VQ_OPT_REAL)
        putf(w, "%.17g", v->r);
    else if (o->type == VQ_OPT_BOOL)
        put(w, v->b ? "true" : "false");
    else
        put_quoted(w, v->s);
}

static void put_pass(writer *w, const vq_pass_recipe *p)
{
    put(w, p->round ? "  - {do: round, method: " : "  - {do: ");
    put_quoted(w, p->name);
    for (int i = 0; i < VQ_MAX_OPTIONS && p->options.table[i].name; i++)
        put_option(w, &p->options.table[i], &p->options.value[i]);
    put(w, "}\n");
}

static void put_output(writer *w, const vq_recipe *r)
{
    putf(w, "output: {format: %s, ", r->format);
    if (r->runtime) putf(w, "runtime: %s, ", r->runtime);
    if (r->shard)
        putf(w, "shard: %llu}\n", (unsigned long long)r->shard);
    else
        put(w, "shard: none}\n");
    put(w, "checks: {");
    if (isfinite(r->min_sqnr_db)) putf(w, "min_sqnr_db: %.17g, ", r->min_sqnr_db);
    if (r->max_singular < 1) putf(w, "max_singular_frac: %.17g, ", r->max_singular);
    if (r->zeros == VQ_SEVERITY_WARN) putf(w, "zeros: warn, ");
    putf(w, "finite: error, fused: error, function: %s}\n",
         r->function == VQ_SEVERITY_WARN ? "warn" : "error");
}

vq_status vq_recipe_resolve(vq_recipe *r, vq_arena *a, vq_err *e)
{
    writer w = {.a = a, .e = e, .status = VQ_OK};
    putf(&w, "vq: 1\nname: %s\n", r->name);
    put_note(&w, "about: ", r->about);
    put_note(&w, "source: ", r->source);
    put_calib(&w, &r->calib);
    put_schemes(&w, r);
    put(&w, "rules:\n");
    for (int i = 0; i < r->nrules; i++) put_rule(&w, &r->rules[i]);
    put(&w, "passes:\n");
    for (int i = 0; i < r->npasses; i++) put_pass(&w, &r->passes[i]);
    put_output(&w, r);
    r->resolved = w.text;
    return w.status;
}
