/* test_model_passes.c -- a plan's passes over the whole model: their statistics, their order, their
 * check. */
#include "decoder_world.h"
#include "edit/function_check.h"
#include "plan/model_passes.h"
#include "show.h"

typedef struct planned {
    decoder_world w;
    vq_recipe recipe;
    vq_option_set options[VQ_PLAN_PASSES];
    vq_plan plan;
    vq_samples samples;
    vq_arena scratch;
    int warnings;
} planned;

static void open_planned(planned *p, const char *type)
{
    *p = (planned){.plan = {.target = vq_target_find("vq")}};
    world_open(&p->w, type, 41);
    vq_arena_init(&p->scratch, NULL);
    p->plan.recipe = &p->recipe;
    p->samples = (vq_samples){.ids = p->w.ids, .count = 3, .length = WORLD_TOKENS / 3};
}

static void close_planned(planned *p)
{
    vq_arena_done(&p->scratch);
    world_close(&p->w);
}

static void add_pass(planned *p, const char *name)
{
    const vq_transform *t = vq_transform_find(name);
    vq_option_set *o = &p->options[p->plan.npasses];
    vq_option_defaults(o, t->options);
    p->plan.passes[p->plan.npasses++] = (vq_plan_pass){.transform = t, .options = o};
}

static void count_warning(void *ctx, const char *code, const char *where, const char *text)
{
    (void)code, (void)where, (void)text;
    ++*(int *)ctx;
}

static vq_status run(planned *p, vq_model_edits *m, vq_err *e)
{
    const vq_calib_options sweep = {
        .spool_path = "/tmp", .spool_bytes = 1 << 20, .batch_tokens = 16};
    const vq_reporter w = {.ctx = &p->warnings, .warning = count_warning};
    vq_model_edits_init(m, &p->w.graph, &p->w.arena);
    return vq_model_passes_run(m, &p->plan, &p->w.exec, &p->samples, &sweep, &w, &p->scratch, e);
}

static void test_passes_of_a_plan(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        planned p;
        vq_model_edits m;
        vq_err e = {0};
        open_planned(&p, world_families[f]);
        assert_false(vq_model_passes_any(&p.plan));
        add_pass(&p, "stream_order");
        add_pass(&p, "ksort");
        add_pass(&p, "rotate");
        add_pass(&p, "hadamard"); /* of groups: not run here */
        assert_true(vq_model_passes_any(&p.plan));
        const vq_status s = run(&p, &m, &e);
        if (s != VQ_OK) print_message("%s\n", e.text);
        assert_int_equal(s, VQ_OK);
        assert_true(m.ordered);
        assert_eq(m.untied, p.w.config.tied);
        const vq_edit *first = &m.edits.list[0];
        assert_eq(first->kind, VQ_EDIT_GATHER);
        assert_eq(strcmp(first->tensor, "model.embed_tokens.weight"), 0);
        int moved = 0;
        for (int i = 0; i < 32; i++) moved += first->order[i] != i;
        assert_gt(moved, 0);
        close_planned(&p);
    }
}

static void refused(planned *p, vq_status status, const char *why)
{
    vq_model_edits m;
    vq_err e = {0};
    assert_int_equal(run(p, &m, &e), status);
    if (!strstr(e.text, why)) print_message("%s\n", e.text);
    assert_non_null(strstr(e.text, why));
}

/* A transform that forgets the other side of what it does. */
static vq_status half(vq_model_job *job, vq_err *e)
{
    const vq_edit d = {
        .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = 16, .n = job->stream->width};
    return vq_add_edit(job->edits, job->stream->embedding, NULL, d, e);
}

static void test_a_wrong_transform_is_caught(void **state)
{
    (void)state;
    static const vq_transform wrong = {.name = "half", .scope = VQ_SCOPE_MODEL, .run_model = half};
    planned p;
    vq_model_edits m;
    vq_err e = {0};
    open_planned(&p, "llama");
    p.plan.passes[p.plan.npasses++] = (vq_plan_pass){.transform = &wrong};
    refused(&p, VQ_E_NUMERIC, "half: outputs change");
    p.recipe.function = VQ_SEVERITY_WARN;
    assert_int_equal(run(&p, &m, &e), VQ_OK);
    assert_int_equal(p.warnings, 1);
    close_planned(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_of_a_plan),
        cmocka_unit_test(test_a_wrong_transform_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
