/* override.c -- values from the command line, and the joining of a recipe with the one that it
 * extends: both change the tree before it is read, so that one reading checks everything. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "recipe/recipe_read.h"

typedef struct override {
    const char *label; /* "--set calib.samples=64" */
    vq_arena *a;
    vq_err *e;
} override;

static vq_yaml *new_node(const override *o, vq_yaml_kind kind, const char *key)
{
    vq_yaml *n = VQ_NEW(o->a, vq_yaml, 1, "override", o->e);
    if (n) *n = (vq_yaml){.kind = kind, .file = o->label, .key = key, .text = ""};
    return n;
}

static bool is_index(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 9;
}

/* The name that a pass answers to: its transform, or its rounding method, or "round". */
static bool pass_is_called(const vq_yaml *pass, const char *name)
{
    static const char *const keys[] = {"do", "method"};
    for (int i = 0; i < 2; i++) {
        const vq_yaml *c = vq_yaml_child(pass, keys[i]);
        if (c && strcmp(c->text, name) == 0) return true;
    }
    return false;
}

static vq_status find_item(const override *o, vq_yaml *list, const char *segment, vq_yaml **out)
{
    int i = 0;
    const int index = is_index(segment) ? (int)strtol(segment, NULL, 10) : -1;
    for (vq_yaml *c = list->first; c; c = c->next, i++) {
        if (i != index && !pass_is_called(c, segment)) continue;
        *out = c;
        return VQ_OK;
    }
    if (index >= 0)
        return vq_fail(o->e, VQ_E_RECIPE, "%s: no item %d; there are %d, counted from 0", o->label,
                       index, list->count);
    return vq_fail(o->e, VQ_E_RECIPE, "%s: no item \"%s\" in the list", o->label, segment);
}

static vq_status find_key(const override *o, vq_yaml *map, const char *segment, vq_yaml **out)
{
    *out = vq_yaml_child(map, segment);
    if (*out) return VQ_OK;
    if (map->count == VQ_YAML_KEYS)
        return vq_fail(o->e, VQ_E_RECIPE, "%s: a map of more than %d keys", o->label, VQ_YAML_KEYS);
    *out = new_node(o, VQ_YAML_MAP, segment);
    if (!*out) return VQ_E_LIMIT;
    vq_yaml_append(map, *out);
    return VQ_OK;
}

/* The node of a path; keys that are not there yet become empty maps, which the caller fills and the
 * reading checks. */
static vq_status walk(const override *o, vq_yaml *root, char *path, vq_yaml **out)
{
    int depth = 0;
    *out = root;
    for (char *segment = path; segment; depth++) {
        char *dot = strchr(segment, '.');
        if (dot) *dot = '\0';
        if (!*segment) return vq_fail(o->e, VQ_E_RECIPE, "%s: an empty name in the path", o->label);
        if (depth == VQ_YAML_DEPTH)
            return vq_fail(o->e, VQ_E_RECIPE, "%s: nested more than %d deep", o->label,
                           VQ_YAML_DEPTH);
        if ((*out)->kind == VQ_YAML_SCALAR)
            return vq_fail(o->e, VQ_E_RECIPE, "%s: \"%s\" lies below the single value \"%s\"",
                           o->label, segment, (*out)->text);
        if ((*out)->kind == VQ_YAML_LIST)
            VQ_TRY(find_item(o, *out, segment, out));
        else
            VQ_TRY(find_key(o, *out, segment, out));
        assert(*out); /* found or made */
        segment = dot ? dot + 1 : NULL;
    }
    return VQ_OK;
}

/* YAML below one key: "v: [1, 2]" parsed and its value taken. */
static vq_status parse_value(const override *o, const char *text, vq_yaml *value)
{
    vq_yaml *root;
    const char *wrapped = vq_arena_text(o->a, o->e, "v: %s", text);
    if (!wrapped) return VQ_E_LIMIT;
    VQ_TRY(vq_yaml_parse(o->label, wrapped, strlen(wrapped), o->a, &root, o->e));
    if (root->count != 1)
        return vq_fail(o->e, VQ_E_RECIPE, "%s: the value is not one value", o->label);
    *value = *root->first;
    return VQ_OK;
}

vq_status vq_recipe_override(vq_yaml *root, const char *set, vq_arena *a, vq_err *e)
{
    override o = {.a = a, .e = e, .label = vq_arena_text(a, e, "--set %s", set)};
    char *path = vq_arena_text(a, e, "%s", set);
    if (!o.label || !path) return VQ_E_LIMIT;
    char *equals = strchr(path, '=');
    if (!equals)
        return vq_fail(e, VQ_E_RECIPE, "%s: expected PATH=VALUE, as in calib.samples=64", o.label);
    *equals = '\0';
    vq_yaml *node, value = {.kind = VQ_YAML_SCALAR, .file = o.label, .text = equals + 1};
    if (equals[1] == '[' || equals[1] == '{') VQ_TRY(parse_value(&o, equals + 1, &value));
    VQ_TRY(walk(&o, root, path, &node));
    value.next = node->next;
    value.key = node->key;
    value.key_line = node->key_line;
    value.key_column = node->key_column;
    *node = value;
    return VQ_OK;
}

static void prepend(vq_yaml *list, vq_yaml *base)
{
    if (!base->first) return;
    base->last->next = list->first;
    list->first = base->first;
    if (!list->last) list->last = base->last;
    list->count += base->count;
}

void vq_recipe_extend(vq_yaml *child, vq_yaml *base)
{
    vq_yaml *next;
    for (vq_yaml *b = base->first; b; b = next) {
        next = b->next;
        vq_yaml *c = vq_yaml_child(child, b->key);
        if (!c) {
            b->next = NULL;
            vq_yaml_append(child, b);
        } else if (c->kind == VQ_YAML_MAP && b->kind == VQ_YAML_MAP) {
            vq_recipe_extend(c, b);
        } else if (c->kind == VQ_YAML_LIST && b->kind == VQ_YAML_LIST &&
                   strcmp(c->key, "rules") == 0) {
            prepend(c, b);
        }
    }
}
