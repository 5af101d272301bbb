/* own_files.c -- whose a file in OUT.run is, by the names that vq gives. */
#include "run/quantize/own_files.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "run/manifest.h"
#include "run/store/run_state.h"

#define SHARD "model-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].safetensors"
#define SECTION "part-[0-9][0-9][0-9][0-9]"

/* With ".part" behind it while it is written. */
static const char *const patterns[] = {VQ_RUN_LOCK,
                                       VQ_RUN_STATE,
                                       "vq-spool-??????",
                                       "layer-[0-9][0-9][0-9][0-9].vqs",
                                       SECTION "/model.safetensors",
                                       SECTION "/model.safetensors.index.json",
                                       SECTION "/" SHARD,
                                       "artifact/model.safetensors",
                                       "artifact/model.safetensors.index.json",
                                       "artifact/" SHARD,
                                       "artifact/config.json",
                                       "artifact/" VQ_MANIFEST_NAME,
                                       NULL};

/* Folders with an artifact: the one that is made, and the one that it took the place of. */
static const char *const artifacts[] = {"artifact", "artifact.aside"};
enum { ARTIFACTS = sizeof artifacts / sizeof *artifacts };

typedef struct owner {
    const vq_own_files *own;
    const char *const *names; /* all in OUT.run, with the folders they are in */
    size_t n;
    vq_manifest made[ARTIFACTS]; /* what their vq.json lists */
} owner;

static bool fits_any(const char *name)
{
    for (const char *const *p = patterns; *p; p++)
        if (fnmatch(*p, name, FNM_PATHNAME | FNM_PERIOD) == 0) return true;
    return false;
}

static bool is_listed(const owner *o, const char *name)
{
    for (int i = 0; i < ARTIFACTS; i++) {
        const size_t n = strlen(artifacts[i]);
        if (strncmp(name, artifacts[i], n) != 0 || name[n] != '/') continue;
        const char *inside = name + n + 1;
        if (vq_manifest_file_named(&o->made[i], inside)) return true;
        if (o->made[i].nfiles && strcmp(inside, VQ_MANIFEST_NAME) == 0) return true;
        if (i == 0 && vq_lists(o->own->copied, o->own->ncopied, inside)) return true;
    }
    return false;
}

static vq_status is_own(const owner *o, const char *name, bool *own, vq_arena *a, vq_err *e)
{
    const char *end = ".part", *whole = name;
    if (vq_ends_with(name, end))
        whole = vq_arena_text(a, e, "%.*s", (int)(strlen(name) - strlen(end)), name);
    if (!whole) return e->status;
    *own = fits_any(name) || is_listed(o, name) || fits_any(whole) || is_listed(o, whole);
    return VQ_OK;
}

/* A manifest that cannot be read lists nothing. */
static vq_status look(owner *o, vq_arena *a, vq_err *e)
{
    for (int i = 0; i < ARTIFACTS; i++) {
        bool intact;
        const char *dir = vq_join(a, o->own->run, artifacts[i], e);
        if (!dir) return e->status;
        const vq_status s = vq_manifest_read(dir, &o->made[i], &intact, a, e);
        if (s != VQ_OK && s != VQ_E_INPUT) return s;
    }
    return vq_list_tree(o->own->run, a, &o->names, &o->n, e);
}

static bool lies_in(const char *name, const char *folder)
{
    const size_t n = strlen(folder);
    return n == 0 || (strncmp(name, folder, n) == 0 && name[n] == '/');
}

vq_status vq_own_foreign(const vq_own_files *of, const char *inside, const char **path, vq_arena *a,
                         vq_err *e)
{
    owner o = {.own = of};
    *path = NULL;
    VQ_TRY(look(&o, a, e));
    for (size_t i = 0; i < o.n && !*path; i++) {
        bool own = false;
        VQ_TRY(is_own(&o, o.names[i], &own, a, e));
        if (own || !lies_in(o.names[i], inside)) continue;
        *path = vq_join(a, of->run, o.names[i], e);
        if (!*path) return e->status;
    }
    return VQ_OK;
}

/* Folders go once nothing is in them; others stay. */
static vq_status remove_empty(const char *path, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    if (vq_is_link(path) || !vq_is_dir(path)) return VQ_OK;
    VQ_TRY(vq_list_dir(path, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        const char *inside = vq_join(a, path, names[i], e);
        if (!inside) return e->status;
        VQ_TRY(remove_empty(inside, a, e));
    }
    (void)rmdir(path);
    return VQ_OK;
}

vq_status vq_own_remove(const vq_own_files *of, const char *inside, vq_arena *a, vq_err *e)
{
    owner o = {.own = of};
    VQ_TRY(look(&o, a, e));
    for (size_t i = 0; i < o.n; i++) {
        bool own = false;
        const char *path = vq_join(a, of->run, o.names[i], e);
        if (!path) return e->status;
        VQ_TRY(is_own(&o, o.names[i], &own, a, e));
        if (own && lies_in(o.names[i], inside) && strcmp(o.names[i], VQ_RUN_LOCK) != 0)
            VQ_TRY(vq_remove(path, e));
    }
    const char *folder = *inside ? vq_join(a, of->run, inside, e) : of->run;
    return folder ? remove_empty(folder, a, e) : e->status;
}
