/* test_op_check.c -- a plan that goes backwards over an op without a backward is refused when it is
 * made: op, pass and what works instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model/op/op.h"
#include "plan/op_check.h"
#include "plan_world.h"
#include "show.h"

#define HEAD                                                                                       \
    "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\nrules:\n  - {match: {}, use: int4-g64}\n"        \
    "  - {match: {role: embed}, use: keep}\npasses:\n"
#define TAIL "output: {format: vq}\n"

/* The plan of a recipe for a model whose second block has an op that only goes forward. */
static vq_status check(plan_world *w, const char *passes, bool made_up)
{
    static vq_op one_way;
    char text[1024];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, passes);
    plan_world_start(w, NULL);
    must(w, plan_world_make(w, TINY, text));
    const int up = vq_graph_find(&w->model.graph, "model.layers.1.mlp.up_proj");
    assert_ge(up, 0);
    one_way = *w->model.graph.nodes[up].op;
    one_way.name = "one_way";
    one_way.backward = NULL;
    if (made_up) w->model.graph.nodes[up].op = &one_way;
    return vq_op_check(&w->plan, &w->err);
}

static void test_refused_by_name(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"  - {do: round, method: gptq, curvature: kronecker}\n", "gptq needs gradients",
         ": curvature: input needs no gradients"},
        {"  - {do: round, method: gptq, curvature: token}\n", "gptq needs gradients",
         ": curvature: input needs no gradients"},
        {"  - {do: round, method: learned}\n", "learned needs gradients",
         ": method: gptq needs no gradients"},
        {"  - {do: round, method: rtn}\n  - {do: tune, what: norms}\n", "tune needs gradients",
         ": leave the pass out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan_world w;
        assert_int_equal(check(&w, cases[i][0], false), VQ_OK);
        plan_world_close(&w);
        assert_int_equal(check(&w, cases[i][0], true), VQ_E_RECIPE);
        assert_non_null(strstr(w.err.text, cases[i][1]));
        assert_non_null(strstr(w.err.text, "one_way of layer 1, model.layers.1.mlp.up_proj"));
        assert_non_null(strstr(w.err.text, cases[i][2]));
        plan_world_close(&w);
    }
}

static void test_forward_passes_do_not_mind(void **state)
{
    (void)state;
    plan_world w;
    assert_int_equal(check(&w, "  - {do: round, method: gptq, curvature: input}\n", true), VQ_OK);
    plan_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused_by_name),
                                       cmocka_unit_test(test_forward_passes_do_not_mind)};
    return cmocka_run_group_tests_name("op_check", tests, NULL, NULL);
}
