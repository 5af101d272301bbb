/* test_run_blocks.c -- the calibrated way over a whole small model, from a recipe's text to the
 * finished files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "calib/stats/stats_file.h"
#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_container.h"
#include "load/weights.h"
#include "plan_world.h"
#include "run/quantize/outputs.h"
#include "run/schedule/walk.h"
#include "show.h"

#define HEAD                                                                                       \
    "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\ncalib: {data: required, samples: 3, seqlen: "    \
    "32}\n"
#define RULES                                                                                      \
    "rules:\n  - {match: {name: [\"*\"]}, use: int4-g64}\n  - {match: {name: [\"*embed*\"]}, "     \
    "use: keep}\n"
#define RULES_8BIT                                                                                 \
    "rules:\n  - {match: {name: [\"*\"]}, use: int8-w8a16}\n  - {match: {name: [\"*embed*\"]}, "   \
    "use: keep}\n"
#define DOWN_ONLY                                                                                  \
    "rules:\n  - {match: {name: [\"*\"]}, use: keep}\n  - {match: {role: [mlp.down]}, use: "       \
    "int4-g64}\n"
#define FORMAT "output: {format: vq}\n"
#define NO_DATA                                                                                    \
    "vq: 1\nname: t\nabout: \"a\"\nsource: \"s\"\ncalib: {data: none}\n" RULES                     \
    "passes:\n  - {do: round, method: rtn}\n" FORMAT
enum { IDS = 3 * 32 };

typedef struct world {
    plan_world p;
    vq_rounded rounded;
    vq_made_from made_from;
    vq_calib_source source;
    char dir[300], out[300];
} world;

/* tiny-llama with its vectors in f32, as some checkpoints are stored. */
static void write_model(world *w)
{
    vq_tensor_set set;
    vq_st_writer *writer;
    const char *const *names;
    size_t n;
    int64_t ids[64];
    must(&w->p, vq_tensor_set_open(&set, &vq_container_safetensors, TINY, &w->p.arena, &w->p.err));
    must(&w->p, vq_st_writer_new(&writer, &w->p.arena, &w->p.err));
    assert_le(set.count, 64);
    for (size_t i = 0; i < set.count; i++) {
        const vq_tensor *t = set.sorted[i];
        must(&w->p, vq_st_writer_declare(writer, t->name, t->ndim == 1 ? VQ_F32 : t->dtype,
                                         t->shape, t->ndim, &ids[i], &w->p.err));
    }
    must(&w->p, vq_st_writer_open(writer, w->dir, 0, &w->p.err));
    for (size_t i = 0; i < set.count; i++) {
        vq_tensor row = *set.sorted[i];
        float x[128];
        if (row.ndim == 2) {
            must(&w->p, vq_st_writer_write(writer, ids[i], 0, row.data, row.bytes, &w->p.err));
            continue;
        }
        row.ndim = 2;
        row.shape[1] = row.shape[0];
        row.shape[0] = 1;
        must(&w->p, vq_weights_load(&w->p.job.kernels, &row, NULL, x, &w->p.err));
        must(&w->p, vq_st_writer_write(writer, ids[i], 0, x, sizeof x, &w->p.err));
    }
    must(&w->p, vq_st_writer_commit(writer, &names, &n, &w->p.err));
    vq_tensor_set_close(&set);
    vq_map config;
    must(&w->p, vq_map_open(&config, TINY "/config.json", &w->p.err));
    must(&w->p, vq_write_file(vq_join(&w->p.arena, w->dir, "config.json", &w->p.err), config.data,
                              config.size, &w->p.err));
    vq_map_close(&config);
}

static void open_world(world *w, void **state, const char *recipe)
{
    w->made_from = (vq_made_from){0};
    plan_world_start(&w->p, *state);
    must(&w->p, vq_remove(w->p.files->dir, &w->p.err));
    must(&w->p, vq_make_dir(w->p.files->dir, &w->p.err));
    snprintf(w->dir, sizeof w->dir, "%s/model", w->p.files->dir);
    snprintf(w->out, sizeof w->out, "%s/out", w->p.files->dir);
    must(&w->p, vq_make_dir(w->dir, &w->p.err));
    must(&w->p, vq_make_dir(w->out, &w->p.err));
    write_model(w);
    must(&w->p, plan_world_make(&w->p, w->dir, recipe));
    must(&w->p, vq_rounded_init(&w->rounded, &w->p.plan, &w->p.arena, &w->p.err));
}

static void close_world(world *w)
{
    plan_world_close(&w->p);
}

static void fill_ids(int32_t ids[IDS])
{
    for (int i = 0; i < IDS; i++) ids[i] = (i * i * 7 + 3 * i) % 512;
}

/* The request of a run over the data of fill_ids. */
static vq_run_request request_of(world *w)
{
    int32_t ids[IDS];
    fill_ids(ids);
    w->source = (vq_calib_source){.kind = VQ_KIND_TOKENS,
                                  .path = scratch_file(w->p.files, "ids", ids, sizeof ids)};
    return (vq_run_request){.plan = &w->p.plan,
                            .job = &w->p.job,
                            .budget = &w->p.job.budget,
                            .dir = w->out,
                            .work = w->p.files->dir,
                            .data = {&w->source, w->p.recipe.calib.data != VQ_DATA_NONE},
                            .model_sha =
                                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                            .made_from = &w->made_from};
}

static void schedule(world *w, const vq_run_request *q)
{
    const vq_given given = {.data = q->data};
    must(&w->p, vq_schedule_make(&w->p.schedule, &w->p.plan, given, &w->p.arena, &w->p.err));
}

static vq_status run(world *w)
{
    vq_calibrated calibrated;
    const vq_run_request q = request_of(w);
    schedule(w, &q);
    const vq_status s =
        vq_walk_all(&q, &w->p.schedule, &w->rounded, &calibrated, &w->p.arena, &w->p.err);
    assert_int_equal(w->p.job.budget.used, 0);
    return s;
}

/* A norm that absorbed scales keeps the type that it has in the model, and the digits that only
 * that type has. */
static void test_vectors_keep_their_type(void **state)
{
    world w;
    vq_tensor_set set;
    open_world(&w, state,
               HEAD RULES "passes:\n  - {do: smooth}\n  - {do: round, method: rtn}\n" FORMAT);
    must(&w.p, run(&w));
    must(&w.p, vq_tensor_set_open(&set, &vq_container_safetensors, w.out, &w.p.arena, &w.p.err));
    const vq_tensor *t = vq_tensor_set_find(&set, "model.layers.1.input_layernorm.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, VQ_F32);
    int finer = 0;
    for (int i = 0; i < 128; i++) {
        float x;
        memcpy(&x, (const char *)t->data + 4 * i, sizeof x);
        finer += vq_round_to(VQ_BF16, x) != x;
    }
    assert_gt(finer, 64);
    vq_tensor_set_close(&set);
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
    must(&w->p, vq_outputs_sidecars(w->out, &w->p.plan, &(vq_sidecars){0}, w->rounded.modules,
                                    w->rounded.nmodules, w->rounded.untied, &w->p.job.reporter, &a,
                                    &w->p.err));
    must(&w->p, vq_model_open(&m, w->out, &a, &w->p.err));
    const vq_exec x = vq_model_exec(&m, &w->p.job, &a, false);
    const vq_batch b = {.sequences = 3, .length = IDS / 3};
    float *h = malloc(IDS * 128 * sizeof *h), *logits = malloc(IDS * 512 * sizeof *logits);
    must(&w->p, vq_exec_embed(&x, &b, ids, h, &w->p.err));
    for (int layer = 0; layer < m.graph.layers; layer++)
        must(&w->p, vq_exec_block(&x, &b, layer, h, &w->p.err));
    must(&w->p, vq_exec_head(&x, h, IDS, h, &w->p.err));
    must(&w->p, vq_exec_logits(&x, h, IDS, 0, 512, logits, &w->p.err));
    free(h);
    vq_model_close(&m);
    vq_arena_done(&a);
    return logits;
}

/* |x - y| / |y|. */
static double apart(const float *x, const float *y, int64_t n)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        size += (double)y[i] * (double)y[i];
    }
    return sqrt(difference / size);
}

/* |logits of a recipe with ksort - without| / |without|. Orders of keys travel with the artifact.
 */
static double change_by_ksort(void **state, const char *rules, const char *rounder)
{
    float *logits[2];
    for (int i = 0; i < 2; i++) {
        world w;
        vq_tensor_set set;
        char recipe[1024];
        snprintf(recipe, sizeof recipe, "%s%spasses:\n%s  - %s\n%s", HEAD, rules,
                 i ? "  - {do: ksort}\n" : "", rounder, FORMAT);
        open_world(&w, state, recipe);
        must(&w.p, run(&w));
        must(&w.p,
             vq_tensor_set_open(&set, &vq_container_safetensors, w.out, &w.p.arena, &w.p.err));
        const vq_tensor *order =
            vq_tensor_set_find(&set, "model.layers.2.self_attn.k_proj.key_order");
        assert_int_equal(order != NULL, i);
        vq_tensor_set_close(&set);
        logits[i] = logits_of(&w);
        close_world(&w);
    }
    const double change = apart(logits[1], logits[0], IDS * 512);
    free(logits[0]);
    free(logits[1]);
    return change;
}

/* Where q and k are kept nothing changes. Where they are rounded their rows are the same in another
 * order: statistics, gradients and the outputs that training aims at are those of the sorted model.
 */
static void test_orders_of_keys(void **state)
{
    assert_lt(change_by_ksort(state, DOWN_ONLY, "{do: round, method: rtn}"), 1e-5);
    assert_lt(change_by_ksort(state, RULES, "{do: round, method: rtn}"), 1e-5);
    assert_lt(change_by_ksort(state, RULES,
                              "{do: round, method: learned, init: rtn, steps: 2, tokens: 32}"),
              1e-3);
}

/* Curvatures of block 1 as the sweep backwards wrote them: of q's and of down's input, [k][k]. */
typedef struct swept {
    world w;
    vq_stats_file file;
    const float *q, *down;
} swept;

static void sweep(swept *s, void **state, const char *recipe)
{
    open_world(&s->w, state, recipe);
    s->w.p.job.kernels.strict = true; /* sweeps in f32 */
    must(&s->w.p, run(&s->w));
    must(&s->w.p, vq_stats_load(&s->file, scratch_path(s->w.p.files, "layer-0001.vqs"),
                                &s->w.p.model.graph, &s->w.p.arena, &s->w.p.err));
    s->q = s->file.stats[1][0].linears[0].input;
    s->down = s->file.stats[1][3].linears[0].input;
}

/* Gradients are those of the rotated model: inside the MLP nothing turns, at the stream everything
 * does. */
static void test_gradients_of_a_rotated_model(void **state)
{
    swept plain, rotated;
    sweep(&plain, state,
          HEAD RULES "passes:\n  - {do: round, method: gptq, curvature: token}\n" FORMAT);
    float *q = malloc(128 * 128 * sizeof *q), *down = malloc(256 * 256 * sizeof *down);
    memcpy(q, plain.q, 128 * 128 * sizeof *q);
    memcpy(down, plain.down, 256 * 256 * sizeof *down);
    vq_stats_close(&plain.file);
    close_world(&plain.w);
    sweep(&rotated, state,
          HEAD RULES
          "passes:\n  - {do: rotate}\n  - {do: round, method: gptq, curvature: token}\n" FORMAT);
    assert_lt(apart(rotated.down, down, 256 * 256), 1e-4);
    assert_gt(apart(rotated.q, q, 128 * 128), 0.5);
    vq_stats_close(&rotated.file);
    close_world(&rotated.w);
    free(q);
    free(down);
}

/* Blocks of which nothing is quantized stand between those that are trained. */
static void test_training_passes_kept_blocks(void **state)
{
    world w;
    open_world(&w, state,
               HEAD RULES
               "  - {match: {name: [\"*\"], layers: 1}, use: keep}\n"
               "passes:\n  - {do: round, method: learned, steps: 2, tokens: 32}\n" FORMAT);
    w.p.recipe.calib.propagate_quantized = true;
    must(&w.p, run(&w));
    assert_int_equal(w.rounded.nmodules, 3 * 7);
    close_world(&w);
}

/* Scales that change behind the back of those who borrowed them: what consumers are multiplied by
 * is not what the producer was divided by. */
static float shared_scale[256];
static vq_status run_wrong(vq_transform_job *job, vq_err *e)
{
    (void)e;
    const bool late = strstr(job->stats->name, "layers.2.mlp.down");
    for (int i = 0; i < 256; i++) shared_scale[i] = late && i % 8 == 0 ? 2.5f : 2;
    if (job->producer.kind == VQ_PRODUCER_NORM) job->map.scale = shared_scale;
    return VQ_OK;
}

static void count_warning(void *ctx, const char *code, const char *where, const char *text)
{
    (void)text;
    assert_string_equal(code, "function-changed");
    assert_string_equal(where, "wrong, layer 2");
    ++*(int *)ctx;
}

static void test_a_wrong_transform_is_caught(void **state)
{
    static const vq_transform wrong = {.name = "wrong", .scope = VQ_SCOPE_GROUP, .run = run_wrong};
    for (int data = 0; data < 2; data++) {
        for (int warn = 0; warn < 2; warn++) {
            world w;
            int warnings = 0;
            open_world(&w, state,
                       data ? HEAD RULES "passes:\n  - {do: round, method: gptq}\n" FORMAT
                            : NO_DATA);
            w.p.plan.passes[w.p.plan.npasses++] = (vq_plan_pass){.transform = &wrong};
            w.p.recipe.function = warn ? VQ_SEVERITY_WARN : VQ_SEVERITY_ERROR;
            w.p.job.reporter = (vq_reporter){.ctx = &warnings, .warning = count_warning};
            assert_int_equal(run(&w), warn ? VQ_OK : VQ_E_NUMERIC);
            assert_int_equal(warnings, warn);
            if (!warn && !strstr(w.p.err.text, "wrong, layer 2: outputs change by"))
                fail_msg("%s", w.p.err.text);
            close_world(&w);
        }
    }
}

/* Members of a group that stay as they are read an input that nobody rotates. */
static void test_a_rotated_input_beside_kept_linears(void **state)
{
    float *logits[2];
    for (int i = 0; i < 2; i++) {
        world w;
        char recipe[1024];
        snprintf(recipe, sizeof recipe, "%s%s%spasses:\n%s  - {do: round, method: rtn}\n%s", HEAD,
                 RULES_8BIT, "  - {match: {role: [attn.v, mlp.up]}, use: keep}\n",
                 i ? "  - {do: hadamard, block: 32}\n" : "", FORMAT);
        open_world(&w, state, recipe);
        must(&w.p, run(&w));
        logits[i] = logits_of(&w);
        close_world(&w);
    }
    assert_lt(apart(logits[1], logits[0], IDS * 512), 0.1);
    free(logits[0]);
    free(logits[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors_keep_their_type, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_orders_of_keys, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_gradients_of_a_rotated_model, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_a_wrong_transform_is_caught, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_a_rotated_input_beside_kept_linears, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_training_passes_kept_blocks, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
