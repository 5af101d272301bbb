/* scheme_read.c -- number formats as a recipe spells them. */
#include "recipe/scheme_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const vq_scale_texts[] = {"f32", "f16", "bf16", "e4m3", "ue5m3", "e8m0", NULL};
const char *const vq_zero_texts[] = {"none", "int", NULL};
const char *const vq_when_texts[] = {"static", "dynamic", NULL};
const char *const vq_rule_texts[] = {"floor", "bump", "ceil", "four-thirds", NULL};
const char *const vq_range_texts[] = {"full", "narrow", NULL};
const char *const vq_compat_texts[] = {"none", "compressed-tensors", "modelopt", NULL};
static const char *const compat_later[] = {"ggml", NULL};
static const char *const global_scale_texts[] = {"none", "f32", NULL};
static const char *const global_scale_later[] = {"f16", NULL};
static const char *const scale_later[] = {"pow2", NULL};
static const char *const zero_later[] = {"f16", NULL};
static const char *const group_texts[] = {"tensor", "channel", "token",
                                          NULL}; /* vq_group_kind; blocks have sizes */
static const char *const observer_texts[] = {"absmax", "minmax",
                                             NULL}; /* vq_observer; percentile has a number */
static const char *const observer_later[] = {"mse", NULL};

_Static_assert(sizeof(vq_scale_type) == sizeof(int) && sizeof(vq_group_kind) == sizeof(int),
               "vq_read_choice writes enums as int");

/* The grids that have names of their own and a sign: those of the table that elements may have. */
static const char *grid_names(char *buf, size_t len)
{
    vq_grid g;
    size_t at = 0;
    *buf = '\0';
    for (int i = 0; vq_grid_at(i) && at < len; i++)
        if (vq_grid_parse(vq_grid_at(i), &g) && g.is_signed)
            at += (size_t)snprintf(buf + at, len - at, ", %s", vq_grid_at(i));
    return buf;
}

static vq_status read_grid(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *text;
    char names[256];
    (void)f;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    if (strcmp(text, "pow2") == 0 || strncmp(text, "codebook:", 9) == 0)
        return vq_yaml_fail(rd->e, n, "grid: %s is not supported by this version", text);
    vq_grid g;
    if (!vq_grid_parse(text, &g))
        return vq_yaml_fail(rd->e, n,
                            "grid: \"%s\" is no number format (i2 ... i8, u2 ... u8, "
                            "bfp2 ... bfp16, eXmY%s)",
                            text, grid_names(names, sizeof names));
    if (!g.is_signed && g.kind == VQ_GRID_FLOAT)
        return vq_yaml_fail(rd->e, n, "grid: %s has no sign; it is a format for scales", text);
    *(vq_grid *)at = g;
    return VQ_OK;
}

/* "128" or "128x64" after "block:"; one number is a row of that many columns. */
static bool parse_block(const char *text, vq_group_shape *out)
{
    char *end;
    if (*text < '1' || *text > '9') return false;
    const unsigned long a = strtoul(text, &end, 10);
    unsigned long b = 0;
    if (*end == 'x' && end[1] >= '1' && end[1] <= '9') b = strtoul(end + 1, &end, 10);
    if (*end || a > 65536 || b > 65536) return false;
    *out = (vq_group_shape){VQ_PER_BLOCK, b ? (int32_t)a : 1, b ? (int32_t)b : (int32_t)a};
    return true;
}

static vq_status read_group(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *text;
    vq_group_shape *g = at;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    if (strncmp(text, "block:", 6) == 0) {
        if (parse_block(text + 6, g)) return VQ_OK;
        return vq_yaml_fail(
            rd->e, n, "group: \"%s\" is not block:N or block:RxC with sizes of 1 ... 65536", text);
    }
    *g = (vq_group_shape){.rows = 0};
    return vq_read_choice(rd, n, f, &g->kind);
}

static vq_status read_global_scale(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    int i = 0;
    VQ_TRY(vq_read_choice(rd, n, f, &i));
    *(bool *)at = i == 1;
    return VQ_OK;
}

static vq_status read_observer(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    static const vq_field percent = {.key = "observer", .min = 50, .max = 100};
    vq_num *num = at;
    const char *text;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    if (strncmp(text, "percentile:", 11) != 0) return vq_read_choice(rd, n, f, &num->observer);
    vq_yaml value = *n;
    value.text = text + 11;
    num->observer = VQ_OBS_PERCENTILE;
    return vq_read_real(rd, &value, &percent, &num->percentile);
}

static const char *const position_later[] = {"position", NULL};
static const vq_field num_fields[] = {
    {.key = "grid", .read = read_grid, .offset = offsetof(vq_num, grid), .required = true},
    {.key = "group",
     .read = read_group,
     .offset = offsetof(vq_num, group),
     .choices = group_texts,
     .later = position_later},
    {.key = "scale",
     .read = vq_read_choice,
     .offset = offsetof(vq_num, scale),
     .choices = vq_scale_texts,
     .later = scale_later},
    {.key = "global_scale",
     .read = read_global_scale,
     .offset = offsetof(vq_num, global_scale),
     .choices = global_scale_texts,
     .later = global_scale_later},
    {.key = "super", /* its name in vq.json and in older recipes */
     .read = read_global_scale,
     .offset = offsetof(vq_num, global_scale),
     .choices = global_scale_texts,
     .later = global_scale_later},
    {.key = "zero",
     .read = vq_read_choice,
     .offset = offsetof(vq_num, zero),
     .choices = vq_zero_texts,
     .later = zero_later},
    {.key = "when",
     .read = vq_read_choice,
     .offset = offsetof(vq_num, when),
     .choices = vq_when_texts},
    {.key = "observer",
     .read = read_observer,
     .offset = 0,
     .choices = observer_texts,
     .later = observer_later},
    {.key = "rule",
     .read = vq_read_choice,
     .offset = offsetof(vq_num, rule),
     .choices = vq_rule_texts},
    {.key = "range",
     .read = vq_read_choice,
     .offset = offsetof(vq_num, range),
     .choices = vq_range_texts},
    {.key = "compat",
     .read = vq_read_choice,
     .offset = offsetof(vq_num, compat),
     .choices = vq_compat_texts,
     .later = compat_later},
    {.key = "tail", .read = NULL},
    {.key = NULL},
};

/* What would change nothing is a mistake of whoever wrote it. NULL: all does. */
static const char *without_effect(const vq_num *num, bool is_weight)
{
    const vq_grid *g = &num->grid;
    const bool power = num->scale == VQ_SCALE_E8M0,
               is_int = g->kind == VQ_GRID_INT && g->is_signed && !g->bfp;
    if (num->observer != VQ_OBS_ABSMAX &&
        (is_weight || (num->when == VQ_DYNAMIC && !num->global_scale)))
        return "observer: for inputs with a static scale; the round pass decides those of weights";
    if (num->rule != VQ_RULE_FLOOR && !power) return "rule: for e8m0 scales";
    if (num->rule == VQ_RULE_FOUR_THIRDS && !is_weight && num->when == VQ_STATIC)
        return "rule: four-thirds is for weights and inputs with dynamic scales";
    if (num->range == VQ_RANGE_NARROW && (!is_int || num->zero == VQ_ZERO_INT))
        return "range: narrow is for the grids i2 ... i8 without zero points";
    if (num->compat == VQ_COMPAT_CT && power)
        return "compat: e8m0 scales are those of compressed-tensors without it";
    if (num->compat == VQ_COMPAT_MODELOPT &&
        (!power || g->kind != VQ_GRID_FLOAT || g->ebits != 2 || g->mbits != 1))
        return "compat: modelopt differs for the grid e2m1 with e8m0 scales alone";
    return NULL;
}

/* Combinations that no runtime and no definition has. */
static vq_status check_num(vq_reader *rd, const vq_yaml *n, const vq_num *num, bool is_weight)
{
    const bool is_int = num->grid.kind == VQ_GRID_INT, shared = num->grid.bfp;
    const char *why = NULL;
    if (vq_yaml_child(n, "super") && vq_yaml_child(n, "global_scale"))
        why = "global_scale and super are two names of one key; give one";
    else if (num->zero == VQ_ZERO_INT && (!is_int || shared || num->grid.frac))
        why = "zero: int is for the grids i2 ... i8 and u2 ... u8";
    else if (num->zero != VQ_ZERO_INT && is_int && !num->grid.is_signed)
        why = "grid: u2 ... u8 without zero: int make 0 of all that is below 0";
    else if (num->zero == VQ_ZERO_INT && num->scale > VQ_SCALE_BF16)
        why = "zero: int needs a scale of f32, f16 or bf16";
    else if (num->global_scale && num->scale != VQ_SCALE_E4M3 && num->scale != VQ_SCALE_UE5M3)
        why = "global_scale: f32 is for the scales e4m3 and ue5m3";
    else if (num->grid.kind == VQ_GRID_TABLE && num->compat != VQ_COMPAT_NONE)
        why = "grid: no writer has edge cases of a table of values: compat must be none";
    else if (shared && num->scale != VQ_SCALE_E8M0)
        why = "a bfp grid shares an exponent: scale must be e8m0";
    else if (is_weight && num->group.kind == VQ_PER_TOKEN)
        why = "group: token is for inputs";
    else if (is_weight && num->when == VQ_DYNAMIC)
        why = "when: dynamic is for inputs";
    else if (!is_weight && num->grid.bits > 8)
        why = "grid: inputs have codes of 8 bits at most";
    else if (!is_weight && num->group.kind == VQ_PER_CHANNEL)
        why = "group: channel is for weights";
    else if (!is_weight && num->group.kind == VQ_PER_BLOCK && num->group.rows != 1)
        why = "group: block:RxC is for weights";
    else if (!is_weight && (num->group.kind == VQ_PER_TENSOR) != (num->when == VQ_STATIC))
        why = "an input has one static scale (group: tensor, when: static) or dynamic ones per "
              "token or block";
    if (!why) why = without_effect(num, is_weight);
    return why ? vq_yaml_fail(rd->e, n, "%s", why) : VQ_OK;
}

static vq_status read_num(vq_reader *rd, const vq_yaml *n, vq_num *num, bool is_weight)
{
    *num = (vq_num){.group.kind = is_weight ? VQ_PER_CHANNEL : VQ_PER_TOKEN,
                    .when = is_weight ? VQ_STATIC : VQ_DYNAMIC};
    VQ_TRY(vq_read_map(rd, n, is_weight ? "weight" : "act", num_fields, num));
    if (!is_weight && num->group.kind == VQ_PER_TENSOR && !vq_yaml_child(n, "when"))
        num->when = VQ_STATIC;
    num->scale_given = vq_yaml_child(n, "scale") != NULL;
    if (num->grid.bfp && !num->scale_given) num->scale = VQ_SCALE_E8M0;
    if (num->scale == VQ_SCALE_E8M0 && !num->grid.bfp && !vq_yaml_child(n, "rule"))
        num->rule = VQ_RULE_BUMP;
    return check_num(rd, n, num, is_weight);
}

static vq_status read_weight(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_scheme *s = at;
    (void)f;
    s->has_weight = true;
    return read_num(rd, n, &s->weight, true);
}

static vq_status read_act(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    vq_scheme *s = at;
    (void)f;
    s->has_act = true;
    return read_num(rd, n, &s->act, false);
}

static const vq_field scheme_fields[] = {
    {.key = "weight", .read = read_weight, .required = true},
    {.key = "act", .read = read_act},
    {.key = NULL},
};

static vq_status unknown_scheme(vq_reader *rd, const vq_yaml *n)
{
    const char *known[128];
    int count = 0;
    for (int i = 0; i < rd->nnamed && count < 64; i++) known[count++] = rd->named[i].scheme.id;
    for (int i = 0; vq_scheme_at(i) && count < 126; i++) known[count++] = vq_scheme_at(i)->id;
    known[count++] = "keep";
    return vq_unknown(rd, n, "scheme", known, count);
}

static vq_status read_preset(vq_reader *rd, const vq_yaml *n, vq_scheme *out)
{
    vq_scheme buf;
    const char *text;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    const vq_scheme *s = vq_scheme_find(text, &buf);
    if (!s) return unknown_scheme(rd, n);
    *out = *s;
    return VQ_OK;
}

static vq_status read_scheme(vq_reader *rd, const vq_yaml *n, const char *id, vq_scheme *out)
{
    *out = (vq_scheme){.has_weight = false};
    if (n->kind == VQ_YAML_MAP)
        VQ_TRY(vq_read_map(rd, n, "a scheme", scheme_fields, out));
    else
        VQ_TRY(read_preset(rd, n, out));
    snprintf(out->id, sizeof out->id, "%s", id);
    return VQ_OK;
}

/* Formats have float scales in a type of theirs, and the preset its name. */
static bool same_num(const vq_num *a, const vq_num *b)
{
    vq_num stored = *a;
    if (a->scale <= VQ_SCALE_BF16 && b->scale <= VQ_SCALE_BF16) stored.scale = b->scale;
    return vq_num_equal(&stored, b);
}

static bool same_scheme(const vq_scheme *a, const vq_scheme *b)
{
    return a->has_weight == b->has_weight && a->has_act == b->has_act &&
           (!a->has_weight || same_num(&a->weight, &b->weight)) &&
           (!a->has_act || same_num(&a->act, &b->act));
}

/* A resolved recipe spells presets out; an id that means something else than the preset would
 * mislead. */
static vq_status check_id(vq_reader *rd, const vq_yaml *n, const vq_scheme *s)
{
    vq_scheme buf;
    if (strlen(n->key) >= sizeof s->id)
        return vq_yaml_fail_key(rd->e, n, "a scheme's name has at most %zu letters",
                                sizeof s->id - 1);
    if (strcmp(n->key, "keep") == 0 || strcmp(n->key, "auto") == 0)
        return vq_yaml_fail_key(rd->e, n, "\"%s\" is not free as a name", n->key);
    const vq_scheme *preset = vq_scheme_find(n->key, &buf);
    if (preset && !same_scheme(preset, s))
        return vq_yaml_fail_key(
            rd->e, n, "\"%s\" is a preset with another meaning; choose another name", n->key);
    return VQ_OK;
}

vq_status vq_read_schemes(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f, (void)at;
    if (n->kind != VQ_YAML_MAP) return vq_yaml_fail(rd->e, n, "schemes must be a map of names");
    vq_named_scheme *named = VQ_NEW(rd->a, vq_named_scheme, n->count, "schemes", rd->e);
    if (!named) return VQ_E_LIMIT;
    int i = 0;
    for (const vq_yaml *c = n->first; c; c = c->next, i++) {
        named[i].at = c;
        VQ_TRY(read_scheme(rd, c, c->key, &named[i].scheme));
        VQ_TRY(check_id(rd, c, &named[i].scheme));
    }
    rd->named = named;
    rd->nnamed = i;
    return VQ_OK;
}

static const vq_scheme *find_named(vq_reader *rd, const char *id)
{
    for (int i = 0; i < rd->nnamed; i++) {
        if (strcmp(rd->named[i].scheme.id, id) == 0) {
            rd->named[i].used = true;
            return &rd->named[i].scheme;
        }
    }
    return NULL;
}

vq_status vq_read_use(vq_reader *rd, const vq_yaml *n, const char *id, const vq_scheme **out)
{
    *out = n->kind == VQ_YAML_SCALAR ? find_named(rd, n->text) : NULL;
    if (*out) return VQ_OK;
    if (n->kind == VQ_YAML_MAP && find_named(rd, id))
        return vq_yaml_fail(rd->e, n, "a scheme is called \"%s\" already; name this one", id);
    vq_scheme *s = VQ_NEW(rd->a, vq_scheme, 1, "scheme", rd->e);
    if (!s) return VQ_E_LIMIT;
    VQ_TRY(read_scheme(rd, n, n->kind == VQ_YAML_SCALAR ? n->text : id, s));
    *out = s;
    return VQ_OK;
}
