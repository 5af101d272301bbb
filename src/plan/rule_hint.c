/* rule_hint.c -- the nearest role, or the nearest last word of a module's name, to what a rule asks
 * for. */
#include "plan/rule_hint.h"

#include <string.h>

static const char *last_word(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* Roles are compared whole, names by their last word: "*.mlp.dwon_proj" is far from
 * "model.layers.0.mlp.down_proj". */
static const char *nearest(const vq_plan *p, const char *asked, bool role, vq_arena *a, vq_err *e)
{
    const char **known = VQ_ALLOC(a, const char *, p->nweights, "names", e);
    if (!known) return NULL;
    for (int i = 0; i < p->nweights; i++)
        known[i] = role ? vq_role_name(p->weights[i].role) : last_word(p->weights[i].module);
    return vq_nearest(role ? asked : last_word(asked), known, p->nweights);
}

static const char *hint(const vq_plan *p, const char *const *asked, int n, bool role, vq_arena *a,
                        vq_err *e)
{
    for (int i = 0; i < n; i++) {
        const char *near = nearest(p, asked[i], role, a, e);
        if (near && strcmp(near, role ? asked[i] : last_word(asked[i])) != 0)
            return vq_arena_text(a, e, "; %s '%s': did you mean '%s'?", role ? "role" : "name",
                                 asked[i], near);
    }
    return NULL;
}

const char *vq_rule_hint(const vq_plan *p, const vq_rule_recipe *r, vq_arena *a, vq_err *e)
{
    const char *text = hint(p, r->roles, r->nroles, true, a, e);
    if (!text) text = hint(p, r->names, r->nnames, false, a, e);
    return text ? text : "";
}
