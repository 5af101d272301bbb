/* folder_names.c -- what OUT and OUT.run are called. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "run/quantize/folders.h"

/* "." and ".." have no name to build on: take the folder's own. */
static const char *named_path(const char *model, vq_arena *a, vq_err *e)
{
    const char *leaf = vq_base_name(model);
    if (strcmp(leaf, ".") != 0 && strcmp(leaf, "..") != 0) return model;
    char *full = realpath(model, NULL);
    const char *copy = vq_arena_text(a, e, "%s", full ? full : model);
    free(full);
    return copy;
}

/* Does a component of the path begin so? Where its name goes on, NULL: none does. */
static const char *find_component(const char *path, const char *start)
{
    const size_t n = strlen(start);
    for (const char *p = path; (p = strstr(p, start)); p += n)
        if (p == path || p[-1] == '/') return p + n;
    return NULL;
}

/* In a cache of downloads ("models--ORG--NAME/snapshots/HASH", or anything under .cache) nobody
 * looks for an output, and cleaning it would take that along. len: of the name to build on in the
 * current folder, 0: the model lies elsewhere. */
static const char *cached_name(const char *model, size_t *len)
{
    const char *hub = find_component(model, "models--"), *name = hub;
    const bool cached = hub || find_component(model, ".cache/");
    if (!hub) name = vq_base_name(model);
    *len = cached ? strcspn(name, "/") : 0;
    for (const char *p = hub; p && p + 2 < hub + strcspn(hub, "/"); p++)
        if (p[0] == '-' && p[1] == '-') name = p + 2;
    if (hub) *len = strcspn(name, "/");
    return name;
}

/* "dir/model.safetensors" -> "dir/model.RECIPE", "dir/model/" -> "dir/model.RECIPE"; of a model in a
 * cache "./model.RECIPE". */
static char *default_name(vq_folders *o, const vq_folders_request *q, vq_arena *a, vq_err *e)
{
    static const char suffix[] = ".safetensors";
    const char *model = named_path(q->inputs[0], a, e);
    if (!model) return NULL;
    size_t n = strlen(model), len;
    while (n > 1 && model[n - 1] == '/') n--;
    if (n > sizeof suffix - 1 &&
        strncmp(model + n - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0)
        n -= sizeof suffix - 1;
    const char *beside = vq_arena_text(a, e, "%.*s", (int)n, model);
    if (!beside) return NULL;
    const char *name = cached_name(beside, &len);
    o->cached = len > 0;
    return o->cached ? vq_arena_text(a, e, "./%.*s.%s", (int)len, name, q->recipe)
                     : vq_arena_text(a, e, "%s.%s", beside, q->recipe);
}

vq_status vq_folders_name(vq_folders *o, const vq_folders_request *q, vq_arena *a, vq_err *e)
{
    *o = (vq_folders){.force = q->force, .kind = q->kind, .lock = -1};
    char *name = q->out ? vq_arena_text(a, e, "%s", q->out) : default_name(o, q, a, e);
    if (!name) return e->status;
    if (q->kind && *name && name[strlen(name) - 1] == '/')
        return vq_fail(e, VQ_E_RECIPE, "%s is a folder; name a file with -o", name);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--) name[n - 1] = '\0';
    const char *leaf = vq_base_name(name);
    if (!q->kind && (!*leaf || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0))
        return vq_fail(e, VQ_E_RECIPE,
                       "the output is a folder of its own, made in one step, and %s is there "
                       "already; name one inside, -o %s%sNAME",
                       name, name, *leaf ? "/" : "");
    o->out = name;
    o->run = vq_arena_text(a, e, "%s.run", name);
    o->work = o->run ? vq_join(a, o->run, "artifact", e) : NULL;
    if (o->work && o->kind) o->file = vq_join(a, o->work, vq_base_name(name), e);
    return o->work && (o->file || !o->kind) ? VQ_OK : e->status;
}
