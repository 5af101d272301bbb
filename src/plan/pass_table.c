/* pass_table.c -- the registries of quant and formats as the recipe reader wants them: recipe
 * computes no tensor, so it includes neither. */
#include "plan/pass_table.h"
#include "formats/target.h"
#include "model/graph.h"
#include "quant/finish.h"
#include "quant/rounder.h"
#include "quant/transform.h"

static const vq_option *transform_options(const char *name)
{
    const vq_transform *t = vq_transform_find(name);
    return t ? t->options : NULL;
}

static const vq_option *rounder_options(const char *name)
{
    const vq_rounder *r = vq_rounder_find(name);
    return r ? r->options : NULL;
}

static const vq_option *finish_options(const char *name)
{
    const vq_finish *f = vq_finish_find(name);
    return f ? f->options : NULL;
}

static const vq_recipe_format *formats(void)
{
    enum { MAX_FORMATS = 32 };
    static vq_recipe_format list[MAX_FORMATS + 1];
    for (int i = 0; i < MAX_FORMATS && vq_targets[i]; i++)
        list[i] = (vq_recipe_format){vq_targets[i]->name, vq_targets[i]->runtimes};
    return list;
}

const vq_pass_table *vq_pass_names(void)
{
    enum { MAX_PASSES = 64 };
    static const char *names[MAX_PASSES];
    static const char *roles[VQ_ROLE_OTHER + 1];
    static vq_pass_table table = {
        transform_options, rounder_options, names, 0, finish_options, NULL, roles,
        VQ_ROLE_OTHER + 1};
    for (int i = 0; i <= VQ_ROLE_OTHER; i++) roles[i] = vq_role_name((vq_role)i);
    int n = 0;
    for (int i = 0; n < MAX_PASSES && vq_transform_at(i); i++)
        names[n++] = vq_transform_at(i)->name;
    for (int i = 0; n < MAX_PASSES && vq_rounder_at(i); i++) names[n++] = vq_rounder_at(i)->name;
    for (int i = 0; n < MAX_PASSES && vq_finish_at(i); i++) names[n++] = vq_finish_at(i)->name;
    table.nnames = n;
    table.formats = formats();
    return &table;
}
