/* target.c -- what follows from the traits of a target: what it takes, and why not. */
#include "formats/target.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

const vq_target *vq_target_find(const char *name)
{
    for (int i = 0; vq_targets[i]; i++)
        if (strcmp(vq_targets[i]->name, name) == 0) return vq_targets[i];
    return NULL;
}

const vq_target *vq_target_of(const vq_folder *f)
{
    for (int i = 0; vq_targets[i]; i++)
        if (vq_targets[i]->owns(f)) return vq_targets[i];
    for (int i = 0; vq_readers[i]; i++)
        if (vq_readers[i]->owns(f)) return vq_readers[i];
    return NULL;
}

const char *vq_target_names(char *buf, size_t len)
{
    size_t at = 0;
    *buf = '\0';
    for (int i = 0; vq_targets[i] && at < len; i++) {
        const int n = snprintf(buf + at, len - at, "%s%s", i ? ", " : "", vq_targets[i]->name);
        at += n > 0 ? (size_t)n : 0;
    }
    for (int i = 0; vq_readers[i] && at < len; i++) {
        const int n = snprintf(buf + at, len - at, "%s%s", vq_readers[i + 1] ? ", " : " and ",
                               vq_readers[i]->name);
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

const vq_container *vq_container_of(const char *path)
{
    const vq_container *last = NULL;
    for (int i = 0; vq_targets[i]; i++) {
        const vq_container *c = vq_targets[i]->container;
        if (c->fallback)
            last = c;
        else if (c->claims(path))
            return c;
    }
    return last;
}

vq_status vq_target_adapt(const vq_target *t, vq_dtype model, vq_scheme *s, vq_err *e)
{
    return t->adapt ? t->adapt(model, s, e) : VQ_OK;
}

vq_global_scale vq_target_global_scale(const vq_target *t, vq_global_scale s)
{
    if (t->global_scale_divides) {
        const vq_global_scale d = vq_global_scale_as_divisor(s);
        return (vq_global_scale){.value = d.value <= FLT_MAX ? d.value : FLT_MAX, .divides = true};
    }
    if (s.divides) s = (vq_global_scale){.value = 1 / s.value};
    return s;
}

static bool maps_input(const vq_module *m)
{
    return m->arc_s > 0 || m->hadamard > 0;
}

/* "; use --set output.format=vq" -- the first other target that could hold the module; nothing when none
 * can. */
static const char *advice(const vq_target *t, const vq_module *m, const char *before,
                          const char *after, char *buf, size_t len)
{
    *buf = '\0';
    for (int i = 0; vq_targets[i] && !*buf; i++) {
        const vq_target *o = vq_targets[i];
        if (o == t || !vq_layout_for(o->layouts, m->scheme) || (maps_input(m) && !o->input_maps) ||
            (o->takes && o->takes(m, NULL) != VQ_OK))
            continue;
        (void)snprintf(buf, len, "; %s--set output.format=%s%s", before, o->name, after);
    }
    return buf;
}

static vq_status no_layout(const vq_target *t, const vq_module *m, vq_err *e)
{
    char weight[128], act[128] = "", hint[96];
    const vq_scheme *s = m->scheme;
    vq_num_text(&s->weight, weight, sizeof weight);
    if (s->has_act) vq_num_text(&s->act, act, sizeof act);
    return vq_fail(e, VQ_E_RECIPE, "%s cannot hold scheme %s (weight %s%s%s)%s", t->name, s->id,
                   weight, s->has_act ? "; act " : "", act,
                   advice(t, m, "", " can", hint, sizeof hint));
}

static vq_status no_place(const vq_target *t, const vq_module *m, vq_err *e)
{
    char hint[96];
    return vq_fail(e, VQ_E_RECIPE, "%s has no place for the %s%s", t->name,
                   m->arc_s > 0 ? "augmented channels of arc" : "rotation of an input",
                   advice(t, m, "use ", "", hint, sizeof hint));
}

vq_status vq_target_takes(const vq_target *t, const vq_module *m, vq_err *e)
{
    int64_t per_row, groups;
    if (!vq_layout_for(t->layouts, m->scheme)) return no_layout(t, m, e);
    if (maps_input(m) && !t->input_maps) return no_place(t, m, e);
    if (t->takes) VQ_TRY(t->takes(m, e));
    return vq_group_count(&m->scheme->weight, m->n, m->k + m->arc_s, &per_row, &groups, e);
}
