/* recipe_read.c -- the typed reading of a whole recipe. */
#include "recipe/recipe_read.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recipe/scheme_read.h"

const char *const vq_select_texts[] = {"spread", "first", "random", NULL};
static const char *const kind_later[] = {"classes", NULL};

static vq_status read_version(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f, (void)at;
    if (strcmp(n->text, "1") != 0)
        return vq_yaml_fail(rd->e, n, "vq: this version reads recipes of grammar 1");
    return VQ_OK;
}

/* The name becomes part of the output's name. */
static vq_status read_name(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    VQ_TRY(vq_read_text(rd, n, f, at));
    const size_t len = strlen(n->text);
    if (len > 64 || strspn(n->text, legal) != len || n->text[0] == '.')
        return vq_yaml_fail(rd->e, n,
                            "name: at most 64 of A-Z a-z 0-9 . _ -, not beginning with a dot");
    return VQ_OK;
}

/* One of two words into a bool: the second is true. */
static vq_status read_second(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    int i = 0;
    VQ_TRY(vq_read_choice(rd, n, f, &i));
    *(bool *)at = i == 1;
    return VQ_OK;
}

static const char *const select_later[] = {"entropy", NULL};
static const char *const template_texts[] = {"chat", "none", NULL}, *const propagate_texts[] = {
                                                                        "original", "quantized",
                                                                        NULL};
static const vq_field calib_fields[] = {
    {.key = "kind",
     .read = vq_read_choice,
     .offset = offsetof(vq_calib_recipe, kind),
     .choices = vq_kind_texts,
     .later = kind_later},
    {.key = "data", .read = vq_recipe_read_data},
    {.key = "template",
     .read = read_second,
     .offset = offsetof(vq_calib_recipe, plain_chat),
     .choices = template_texts},
    {.key = "samples",
     .read = vq_read_int,
     .offset = offsetof(vq_calib_recipe, samples),
     .min = 1,
     .max = 1e6},
    {.key = "seqlen",
     .read = vq_read_int,
     .offset = offsetof(vq_calib_recipe, seqlen),
     .min = 2,
     .max = 1e6},
    {.key = "seed",
     .read = vq_read_int,
     .offset = offsetof(vq_calib_recipe, seed),
     .min = 0,
     .max = 9e15},
    {.key = "select",
     .read = vq_read_choice,
     .offset = offsetof(vq_calib_recipe, select),
     .choices = vq_select_texts,
     .later = select_later},
    {.key = "propagate",
     .read = read_second,
     .offset = offsetof(vq_calib_recipe, propagate_quantized),
     .choices = propagate_texts},
    {.key = NULL},
};

static vq_status read_calib(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f;
    return vq_read_map(rd, n, "calib", calib_fields, at);
}

/* "none", "5GB", "512MiB", "1000000" */
static vq_status read_size(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"", 1},       {"kB", 1e3},      {"MB", 1e6},        {"GB", 1e9},
                 {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
    const char *text;
    char *end;
    VQ_TRY(vq_read_text(rd, n, f, &text));
    *(uint64_t *)at = 0;
    if (strcmp(text, "none") == 0) return VQ_OK;
    const double x = strtod(text, &end);
    for (size_t i = 0; end != text && x > 0 && i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) != 0 || x * units[i].bytes < 1 || x * units[i].bytes > 1e18)
            continue;
        *(uint64_t *)at = (uint64_t)(x * units[i].bytes);
        return VQ_OK;
    }
    return vq_yaml_fail(
        rd->e, n, "%s: \"%s\" is no size: none, or a number of bytes, kB, MB, GB, KiB, MiB or GiB",
        f->key, text);
}

typedef struct output_recipe {
    const char *format, *runtime;
    uint64_t shard;
} output_recipe;

enum { CHOICES_MAX = 64 };

/* A text that is there already is not listed twice. */
static void add_choice(const char **list, const char *text)
{
    int n = 0;
    while (list[n] && strcmp(list[n], text) != 0) n++;
    if (n < CHOICES_MAX) list[n] = text;
}

static vq_status read_one_of(vq_reader *rd, const vq_yaml *n, const vq_field *f,
                             const char *const *list, void *at)
{
    vq_field one = *f;
    unsigned i;
    one.choices = list;
    VQ_TRY(vq_read_choice(rd, n, &one, &i));
    *(const char **)at = list[i];
    return VQ_OK;
}

static vq_status read_format(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *list[CHOICES_MAX + 1] = {NULL};
    for (const vq_recipe_format *t = rd->passes->formats; t->name; t++) add_choice(list, t->name);
    return read_one_of(rd, n, f, list, at);
}

static vq_status read_runtime(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *list[CHOICES_MAX + 1] = {NULL};
    for (const vq_recipe_format *t = rd->passes->formats; t->name; t++)
        for (int i = 0; t->runtimes[i]; i++) add_choice(list, t->runtimes[i]);
    return read_one_of(rd, n, f, list, at);
}

static const char *const format_later[] = {"modelopt", "gguf", "gptq", "awq", NULL};
static const char *const runtime_later[] = {"trtllm", "llama.cpp", NULL};
static const vq_field output_fields[] = {
    {.key = "format",
     .read = read_format,
     .offset = offsetof(output_recipe, format),
     .later = format_later,
     .required = true},
    {.key = "runtime",
     .read = read_runtime,
     .offset = offsetof(output_recipe, runtime),
     .later = runtime_later},
    {.key = "shard", .read = read_size, .offset = offsetof(output_recipe, shard)},
    {.key = NULL},
};

static bool reads(const vq_recipe_format *t, const char *runtime)
{
    for (int i = 0; t->runtimes[i]; i++)
        if (strcmp(t->runtimes[i], runtime) == 0) return true;
    return false;
}

/* A runtime that a recipe names must read the format that it asks for. */
static vq_status check_runtime(vq_reader *rd, const vq_yaml *n, const output_recipe *o)
{
    const char *reader = NULL;
    for (const vq_recipe_format *t = rd->passes->formats; t->name; t++) {
        if (!reads(t, o->runtime)) continue;
        if (strcmp(t->name, o->format) == 0) return VQ_OK;
        if (!reader) reader = t->name;
    }
    assert(reader); /* the key's choices are the runtimes of these formats */
    return vq_yaml_fail(rd->e, n, "runtime: %s reads the format %s, not %s", o->runtime, reader,
                        o->format);
}

static vq_status read_output(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_recipe *r = at;
    output_recipe o = {.shard = r->shard};
    (void)f;
    VQ_TRY(vq_read_map(rd, n, "output", output_fields, &o));
    if (o.runtime) VQ_TRY(check_runtime(rd, vq_yaml_child(n, "runtime"), &o));
    r->format = o.format;
    r->runtime = o.runtime;
    r->shard = o.shard;
    return VQ_OK;
}

/* Both checks always end the run; the grammar's "warn" waits for a format in which going on makes
 * sense. */
static vq_status read_severity(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    static const char *const texts[] = {"error", NULL}, *const later[] = {"warn", NULL};
    const vq_field severity = {.key = f->key, .choices = texts, .later = later};
    int i;
    (void)at;
    return vq_read_choice(rd, n, &severity, &i);
}

static const char *const severity_texts[] = {"error", "warn", NULL};
static const vq_field check_fields[] = {
    {.key = "min_sqnr_db",
     .read = vq_read_real,
     .offset = offsetof(vq_recipe, min_sqnr_db),
     .min = -1000,
     .max = 1000},
    {.key = "finite", .read = read_severity},
    {.key = "fused", .read = read_severity},
    {.key = "function",
     .read = vq_read_choice,
     .offset = offsetof(vq_recipe, function),
     .choices = severity_texts},
    {.key = "zeros",
     .read = vq_read_choice,
     .offset = offsetof(vq_recipe, zeros),
     .choices = severity_texts},
    {.key = "permutation", .read = NULL},
    {.key = "positions_covered", .read = NULL},
    {.key = "min_tokens_per_expert", .read = NULL},
    {.key = "max_singular_frac",
     .read = vq_read_real,
     .offset = offsetof(vq_recipe, max_singular),
     .min = 0,
     .max = 1},
    {.key = "tp", .read = NULL},
    {.key = NULL},
};

static vq_status read_checks(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f;
    return vq_read_map(rd, n, "checks", check_fields, at);
}

/* In the order of reading: schemes before the rules that use them. */
static const vq_field recipe_fields[] = {
    {.key = "vq", .read = read_version, .required = true},
    {.key = "name", .read = read_name, .offset = offsetof(vq_recipe, name), .required = true},
    {.key = "about", .read = vq_read_text, .offset = offsetof(vq_recipe, about)},
    {.key = "source", .read = vq_read_text, .offset = offsetof(vq_recipe, source)},
    {.key = "calib", .read = read_calib, .offset = offsetof(vq_recipe, calib)},
    {.key = "schemes", .read = vq_read_schemes},
    {.key = "rules", .read = vq_recipe_read_rules, .required = true},
    {.key = "budget", .read = NULL},
    {.key = "kv", .read = NULL},
    {.key = "passes", .read = vq_recipe_read_passes, .required = true},
    {.key = "output", .read = read_output, .required = true},
    {.key = "checks", .read = read_checks},
    {.key = NULL},
};

static bool listed(const vq_recipe *r, const vq_scheme *s)
{
    for (int i = 0; i < r->nschemes; i++)
        if (strcmp(r->schemes[i]->id, s->id) == 0) return true;
    return false;
}

/* Rules that name one preset point at one scheme afterwards. */
static vq_status list_schemes(vq_reader *rd, vq_recipe *r)
{
    r->schemes = VQ_NEW(rd->a, const vq_scheme *, r->nrules, "schemes", rd->e);
    if (!r->schemes) return VQ_E_LIMIT;
    for (int i = 0; i < r->nrules; i++) {
        const vq_scheme *s = r->rules[i].scheme;
        if (s && !listed(r, s)) r->schemes[r->nschemes++] = s;
        for (int j = 0; s && j < r->nschemes; j++)
            if (strcmp(r->schemes[j]->id, s->id) == 0) r->rules[i].scheme = r->schemes[j];
    }
    for (int i = 0; i < rd->nnamed; i++)
        if (!rd->named[i].used)
            return vq_yaml_fail_key(rd->e, rd->named[i].at, "scheme \"%s\" is used by no rule",
                                    rd->named[i].scheme.id);
    return VQ_OK;
}

vq_status vq_recipe_read(vq_recipe *r, const vq_yaml *root, const vq_pass_table *t, vq_arena *a,
                         vq_err *e)
{
    vq_reader rd = {.recipe = r, .passes = t, .a = a, .e = e};
    *r = (vq_recipe){.about = "",
                     .source = "",
                     .path = root->file,
                     .min_sqnr_db = -INFINITY,
                     .max_singular = 1,
                     .shard = 5000000000u};
    r->calib =
        (vq_calib_recipe){.data = VQ_DATA_NONE, .kind = VQ_KIND_TEXT, .samples = 32, .seqlen = 512};
    VQ_TRY(vq_read_map(&rd, root, "a recipe", recipe_fields, r));
    VQ_TRY(list_schemes(&rd, r));
    return vq_recipe_resolve(r, a, e);
}

vq_status vq_recipe_restate(vq_recipe *r, void (*change)(const void *ctx, vq_scheme *s),
                            const void *ctx, vq_arena *a, vq_err *e)
{
    vq_scheme *all = VQ_NEW(a, vq_scheme, r->nschemes, "schemes", e);
    if (!all) return VQ_E_LIMIT;
    for (int i = 0; i < r->nschemes; i++) {
        all[i] = *r->schemes[i];
        change(ctx, &all[i]);
        for (int j = 0; j < r->nrules; j++)
            if (r->rules[j].scheme == r->schemes[i]) r->rules[j].scheme = &all[i];
        r->schemes[i] = &all[i];
    }
    return vq_recipe_resolve(r, a, e);
}
