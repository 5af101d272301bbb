/* jinja_parse.c -- tokens of a chat template to the trees of its statements. */
#include <string.h>

#include "jinja/jinja.h"

static bool parse_body(vq_jparser *p, vq_jnode *owner, vq_jnode **list, const char *const *ends);

static bool end_tag(vq_jparser *p)
{
    return vq_jexpect(p, VQ_JT_BLOCK_END, NULL);
}

static vq_jnode *parse_target(vq_jparser *p);

/* a, a.b, (a, b) */
static vq_jnode *parse_target_part(vq_jparser *p)
{
    vq_jnode *n = vq_jnode_new(p, VQ_JN_NAME, p->at->line);
    if (!n) return NULL;
    if (vq_jskip(p, VQ_JT_OPERATOR, "(")) {
        if (++p->depth > VQ_J_PARSE_DEPTH)
            return vq_jparse_fail(p, "brackets are nested more than %d deep", VQ_J_PARSE_DEPTH);
        n = parse_target(p);
        p->depth--;
        return n && vq_jexpect(p, VQ_JT_OPERATOR, ")") ? n : NULL;
    }
    n->name = p->at->s;
    if (!vq_jexpect(p, VQ_JT_NAME, NULL)) return NULL;
    if (!vq_jskip(p, VQ_JT_OPERATOR, ".")) return n;
    if (!(n->left = vq_jnode_new(p, VQ_JN_NAME, n->line))) return NULL;
    n->kind = VQ_JN_ATTRIBUTE;
    n->left->name = n->name;
    n->name = p->at->s;
    return vq_jexpect(p, VQ_JT_NAME, NULL) ? n : NULL;
}

/* one of them, or some between commas */
static vq_jnode *parse_target(vq_jparser *p)
{
    vq_jnode *first = NULL, **tail = &first;
    const int line = p->at->line;
    bool comma = false;
    do {
        if (comma && p->at->kind != VQ_JT_NAME && !vq_jis(p, VQ_JT_OPERATOR, "(")) break;
        if (!(*tail = parse_target_part(p))) return NULL;
        tail = &(*tail)->next;
        comma = comma || vq_jis(p, VQ_JT_OPERATOR, ",");
    } while (vq_jskip(p, VQ_JT_OPERATOR, ","));
    if (!comma) return first;
    vq_jnode *tuple = vq_jnode_new(p, VQ_JN_TUPLE, line);
    if (tuple) tuple->list = first;
    return tuple;
}

static bool parse_for(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
    n->kind = VQ_JN_FOR;
    if (!(n->left = parse_target(p)) || !vq_jexpect(p, VQ_JT_NAME, "in") ||
        !(n->right = vq_jor_tuple(p)))
        return false;
    if (vq_jskip(p, VQ_JT_NAME, "if") && !(n->third = vq_jexpression(p))) return false;
    if (vq_jskip(p, VQ_JT_NAME, "recursive")) n->name = "recursive";
    if (n->left->kind == VQ_JN_NAME && strcmp(n->left->name, "loop") == 0)
        return vq_jparse_fail(p, "\"loop\" is no name for an item") != NULL;
    p->loops++;
    if (!end_tag(p) || !parse_body(p, n, &n->list, ends)) return false;
    p->loops--;
    if (vq_jskip(p, VQ_JT_NAME, "else")) {
        if (!end_tag(p) || !parse_body(p, n, &n->other, last)) return false;
    }
    p->at++;
    return end_tag(p);
}

static bool parse_if(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif",
                                                                                        NULL};
    n->kind = VQ_JN_IF;
    for (;;) { /* an elif is an if in the else of the one before it */
        if (!(n->left = vq_jor_expression(p)) || !end_tag(p) || !parse_body(p, n, &n->list, ends))
            return false;
        if (!vq_jis(p, VQ_JT_NAME, "elif")) break;
        if (!(n->other = vq_jnode_new(p, VQ_JN_IF, p->at++->line))) return false;
        n = n->other;
    }
    if (vq_jskip(p, VQ_JT_NAME, "else")) {
        if (!end_tag(p) || !parse_body(p, n, &n->other, last)) return false;
    }
    p->at++;
    return end_tag(p);
}

static bool parse_set(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"endset", NULL};
    n->kind = VQ_JN_SET;
    if (!(n->left = parse_target(p))) return false;
    if (vq_jskip(p, VQ_JT_OPERATOR, "=")) return (n->right = vq_jtuple(p)) && end_tag(p);
    vq_jnode *body = vq_jnode_new(p, VQ_JN_BODY, n->line);
    if (!body) return false;
    n->right = vq_jis(p, VQ_JT_OPERATOR, "|") ? vq_jfilters(p, body) : body;
    if (!n->right || !end_tag(p) || !parse_body(p, n, &body->list, ends)) return false;
    p->at++;
    return end_tag(p);
}

/* {% filter name(a) | name %}: what the body prints goes through them. */
static bool parse_filter_block(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"endfilter", NULL};
    vq_jnode *body = vq_jnode_new(p, VQ_JN_BODY, n->line);
    n->kind = VQ_JN_OUTPUT;
    n->left = body ? vq_jfilters(p, vq_jfilter_node(p, body)) : NULL;
    if (!n->left || !end_tag(p) || !parse_body(p, n, &body->list, ends)) return false;
    p->at++;
    return end_tag(p);
}

/* {% with a = 1, b = 2 %} */
static bool parse_with(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"endwith", NULL};
    vq_jnode **tail = &n->other;
    n->kind = VQ_JN_GROUP;
    while (p->at->kind != VQ_JT_BLOCK_END) {
        if (n->other && !vq_jexpect(p, VQ_JT_OPERATOR, ",")) return false;
        vq_jnode *pair = *tail = vq_jnode_new(p, VQ_JN_ARGUMENT, p->at->line);
        if (!pair || !(pair->left = parse_target(p)) || !vq_jexpect(p, VQ_JT_OPERATOR, "=") ||
            !(pair->right = vq_jexpression(p)))
            return false;
        tail = &pair->next;
    }
    if (!end_tag(p) || !parse_body(p, n, &n->list, ends)) return false;
    p->at++;
    return end_tag(p);
}

/* (a, b=1) of a macro */
static bool parse_parameters(vq_jparser *p, vq_jnode *n)
{
    vq_jnode **tail = &n->other;
    if (!vq_jexpect(p, VQ_JT_OPERATOR, "(")) return false;
    while (!vq_jskip(p, VQ_JT_OPERATOR, ")")) {
        vq_jnode *parameter = *tail = vq_jnode_new(p, VQ_JN_ARGUMENT, p->at->line);
        if (!parameter) return false;
        parameter->name = p->at->s;
        if (!vq_jexpect(p, VQ_JT_NAME, NULL)) return false;
        if (vq_jskip(p, VQ_JT_OPERATOR, "=") && !(parameter->left = vq_jexpression(p)))
            return false;
        tail = &parameter->next;
        if (!vq_jskip(p, VQ_JT_OPERATOR, ",") && !vq_jis(p, VQ_JT_OPERATOR, ")"))
            return vq_jexpect(p, VQ_JT_OPERATOR, ")");
    }
    return true;
}

static bool parse_macro_body(vq_jparser *p, vq_jnode *n, const char *const *ends)
{
    const int loops = p->loops;
    p->loops = 0;
    if (!end_tag(p) || !parse_body(p, n, &n->list, ends)) return false;
    p->loops = loops;
    p->at++;
    return true;
}

/* name(a, b=1) */
static bool parse_macro(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"endmacro", NULL};
    n->kind = VQ_JN_MACRO;
    n->name = p->at->s;
    if (!vq_jexpect(p, VQ_JT_NAME, NULL) || !parse_parameters(p, n) ||
        !parse_macro_body(p, n, ends))
        return false;
    (void)vq_jskip(p, VQ_JT_NAME, n->name);
    return end_tag(p);
}

/* {% call(a) name(b) %}: the macro that is called finds the body as caller(a). */
static bool parse_call_block(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"endcall", NULL};
    vq_jnode *caller = vq_jnode_new(p, VQ_JN_CALLER, n->line),
             *arg = caller ? vq_jnode_new(p, VQ_JN_ARGUMENT, n->line) : NULL;
    n->kind = VQ_JN_OUTPUT;
    if (!arg || (vq_jis(p, VQ_JT_OPERATOR, "(") && !parse_parameters(p, caller)) ||
        !(n->left = vq_jexpression(p)))
        return false;
    if (n->left->kind != VQ_JN_CALL)
        return vq_jparse_fail(p, "{%% call %%} without a call") != NULL;
    caller->name = arg->name = "caller";
    arg->left = caller;
    vq_jnode **last = &n->left->list;
    while (*last) last = &(*last)->next;
    *last = arg;
    return parse_macro_body(p, caller, ends) && end_tag(p);
}

/* {% generation %} marks what a model is trained on; it prints as it stands. */
static bool parse_generation(vq_jparser *p, vq_jnode *n)
{
    static const char *const ends[] = {"endgeneration", NULL};
    n->kind = VQ_JN_GROUP;
    if (!end_tag(p) || !parse_body(p, n, &n->list, ends)) return false;
    p->at++;
    return end_tag(p);
}

static bool parse_jump(vq_jparser *p, vq_jnode *n)
{
    n->kind = strcmp(p->at[-1].s, "break") == 0 ? VQ_JN_BREAK : VQ_JN_CONTINUE;
    if (p->loops == 0)
        return vq_jparse_fail(p, "{%% %s %%} outside of a loop", p->at[-1].s) != NULL;
    return end_tag(p);
}

static bool parse_statement(vq_jparser *p, vq_jnode *n)
{
    static const struct {
        const char *name;
        bool (*parse)(vq_jparser *p, vq_jnode *n);
    } statements[] = {{"for", parse_for},         {"if", parse_if},
                      {"set", parse_set},         {"macro", parse_macro},
                      {"call", parse_call_block}, {"filter", parse_filter_block},
                      {"with", parse_with},       {"break", parse_jump},
                      {"continue", parse_jump},   {"generation", parse_generation}};
    char buf[64];
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (vq_jskip(p, VQ_JT_NAME, statements[i].name)) return statements[i].parse(p, n);
    if (p->at->kind != VQ_JT_NAME)
        return vq_jparse_fail(p, "%s where a statement should stand", vq_jdescribe(p->at, buf)) !=
               NULL;
    if (strncmp(p->at->s, "end", 3) == 0 || strncmp(p->at->s, "el", 2) == 0)
        return vq_jparse_fail(p, "{%% %.40s %%} belongs to nothing", p->at->s) != NULL;
    return vq_jparse_fail(p, "{%% %.40s %%} is not supported", p->at->s) != NULL;
}

static bool ends_body(const vq_jparser *p, const char *const *ends)
{
    for (; p->at->kind == VQ_JT_BLOCK_BEGIN && ends && *ends; ends++)
        if (p->at[1].kind == VQ_JT_NAME && strcmp(p->at[1].s, *ends) == 0) return true;
    return false;
}

static bool parse_data(vq_jparser *p, vq_jnode *n)
{
    vq_jvalue *v = VQ_ALLOC(p->a, vq_jvalue, 1, "chat template", p->e);
    if (!v) return false;
    *v = vq_jtext(p->at->s, p->at->n);
    n->kind = VQ_JN_DATA;
    n->value = v;
    p->at++;
    return true;
}

static bool parse_part(vq_jparser *p, vq_jnode *n)
{
    if (p->at->kind == VQ_JT_DATA) return parse_data(p, n);
    if (vq_jskip(p, VQ_JT_BLOCK_BEGIN, NULL)) return parse_statement(p, n);
    n->kind = VQ_JN_OUTPUT;
    p->at++;
    return (n->left = vq_jtuple(p)) && vq_jexpect(p, VQ_JT_OUTPUT_END, NULL);
}

/* What stands before one of the tags `ends`, whose name is next afterwards; without ends: all. */
static bool parse_body(vq_jparser *p, vq_jnode *owner, vq_jnode **list, const char *const *ends)
{
    if (++p->depth > VQ_J_PARSE_DEPTH)
        return vq_jparse_fail(p, "blocks, brackets and signs are nested more than %d deep",
                              VQ_J_PARSE_DEPTH) != NULL;
    while (!ends_body(p, ends)) {
        if (p->at->kind == VQ_JT_END) {
            if (ends)
                return vq_jparse_fail(p, "the block of line %d has no {%% %s %%}", owner->line,
                                      ends[0]) != NULL;
            break;
        }
        if (!(*list = vq_jnode_new(p, VQ_JN_DATA, p->at->line)) || !parse_part(p, *list))
            return false;
        list = &(*list)->next;
    }
    p->depth--;
    if (ends) p->at++;
    return true;
}

vq_status vq_jparse(const vq_jtoken *tokens, vq_arena *a, vq_jnode **body, vq_err *e)
{
    vq_jparser p = {.at = tokens, .a = a, .e = e};
    *body = NULL;
    return parse_body(&p, NULL, body, NULL) ? VQ_OK : e->status;
}
