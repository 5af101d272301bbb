/* recipe_open.c -- recipes that an artifact recorded, and all others. */
#include "run/recipe_open.h"

#include <string.h>

#include "base/file.h"
#include "formats/target.h"
#include "plan/pass_order.h"
#include "plan/pass_table.h"
#include "quant/rounder.h"
#include "run/manifest.h"

/* The folder of an artifact that the name means; NULL with VQ_OK: it means something else. */
static vq_status artifact_of(const char *name, const char **dir, vq_arena *a, vq_err *e)
{
    const size_t len = strlen(name), file = strlen(VQ_MANIFEST_NAME);
    *dir = NULL;
    if (vq_is_dir(name)) {
        const char *inside = vq_join(a, name, VQ_MANIFEST_NAME, e);
        if (!inside) return e->status;
        *dir = vq_exists(inside) ? name : NULL;
    } else if (strcmp(vq_base_name(name), VQ_MANIFEST_NAME) == 0 && vq_exists(name)) {
        *dir = len > file + 1 ? vq_arena_text(a, e, "%.*s", (int)(len - file - 1), name) : ".";
        if (!*dir) return e->status;
    }
    return VQ_OK;
}

static bool sets_data(const vq_recipe_request *q)
{
    for (int i = 0; i < q->nsets; i++)
        if (strncmp(q->sets[i], "calib.data=", 11) == 0) return true;
    return false;
}

/* "64 tokens of text (sha256 87395cb2c5ce...), 32 tokens of self": as many sources as fit. */
static const char *name_sources(const vq_calibrated *c, char *buf, size_t len)
{
    buf[0] = 0;
    for (int i = 0; i < c->nparts; i++) {
        const vq_sample_part *p = &c->parts[i];
        const size_t n = strlen(buf);
        (void)snprintf(buf + n, len - n, "%s%lld tokens of %s", i ? ", " : "",
                       (long long)(p->samples * c->seqlen), p->kind ? p->kind : "unknown");
        const size_t m = strlen(buf);
        if (*p->sha256) (void)snprintf(buf + m, len - m, " (sha256 %.12s...)", p->sha256);
    }
    return buf;
}

/* The recorded recipe says what it said when it was given: on which file the user had it calibrated
 * instead is recorded beside it, and without that file other bytes would come out. */
static vq_status check_data(const vq_recipe_request *q, const vq_recipe *r, const vq_manifest *m,
                            vq_err *e)
{
    const vq_calibrated *c = &m->calibration;
    const bool made = !c->kind || strcmp(c->kind, "none") == 0 || strcmp(c->kind, "self") == 0;
    if (made || q->data || sets_data(q) || r->calib.data == VQ_DATA_GIVEN) return VQ_OK;
    char sources[512];
    if (c->nparts)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: this artifact was calibrated on %s: give them again, in this order, "
                       "with --data or --tokens, or --set calib.data=self",
                       q->name, name_sources(c, sources, sizeof sources));
    const char *option = strcmp(c->kind, "tokens") == 0       ? "--tokens FILE"
                         : strcmp(c->kind, "statistics") == 0 ? "--stats FILE.vqs"
                                                              : "--data FILE";
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: this artifact was calibrated on %s (sha256 %.12s...): give that file again "
                   "with %s, or --set calib.data=self",
                   q->name, c->kind, *c->sha256 ? c->sha256 : "unknown", option);
}

/* An artifact records what was stored; it asks for no type of scales on another model, but a --set
 * does. */
static void forget_given(const void *ctx, vq_scheme *s)
{
    const vq_recipe_request *q = ctx;
    for (int i = 0; i < q->nsets; i++)
        if (strstr(q->sets[i], "scale")) return;
    s->weight.scale_given = s->act.scale_given = false;
}

static vq_status recorded(vq_recipe *r, const vq_recipe_request *q, const char *dir, vq_arena *a,
                          vq_err *e)
{
    vq_manifest m;
    bool intact;
    VQ_TRY(vq_manifest_read(dir, &m, &intact, a, e));
    if (!intact)
        return vq_fail(e, VQ_E_INPUT, "%s: " VQ_MANIFEST_NAME " was changed; see vq verify %s",
                       q->name, dir);
    if (!m.yaml) return vq_fail(e, VQ_E_INPUT, "%s: no recipe is recorded there", q->name);
    VQ_TRY(vq_recipe_parse(r, q->name, m.yaml, strlen(m.yaml), q->sets, q->nsets, vq_pass_names(),
                           a, e));
    VQ_TRY(vq_recipe_restate(r, forget_given, q, a, e));
    return check_data(q, r, &m, e);
}

typedef struct settling {
    const vq_target *target;
    vq_dtype model;
} settling;

/* What cannot be stored stays as it is said: the plan refuses it where it decides a weight. */
static void settle(const void *ctx, vq_scheme *s)
{
    const settling *to = ctx;
    vq_scheme stored = *s;
    vq_err e;
    if (vq_target_adapt(to->target, to->model, &stored, &e) == VQ_OK) *s = stored;
}

vq_status vq_recipe_settle(vq_recipe *r, vq_dtype model, vq_arena *a, vq_err *e)
{
    const settling to = {vq_target_find(r->format), model};
    return vq_recipe_restate(r, settle, &to, a, e);
}

/* Can the format hold the scheme of a model in some type, whatever the sizes of its weights are? */
static vq_status check_stored(const vq_target *t, const vq_scheme *given, bool augmented, vq_err *e)
{
    static const vq_dtype models[] = {VQ_F32, VQ_F16, VQ_BF16};
    const vq_group_shape *g = &given->weight.group;
    const int64_t cols = g->kind == VQ_PER_BLOCK ? g->cols : 1;
    vq_status status = VQ_OK;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        vq_scheme s = *given;
        const vq_module m = {.name = s.id,
                             .n = 1,
                             .k = cols,
                             .arc_s = augmented ? cols : 0,
                             .scheme = &s,
                             .model_dtype = models[i]};
        status = vq_target_adapt(t, models[i], &s, e);
        if (status == VQ_OK) return vq_target_takes(t, &m, e);
    }
    return status;
}

static vq_status check_rounder(const vq_rounder *r, const vq_scheme *s, vq_err *e)
{
    if (!r->most_bits || s->weight.grid.bits <= r->most_bits) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE, "scheme %s: %s takes grids of at most %d bits, not %d; use rtn",
                   s->id, r->name, r->most_bits, s->weight.grid.bits);
}

/* What a plan would refuse of every model. */
static vq_status check_sound(const vq_recipe *r, vq_err *e)
{
    const vq_target *to = vq_target_find(r->format);
    bool augmented = false;
    for (int i = 0; i < r->npasses; i++) {
        const vq_pass_recipe *p = &r->passes[i];
        const vq_transform *t = p->round || p->finish ? NULL : vq_transform_find(p->name);
        if (t) VQ_TRY(vq_pass_place_check(t, to, e));
        augmented = augmented || (t && t->augments);
    }
    for (int i = 0; i < r->nschemes; i++) VQ_TRY(check_stored(to, r->schemes[i], augmented, e));
    for (int i = 0; i < r->npasses; i++)
        for (int j = 0; r->passes[i].round && j < r->nschemes; j++)
            VQ_TRY(check_rounder(vq_rounder_find(r->passes[i].name), r->schemes[j], e));
    return VQ_OK;
}

vq_status vq_recipe_open(vq_recipe *r, const vq_recipe_request *q, vq_arena *a, vq_err *e)
{
    const char *dir;
    VQ_TRY(artifact_of(q->name, &dir, a, e));
    VQ_TRY(dir ? recorded(r, q, dir, a, e)
               : vq_recipe_load(r, q->name, q->sets, q->nsets, vq_pass_names(), a, e));
    if (check_sound(r, e) != VQ_OK) return vq_at(e, "%s", r->path);
    return vq_recipe_settle(r, VQ_BF16, a, e);
}
