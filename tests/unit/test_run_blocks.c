/* test_run_blocks.c -- the calibrated way over a whole small model, from a recipe's text to the finished files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "run/blocks.h"
#include "run/outputs.h"
#include "run/weights.h"
#include "scratch.h"

#define TINY VQ_SOURCE_DIR "/examples/models/tiny-llama"
#define HEAD "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\ncalib: {data: required, samples: 3, seqlen: 32}\n"
#define RULES "rules:\n  - {match: {name: [\"*\"]}, use: int4-g64}\n  - {match: {name: [\"*embed*\"]}, use: keep}\n"
#define DOWN_ONLY "rules:\n  - {match: {name: [\"*\"]}, use: keep}\n  - {match: {role: [mlp.down]}, use: int4-g64}\n"
#define FORMAT "output: {format: vq}\n"
enum { IDS = 3 * 32 };

typedef struct world {
    scratch *files;
    vq_arena arena;
    vq_recipe recipe;
    vq_model model;
    vq_plan plan;
    vq_job job;
    vq_rounded rounded;
    vq_err err;
    char dir[300], out[300];
} world;

static void must(world *w, vq_status s)
{
    if (s != VQ_OK) fail_msg("%s", w->err.text);
}

/* tiny-llama with its vectors in f32, as some checkpoints are stored. */
static void write_model(world *w)
{
    vq_st_set set;
    vq_st_writer *writer;
    const char *const *names;
    size_t n;
    int64_t ids[64];
    must(w, vq_st_set_open(&set, TINY, &w->arena, &w->err));
    must(w, vq_st_writer_new(&writer, &w->arena, &w->err));
    assert_true(set.count <= 64);
    for (size_t i = 0; i < set.count; i++) {
        const vq_tensor *t = set.sorted[i];
        must(w, vq_st_writer_declare(writer, t->name, t->ndim == 1 ? VQ_F32 : t->dtype, t->shape, t->ndim, &ids[i], &w->err));
    }
    must(w, vq_st_writer_open(writer, w->dir, 0, &w->err));
    for (size_t i = 0; i < set.count; i++) {
        vq_tensor row = *set.sorted[i];
        float x[128];
        if (row.ndim == 2) {
            must(w, vq_st_writer_write(writer, ids[i], 0, row.data, row.bytes, &w->err));
            continue;
        }
        row.ndim = 2;
        row.shape[1] = row.shape[0];
        row.shape[0] = 1;
        must(w, vq_weights_load(&w->job.kernels, &row, NULL, x, &w->err));
        must(w, vq_st_writer_write(writer, ids[i], 0, x, sizeof x, &w->err));
    }
    must(w, vq_st_writer_commit(writer, &names, &n, &w->err));
    vq_st_set_close(&set);
    must(w, vq_copy_file(TINY "/config.json", vq_join(&w->arena, w->dir, "config.json", &w->err), &w->err));
}

static void open_world(world *w, void **state, const char *recipe)
{
    *w = (world){.files = *state, .job = {.threads = 1}};
    vq_arena_init(&w->arena, NULL);
    must(w, vq_remove_tree(w->files->dir, &w->err));
    must(w, vq_make_dir(w->files->dir, &w->err));
    snprintf(w->dir, sizeof w->dir, "%s/model", w->files->dir);
    snprintf(w->out, sizeof w->out, "%s/out", w->files->dir);
    must(w, vq_make_dir(w->dir, &w->err));
    must(w, vq_make_dir(w->out, &w->err));
    must(w, vq_kernels_select(&w->job.kernels, NULL, false, &w->err));
    write_model(w);
    must(w, vq_recipe_parse(&w->recipe, "t.yaml", recipe, strlen(recipe), NULL, 0, vq_run_passes(), &w->arena, &w->err));
    must(w, vq_model_open(&w->model, w->dir, &w->arena, &w->err));
    must(w, vq_plan_make(&w->plan, &w->recipe, &w->model, &w->job, &w->arena, &w->err));
    must(w, vq_rounded_init(&w->rounded, &w->plan, &w->arena, &w->err));
}

static void close_world(world *w)
{
    vq_model_close(&w->model);
    vq_arena_done(&w->arena);
}

static void fill_ids(int32_t ids[IDS])
{
    for (int i = 0; i < IDS; i++) ids[i] = (i * i * 7 + 3 * i) % 512;
}

static vq_status run(world *w)
{
    int32_t ids[IDS];
    vq_calibrated calibrated;
    fill_ids(ids);
    const char *data = scratch_file(w->files, "ids", ids, sizeof ids);
    const vq_blocks_job j = {.plan = &w->plan,
                             .job = &w->job,
                             .budget = &w->job.budget,
                             .dir = w->out,
                             .work = w->files->dir,
                             .data = data,
                             .tokens = true,
                             .model_sha = "of the model",
                             .made_from = json_object()};
    const vq_status s = vq_blocks_run(&j, &w->rounded, &calibrated, &w->arena, &w->err);
    json_decref(j.made_from);
    assert_int_equal(w->job.budget.used, 0);
    return s;
}

/* A norm that absorbed scales keeps the type that it has in the model, and the digits that only that type has. */
static void test_vectors_keep_their_type(void **state)
{
    world w;
    vq_st_set set;
    open_world(&w, state, HEAD RULES "passes:\n  - {do: smooth}\n  - {do: round, method: rtn}\n" FORMAT);
    must(&w, run(&w));
    must(&w, vq_st_set_open(&set, w.out, &w.arena, &w.err));
    const vq_tensor *t = vq_st_find(&set, "model.layers.1.input_layernorm.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, VQ_F32);
    int finer = 0;
    for (int i = 0; i < 128; i++) {
        float x;
        memcpy(&x, (const char *)t->data + 4 * i, sizeof x);
        finer += vq_round_to(VQ_BF16, x) != x;
    }
    assert_true(finer > 64);
    vq_st_set_close(&set);
    close_world(&w);
}

/* Logits of the data's ids by the artifact, [IDS][512]; free them. */
static float *logits_of(world *w)
{
    int32_t ids[IDS];
    vq_model m;
    vq_arena a;
    fill_ids(ids);
    vq_arena_init(&a, NULL);
    must(w, vq_outputs_sidecars(&(vq_outputs){.work = w->out}, &w->plan, w->rounded.modules, w->rounded.nmodules, w->rounded.untied, &a,
                                &w->err));
    must(w, vq_model_open(&m, w->out, &a, &w->err));
    const vq_exec x = vq_model_exec(&m, &w->job, &a, false);
    const vq_batch b = {.sequences = 3, .length = IDS / 3};
    float *h = malloc(IDS * 128 * sizeof *h), *logits = malloc(IDS * 512 * sizeof *logits);
    must(w, vq_exec_embed(&x, &b, ids, h, &w->err));
    for (int layer = 0; layer < m.graph.layers; layer++) must(w, vq_exec_block(&x, &b, layer, h, &w->err));
    must(w, vq_exec_norm(&x, h, IDS, h, &w->err));
    must(w, vq_exec_logits(&x, h, IDS, 0, 512, logits, &w->err));
    free(h);
    vq_model_close(&m);
    vq_arena_done(&a);
    return logits;
}

static double distance(const float *a, const float *b)
{
    double difference = 0, size = 0;
    for (int i = 0; i < IDS * 512; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / size);
}

/* Orders of keys travel with the artifact: where q and k are kept, its logits are those of the artifact without the pass. */
static void test_orders_of_keys(void **state)
{
    static const char *const recipes[] = {
        HEAD DOWN_ONLY "passes:\n  - {do: round, method: rtn}\n" FORMAT,
        HEAD DOWN_ONLY "passes:\n  - {do: ksort}\n  - {do: round, method: rtn}\n" FORMAT,
    };
    float *logits[2];
    for (int i = 0; i < 2; i++) {
        world w;
        vq_st_set set;
        open_world(&w, state, recipes[i]);
        must(&w, run(&w));
        must(&w, vq_st_set_open(&set, w.out, &w.arena, &w.err));
        const vq_tensor *order = vq_st_find(&set, "model.layers.2.self_attn.k_proj.key_order");
        assert_int_equal(order != NULL, i);
        vq_st_set_close(&set);
        logits[i] = logits_of(&w);
        close_world(&w);
    }
    assert_true(distance(logits[1], logits[0]) < 1e-5);
    free(logits[0]);
    free(logits[1]);
}

/* Blocks of which nothing is quantized stand between those that are trained. */
static void test_training_passes_kept_blocks(void **state)
{
    world w;
    open_world(&w, state,
               HEAD RULES "  - {match: {name: [\"*\"], layers: 1}, use: keep}\n"
                          "passes:\n  - {do: round, method: learned, steps: 2, tokens: 32}\n" FORMAT);
    w.recipe.calib.propagate_quantized = true;
    must(&w, run(&w));
    assert_int_equal(w.rounded.nmodules, 3 * 7);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors_keep_their_type, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_orders_of_keys, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_training_passes_kept_blocks, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
