/* passes.c -- the passes of a recipe: names and options checked against the registries that the
 * caller hands in. */
#include <string.h>

#include "recipe/recipe_read.h"

static vq_status pass_option(vq_reader *rd, const vq_yaml *c, vq_option_set *set)
{
    const char *known[VQ_MAX_OPTIONS], *text;
    int n = 0;
    for (; n < VQ_MAX_OPTIONS && set->table[n].name; n++) known[n] = set->table[n].name;
    if (!vq_option_get(set, c->key)) {
        const char *near = vq_nearest(c->key, known, n);
        if (near)
            return vq_yaml_fail_key(rd->e, c, "unknown key \"%s\"; did you mean \"%s\"?", c->key,
                                    near);
        return vq_yaml_fail_key(rd->e, c, "unknown key \"%s\"; this pass has no such option",
                                c->key);
    }
    vq_err cause;
    VQ_TRY(vq_read_scalar(rd, c, &text));
    if (vq_option_parse(set, c->key, text, &cause) != VQ_OK)
        return vq_yaml_fail(rd->e, c, "%s", cause.text);
    return VQ_OK;
}

static vq_status pass_options(vq_reader *rd, const vq_yaml *n, const vq_option *table,
                              vq_pass_recipe *p)
{
    vq_option_defaults(&p->options, table);
    for (const vq_yaml *c = n->first; c; c = c->next) {
        if (strcmp(c->key, "do") == 0 || (p->round && strcmp(c->key, "method") == 0)) continue;
        VQ_TRY(pass_option(rd, c, &p->options));
    }
    for (const vq_yaml *c = n->first; c; c = c->next) {
        const vq_option_beside *lacks = vq_option_lacks(&p->options, c->key);
        if (lacks)
            return vq_yaml_fail_key(rd->e, c, "%s changes nothing without %s: %s", c->key,
                                    lacks->other, lacks->choice);
    }
    return VQ_OK;
}

static vq_status read_pass(vq_reader *rd, const vq_yaml *n, vq_pass_recipe *p)
{
    const vq_pass_table *t = rd->passes;
    if (n->kind != VQ_YAML_MAP) return vq_yaml_fail(rd->e, n, "a pass must be a map of keys");
    const vq_yaml *name = vq_yaml_child(n, "do");
    if (!name) return vq_yaml_fail(rd->e, n, "a pass needs the key \"do\"");
    VQ_TRY(vq_read_scalar(rd, name, &p->name));
    p->file = n->file;
    p->line = n->line;
    p->round = strcmp(p->name, "round") == 0;
    if (p->round) {
        name = vq_yaml_child(n, "method");
        if (!name) return vq_yaml_fail(rd->e, n, "the pass \"round\" needs the key \"method\"");
        VQ_TRY(vq_read_scalar(rd, name, &p->name));
    }
    const vq_option *table = p->round ? t->rounder(p->name) : t->transform(p->name);
    p->finish = !p->round && !table && t->finish(p->name);
    if (p->finish) table = t->finish(p->name);
    if (!table)
        return vq_unknown(rd, name, p->round ? "rounding method" : "pass", t->names, t->nnames);
    return pass_options(rd, n, table, p);
}

/* A transform that comes twice would act once: the second decides over the first. */
static vq_status check_new(vq_reader *rd, const vq_yaml *n, const vq_recipe *r)
{
    for (int i = 0; i < r->npasses; i++)
        if (strcmp(r->passes[i].name, r->passes[r->npasses].name) == 0)
            return vq_yaml_fail(rd->e, n, "the pass \"%s\" is given twice", r->passes[i].name);
    return VQ_OK;
}

/* Transforms, then one rounder, then what finishes. */
static vq_status check_order(vq_reader *rd, const vq_yaml *n, const vq_pass_recipe *p, bool rounded)
{
    if (p->round && rounded) return vq_yaml_fail(rd->e, n, "the pass \"round\" comes only once");
    if (p->finish && !rounded)
        return vq_yaml_fail(rd->e, n, "the pass \"%s\" comes after the pass \"round\"", p->name);
    if (!p->round && !p->finish && rounded)
        return vq_yaml_fail(rd->e, n, "the pass \"%s\" comes before the pass \"round\"", p->name);
    return VQ_OK;
}

vq_status vq_recipe_read_passes(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_recipe *r = at;
    (void)f;
    if (n->kind != VQ_YAML_LIST || n->count == 0)
        return vq_yaml_fail(rd->e, n, "passes must be a list with {do: round, method: ...}");
    r->passes = VQ_NEW(rd->a, vq_pass_recipe, n->count, "passes", rd->e);
    if (!r->passes) return VQ_E_LIMIT;
    bool rounded = false;
    const vq_yaml *last = n->first;
    for (const vq_yaml *c = n->first; c; c = c->next, r->npasses++) {
        vq_pass_recipe *p = &r->passes[r->npasses];
        VQ_TRY(read_pass(rd, c, p));
        VQ_TRY(check_new(rd, c, r));
        VQ_TRY(check_order(rd, c, p, rounded));
        rounded = rounded || p->round;
        last = c;
    }
    return rounded ? VQ_OK
                   : vq_yaml_fail(rd->e, last, "the passes end without {do: round, method: ...}");
}
