/* ct_args.c -- compressed-tensors args objects to and from vq_num. */
#include "formats/ct/ct_args.h"

#include <stdio.h>
#include <string.h>

static const char *const known_keys[] = {
    "num_bits", "type",     "symmetric",   "group_size", "strategy", "block_structure",
    "dynamic",  "actorder", "scale_dtype", "zp_dtype",   "observer", "observer_kwargs"};

static vq_status check_keys(const json_t *args, vq_err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)args, key, value)
    {
        size_t i = 0;
        while (i < sizeof known_keys / sizeof *known_keys && strcmp(known_keys[i], key) != 0) i++;
        if (i == sizeof known_keys / sizeof *known_keys)
            return vq_fail(e, VQ_E_INPUT, "unknown key \"%.60s\"", key);
    }
    return VQ_OK;
}

static const json_t *get(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

/* Text of a key, `otherwise` when it is absent, "?" when it is no text. */
static const char *text_of(const json_t *o, const char *key, const char *otherwise)
{
    const json_t *v = get(o, key);
    if (!v) return otherwise;
    return json_is_string(v) ? json_string_value(v) : "?";
}

static vq_status read_grid(const json_t *args, vq_num *out, vq_err *e)
{
    static const struct {
        json_int_t bits;
        const char *grid;
    } floats[] = {{4, "e2m1"}, {6, "e2m3"}, {8, "e4m3"}};
    const json_t *v = get(args, "num_bits");
    const json_int_t bits = v ? json_integer_value(v) : 8;
    const char *type = text_of(args, "type", "int");
    char name[16] = "";
    if (strcmp(type, "int") == 0 && bits >= 2 && bits <= 8)
        (void)snprintf(name, sizeof name, "i%d", (int)bits);
    for (size_t i = 0; strcmp(type, "float") == 0 && i < sizeof floats / sizeof *floats; i++)
        if (floats[i].bits == bits) (void)snprintf(name, sizeof name, "%s", floats[i].grid);
    if (vq_grid_parse(name, &out->grid)) return VQ_OK;
    return vq_fail(
        e, VQ_E_INPUT,
        "numbers of %lld bits and type \"%.20s\" are not supported (int 2 to 8, float 4, 6, 8)",
        (long long)bits, type);
}

static vq_status read_size(const json_t *v, const char *what, int32_t *out, vq_err *e)
{
    const json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;
    if (n < 1 || n > INT32_MAX)
        return vq_fail(e, VQ_E_INPUT, "%s must be a whole number from 1", what);
    *out = (int32_t)n;
    return VQ_OK;
}

static vq_status read_block(const json_t *args, vq_num *out, vq_err *e)
{
    const json_t *b = get(args, "block_structure");
    if (json_array_size(b) != 2)
        return vq_fail(e, VQ_E_INPUT, "strategy block needs block_structure [rows, columns]");
    VQ_TRY(read_size(json_array_get(b, 0), "block_structure", &out->group.rows, e));
    return read_size(json_array_get(b, 1), "block_structure", &out->group.cols, e);
}

static vq_status read_blocks_of_row(const json_t *args, vq_num *out, vq_err *e)
{
    out->group.rows = 1;
    return read_size(get(args, "group_size"), "group_size", &out->group.cols, e);
}

/* What the peer infers when strategy is absent. */
static const char *strategy_of(const json_t *args)
{
    const json_t *size = get(args, "group_size");
    return text_of(args, "strategy",
                   !size                            ? "tensor"
                   : json_integer_value(size) == -1 ? "channel"
                                                    : "group");
}

static vq_status read_plain(const json_t *args, vq_num *out, vq_err *e)
{
    const json_t *size = get(args, "group_size");
    if (size && json_integer_value(size) > 0)
        return vq_fail(e, VQ_E_INPUT, "group_size is for the strategies group and tensor_group");
    (void)out;
    return VQ_OK;
}

static const struct {
    const char *name;
    vq_group_kind kind;
    bool global_scale;
    vq_status (*read)(const json_t *args, vq_num *out, vq_err *e);
} strategies[] = {
    {"tensor", VQ_PER_TENSOR, false, read_plain},
    {"channel", VQ_PER_CHANNEL, false, read_plain},
    {"token", VQ_PER_TOKEN, false, read_plain},
    {"group", VQ_PER_BLOCK, false, read_blocks_of_row},
    {"tensor_group", VQ_PER_BLOCK, true, read_blocks_of_row},
    {"block", VQ_PER_BLOCK, false, read_block},
};

static vq_status read_strategy(const json_t *args, vq_num *out, vq_err *e)
{
    const char *s = strategy_of(args);
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        if (strcmp(strategies[i].name, s) != 0) continue;
        out->group.kind = strategies[i].kind;
        out->global_scale = strategies[i].global_scale;
        return strategies[i].read(args, out, e);
    }
    return vq_fail(
        e, VQ_E_INPUT,
        "strategy \"%.30s\" is not supported (tensor, channel, group, tensor_group, block, token)",
        s);
}

static vq_status read_dynamic(const json_t *args, bool input, vq_num *out, vq_err *e)
{
    const json_t *d = get(args, "dynamic");
    const bool local = json_is_string(d) && strcmp(json_string_value(d), "local") == 0;
    if (d && !json_is_boolean(d) && !local)
        return vq_fail(e, VQ_E_INPUT, "dynamic must be true, false or \"local\"");
    out->when = local || json_is_true(d) ? VQ_DYNAMIC : VQ_STATIC;
    if (!input && out->when == VQ_DYNAMIC)
        return vq_fail(e, VQ_E_INPUT, "dynamic weights are not supported");
    if (out->global_scale && input && !local)
        return vq_fail(e, VQ_E_INPUT, "strategy tensor_group of an input needs dynamic \"local\"");
    return VQ_OK;
}

static vq_status read_order(const json_t *args, vq_err *e)
{
    const json_t *a = get(args, "actorder");
    if (!a || json_is_false(a)) return VQ_OK;
    const char *name = json_is_string(a) ? json_string_value(a) : "?";
    if (strcmp(name, "weight") == 0 || strcmp(name, "static") == 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "actorder \"%.20s\" is not supported (null or \"weight\"): store the columns in "
                   "their own order",
                   name);
}

/* Powers of two are the scales of the mx formats, and of inputs that say so. */
static vq_scale_type scale_of(const json_t *args, const char *format, const vq_num *n)
{
    const bool mx = strncmp(format, "mx", 2) == 0 ||
                    strcmp(text_of(args, "scale_dtype", ""), "torch.uint8") == 0;
    if (n->global_scale) return VQ_SCALE_E4M3;
    return mx && n->grid.kind == VQ_GRID_FLOAT && n->group.kind == VQ_PER_BLOCK ? VQ_SCALE_E8M0
                                                                                : VQ_SCALE_F32;
}

vq_status vq_ct_args_read(const json_t *args, const char *format, bool input, vq_num *out,
                          vq_err *e)
{
    if (!json_is_object(args)) return vq_fail(e, VQ_E_INPUT, "not an object");
    *out = (vq_num){.rule = VQ_RULE_BUMP, .compat = VQ_COMPAT_CT};
    VQ_TRY(check_keys(args, e));
    VQ_TRY(read_grid(args, out, e));
    VQ_TRY(read_strategy(args, out, e));
    VQ_TRY(read_dynamic(args, input, out, e));
    VQ_TRY(read_order(args, e));
    const json_t *symmetric = get(args, "symmetric");
    if (symmetric && !json_is_boolean(symmetric))
        return vq_fail(e, VQ_E_INPUT, "symmetric must be true or false");
    out->zero = json_is_false(symmetric) ? VQ_ZERO_INT : VQ_ZERO_NONE;
    if (out->zero == VQ_ZERO_INT && out->grid.kind == VQ_GRID_FLOAT)
        return vq_fail(e, VQ_E_INPUT, "asymmetric floats are not supported");
    out->scale = scale_of(args, format, out);
    return VQ_OK;
}

static const char *strategy_name(const vq_num *n)
{
    static const char *const names[] = {
        [VQ_PER_TENSOR] = "tensor", [VQ_PER_CHANNEL] = "channel", [VQ_PER_TOKEN] = "token"};
    if (n->group.kind != VQ_PER_BLOCK) return names[n->group.kind];
    return n->global_scale ? "tensor_group" : n->group.rows == 1 ? "group" : "block";
}

static const char *scale_dtype_name(const vq_num *n)
{
    return n->scale == VQ_SCALE_E4M3   ? "torch.float8_e4m3fn"
           : n->scale == VQ_SCALE_E8M0 ? "torch.uint8"
                                       : NULL;
}

static json_t *dynamic_of(const vq_num *n, bool input)
{
    if (n->global_scale && input) return json_string("local");
    return json_boolean(n->when == VQ_DYNAMIC);
}

/* The observer tells the peer how the range was found; only ranges that are stored have one. */
static const char *observer_name(const vq_num *n, bool input)
{
    if (!input) return "memoryless_minmax";
    return n->global_scale || n->when == VQ_STATIC ? "static_minmax" : NULL;
}

json_t *vq_ct_args_write(const vq_num *n, bool input)
{
    const bool row = n->group.kind == VQ_PER_BLOCK && n->group.rows == 1,
               block = n->group.kind == VQ_PER_BLOCK && !row;
    return json_pack(
        "{s:n, s:o, s:o, s:o, s:i, s:s?, s:{}, s:s?, s:s, s:b, s:s, s:s?}", "actorder",
        "block_structure",
        block ? json_pack("[i,i]", (int)n->group.rows, (int)n->group.cols) : json_null(), "dynamic",
        dynamic_of(n, input), "group_size", row ? json_integer(n->group.cols) : json_null(),
        "num_bits", (int)n->grid.bits, "observer", observer_name(n, input), "observer_kwargs",
        "scale_dtype", scale_dtype_name(n), "strategy", strategy_name(n), "symmetric",
        n->zero == VQ_ZERO_NONE, "type", n->grid.kind == VQ_GRID_INT ? "int" : "float", "zp_dtype",
        n->zero == VQ_ZERO_NONE ? NULL : "torch.int8");
}
