/* jinja_run.c -- the statements of a chat template: scopes, loops, branches, macros. */
#include <string.h>

#include "jinja/jinja.h"

static vq_status set_member(vq_jrun *x, const vq_jnode *target, const vq_jvalue *v)
{
    const vq_jvalue *space = vq_jlookup(x, x->frame, target->left->name, true);
    x->line = target->line;
    if (!space || space->kind != VQ_J_SPACE)
        return vq_jfail(x, "\"%s.%s\" is set, but \"%s\" is no namespace", target->left->name,
                        target->name, target->left->name);
    return vq_jbind(x, space->space, target->name, v);
}

vq_status vq_jassign(vq_jrun *x, const vq_jnode *target, const vq_jvalue *v)
{
    if (target->kind == VQ_JN_ATTRIBUTE) return set_member(x, target, v);
    if (target->kind == VQ_JN_NAME) return vq_jbind(x, x->frame, target->name, v);
    const vq_jvalue *at;
    size_t n, k = 0;
    VQ_TRY(vq_jiterate(x, v, &at, &n));
    const vq_jnode *name = target->list;
    for (; name && k < n; name = name->next) VQ_TRY(vq_jassign(x, name, &at[k++]));
    x->line = target->line;
    return name || k < n ? vq_jfail(x, "%zu values for another number of names", n) : VQ_OK;
}

static vq_status new_frame(vq_jrun *x, vq_jframe *up)
{
    vq_jframe *f = vq_jalloc(x, 1, sizeof *f);
    if (!f) return x->e->status;
    *f = (vq_jframe){.up = up};
    x->frame = f;
    return VQ_OK;
}

/* The items that the loop's own condition lets through. */
static vq_status filter_items(vq_jrun *x, const vq_jnode *n, const vq_jvalue **at, size_t *count)
{
    vq_jframe *outer = x->frame;
    vq_jvalue yes, *kept = vq_jalloc(x, *count, sizeof *kept);
    size_t k = 0;
    if (!kept) return x->e->status;
    for (size_t i = 0; i < *count; i++) {
        VQ_TRY(new_frame(x, outer));
        VQ_TRY(vq_jassign(x, n->left, &(*at)[i]));
        VQ_TRY(vq_jeval(x, n->third, &yes));
        if (vq_jtruth(&yes)) kept[k++] = (*at)[i];
    }
    x->frame = outer;
    *at = kept;
    *count = k;
    return VQ_OK;
}

static vq_status run_turn(vq_jrun *x, const vq_jnode *n, vq_jframe *outer, const vq_jloop *loop)
{
    const vq_jvalue self = {.kind = VQ_J_LOOP, .loop = loop};
    VQ_TRY(new_frame(x, outer));
    VQ_TRY(vq_jbind(x, x->frame, "loop", &self));
    VQ_TRY(vq_jassign(x, n->left, &loop->at[loop->i]));
    return vq_jexec(x, n->list);
}

static vq_status loop_over(vq_jrun *x, const vq_jnode *n, const vq_jvalue *v, int depth);

/* loop(items) in a recursive loop: the same loop on them, in the scope where it stands. */
static vq_status call_loop(vq_jrun *x, const vq_jloop *l, const vq_jvalue *items, vq_jvalue *out)
{
    vq_jbuffer b = {0}, *outer = x->out;
    vq_jframe *frame = x->frame;
    if (++x->depth > VQ_J_DEPTH)
        return vq_jfail(x, "loops are nested more than %d deep", VQ_J_DEPTH);
    x->out = &b;
    x->frame = l->frame;
    const vq_status s = loop_over(x, l->node, items, l->depth + 1);
    x->out = outer;
    x->frame = frame;
    x->depth--;
    *out = vq_jtext(b.s, b.n);
    return s;
}

static vq_status loop_over(vq_jrun *x, const vq_jnode *n, const vq_jvalue *v, int depth)
{
    const vq_jvalue *at;
    size_t count;
    vq_jframe *outer = x->frame;
    VQ_TRY(vq_jiterate(x, v, &at, &count));
    if (n->third) VQ_TRY(filter_items(x, n, &at, &count));
    vq_jloop *loop = vq_jalloc(x, 1, sizeof *loop);
    vq_jvalue *seen = loop ? vq_jalloc(x, 1, sizeof *seen) : NULL;
    if (!seen) return x->e->status;
    *seen = (vq_jvalue){.kind = VQ_J_NONE};
    *loop = (vq_jloop){.at = at,
                       .n = count,
                       .depth = depth,
                       .seen = seen,
                       .node = n,
                       .frame = outer,
                       .call = n->name ? call_loop : NULL};
    for (; loop->i < count && x->flow != VQ_J_BREAK; loop->i++) {
        x->flow = VQ_J_ON;
        VQ_TRY(run_turn(x, n, outer, loop));
    }
    x->flow = VQ_J_ON;
    x->frame = outer;
    return count ? VQ_OK : vq_jexec(x, n->other);
}

static vq_status exec_for(vq_jrun *x, const vq_jnode *n)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->right, &v));
    x->line = n->line;
    return loop_over(x, n, &v, 1);
}

static vq_status exec_if(vq_jrun *x, const vq_jnode *n)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->left, &v));
    return vq_jexec(x, vq_jtruth(&v) ? n->list : n->other);
}

static vq_status exec_set(vq_jrun *x, const vq_jnode *n)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->right, &v));
    return vq_jassign(x, n->left, &v);
}

vq_status vq_jcapture(vq_jrun *x, const vq_jnode *body, vq_jvalue *out)
{
    vq_jbuffer b = {0}, *outer = x->out;
    vq_jframe *frame = x->frame;
    VQ_TRY(new_frame(x, frame));
    x->out = &b;
    const vq_status s = vq_jexec(x, body);
    x->out = outer;
    x->frame = frame;
    *out = vq_jtext(b.s, b.n);
    return s;
}

/* All values of a {% with %} are those of the scope around it. */
static vq_status exec_group(vq_jrun *x, const vq_jnode *n)
{
    vq_jframe *outer = x->frame;
    VQ_TRY(new_frame(x, outer));
    vq_jframe *inner = x->frame;
    for (const vq_jnode *pair = n->other; pair; pair = pair->next) {
        vq_jvalue v;
        x->frame = outer;
        VQ_TRY(vq_jeval(x, pair->right, &v));
        x->frame = inner;
        VQ_TRY(vq_jassign(x, pair->left, &v));
    }
    VQ_TRY(vq_jexec(x, n->list));
    x->frame = outer;
    return VQ_OK;
}

/* The argument of a macro's parameter, given by place or by name; NULL: not given. */
static const vq_jvalue *argument_of(const vq_jarguments *args, const vq_jnode *parameter,
                                    size_t place)
{
    for (size_t i = 0; i < args->n; i++)
        if (args->names[i] ? strcmp(args->names[i], parameter->name) == 0 : i == place)
            return &args->at[i];
    return NULL;
}

static vq_status bind_parameters(vq_jrun *x, const vq_jnode *macro, const vq_jarguments *args)
{
    size_t place = 0, given = 0;
    for (const vq_jnode *p = macro->other; p; p = p->next, place++) {
        const vq_jvalue *v = argument_of(args, p, place);
        vq_jvalue other = {.kind = VQ_J_UNDEFINED, .text = {.s = p->name, .n = strlen(p->name)}};
        given += v != NULL;
        if (!v && p->left) VQ_TRY(vq_jeval(x, p->left, &other));
        VQ_TRY(vq_jbind(x, x->frame, p->name, v ? v : &other));
    }
    const vq_jnode caller = {.name = "caller"};
    const vq_jvalue *body = argument_of(args, &caller, SIZE_MAX);
    if (body && !vq_jlookup(x, x->frame, "caller", false)) {
        VQ_TRY(vq_jbind(x, x->frame, "caller", body));
        given++;
    } else if (!body) {
        const vq_jvalue none = {.kind = VQ_J_UNDEFINED, .text = {.s = "caller", .n = 6}};
        VQ_TRY(vq_jbind(x, x->frame, "caller", &none));
    }
    return given == args->n
               ? VQ_OK
               : vq_jfail(x, "the macro \"%s\" is called with arguments that it does not have",
                          macro->name);
}

static vq_status call_macro(vq_jrun *x, const vq_jmacro *m, const vq_jarguments *args,
                            vq_jvalue *out)
{
    vq_jframe *caller = x->frame;
    VQ_TRY(new_frame(x, m->frame));
    VQ_TRY(bind_parameters(x, m->node, args));
    VQ_TRY(vq_jcapture(x, m->node->list, out));
    x->frame = caller;
    return VQ_OK;
}

vq_status vq_jclosure(vq_jrun *x, const vq_jnode *n, vq_jvalue *out)
{
    vq_jmacro *m = vq_jalloc(x, 1, sizeof *m);
    if (!m) return x->e->status;
    *m = (vq_jmacro){.node = n, .frame = x->frame, .call = call_macro};
    *out = (vq_jvalue){.kind = VQ_J_MACRO, .macro = m};
    return VQ_OK;
}

static vq_status exec_macro(vq_jrun *x, const vq_jnode *n)
{
    vq_jvalue v;
    VQ_TRY(vq_jclosure(x, n, &v));
    return vq_jbind(x, x->frame, n->name, &v);
}

static vq_status exec_output(vq_jrun *x, const vq_jnode *n)
{
    vq_jvalue v;
    VQ_TRY(vq_jeval(x, n->left, &v));
    return vq_jprint(x, x->out, &v);
}

static vq_status exec_data(vq_jrun *x, const vq_jnode *n)
{
    return vq_jput(x, x->out, n->value->text.s, n->value->text.n);
}

static vq_status exec_jump(vq_jrun *x, const vq_jnode *n)
{
    x->flow = n->kind == VQ_JN_BREAK ? VQ_J_BREAK : VQ_J_CONTINUE;
    return VQ_OK;
}

vq_status vq_jexec(vq_jrun *x, const vq_jnode *body)
{
    static vq_status (*const statements[VQ_JN_KINDS])(vq_jrun * x, const vq_jnode *n) = {
        [VQ_JN_DATA] = exec_data,   [VQ_JN_OUTPUT] = exec_output, [VQ_JN_FOR] = exec_for,
        [VQ_JN_IF] = exec_if,       [VQ_JN_SET] = exec_set,       [VQ_JN_MACRO] = exec_macro,
        [VQ_JN_GROUP] = exec_group, [VQ_JN_BREAK] = exec_jump,    [VQ_JN_CONTINUE] = exec_jump,
    };
    if (++x->depth > VQ_J_DEPTH)
        return vq_jfail(x, "expressions, blocks and calls are nested more than %d deep",
                        VQ_J_DEPTH);
    for (const vq_jnode *n = body; n && x->flow == VQ_J_ON; n = n->next) {
        x->line = n->line;
        VQ_TRY(vq_jspend(x, VQ_J_STEP));
        VQ_TRY(statements[n->kind](x, n));
    }
    x->depth--;
    return VQ_OK;
}
