/* recipe_open.c -- recipes that an artifact recorded, and all others. */
#include "run/recipe_open.h"

#include <string.h>

#include "base/file.h"
#include "plan/pass_table.h"
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

/* The recorded recipe says what it said when it was given: on which file the user had it calibrated
 * instead is recorded beside it, and without that file other bytes would come out. */
static vq_status check_data(const vq_recipe_request *q, const vq_recipe *r, const vq_manifest *m,
                            vq_err *e)
{
    const vq_calibrated *c = &m->calibration;
    const bool made = !c->kind || strcmp(c->kind, "none") == 0 || strcmp(c->kind, "self") == 0;
    if (made || q->data || sets_data(q) || r->calib.data == VQ_DATA_GIVEN) return VQ_OK;
    const char *option = strcmp(c->kind, "tokens") == 0       ? "--tokens FILE"
                         : strcmp(c->kind, "statistics") == 0 ? "--stats FILE.vqs"
                                                              : "--data FILE";
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: this artifact was calibrated on %s (sha256 %.12s...): give that file again "
                   "with %s, or --set calib.data=self",
                   q->name, c->kind, *c->sha256 ? c->sha256 : "unknown", option);
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
    return check_data(q, r, &m, e);
}

vq_status vq_recipe_open(vq_recipe *r, const vq_recipe_request *q, vq_arena *a, vq_err *e)
{
    const char *dir;
    VQ_TRY(artifact_of(q->name, &dir, a, e));
    if (dir) return recorded(r, q, dir, a, e);
    return vq_recipe_load(r, q->name, q->sets, q->nsets, vq_pass_names(), a, e);
}
