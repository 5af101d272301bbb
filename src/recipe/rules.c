/* rules.c -- the rules of a recipe: what they match and what they use. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "recipe/match.h"
#include "recipe/recipe_read.h"
#include "recipe/scheme_read.h"

typedef struct text_list {
    const char **items;
    int n;
} text_list;

typedef struct layer_range {
    int first, last;
} layer_range;

typedef struct rule_match {
    text_list roles, names;
    layer_range layers;
} rule_match;

static vq_status read_pattern(vq_reader *rd, const vq_yaml *n, bool regex, const char **out)
{
    vq_err cause;
    VQ_TRY(vq_read_scalar(rd, n, out));
    if (!regex && strncmp(*out, "re:", 3) == 0)
        return vq_yaml_fail(rd->e, n, "a role takes globs, not regular expressions");
    if (vq_pattern_check(*out, &cause) != VQ_OK) return vq_yaml_fail(rd->e, n, "%s", cause.text);
    return VQ_OK;
}

static vq_status read_patterns(vq_reader *rd, const vq_yaml *n, bool regex, text_list *out)
{
    const int count = n->kind == VQ_YAML_LIST ? n->count : 1;
    if (n->kind == VQ_YAML_MAP || count == 0)
        return vq_yaml_fail(rd->e, n, "%s must be a list of patterns", n->key);
    out->items = VQ_NEW(rd->a, const char *, count, "patterns", rd->e);
    if (!out->items) return VQ_E_LIMIT;
    if (n->kind == VQ_YAML_SCALAR) VQ_TRY(read_pattern(rd, n, regex, &out->items[out->n++]));
    for (const vq_yaml *c = n->first; c; c = c->next)
        VQ_TRY(read_pattern(rd, c, regex, &out->items[out->n++]));
    return VQ_OK;
}

/* There are no other roles in any model, so a pattern that none fits takes nothing anywhere. */
static vq_status check_role(vq_reader *rd, const vq_yaml *n, const char *role)
{
    const vq_pass_table *t = rd->passes;
    for (int i = 0; i < t->nroles; i++)
        if (vq_glob_match(role, t->roles[i])) return VQ_OK;
    return t->nroles ? vq_unknown(rd, n, "role", t->roles, t->nroles) : VQ_OK;
}

static vq_status read_roles(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f;
    const text_list *roles = at;
    VQ_TRY(read_patterns(rd, n, false, at));
    if (n->kind == VQ_YAML_SCALAR) return check_role(rd, n, roles->items[0]);
    int i = 0;
    for (const vq_yaml *c = n->first; c; c = c->next) VQ_TRY(check_role(rd, c, roles->items[i++]));
    return VQ_OK;
}

static vq_status read_names(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f;
    return read_patterns(rd, n, true, at);
}

/* A block's number at *s, moved behind it; -1 when there is none. */
static int block_number(const char **s)
{
    char *end;
    if (**s < '0' || **s > '9') return -1;
    const long x = strtol(*s, &end, 10);
    *s = end;
    return x > 1000000 ? -1 : (int)x;
}

/* "3", "0-5", "4-" */
static vq_status read_layers(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    layer_range *r = at;
    const char *text, *s;
    (void)f;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    s = text;
    r->first = r->last = block_number(&s);
    if (r->first >= 0 && *s == '-') {
        s++;
        r->last = *s ? block_number(&s) : INT_MAX;
    }
    if (*s || r->first < 0 || r->last < r->first)
        return vq_yaml_fail(rd->e, n, "layers: \"%s\" is not N, A-B or A- (blocks from 0)", text);
    return VQ_OK;
}

static const vq_field match_fields[] = {
    {.key = "role", .read = read_roles, .offset = offsetof(rule_match, roles)},
    {.key = "name", .read = read_names, .offset = offsetof(rule_match, names)},
    {.key = "layers", .read = read_layers, .offset = offsetof(rule_match, layers)},
    {.key = NULL},
};

static vq_status read_match(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_rule_recipe *r = at;
    rule_match m = {.layers = {-1, -1}};
    (void)f;
    VQ_TRY(vq_read_map(rd, n, "match", match_fields, &m));
    r->roles = m.roles.items;
    r->nroles = m.roles.n;
    r->names = m.names.items;
    r->nnames = m.names.n;
    r->layer_first = m.layers.first;
    r->layer_last = m.layers.last;
    return VQ_OK;
}

static vq_status read_use(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_rule_recipe *r = at;
    (void)f;
    r->keep = n->kind == VQ_YAML_SCALAR && strcmp(n->text, "keep") == 0;
    if (r->keep) return VQ_OK;
    if (n->kind == VQ_YAML_SCALAR && strcmp(n->text, "auto") == 0)
        return vq_yaml_fail(rd->e, n, "use: auto is not supported by this version");
    const char *id = vq_arena_text(rd->a, rd->e, "rule-%d", (int)(r - rd->recipe->rules));
    return id ? vq_read_use(rd, n, id, &r->scheme) : VQ_E_LIMIT;
}

static const vq_field rule_fields[] = {
    {.key = "match", .read = read_match, .required = true},
    {.key = "use", .read = read_use, .required = true},
    {.key = "optional", .read = vq_read_bool, .offset = offsetof(vq_rule_recipe, optional)},
    {.key = NULL},
};

vq_status vq_recipe_read_rules(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_recipe *r = at;
    (void)f;
    if (n->kind != VQ_YAML_LIST || n->count == 0)
        return vq_yaml_fail(rd->e, n, "rules must be a list with at least one rule");
    r->rules = VQ_NEW(rd->a, vq_rule_recipe, n->count, "rules", rd->e);
    if (!r->rules) return VQ_E_LIMIT;
    for (const vq_yaml *c = n->first; c; c = c->next) {
        vq_rule_recipe *rule = &r->rules[r->nrules];
        *rule = (vq_rule_recipe){.layer_first = -1, .layer_last = -1, .file = c->file};
        rule->text = vq_arena_text(rd->a, rd->e, "rule %d (line %d)", r->nrules, c->line);
        if (!rule->text) return VQ_E_LIMIT;
        VQ_TRY(vq_read_map(rd, c, "a rule", rule_fields, rule));
        r->nrules++;
    }
    return VQ_OK;
}
