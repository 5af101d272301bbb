/* num_json.c -- number formats of the vq format's config. */
#include "formats/vq/num_json.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const scales[] = {"f32", "f16", "bf16", "e4m3", "ue5m3", "e8m0", NULL};
static const char *const zeros[] = {"none", "int", NULL};
static const char *const whens[] = {"static", "dynamic", NULL};
static const char *const rules[] = {"floor", "bump", "ceil", "four-thirds", NULL};
static const char *const ranges[] = {"full", "narrow", NULL};
static const char *const compats[] = {"none", "compressed-tensors", "modelopt", NULL};
static const char *const groups[] = {"tensor", "channel", "token", NULL};
static const char *const global_scales[] = {"none", "f32", NULL};

/* Keys whose value is one of a few words; the member is an enum. */
static const struct choice {
    const char *key;
    const char *const *words;
    size_t at;
} choices[] = {
    {"scale", scales, offsetof(vq_num, scale)}, {"zero", zeros, offsetof(vq_num, zero)},
    {"when", whens, offsetof(vq_num, when)},    {"rule", rules, offsetof(vq_num, rule)},
    {"range", ranges, offsetof(vq_num, range)}, {"compat", compats, offsetof(vq_num, compat)},
};
enum { CHOICES = sizeof choices / sizeof *choices };
_Static_assert(sizeof(vq_scale_type) == sizeof(int) && sizeof(vq_zero) == sizeof(int) &&
                   sizeof(vq_compat) == sizeof(int),
               "enums are ints");

static void group_text(const vq_group_shape *g, char *buf, size_t len)
{
    if (g->kind != VQ_PER_BLOCK)
        (void)snprintf(buf, len, "%s", groups[g->kind]);
    else if (g->rows == 1)
        (void)snprintf(buf, len, "block:%d", (int)g->cols);
    else
        (void)snprintf(buf, len, "block:%dx%d", (int)g->rows, (int)g->cols);
}

json_t *vq_num_write(const vq_num *n)
{
    char grid[16], group[32];
    group_text(&n->group, group, sizeof group);
    json_t *o = json_pack("{s:s, s:s, s:s}", "grid", vq_grid_name(&n->grid, grid), "group", group,
                          "super", global_scales[n->global_scale]);
    for (int i = 0; o && i < CHOICES; i++) {
        int v;
        memcpy(&v, (const char *)n + choices[i].at, sizeof v);
        if (json_object_set_new(o, choices[i].key, json_string(choices[i].words[v])) != 0) {
            json_decref(o);
            o = NULL;
        }
    }
    return o;
}

static vq_status read_word(const json_t *o, const char *key, const char *const *words, int *out,
                           vq_err *e)
{
    const json_t *v = json_object_get(o, key);
    if (!v) return VQ_OK;
    for (int i = 0; json_is_string(v) && words[i]; i++) {
        if (strcmp(words[i], json_string_value(v)) != 0) continue;
        *out = i;
        return VQ_OK;
    }
    return vq_fail(e, VQ_E_INPUT, "%s: \"%.40s\" is not known", key,
                   json_is_string(v) ? json_string_value(v) : "?");
}

static bool parse_size(const char **p, int32_t *out)
{
    char *end;
    if (**p < '1' || **p > '9') return false;
    const long v = strtol(*p, &end, 10);
    *p = end;
    *out = (int32_t)v;
    return v <= 1 << 24;
}

static bool parse_group(const char *p, vq_group_shape *g)
{
    for (int i = 0; groups[i]; i++)
        if (strcmp(groups[i], p) == 0) {
            g->kind = (vq_group_kind)i;
            return true;
        }
    if (strncmp(p, "block:", 6) != 0) return false;
    p += 6;
    *g = (vq_group_shape){.kind = VQ_PER_BLOCK, .rows = 1};
    if (!parse_size(&p, &g->cols)) return false;
    if (*p != 'x') return *p == 0;
    g->rows = g->cols;
    p++;
    return parse_size(&p, &g->cols) && *p == 0;
}

static vq_status check_keys(const json_t *o, vq_err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)o, key, value)
    {
        int i = 0;
        while (i < CHOICES && strcmp(choices[i].key, key) != 0) i++;
        if (i == CHOICES && strcmp(key, "grid") != 0 && strcmp(key, "group") != 0 &&
            strcmp(key, "super") != 0)
            return vq_fail(e, VQ_E_INPUT, "unknown key \"%.60s\"", key);
    }
    return VQ_OK;
}

/* Combinations that the arithmetic of qtensor.h gives a meaning. */
static vq_status check_num(const vq_num *n, vq_err *e)
{
    const char *why = NULL;
    if (n->grid.kind == VQ_GRID_FLOAT && !n->grid.is_signed)
        why = "an unsigned float grid is for scales";
    if (n->global_scale && n->scale != VQ_SCALE_E4M3 && n->scale != VQ_SCALE_UE5M3)
        why = "a second-level scale goes with e4m3 and ue5m3";
    if (n->zero != VQ_ZERO_NONE && (n->grid.kind != VQ_GRID_INT || n->grid.bfp || n->grid.frac))
        why = "a zero point goes with plain integers";
    return why ? vq_fail(e, VQ_E_INPUT, "%s", why) : VQ_OK;
}

vq_status vq_num_read(const json_t *o, vq_num *out, vq_err *e)
{
    int global_scale = 0;
    *out = (vq_num){0};
    if (!json_is_object(o)) return vq_fail(e, VQ_E_INPUT, "not an object");
    VQ_TRY(check_keys(o, e));
    const char *grid = json_string_value(json_object_get(o, "grid")),
               *group = json_string_value(json_object_get(o, "group"));
    if (!grid || !vq_grid_parse(grid, &out->grid))
        return vq_fail(e, VQ_E_INPUT, "grid: \"%.40s\" is not known", grid ? grid : "?");
    if (!group || !parse_group(group, &out->group))
        return vq_fail(e, VQ_E_INPUT, "group: \"%.40s\" is not known", group ? group : "?");
    VQ_TRY(read_word(o, "super", global_scales, &global_scale, e));
    out->global_scale = global_scale == 1;
    for (int i = 0; i < CHOICES; i++) {
        int v = 0;
        VQ_TRY(read_word(o, choices[i].key, choices[i].words, &v, e));
        memcpy((char *)out + choices[i].at, &v, sizeof v);
    }
    return check_num(out, e);
}
