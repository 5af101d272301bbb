/* build_experts.c -- router, route, and per expert: its rows, a gated MLP, its part of the sum. */
#include "model/arch/build/build_experts.h"

#include <stdio.h>

enum { NAME_ROOM = 256, MOST_EXPERTS = 1 << 16 }; /* of the whole model */

const vq_mixture vq_mixture_usual = {.router = "mlp.gate",
                                     .expert = "mlp.experts.",
                                     .gate = "gate_proj",
                                     .up = "up_proj",
                                     .down = "down_proj",
                                     .gate_up_stack = "mlp.experts.gate_up_proj",
                                     .down_stack = "mlp.experts.down_proj"};

vq_status vq_mixture_check(const vq_mixture *m, vq_err *e)
{
    const vq_route_args *r = &m->route;
    const int64_t groups = r->groups > 1 ? r->groups : 1;
    if (m->experts > VQ_MAX_EXPERTS)
        return vq_fail(e, VQ_E_INPUT, "%lld experts are beyond any model", (long long)m->experts);
    if (m->experts % groups)
        return vq_fail(e, VQ_E_INPUT, "%lld experts do not divide into n_group %lld",
                       (long long)m->experts, (long long)groups);
    const int64_t open = groups > 1 ? r->open : 1;
    if (open > groups)
        return vq_fail(e, VQ_E_INPUT, "topk_group %lld of n_group %lld", (long long)open,
                       (long long)groups);
    if (r->chosen <= m->experts / groups * open) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "num_experts_per_tok is %lld; a token can go to %lld experts",
                   (long long)r->chosen, (long long)(m->experts / groups * open));
}

/* One linear of the mixture, and where a checkpoint with stacked experts has it. */
typedef struct part {
    vq_role role;
    const char *name, *stack;             /* stack NULL: nowhere else */
    int64_t width, first, matrices, rows; /* of the stack: vq_stored_in */
    const char *beyond;
} part;

static int add_linear(vq_build *b, const part *p, int x)
{
    const vq_stored_in in = {.tensor = p->stack ? vq_build_name(b, p->stack) : NULL,
                             .first = p->first,
                             .matrices = p->matrices,
                             .rows = p->rows,
                             .beyond = p->beyond ? vq_build_name(b, p->beyond) : NULL};
    const vq_node n = {.op = &vq_op_linear,
                       .args = p->stack || p->beyond ? vq_build_args(b, &in, sizeof in) : NULL,
                       .role = p->role,
                       .name = vq_build_name(b, p->name),
                       .width = p->width,
                       .in_width = b->status == VQ_OK ? b->graph->nodes[x].width : 0};
    return vq_build_node(b, n, x, -1, -1);
}

static int add_route(vq_build *b, const vq_mixture *m, int x)
{
    const part router = {.role = VQ_ROLE_ROUTER,
                         .name = m->router,
                         .stack = m->other_router,
                         .width = m->experts,
                         .rows = m->experts};
    const vq_node n = {.op = &vq_op_route,
                       .args = vq_build_args(b, &m->route, sizeof m->route),
                       .role = VQ_ROLE_OTHER,
                       .name = m->correction ? vq_build_name(b, m->correction) : "",
                       .width = m->experts};
    return vq_build_node(b, n, add_linear(b, &router, x), -1, -1);
}

static const char *expert_name(const vq_mixture *m, int64_t expert, const char *linear, char *buf)
{
    (void)snprintf(buf, NAME_ROOM, "%s%lld.%s", m->expert, (long long)expert, linear);
    return buf;
}

static int add_mlp(vq_build *b, const vq_mixture *m, const vq_activation *act, int64_t i, int x)
{
    char gate[NAME_ROOM], up[NAME_ROOM], down[NAME_ROOM], more[NAME_ROOM + 8];
    const int64_t n = m->ffn, width = b->status == VQ_OK ? b->graph->nodes[x].width : 0;
    (void)snprintf(more, sizeof more, "%s.weight", expert_name(m, m->experts, m->gate, gate));
    const part g = {VQ_ROLE_EXPERT_GATE,
                    expert_name(m, i, m->gate, gate),
                    m->gate_up_stack,
                    n,
                    2 * n * i,
                    m->experts,
                    2 * n,
                    i + 1 == m->experts ? more : NULL},
               u = {VQ_ROLE_EXPERT_UP,
                    expert_name(m, i, m->up, up),
                    m->gate_up_stack,
                    n,
                    2 * n * i + n,
                    m->experts,
                    2 * n,
                    NULL},
               d = {VQ_ROLE_EXPERT_DOWN,
                    expert_name(m, i, m->down, down),
                    m->down_stack,
                    width,
                    width * i,
                    m->experts,
                    width,
                    NULL};
    const int gate_at = add_linear(b, &g, x), up_at = add_linear(b, &u, x);
    const vq_node product = {.op = &vq_op_gated, .args = act, .role = VQ_ROLE_OTHER, .width = n};
    return add_linear(b, &d, vq_build_node(b, product, gate_at, up_at, -1));
}

/* A lying config must not make us allocate gigabytes for nodes. */
static void check_total(vq_build *b, const vq_mixture *m)
{
    if (b->status != VQ_OK || m->experts * b->sizes->layers <= MOST_EXPERTS) return;
    b->status = vq_fail(b->err, VQ_E_INPUT, "%lld experts in %lld layers are beyond any model",
                        (long long)m->experts, (long long)b->sizes->layers);
}

int vq_build_mixture(vq_build *b, const vq_mixture *m, const vq_activation *act, int x, int sum)
{
    check_total(b, m);
    const int shares = add_route(b, m, x);
    const int64_t width = b->status == VQ_OK ? b->graph->nodes[x].width : 0;
    for (int64_t i = 0; i < m->experts; i++) {
        const vq_expert args = {i, m->experts};
        const void *of = vq_build_args(b, &args, sizeof args);
        const vq_node input = {.op = &vq_op_expert_input,
                               .args = of,
                               .role = VQ_ROLE_OTHER,
                               .width = width,
                               .routed = (double)m->route.chosen / (double)m->experts},
                      output = {.op = &vq_op_expert_output,
                                .args = of,
                                .role = VQ_ROLE_OTHER,
                                .width = width};
        const int rows = vq_build_node(b, input, x, shares, -1);
        sum = vq_build_node(b, output, sum, add_mlp(b, m, act, i, rows), shares);
    }
    return sum;
}
