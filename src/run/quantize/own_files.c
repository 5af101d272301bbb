/* own_files.c -- whose a file in OUT.run is. */
#include "run/quantize/own_files.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ledger.h"
#include "run/manifest.h"

static bool lies_in(const char *name, const char *folder)
{
    const size_t n = strlen(folder);
    return n == 0 || (strncmp(name, folder, n) == 0 && name[n] == '/');
}

vq_status vq_own_foreign(const char *run, const char *inside, const char **path, vq_arena *a,
                         vq_err *e)
{
    const char *const *names;
    size_t n;
    *path = NULL;
    VQ_TRY(vq_list_tree(run, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (!lies_in(names[i], inside) || strcmp(names[i], VQ_RUN_LOCK) == 0) continue;
        *path = vq_join(a, run, names[i], e);
        if (!*path) return e->status;
        if (!vq_ledger_has(*path)) return VQ_OK;
        *path = NULL;
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

vq_status vq_own_remove(const char *run, const char *inside, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    VQ_TRY(vq_list_tree(run, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        const char *path = vq_join(a, run, names[i], e);
        if (!path) return e->status;
        if (!lies_in(names[i], inside) || !vq_ledger_has(path)) continue;
        VQ_TRY(vq_remove(path, e));
        vq_ledger_forget(path);
    }
    const char *folder = *inside ? vq_join(a, run, inside, e) : run;
    return folder ? remove_empty(folder, a, e) : e->status;
}

vq_status vq_own_list(const char *run, const char *inside, const char *out, vq_arena *a, vq_err *e)
{
    const char *const *names, *folder = vq_join(a, run, inside, e);
    vq_manifest m;
    bool intact;
    size_t n;
    if (!folder) return e->status;
    VQ_TRY(vq_manifest_read(out, &m, &intact, a, e));
    VQ_TRY(vq_list_tree(out, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], VQ_MANIFEST_NAME) != 0 && !vq_manifest_file_named(&m, names[i]))
            continue;
        const char *path = vq_join(a, folder, names[i], e);
        if (!path) return e->status;
        VQ_TRY(vq_ledger_add(path, e));
    }
    return VQ_OK;
}
