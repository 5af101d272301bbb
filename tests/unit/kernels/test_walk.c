/* test_walk.c -- what blocks see while a run walks its schedule, layer by layer, against a forward
 * pass of the artifact that it wrote (propagate: quantized) or of the original model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/bf16_product.h"
#include "plan_world.h"
#include "run/quantize/outputs.h"
#include "run/schedule/walk.h"

enum { SAMPLES = 3, LENGTH = 32, IDS = SAMPLES * LENGTH, HIDDEN = 128, LAYERS = 4 };

typedef struct world {
    plan_world p;
    vq_rounded rounded;
    int32_t ids[IDS];
    float seen[LAYERS][IDS * HIDDEN]; /* inputs of the blocks, as the run had them */
    char work[300], out[300];
} world;

static void open_world(world *w, scratch *files, const char *propagate, const char *passes)
{
    char recipe[1024];
    snprintf(recipe, sizeof recipe,
             "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\ncalib: {data: required, samples: %d, "
             "seqlen: %d, propagate: %s}\nrules:\n  - {match: {name: [\"*\"]}, use: nvfp4}\n"
             "  - {match: {name: [\"*embed*\"]}, use: keep}\npasses:\n%soutput: {format: vq}\n",
             SAMPLES, LENGTH, propagate, passes);
    plan_world_start(&w->p, files);
    snprintf(w->work, sizeof w->work, "%s/work", files->dir);
    snprintf(w->out, sizeof w->out, "%s/work/out", files->dir);
    must(&w->p, vq_remove(w->work, &w->p.err));
    must(&w->p, vq_make_dir(w->work, &w->p.err));
    must(&w->p, vq_make_dir(w->out, &w->p.err));
    must(&w->p, plan_world_make(&w->p, TINY, recipe));
    for (int i = 0; i < IDS; i++) w->ids[i] = (i * i * 7 + 3 * i) % 512;
}

/* Before the first step of each block that is not finished yet: what stands in front of it. */
static void look(world *w, vq_walk *walk, int step)
{
    const vq_schedule *s = &w->p.schedule;
    const vq_scheduled_step *at = &s->steps[step];
    vq_batch shape;
    const float *h;
    if (!s->sweeps || at->finished || at->layer < 0 || s->steps[step - 1].layer == at->layer)
        return;
    must(&w->p, vq_calib_batch(walk->run.activations.current, 0, &shape, &h, &w->p.err));
    assert_int_equal(shape.sequences * shape.length, IDS);
    memcpy(w->seen[at->layer], h, sizeof w->seen[at->layer]);
}

/* Walks until the section of block `last` is written (LAYERS: to the end). */
static void walk(world *w, bool resume, int last)
{
    vq_walk walk;
    vq_calibrated calibrated;
    vq_made_from made = {0};
    const vq_calib_source data = {.kind = VQ_KIND_TOKENS,
                                  .path = scratch_file(w->p.files, "ids", w->ids, sizeof w->ids)};
    const vq_run_request q = {
        .plan = &w->p.plan,
        .job = &w->p.job,
        .budget = &w->p.job.budget,
        .dir = w->out,
        .work = w->work,
        .data = {&data, 1},
        .resume = resume,
        .model_sha = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .made_from = &made};
    const vq_given given = {.data = {&data, 1}};
    vq_schedule *s = &w->p.schedule;
    must(&w->p, vq_schedule_make(s, &w->p.plan, given, &w->p.arena, &w->p.err));
    must(&w->p, vq_rounded_init(&w->rounded, &w->p.plan, &w->p.arena, &w->p.err));
    must(&w->p, vq_walk_open(&walk, &q, s, &w->rounded, &calibrated, &w->p.arena, &w->p.err));
    bool stopped = false;
    for (int i = 0; i < s->count && !stopped; i++) {
        look(w, &walk, i);
        must(&w->p, vq_walk_to(&walk, i + 1, &w->p.err));
        const vq_step_kind *kind = s->steps[i].kind;
        stopped = s->steps[i].layer == last && (kind == &vq_step_round || kind == &vq_step_train);
    }
    vq_walk_close(&walk);
    assert_int_equal(w->p.job.budget.used, 0);
}

/* Every block's input as the run had it is, bit for bit, what the model makes of the ids. */
static void same_inputs(world *w, const vq_model *m, bool quantize_inputs)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_exec x = vq_model_exec(m, &w->p.job, &a, quantize_inputs);
    vq_kernels sweep = w->p.job.kernels; /* products as sweeps over a model of bf16 make them */
    must(&w->p, vq_bf16_take(&sweep, &a, &w->p.err));
    x.kernels = &sweep;
    const vq_batch b = {.sequences = SAMPLES, .length = LENGTH};
    float *h = malloc(sizeof w->seen[0]);
    must(&w->p, vq_exec_embed(&x, &b, w->ids, h, &w->p.err));
    for (int layer = 0; layer < LAYERS; layer++) {
        if (memcmp(h, w->seen[layer], sizeof w->seen[layer]) != 0)
            fail_msg("block %d saw something else", layer);
        must(&w->p, vq_exec_block(&x, &b, layer, h, &w->p.err));
    }
    free(h);
    vq_arena_done(&a);
}

static void same_as_artifact(world *w)
{
    vq_model m;
    vq_arena a;
    vq_arena_init(&a, NULL);
    must(&w->p, vq_outputs_sidecars(w->out, &w->p.plan, &(vq_sidecars){0}, w->rounded.modules,
                                    w->rounded.nmodules, w->rounded.untied, &w->p.job.reporter, &a,
                                    &w->p.err));
    must(&w->p, vq_model_open(&m, w->out, &a, &w->p.err));
    same_inputs(w, &m, true);
    vq_model_close(&m);
    vq_arena_done(&a);
}

/* Unless nothing was run, or what was run is the original rotated. */
static void same_as_original(world *w, const char *recipe)
{
    if (w->p.schedule.sweeps && !strstr(recipe, "rotate")) same_inputs(w, &w->p.model, false);
}

/* Passes that leave edits in front of the block, that try candidates out, that train. */
static const char *const recipes[] = {
    "  - {do: smooth}\n  - {do: round, method: gptq}\n",
    "  - {do: arc}\n  - {do: round, method: gptq, curvature: token}\n",
    "  - {do: awq}\n  - {do: round, method: rtn}\n",
    "  - {do: rotate}\n  - {do: smooth}\n  - {do: round, method: learned, steps: 2, tokens: 32}\n",
    "  - {do: round, method: learned, init: rtn, steps: 2, tokens: 32}\n"};
enum { RECIPES = sizeof recipes / sizeof recipes[0] };

static void test_blocks_see_what_was_written(void **state)
{
    for (int i = 0; i < RECIPES; i++) {
        world *w = calloc(1, sizeof *w);
        open_world(w, *state, "quantized", recipes[i]);
        walk(w, false, LAYERS);
        same_as_artifact(w);
        plan_world_close(&w->p);
        free(w);
    }
}

/* Stopped behind block 1 and resumed: blocks 2 and 3 see what they would have seen. */
static void test_resumed_blocks_see_the_same(void **state)
{
    for (int i = 0; i < 2 * RECIPES; i++) {
        const bool quantized = i < RECIPES;
        world *w = calloc(1, sizeof *w);
        open_world(w, *state, quantized ? "quantized" : "original", recipes[i % RECIPES]);
        walk(w, false, 1);
        walk(w, true, LAYERS);
        if (quantized) same_as_artifact(w);
        if (!quantized) same_as_original(w, recipes[i % RECIPES]);
        plan_world_close(&w->p);
        free(w);
    }
}

static void test_blocks_see_the_original(void **state)
{
    for (int i = 0; i < RECIPES; i++) {
        world *w = calloc(1, sizeof *w);
        open_world(w, *state, "original", recipes[i]);
        walk(w, false, LAYERS);
        same_as_original(w, recipes[i]);
        plan_world_close(&w->p);
        free(w);
    }
}

/* A Hadamard that the runtime applies to the inputs of one block is nothing to the original model,
 * whose activations move on. */
static void test_an_online_rotation_ends_with_its_block(void **state)
{
    static const char *const pair[2] = {
        "  - {do: rotate}\n  - {do: awq}\n  - {do: round, method: gptq, curvature: token}\n",
        "  - {do: rotate}\n  - {do: awq}\n  - {do: hadamard, block: 32}\n"
        "  - {do: round, method: gptq, curvature: token}\n"};
    world *w[2];
    for (int i = 0; i < 2; i++) {
        w[i] = calloc(1, sizeof **w);
        open_world(w[i], *state, "original", pair[i]);
        walk(w[i], false, LAYERS);
    }
    assert_memory_equal(w[0]->seen, w[1]->seen, sizeof w[0]->seen);
    for (int i = 0; i < 2; i++) {
        plan_world_close(&w[i]->p);
        free(w[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_blocks_see_what_was_written, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_resumed_blocks_see_the_same, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_an_online_rotation_ends_with_its_block, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_blocks_see_the_original, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
