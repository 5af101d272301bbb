/* jinja_expression.c -- tokens of a chat template to the trees of its expressions. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja.h"

vq_jnode *vq_jparse_fail(vq_jparser *p, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)vq_fail(p->e, VQ_E_INPUT, "line %d: %s", p->at->line, text);
    return NULL;
}

vq_jnode *vq_jnode_new(vq_jparser *p, vq_jnode_kind kind, int line)
{
    vq_jnode *n = VQ_NEW(p->a, vq_jnode, 1, "chat template", p->e);
    if (n) *n = (vq_jnode){.kind = kind, .line = line};
    return n;
}

bool vq_jis(const vq_jparser *p, vq_jtoken_kind kind, const char *text)
{
    return p->at->kind == kind && (!text || strcmp(p->at->s, text) == 0);
}

bool vq_jskip(vq_jparser *p, vq_jtoken_kind kind, const char *text)
{
    if (!vq_jis(p, kind, text)) return false;
    p->at++;
    return true;
}

const char *vq_jdescribe(const vq_jtoken *t, char buf[64])
{
    static const char *const ends[] = {"the end of the template", "text", "{{", "}}", "{%", "%}"};
    if (t->kind < VQ_JT_NAME) return ends[t->kind];
    snprintf(buf, 64, t->kind == VQ_JT_STRING ? "the string \"%.40s\"" : "\"%.40s\"", t->s);
    return buf;
}

bool vq_jexpect(vq_jparser *p, vq_jtoken_kind kind, const char *text)
{
    char buf[64], want[64];
    const vq_jtoken wanted = {.kind = kind, .s = text ? text : "name"};
    if (vq_jskip(p, kind, text)) return true;
    (void)vq_jparse_fail(p, "%s where %s should stand", vq_jdescribe(p->at, buf),
                         vq_jdescribe(&wanted, want));
    return false;
}

static vq_jnode *constant(vq_jparser *p, int line, vq_jvalue v)
{
    vq_jnode *n = vq_jnode_new(p, VQ_JN_CONST, line);
    vq_jvalue *value = n ? VQ_ALLOC(p->a, vq_jvalue, 1, "chat template", p->e) : NULL;
    if (!value) return NULL;
    *value = v;
    n->value = value;
    return n;
}

/* Strings that stand side by side are one. */
static vq_jnode *parse_strings(vq_jparser *p)
{
    const vq_jtoken *first = p->at;
    size_t len = 0, n = 0;
    for (const vq_jtoken *t = first; t->kind == VQ_JT_STRING; t++) len += t->n;
    char *text = VQ_ALLOC(p->a, char, len, "chat template", p->e);
    if (!text) return NULL;
    for (; p->at->kind == VQ_JT_STRING; n += p->at++->n)
        if (p->at->n) memcpy(text + n, p->at->s, p->at->n);
    return constant(p, first->line, vq_jtext(text, len));
}

static vq_jnode *parse_number(vq_jparser *p)
{
    const vq_jtoken *t = p->at;
    errno = 0;
    const vq_jvalue v = t->kind == VQ_JT_INT
                            ? vq_jint(strtoll(t->s, NULL, 10))
                            : (vq_jvalue){.kind = VQ_J_REAL, .r = strtod(t->s, NULL)};
    if (errno == ERANGE) return vq_jparse_fail(p, "%.40s is too large", t->s);
    p->at++;
    return constant(p, t->line, v);
}

static vq_jnode *parse_name(vq_jparser *p)
{
    static const struct {
        const char *name;
        vq_jvalue value;
    } words[] = {{"true", {.kind = VQ_J_BOOL, .i = 1}}, {"True", {.kind = VQ_J_BOOL, .i = 1}},
                 {"false", {.kind = VQ_J_BOOL}},        {"False", {.kind = VQ_J_BOOL}},
                 {"none", {.kind = VQ_J_NONE}},         {"None", {.kind = VQ_J_NONE}}};
    const vq_jtoken *t = p->at++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(t->s, words[i].name) == 0) return constant(p, t->line, words[i].value);
    vq_jnode *n = vq_jnode_new(p, VQ_JN_NAME, t->line);
    if (n) n->name = t->s;
    return n;
}

/* Expressions between commas up to `end`, which is taken; a comma may stand before it. *comma: one
 * was there. */
static vq_jnode *parse_items(vq_jparser *p, vq_jnode_kind kind, const char *end, bool *comma)
{
    vq_jnode *list = vq_jnode_new(p, kind, p->at->line);
    vq_jnode **tail = list ? &list->list : NULL;
    *comma = false;
    while (list && !vq_jskip(p, VQ_JT_OPERATOR, end)) {
        if (!(*tail = vq_jexpression(p))) return NULL;
        tail = &(*tail)->next;
        if (vq_jskip(p, VQ_JT_OPERATOR, ","))
            *comma = true;
        else if (!vq_jis(p, VQ_JT_OPERATOR, end))
            return vq_jexpect(p, VQ_JT_OPERATOR, end) ? list : NULL;
    }
    return list;
}

/* (a), (a, b), (a,), () */
static vq_jnode *parse_brackets(vq_jparser *p)
{
    bool comma;
    vq_jnode *n = parse_items(p, VQ_JN_TUPLE, ")", &comma);
    return n && n->list && !comma ? n->list : n;
}

static vq_jnode *parse_map(vq_jparser *p)
{
    vq_jnode *map = vq_jnode_new(p, VQ_JN_MAP, p->at->line);
    vq_jnode **tail = map ? &map->list : NULL;
    while (map && !vq_jskip(p, VQ_JT_OPERATOR, "}")) {
        vq_jnode *pair = *tail = vq_jnode_new(p, VQ_JN_ARGUMENT, p->at->line);
        if (!pair || !(pair->left = vq_jexpression(p)) || !vq_jexpect(p, VQ_JT_OPERATOR, ":") ||
            !(pair->right = vq_jexpression(p)))
            return NULL;
        tail = &pair->next;
        if (!vq_jskip(p, VQ_JT_OPERATOR, ",") && !vq_jis(p, VQ_JT_OPERATOR, "}"))
            return vq_jexpect(p, VQ_JT_OPERATOR, "}") ? map : NULL;
    }
    return map;
}

vq_jnode *vq_jprimary(vq_jparser *p)
{
    char buf[64];
    bool comma;
    if (p->at->kind == VQ_JT_NAME) return parse_name(p);
    if (p->at->kind == VQ_JT_STRING) return parse_strings(p);
    if (p->at->kind == VQ_JT_INT || p->at->kind == VQ_JT_REAL) return parse_number(p);
    if (vq_jskip(p, VQ_JT_OPERATOR, "(")) return parse_brackets(p);
    if (vq_jskip(p, VQ_JT_OPERATOR, "[")) return parse_items(p, VQ_JN_LIST, "]", &comma);
    if (vq_jskip(p, VQ_JT_OPERATOR, "{")) return parse_map(p);
    return vq_jparse_fail(p, "%s where a value should stand", vq_jdescribe(p->at, buf));
}

/* a, b=c up to ")", which is taken */
static bool parse_arguments(vq_jparser *p, vq_jnode **list)
{
    bool named = false;
    while (!vq_jskip(p, VQ_JT_OPERATOR, ")")) {
        vq_jnode *arg = *list = vq_jnode_new(p, VQ_JN_ARGUMENT, p->at->line);
        if (!arg) return false;
        arg->op = vq_jskip(p, VQ_JT_OPERATOR, "*")    ? VQ_J_MUL
                  : vq_jskip(p, VQ_JT_OPERATOR, "**") ? VQ_J_POW
                                                      : VQ_J_EQ;
        if (arg->op == VQ_J_EQ && p->at->kind == VQ_JT_NAME && p->at[1].kind == VQ_JT_OPERATOR &&
            strcmp(p->at[1].s, "=") == 0) {
            arg->name = p->at->s;
            p->at += 2;
        } else if (named && arg->op != VQ_J_POW)
            return vq_jparse_fail(p, "an argument without a name behind one with a name") != NULL;
        named = arg->name || arg->op == VQ_J_POW;
        if (!(arg->left = vq_jexpression(p))) return false;
        list = &arg->next;
        if (!vq_jskip(p, VQ_JT_OPERATOR, ",") && !vq_jis(p, VQ_JT_OPERATOR, ")"))
            return vq_jexpect(p, VQ_JT_OPERATOR, ")");
    }
    return true;
}

static vq_jnode *parse_call(vq_jparser *p, vq_jnode *left)
{
    vq_jnode *n = vq_jnode_new(p, VQ_JN_CALL, p->at->line);
    if (!n) return NULL;
    n->left = left;
    p->at++;
    return parse_arguments(p, &n->list) ? n : NULL;
}

static vq_jnode *parse_attribute(vq_jparser *p, vq_jnode *left)
{
    vq_jnode *n = vq_jnode_new(p, VQ_JN_ATTRIBUTE, p->at++->line);
    if (!n) return NULL;
    n->left = left;
    if (p->at->kind == VQ_JT_INT) {
        n->kind = VQ_JN_ITEM;
        return (n->right = parse_number(p)) ? n : NULL;
    }
    n->name = p->at->s;
    return vq_jexpect(p, VQ_JT_NAME, NULL) ? n : NULL;
}

static bool ends_part(const vq_jparser *p)
{
    return vq_jis(p, VQ_JT_OPERATOR, ":") || vq_jis(p, VQ_JT_OPERATOR, "]");
}

/* [a], [a:b], [::c] */
static vq_jnode *parse_subscript(vq_jparser *p, vq_jnode *left)
{
    vq_jnode *n = vq_jnode_new(p, VQ_JN_ITEM, p->at++->line), **tail = n ? &n->list : NULL;
    if (!n) return NULL;
    n->left = left;
    for (int part = 0; part < 3; part++) {
        const bool absent = ends_part(p) && (part > 0 || vq_jis(p, VQ_JT_OPERATOR, ":"));
        if (!(*tail = absent ? vq_jnode_new(p, VQ_JN_ABSENT, n->line) : vq_jexpression(p)))
            return NULL;
        if (part == 0 && vq_jskip(p, VQ_JT_OPERATOR, "]")) {
            n->right = n->list;
            n->list = NULL;
            return n;
        }
        tail = &(*tail)->next;
        if (part < 2) (void)vq_jskip(p, VQ_JT_OPERATOR, ":");
    }
    n->kind = VQ_JN_SLICE;
    return vq_jexpect(p, VQ_JT_OPERATOR, "]") ? n : NULL;
}

static vq_jnode *parse_postfix(vq_jparser *p, vq_jnode *n)
{
    for (;;) {
        if (n && vq_jis(p, VQ_JT_OPERATOR, "."))
            n = parse_attribute(p, n);
        else if (n && vq_jis(p, VQ_JT_OPERATOR, "["))
            n = parse_subscript(p, n);
        else if (n && vq_jis(p, VQ_JT_OPERATOR, "("))
            n = parse_call(p, n);
        else
            return n;
    }
}

/* The name of a filter or test must be known. */
static vq_jnode *named(vq_jparser *p, vq_jnode_kind kind, vq_jnode *left)
{
    vq_jnode *n = vq_jnode_new(p, kind, p->at->line);
    if (!n) return NULL;
    n->left = left;
    n->name = p->at->s;
    if (p->at->kind == VQ_JT_NAME &&
        !(kind == VQ_JN_FILTER ? vq_jfilter(n->name) : vq_jtest(n->name)))
        return vq_jparse_fail(p, "the %s \"%.40s\" is not supported",
                              kind == VQ_JN_FILTER ? "filter" : "test", n->name);
    return vq_jexpect(p, VQ_JT_NAME, NULL) ? n : NULL;
}

vq_jnode *vq_jfilter_node(vq_jparser *p, vq_jnode *left)
{
    vq_jnode *n = named(p, VQ_JN_FILTER, left);
    if (n && vq_jskip(p, VQ_JT_OPERATOR, "(") && !parse_arguments(p, &n->list)) return NULL;
    return n;
}

/* May what follows the name of a test be its one argument? */
static bool begins_argument(const vq_jparser *p)
{
    if (p->at->kind == VQ_JT_NAME)
        return strcmp(p->at->s, "else") != 0 && strcmp(p->at->s, "or") != 0 &&
               strcmp(p->at->s, "and") != 0;
    return p->at->kind == VQ_JT_STRING || p->at->kind == VQ_JT_INT || p->at->kind == VQ_JT_REAL ||
           vq_jis(p, VQ_JT_OPERATOR, "[") || vq_jis(p, VQ_JT_OPERATOR, "{");
}

static vq_jnode *parse_test(vq_jparser *p, vq_jnode *left)
{
    const bool negated = vq_jskip(p, VQ_JT_NAME, "not");
    vq_jnode *n = named(p, VQ_JN_TEST, left);
    if (!n) return NULL;
    if (vq_jskip(p, VQ_JT_OPERATOR, "(")) {
        if (!parse_arguments(p, &n->list)) return NULL;
    } else if (begins_argument(p)) {
        vq_jnode *arg = n->list = vq_jnode_new(p, VQ_JN_ARGUMENT, n->line);
        if (!arg || !(arg->left = parse_postfix(p, vq_jprimary(p)))) return NULL;
    }
    if (!negated) return n;
    vq_jnode *no = vq_jnode_new(p, VQ_JN_NOT, n->line);
    if (no) no->left = n;
    return no;
}

vq_jnode *vq_jfilters(vq_jparser *p, vq_jnode *n)
{
    for (;;) {
        if (n && vq_jskip(p, VQ_JT_OPERATOR, "|"))
            n = vq_jfilter_node(p, n);
        else if (n && vq_jskip(p, VQ_JT_NAME, "is"))
            n = parse_test(p, n);
        else if (n && vq_jis(p, VQ_JT_OPERATOR, "("))
            n = parse_call(p, n);
        else
            return n;
    }
}

static vq_jnode *parse_unary(vq_jparser *p, bool filters)
{
    vq_jnode *n;
    if (++p->depth > VQ_J_PARSE_DEPTH)
        return vq_jparse_fail(p, "blocks, brackets and signs are nested more than %d deep",
                              VQ_J_PARSE_DEPTH);
    if (vq_jis(p, VQ_JT_OPERATOR, "-") || vq_jis(p, VQ_JT_OPERATOR, "+")) {
        n = vq_jnode_new(p, VQ_JN_NEGATE, p->at->line);
        if (n) n->op = p->at->s[0] == '-' ? VQ_J_SUB : VQ_J_ADD;
        p->at++;
        if (n && !(n->left = parse_unary(p, false))) n = NULL;
    } else
        n = vq_jprimary(p);
    n = parse_postfix(p, n);
    if (filters) n = vq_jfilters(p, n);
    p->depth--;
    return n;
}

/* From loosest to tightest; "not" and the comparisons stand between "and" and "+". */
enum {
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_SUM,
    LEVEL_TILDE,
    LEVEL_PRODUCT,
    LEVEL_POWER,
    LEVEL_UNARY
};
static const struct {
    const char *text;
    vq_jtoken_kind token;
    int level;
    vq_jnode_kind node;
    vq_jop op;
} operators[] = {
    {"or", VQ_JT_NAME, LEVEL_OR, VQ_JN_OR, VQ_J_OR},
    {"and", VQ_JT_NAME, LEVEL_AND, VQ_JN_AND, VQ_J_AND},
    {"==", VQ_JT_OPERATOR, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_EQ},
    {"!=", VQ_JT_OPERATOR, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_NE},
    {"<", VQ_JT_OPERATOR, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_LT},
    {"<=", VQ_JT_OPERATOR, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_LE},
    {">", VQ_JT_OPERATOR, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_GT},
    {">=", VQ_JT_OPERATOR, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_GE},
    {"in", VQ_JT_NAME, LEVEL_COMPARE, VQ_JN_COMPARE, VQ_J_IN},
    {"+", VQ_JT_OPERATOR, LEVEL_SUM, VQ_JN_ARITHMETIC, VQ_J_ADD},
    {"-", VQ_JT_OPERATOR, LEVEL_SUM, VQ_JN_ARITHMETIC, VQ_J_SUB},
    {"~", VQ_JT_OPERATOR, LEVEL_TILDE, VQ_JN_CONCAT, VQ_J_TILDE},
    {"*", VQ_JT_OPERATOR, LEVEL_PRODUCT, VQ_JN_ARITHMETIC, VQ_J_MUL},
    {"/", VQ_JT_OPERATOR, LEVEL_PRODUCT, VQ_JN_ARITHMETIC, VQ_J_DIV},
    {"//", VQ_JT_OPERATOR, LEVEL_PRODUCT, VQ_JN_ARITHMETIC, VQ_J_FLOOR},
    {"%", VQ_JT_OPERATOR, LEVEL_PRODUCT, VQ_JN_ARITHMETIC, VQ_J_MOD},
    {"**", VQ_JT_OPERATOR, LEVEL_POWER, VQ_JN_ARITHMETIC, VQ_J_POW},
};

/* A node for the operator of this level that stands here, which is taken; NULL: none does, or no
 * memory (*bad). */
static vq_jnode *take_operator(vq_jparser *p, int level, bool *bad)
{
    const int line = p->at->line;
    vq_jnode found = {.line = line};
    *bad = false;
    if (level == LEVEL_COMPARE && vq_jis(p, VQ_JT_NAME, "not") && p->at[1].kind == VQ_JT_NAME &&
        strcmp(p->at[1].s, "in") == 0) {
        p->at += 2;
        found.kind = VQ_JN_COMPARE;
        found.op = VQ_J_NOT_IN;
    } else {
        size_t i = 0, n = sizeof operators / sizeof *operators;
        while (i < n &&
               !(operators[i].level == level && vq_jskip(p, operators[i].token, operators[i].text)))
            i++;
        if (i == n) return NULL;
        found.kind = operators[i].node;
        found.op = operators[i].op;
    }
    vq_jnode *n = vq_jnode_new(p, found.kind, line);
    *bad = !n;
    if (n) n->op = found.op;
    return n;
}

static vq_jnode *parse_level(vq_jparser *p, int level);

static vq_jnode *parse_not(vq_jparser *p)
{
    if (!vq_jis(p, VQ_JT_NAME, "not")) return parse_level(p, LEVEL_COMPARE);
    vq_jnode *n = vq_jnode_new(p, VQ_JN_NOT, p->at++->line);
    if (++p->depth > VQ_J_PARSE_DEPTH)
        return vq_jparse_fail(p, "\"not\" is repeated more than %d times", VQ_J_PARSE_DEPTH);
    if (n && !(n->left = parse_not(p))) n = NULL;
    p->depth--;
    return n;
}

/* a < b < c: one node with a term for each comparison */
static vq_jnode *parse_compare(vq_jparser *p)
{
    vq_jnode *first = parse_level(p, LEVEL_SUM), *n = NULL, *term;
    vq_jnode **tail = NULL;
    bool bad = false;
    while (first && (term = take_operator(p, LEVEL_COMPARE, &bad))) {
        if (!n) {
            if (!(n = vq_jnode_new(p, VQ_JN_COMPARE, term->line))) return NULL;
            n->left = first;
            tail = &n->list;
        }
        if (!(term->left = parse_level(p, LEVEL_SUM))) return NULL;
        *tail = term;
        tail = &term->next;
    }
    return bad ? NULL : n ? n : first;
}

static vq_jnode *parse_level(vq_jparser *p, int level)
{
    if (level == LEVEL_NOT) return parse_not(p);
    if (level == LEVEL_COMPARE) return parse_compare(p);
    if (level == LEVEL_UNARY) return parse_unary(p, true);
    vq_jnode *left = parse_level(p, level + 1), *n;
    bool bad = false;
    while (left && (n = take_operator(p, level, &bad))) {
        n->left = left;
        if (!(n->right = parse_level(p, level + 1))) return NULL;
        left = n;
    }
    return bad ? NULL : left;
}

vq_jnode *vq_jor_expression(vq_jparser *p)
{
    return parse_level(p, LEVEL_OR);
}

vq_jnode *vq_jexpression(vq_jparser *p)
{
    vq_jnode *left = vq_jor_expression(p);
    if (!left) return NULL;
    if (++p->depth > VQ_J_PARSE_DEPTH)
        return vq_jparse_fail(p, "conditions are nested more than %d deep", VQ_J_PARSE_DEPTH);
    while (vq_jis(p, VQ_JT_NAME, "if")) {
        vq_jnode *n = vq_jnode_new(p, VQ_JN_CONDITION, p->at++->line);
        if (!n || !(n->right = vq_jor_expression(p))) return NULL;
        n->left = left;
        if (vq_jskip(p, VQ_JT_NAME, "else") && !(n->third = vq_jexpression(p))) return NULL;
        left = n;
    }
    p->depth--;
    return left;
}

static vq_jnode *parse_tuple(vq_jparser *p, vq_jnode *(*part)(vq_jparser *p))
{
    vq_jnode *first = part(p);
    if (!first || !vq_jis(p, VQ_JT_OPERATOR, ",")) return first;
    vq_jnode *tuple = vq_jnode_new(p, VQ_JN_TUPLE, first->line), **tail = &first->next;
    if (!tuple) return NULL;
    tuple->list = first;
    while (vq_jskip(p, VQ_JT_OPERATOR, ",") && p->at->kind != VQ_JT_OUTPUT_END &&
           p->at->kind != VQ_JT_BLOCK_END) {
        if (!(*tail = part(p))) return NULL;
        tail = &(*tail)->next;
    }
    return tuple;
}

vq_jnode *vq_jtuple(vq_jparser *p)
{
    return parse_tuple(p, vq_jexpression);
}

vq_jnode *vq_jor_tuple(vq_jparser *p)
{
    return parse_tuple(p, vq_jor_expression);
}
