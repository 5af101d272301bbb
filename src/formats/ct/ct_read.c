/* ct_read.c -- quantization_config of compressed-tensors into groups, targets and the ignore list;
 * which group a module belongs to. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "formats/ct/ct_args.h"
#include "formats/ct/ct_config.h"
#include "formats/ct/ct_layouts.h"

enum { EXPRESSIONS_MAX = 512, MATCH_LIMIT = 100000 };
#define CLASS_NAME "Linear"

/* One target or ignore entry; group -1: ignore. */
typedef struct target {
    const char *text;
    int group, order; /* order: as the config lists them */
    pcre2_code *code; /* of "re:" entries */
} target;

struct vq_ct_config {
    vq_ct_group *groups;
    int ngroups;
    target *exact, *expressions;
    size_t nexact, nexpressions;
    int class_group; /* group that targets the class, -1 none */
    bool class_ignored;
    pcre2_match_context *limits;
    pcre2_match_data *match;
};

static vq_status compile(target *t, vq_err *e)
{
    int code;
    PCRE2_SIZE at;
    const char *text = t->text + 3;
    t->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED | PCRE2_UTF,
                            &code, &at, NULL);
    if (t->code) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "the expression \"%.80s\" is wrong at character %zu", text,
                   (size_t)at);
}

static vq_status add_target(vq_ct_config *c, const json_t *v, int group, vq_err *e)
{
    if (!json_is_string(v)) return vq_fail(e, VQ_E_INPUT, "an entry is not a string");
    target t = {
        .text = json_string_value(v), .group = group, .order = (int)(c->nexact + c->nexpressions)};
    if (strcmp(t.text, CLASS_NAME) == 0) {
        if (group < 0)
            c->class_ignored = true;
        else if (c->class_group < 0)
            c->class_group = group;
        return VQ_OK;
    }
    if (strncmp(t.text, "re:", 3) != 0) {
        c->exact[c->nexact++] = t;
        return VQ_OK;
    }
    if (c->nexpressions == EXPRESSIONS_MAX)
        return vq_fail(e, VQ_E_INPUT, "more than %d expressions", EXPRESSIONS_MAX);
    VQ_TRY(compile(&t, e));
    c->expressions[c->nexpressions++] = t;
    return VQ_OK;
}

static vq_status add_list(vq_ct_config *c, const json_t *list, int group, vq_err *e)
{
    if (list && !json_is_null(list) && !json_is_array(list))
        return vq_fail(e, VQ_E_INPUT, "not a list");
    for (size_t i = 0; i < json_array_size(list); i++)
        VQ_TRY(add_target(c, json_array_get(list, i), group, e));
    return VQ_OK;
}

/* naive-quantized is the peer's name for "one byte per code, whatever it is". */
static const char *format_name(const json_t *q, const json_t *group, const vq_num *weight)
{
    const char *name = json_string_value(json_object_get(group, "format"));
    if (!name) name = json_string_value(json_object_get(q, "format"));
    if (name && strcmp(name, "naive-quantized") == 0)
        return weight->grid.kind == VQ_GRID_INT ? "int-quantized" : "float-quantized";
    return name ? name : "";
}

static vq_status check_group_keys(const json_t *group, vq_err *e)
{
    static const char *const known[] = {
        "targets", "weights", "input_activations", "output_activations", "format", NULL};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)group, key, value)
    {
        int i = 0;
        while (known[i] && strcmp(known[i], key) != 0) i++;
        if (!known[i]) return vq_fail(e, VQ_E_INPUT, "unknown key \"%.60s\"", key);
    }
    const json_t *out = json_object_get(group, "output_activations");
    return !out || json_is_null(out)
               ? VQ_OK
               : vq_fail(e, VQ_E_INPUT, "output_activations are not supported");
}

static vq_status read_group(vq_ct_config *c, const json_t *q, const json_t *group, vq_ct_group *g,
                            vq_err *e)
{
    const json_t *act = json_object_get(group, "input_activations");
    if (!json_is_object(group))
        return vq_fail(e, VQ_E_INPUT,
                       "not an object (groups named after a preset are not supported)");
    VQ_TRY(check_group_keys(group, e));
    const char *stated = json_string_value(json_object_get(group, "format"));
    if (!stated) stated = json_string_value(json_object_get(q, "format"));
    g->scheme.has_weight = true;
    g->scheme.has_act = act && !json_is_null(act);
    if (vq_ct_args_read(json_object_get(group, "weights"), stated ? stated : "", false,
                        &g->scheme.weight, e) != VQ_OK)
        return vq_at(e, "weights");
    if (g->scheme.has_act &&
        vq_ct_args_read(act, stated ? stated : "", true, &g->scheme.act, e) != VQ_OK)
        return vq_at(e, "input_activations");
    g->format = format_name(q, group, &g->scheme.weight);
    vq_scheme_recognize(&g->scheme, g->format);
    if (!vq_layout_named(vq_layouts_ct, g->format, &g->scheme))
        return vq_fail(e, VQ_E_INPUT,
                       "format \"%.40s\" with these weights and input_activations is not supported",
                       g->format);
    return add_list(c, json_object_get(group, "targets"), c->ngroups, e) == VQ_OK
               ? VQ_OK
               : vq_at(e, "targets");
}

/* Room for every entry of every list. */
static size_t count_entries(const json_t *q)
{
    size_t n = json_array_size(json_object_get(q, "ignore"));
    const char *key;
    json_t *group;
    json_object_foreach(json_object_get(q, "config_groups"), key, group) n +=
        json_array_size(json_object_get(group, "targets"));
    return n;
}

static vq_status read_lists(vq_ct_config *c, const json_t *q, vq_err *e)
{
    json_t *groups = json_object_get(q, "config_groups");
    const char *key;
    json_t *group;
    if (!json_is_object(groups)) return vq_fail(e, VQ_E_INPUT, "config_groups is missing");
    json_object_foreach(groups, key, group)
    {
        c->groups[c->ngroups] = (vq_ct_group){.name = key};
        if (read_group(c, q, group, &c->groups[c->ngroups], e) != VQ_OK)
            return vq_at(e, "config_groups > %.60s", key);
        c->ngroups++;
    }
    return add_list(c, json_object_get(q, "ignore"), -1, e) == VQ_OK ? VQ_OK : vq_at(e, "ignore");
}

/* By text; equal texts keep the order of the config, ignore entries (last in the config, group -1)
 * come first. */
static int by_text(const void *a, const void *b)
{
    const target *x = a, *y = b;
    const int d = strcmp(x->text, y->text);
    if (d) return d;
    if ((x->group < 0) != (y->group < 0)) return x->group < 0 ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static vq_status check_status(const json_t *q, vq_err *e)
{
    const json_t *v = json_object_get(q, "quantization_status");
    if (json_is_string(v) && strcmp(json_string_value(v), "compressed") == 0) return VQ_OK;
    return vq_fail(
        e, VQ_E_INPUT,
        "quantization_status is not \"compressed\": the weights were not stored quantized");
}

static vq_status start(vq_ct_config *c, const json_t *q, vq_arena *a, vq_err *e)
{
    const size_t n = count_entries(q),
                 ngroups = json_object_size(json_object_get(q, "config_groups"));
    c->class_group = -1;
    c->groups = VQ_NEW(a, vq_ct_group, ngroups, "quantization groups", e);
    c->exact = VQ_NEW(a, target, n, "quantization targets", e);
    c->expressions =
        VQ_NEW(a, target, n < EXPRESSIONS_MAX ? n : EXPRESSIONS_MAX, "quantization targets", e);
    if (!c->groups || !c->exact || !c->expressions) return VQ_E_LIMIT;
    c->limits = pcre2_match_context_create(NULL);
    c->match = pcre2_match_data_create(1, NULL);
    if (!c->limits || !c->match) return vq_fail(e, VQ_E_LIMIT, "no memory for expressions");
    pcre2_set_match_limit(c->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(c->limits, MATCH_LIMIT);
    return VQ_OK;
}

vq_status vq_ct_config_read(vq_ct_config **out, const json_t *q, vq_arena *a, vq_err *e)
{
    vq_ct_config *c = *out = VQ_NEW(a, vq_ct_config, 1, "quantization config", e);
    if (!c) return VQ_E_LIMIT;
    vq_status status = check_status(q, e);
    if (status == VQ_OK) status = start(c, q, a, e);
    if (status == VQ_OK) status = read_lists(c, q, e);
    if (status == VQ_OK && c->nexact) qsort(c->exact, c->nexact, sizeof *c->exact, by_text);
    if (status == VQ_OK) return VQ_OK;
    vq_ct_config_free(c);
    *out = NULL;
    return vq_at(e, "quantization_config");
}

void vq_ct_config_free(vq_ct_config *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->nexpressions; i++) pcre2_code_free(c->expressions[i].code);
    pcre2_match_data_free(c->match);
    pcre2_match_context_free(c->limits);
}

/* First exact entry of this text: an ignore when there is one. */
static const target *find_exact(const vq_ct_config *c, const char *module)
{
    size_t lo = 0, hi = c->nexact;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (strcmp(c->exact[mid].text, module) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < c->nexact && strcmp(c->exact[lo].text, module) == 0 ? &c->exact[lo] : NULL;
}

static vq_status matches(const vq_ct_config *c, const target *t, const char *module, bool *yes,
                         vq_err *e)
{
    const int rc =
        pcre2_match(t->code, (PCRE2_SPTR)module, PCRE2_ZERO_TERMINATED, 0, 0, c->match, c->limits);
    *yes = rc >= 0;
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%.80s: matching the expression \"%.80s\" failed (it takes too many steps?)",
                   module, t->text + 3);
}

/* First group whose expression matches, unless any expression of the ignore list does. */
static vq_status find_expression(const vq_ct_config *c, const char *module, int *group,
                                 bool *ignored, vq_err *e)
{
    *group = -1;
    *ignored = false;
    for (size_t i = 0; i < c->nexpressions && !*ignored; i++) {
        const target *t = &c->expressions[i];
        bool yes;
        if (t->group >= 0 && *group >= 0) continue;
        VQ_TRY(matches(c, t, module, &yes, e));
        if (yes && t->group < 0) *ignored = true;
        if (yes && t->group >= 0) *group = t->group;
    }
    return VQ_OK;
}

vq_status vq_ct_config_group(const vq_ct_config *c, const char *module, const vq_ct_group **out,
                             vq_err *e)
{
    *out = NULL;
    const target *t = find_exact(c, module);
    if (c->class_ignored || (t && t->group < 0)) return VQ_OK;
    int group;
    bool ignored;
    VQ_TRY(find_expression(c, module, &group, &ignored, e));
    if (ignored) return VQ_OK;
    if (t) group = t->group;
    if (group < 0) group = c->class_group;
    if (group >= 0) *out = &c->groups[group];
    return VQ_OK;
}
