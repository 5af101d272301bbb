/* program.c -- the nodes of a part with the inputs that its linears ask for. */
#include "model/exec/program.h"

#include <string.h>

#include "model/op/act_quant.h"

typedef struct making {
    vq_program *p;
    const vq_exec *exec;
    vq_arena *arena;
    int first;         /* node of the graph that the part begins with */
    const int *handed; /* [nhanded] values that the part before hands over */
    int nhanded;
    int *local; /* [nodes of the part] number of each node's value */
} making;

const char *vq_node_label(const vq_node *n)
{
    return n->role == VQ_ROLE_OTHER ? n->op->name : vq_role_name(n->role);
}

static int local_of(const making *m, int value)
{
    if (value >= m->first) return m->local[value - m->first];
    for (int i = 0; i < m->nhanded; i++)
        if (m->handed[i] == value) return i;
    return -1; /* a builder's promise: what is read was handed over */
}

static int add(vq_program *p, const vq_node *n, int node)
{
    p->nodes[p->count] = *n;
    p->node[p->count] = node;
    p->raw[p->count] = p->seen[p->count] = -1;
    return p->count++;
}

/* Nodes that read a value come after it: where a search for one begins. */
static int first_after(const vq_program *p, int value)
{
    return value < p->ninputs ? p->ninputs : value + 1;
}

static int prepared_before(const vq_program *p, int raw, const vq_quantize *q)
{
    for (int id = first_after(p, raw); id < p->count; id++)
        if (p->node[id] < 0 && p->nodes[id].in[0] == raw && vq_quantize_same(p->nodes[id].args, q))
            return id;
    return -1;
}

/* The value that the linear multiplies: raw itself, or a new or earlier node that prepares it. */
static vq_status prepare(making *m, const vq_linear *l, vq_role role, int raw, int *input,
                         vq_err *e)
{
    vq_program *p = m->p;
    vq_quantize q;
    *input = raw;
    if (!vq_quantize_of(m->exec, l, &q)) return VQ_OK;
    *input = prepared_before(p, raw, &q);
    if (*input >= 0) return VQ_OK;
    vq_quantize *args = VQ_ALLOC(m->arena, vq_quantize, 1, "quantized input", e);
    if (!args) return e->status;
    *args = q;
    const vq_node *from = &p->nodes[raw];
    const vq_node n = {.op = &vq_op_quantize,
                       .args = args,
                       .role = role, /* what errors name */
                       .layer = from->layer,
                       .name = "",
                       .in = {raw, -1, -1},
                       .nin = 1,
                       .width = q.k_out,
                       .rows = from->rows,
                       .routed = from->routed};
    *input = add(p, &n, -1);
    return VQ_OK;
}

static bool was_seen(const vq_program *p, int raw)
{
    for (int id = first_after(p, raw); id < p->count; id++)
        if (p->raw[id] == raw) return true;
    return false;
}

static vq_status add_linear(making *m, vq_node *n, int id, vq_err *e)
{
    vq_program *p = m->p;
    const vq_source *s = m->exec->source;
    const int raw = n->in[0], before = p->count;
    const bool first = !was_seen(p, raw);
    vq_linear l;
    vq_status found = s->linear(s->self, n->name, n->width, n->in_width, &l, e);
    if (found == VQ_OK && n->bias && !l.bias.data)
        found = vq_fail(e, VQ_E_INPUT, "%s.bias is missing; this architecture has one", n->name);
    if (found != VQ_OK) return vq_at(e, "%s", vq_node_label(n));
    if (!n->bias) l.bias = (vq_tensor){0}; /* stored, but no part of the model: as transformers */
    VQ_TRY(prepare(m, &l, n->role, raw, &n->in[0], e));
    const int at = add(p, n, id);
    p->linears[at] = l;
    p->raw[at] = raw;
    if (first)
        p->seen[before] = id; /* before its input is prepared: what is not finite is named there */
    return VQ_OK;
}

static vq_status add_nodes(making *m, int end, vq_err *e)
{
    for (int id = m->first; id < end; id++) {
        vq_node n = m->p->graph->nodes[id];
        for (int i = 0; i < n.nin; i++) n.in[i] = local_of(m, n.in[i]);
        if (n.op->linear)
            VQ_TRY(add_linear(m, &n, id, e));
        else
            (void)add(m->p, &n, id);
        m->local[id - m->first] = m->p->count - 1;
    }
    return VQ_OK;
}

static vq_status open_program(making *m, int most, vq_err *e)
{
    vq_program *p = m->p;
    p->nodes = VQ_NEW(m->arena, vq_node, most, "nodes of a block", e);
    p->linears = VQ_NEW(m->arena, vq_linear, most, "nodes of a block", e);
    p->node = VQ_ALLOC(m->arena, int, 5 * most, "nodes of a block", e);
    if (!p->nodes || !p->linears || !p->node) return VQ_E_LIMIT;
    p->raw = p->node + most;
    p->seen = p->raw + most;
    p->last = p->seen + most;
    m->local = p->last + most;
    for (int i = 0; i < m->nhanded; i++) (void)add(p, &p->graph->nodes[m->handed[i]], m->handed[i]);
    p->ninputs = p->count;
    return VQ_OK;
}

/* The head's record is the input of lm_head. */
static vq_status name_outputs(making *m, int part, vq_err *e)
{
    vq_program *p = m->p;
    const vq_part *of = &p->graph->parts[part];
    const bool head = part == p->graph->layers + 1;
    const int n = head ? 1 : of->ncarry;
    int *out = VQ_ALLOC(m->arena, int, n, "nodes of a block", e);
    if (!out) return e->status;
    for (int i = 0; i < n; i++)
        out[i] = local_of(m, head ? p->graph->nodes[p->graph->lm_head].in[0] : of->carry[i]);
    p->out = out;
    p->nout = n;
    return VQ_OK;
}

static void read_at(vq_program *p, int value, int id)
{
    if (value >= 0) p->last[value] = id;
}

/* A block of many experts has a thousand nodes: one walk for all values. */
static void find_last_readers(vq_program *p)
{
    for (int id = 0; id < p->count; id++) {
        p->last[id] = id;
        if (id < p->ninputs) continue;
        read_at(p, p->raw[id], id);
        for (int i = 0; i < p->nodes[id].nin; i++) read_at(p, p->nodes[id].in[i], id);
    }
    for (int i = 0; i < p->nout; i++) read_at(p, p->out[i], p->count);
}

vq_status vq_program_make(vq_program *p, const vq_exec *x, int part, vq_arena *a, vq_err *e)
{
    const vq_graph *g = x->graph;
    const vq_part *of = &g->parts[part];
    const int end = part == g->layers + 1 ? g->lm_head : of->end;
    *p = (vq_program){.graph = g, .part = part};
    making m = {.p = p, .exec = x, .arena = a, .first = of->first};
    if (part) {
        m.handed = of[-1].carry;
        m.nhanded = of[-1].ncarry;
    }
    VQ_TRY(open_program(&m, m.nhanded + 2 * (end - of->first) + 1, e));
    VQ_TRY(add_nodes(&m, end, e));
    VQ_TRY(name_outputs(&m, part, e));
    find_last_readers(p);
    return VQ_OK;
}

int64_t vq_program_rows(const vq_program *p, int id, const vq_batch *b)
{
    return b->sequences * (p->nodes[id].rows ? p->nodes[id].rows : b->length);
}

bool vq_program_reads(const vq_program *p, int id, int value)
{
    if (p->raw[id] == value) return true;
    for (int i = 0; i < p->nodes[id].nin; i++)
        if (p->nodes[id].in[i] == value) return true;
    return false;
}

int vq_program_last_reader(const vq_program *p, int value)
{
    return p->last[value];
}
