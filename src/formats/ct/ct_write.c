/* ct_write.c -- quantization_config of compressed-tensors from what was written: one group per
 * distinct scheme, targets, ignore. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "formats/ct/ct_args.h"
#include "formats/ct/ct_config.h"
#include "formats/ct/ct_layouts.h"

#define CT_VERSION "0.20.0" /* of the schema that this file writes */

/* "model.layers.7.mlp.up" -> "model.layers.#.mlp.up": modules of one shape of name. The name must
 * fit, buf has its size. */
static void template_of(const char *name, char *buf)
{
    const char *p = name;
    while (*p) {
        const size_t part = strcspn(p, "."), digits = strspn(p, "0123456789");
        const bool number = part > 0 && digits == part;
        memcpy(buf, number ? "#" : p, number ? 1 : part);
        buf += number ? 1 : part;
        p += part;
        if (*p == '.') *buf++ = *p++;
    }
    *buf = 0;
}

/* Names sorted under templates. owner: which list (group index, or -1 for dense) uses a template;
 * -2: several do. */
typedef struct names {
    json_t *owner; /* template -> integer */
    json_t *uses;  /* template -> how often */
} names;

enum { DENSE = -1, SHARED = -2 };

static int count_name(names *t, const char *name, int owner)
{
    char key[1024];
    if (strlen(name) >= sizeof key) return -1;
    template_of(name, key);
    const json_t *had = json_object_get(t->owner, key);
    const json_int_t now = had && json_integer_value(had) != owner ? SHARED : owner;
    if (json_object_set_new(t->owner, key, json_integer(now)) != 0) return -1;
    return json_object_set_new(t->uses, key,
                               json_integer(1 + json_integer_value(json_object_get(t->uses, key))));
}

/* "re:^model\.layers\.[0-9]+\.mlp\.up$" into buf. */
static int expression(const char *key, char *buf, size_t len)
{
    static const char number[] = "[0-9]+";
    size_t at = 4;
    memcpy(buf, "re:^", 5);
    for (; *key; key++) {
        if (at + sizeof number + 3 > len) return -1;
        if (*key == '#') {
            memcpy(buf + at, number, sizeof number);
            at += sizeof number - 1;
            continue;
        }
        if (!isalnum((unsigned char)*key) && *key != '_') buf[at++] = '\\';
        buf[at++] = *key;
    }
    memcpy(buf + at, "$", 2);
    return 0;
}

/* Appends what names this module: itself, or once the expression for all of its shape when no other
 * list has one of that shape. */
static int add_target(const names *t, json_t *list, json_t *done, const char *name)
{
    char key[1024], text[4200];
    template_of(name, key);
    const bool shared = json_integer_value(json_object_get(t->owner, key)) == SHARED;
    if (shared || json_integer_value(json_object_get(t->uses, key)) < 2)
        return json_array_append_new(list, json_string(name));
    if (json_object_get(done, key)) return 0;
    if (expression(key, text, sizeof text) != 0 || json_object_set_new(done, key, json_true()) != 0)
        return -1;
    return json_array_append_new(list, json_string(text));
}

static json_t *group_of(const vq_module *m, const vq_layout *l)
{
    return json_pack("{s:s, s:o, s:n, s:o}", "format", l->name, "input_activations",
                     m->scheme->has_act ? vq_ct_args_write(&m->scheme->act, true) : json_null(),
                     "output_activations", "weights", vq_ct_args_write(&m->scheme->weight, false));
}

/* Index of an equal group in the list, appended when there is none; -1: no memory. Takes over the
 * reference. */
static int find_group(json_t *groups, json_t *group)
{
    const size_t n = json_array_size(groups);
    for (size_t i = 0; i < n; i++) {
        if (!json_equal(json_array_get(groups, i), group)) continue;
        json_decref(group);
        return (int)i;
    }
    return json_array_append_new(groups, group) == 0 ? (int)n : -1;
}

typedef struct draft {
    json_t *groups, *index; /* index[i]: group of module i */
    names names;
} draft;

static vq_status no_memory(vq_err *e)
{
    return vq_fail(e, VQ_E_LIMIT, "no memory for quantization_config");
}

static bool listed(const vq_module *modules, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(modules[i].name, name) == 0) return true;
    return false;
}

static vq_status sort_modules(draft *d, const vq_module *modules, size_t n,
                              const char *const *dense, size_t ndense, vq_err *e)
{
    for (size_t i = 0; i < n; i++) {
        const vq_layout *l = vq_layout_for(vq_layouts_ct, modules[i].scheme);
        if (!l) return vq_fail(e, VQ_E_BUG, "%s: no layout", modules[i].name);
        const int group = find_group(d->groups, group_of(&modules[i], l));
        if (group < 0 || json_array_append_new(d->index, json_integer(group)) != 0 ||
            count_name(&d->names, modules[i].name, group) != 0)
            return no_memory(e);
    }
    for (size_t i = 0; i < ndense; i++)
        if (count_name(&d->names, dense[i], DENSE) != 0) return no_memory(e);
    return VQ_OK;
}

/* targets of every group: the class when there is one group, else names. */
static vq_status add_targets(draft *d, const vq_module *modules, size_t n, vq_err *e)
{
    const size_t ngroups = json_array_size(d->groups);
    json_t *done = json_object();
    int bad = 0;
    for (size_t g = 0; g < ngroups; g++)
        bad |= json_object_set_new(json_array_get(d->groups, g), "targets",
                                   ngroups == 1 ? json_pack("[s]", "Linear") : json_array());
    for (size_t i = 0; ngroups > 1 && i < n; i++) {
        json_t *group =
            json_array_get(d->groups, (size_t)json_integer_value(json_array_get(d->index, i)));
        bad |= add_target(&d->names, json_object_get(group, "targets"), done, modules[i].name);
    }
    json_decref(done);
    return bad ? no_memory(e) : VQ_OK;
}

/* lm_head is a Linear even where its weight is the embedding and no tensor of its own was written.
 */
static json_t *ignore_of(const draft *d, const vq_module *modules, size_t n,
                         const char *const *dense, size_t ndense)
{
    json_t *list = json_array(), *done = json_object();
    bool head = listed(modules, n, "lm_head");
    int bad = 0;
    for (size_t i = 0; i < ndense; i++) {
        head |= strcmp(dense[i], "lm_head") == 0;
        bad |= add_target(&d->names, list, done, dense[i]);
    }
    if (!head) bad |= json_array_append_new(list, json_string("lm_head"));
    json_decref(done);
    if (!bad) return list;
    json_decref(list);
    return NULL;
}

static const char *format_of(const json_t *groups)
{
    const char *first = json_string_value(json_object_get(json_array_get(groups, 0), "format"));
    for (size_t i = 1; i < json_array_size(groups); i++)
        if (strcmp(first,
                   json_string_value(json_object_get(json_array_get(groups, i), "format"))) != 0)
            return "mixed-precision";
    return first ? first : "dense";
}

static json_t *named_groups(const json_t *groups)
{
    json_t *out = json_object();
    for (size_t i = 0; i < json_array_size(groups); i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "group_%zu", i);
        if (json_object_set(out, key, json_array_get(groups, i)) == 0) continue;
        json_decref(out);
        return NULL;
    }
    return out;
}

static vq_status write_config(draft *d, const vq_module *modules, size_t n,
                              const char *const *dense, size_t ndense, json_t **out, vq_err *e)
{
    VQ_TRY(sort_modules(d, modules, n, dense, ndense, e));
    VQ_TRY(add_targets(d, modules, n, e));
    *out = json_pack("{s:o, s:s, s:n, s:o, s:n, s:s, s:s, s:{}, s:{}, s:s}", "config_groups",
                     named_groups(d->groups), "format", format_of(d->groups),
                     "global_compression_ratio", "ignore", ignore_of(d, modules, n, dense, ndense),
                     "kv_cache_scheme", "quant_method", "compressed-tensors", "quantization_status",
                     "compressed", "sparsity_config", "transform_config", "version", CT_VERSION);
    return *out ? VQ_OK : no_memory(e);
}

vq_status vq_ct_config_write(const vq_module *modules, size_t n, const char *const *dense,
                             size_t ndense, json_t **out, vq_err *e)
{
    draft d = {.groups = json_array(),
               .index = json_array(),
               .names = {.owner = json_object(), .uses = json_object()}};
    const vq_status status = write_config(&d, modules, n, dense, ndense, out, e);
    json_decref(d.groups);
    json_decref(d.index);
    json_decref(d.names.owner);
    json_decref(d.names.uses);
    return status;
}
