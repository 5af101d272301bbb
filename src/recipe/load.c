/* load.c -- where a recipe comes from: a file, the current folder, or the shipped ones; then what
 * it extends, then overrides. */
#include <assert.h>
#include <string.h>

#include "base/file.h"
#include "recipe/alias.h"
#include "recipe/recipe_read.h"

static vq_status parse_file(const char *path, vq_arena *a, vq_yaml **root, vq_err *e)
{
    vq_map map;
    const char *file = vq_arena_text(a, e, "%s", path);
    if (!file) return VQ_E_LIMIT;
    VQ_TRY(vq_map_open(&map, path, e));
    const vq_status s = vq_yaml_parse(file, (const char *)map.data, map.size, a, root, e);
    vq_map_close(&map);
    return s;
}

/* The tree of a recipe by path or name. */
static vq_status find_recipe(const char *name, vq_arena *a, vq_yaml **root, vq_err *e)
{
    if (vq_exists(name) && !vq_is_dir(name)) return parse_file(name, a, root, e);
    const char *with_suffix = vq_arena_text(a, e, "%s.yaml", name);
    if (!with_suffix) return VQ_E_LIMIT;
    if (vq_exists(with_suffix) && !vq_is_dir(with_suffix))
        return parse_file(with_suffix, a, root, e);
    const vq_alias *alias = vq_shipped_find(name) ? NULL : vq_alias_find(name);
    const vq_shipped *s = vq_shipped_find(alias && alias->recipe ? alias->recipe : name);
    if (!s) return vq_alias_unknown(name, e);
    return vq_yaml_parse(s->name, s->text, strlen(s->text), a, root, e);
}

/* Takes the key "extends" out of the map; NULL when there is none. */
static vq_yaml *take_extends(vq_yaml *root)
{
    vq_yaml *before = NULL;
    for (vq_yaml *c = root->first; c; before = c, c = c->next) {
        if (strcmp(c->key, "extends") != 0) continue;
        if (before)
            before->next = c->next;
        else
            root->first = c->next;
        if (root->last == c) root->last = before;
        root->count--;
        return c;
    }
    return NULL;
}

static vq_status extend(vq_yaml *root, vq_arena *a, vq_err *e)
{
    const vq_yaml *n = take_extends(root);
    vq_yaml *base = NULL;
    if (!n) return VQ_OK;
    if (n->kind != VQ_YAML_SCALAR || !n->text[0])
        return vq_yaml_fail(e, n, "extends: the name or path of one recipe");
    vq_err cause;
    const vq_status s = find_recipe(n->text, a, &base, &cause);
    if (s != VQ_OK)
        return s == VQ_E_RECIPE ? vq_yaml_fail(e, n, "extends: %s", cause.text)
                                : vq_fail(e, s, "%s: extends: %s", n->file, cause.text);
    const vq_yaml *again = vq_yaml_child(base, "extends");
    if (again)
        return vq_yaml_fail_key(e, again, "a recipe that is extended cannot extend another one");
    vq_recipe_extend(root, base);
    return VQ_OK;
}

static vq_status finish(vq_recipe *r, vq_yaml *root, const char *const *sets, int nsets,
                        const vq_pass_table *t, vq_arena *a, vq_err *e)
{
    assert(root); /* found and parsed */
    VQ_TRY(extend(root, a, e));
    for (int i = 0; i < nsets; i++) VQ_TRY(vq_recipe_override(root, sets[i], a, e));
    return vq_recipe_read(r, root, t, a, e);
}

vq_status vq_recipe_parse(vq_recipe *r, const char *file, const char *text, size_t n,
                          const char *const *sets, int nsets, const vq_pass_table *t, vq_arena *a,
                          vq_err *e)
{
    vq_yaml *root = NULL;
    VQ_TRY(vq_yaml_parse(file, text, n, a, &root, e));
    return finish(r, root, sets, nsets, t, a, e);
}

vq_status vq_recipe_load(vq_recipe *r, const char *path, const char *const *sets, int nsets,
                         const vq_pass_table *t, vq_arena *a, vq_err *e)
{
    vq_yaml *root = NULL;
    VQ_TRY(find_recipe(path, a, &root, e));
    return finish(r, root, sets, nsets, t, a, e);
}
