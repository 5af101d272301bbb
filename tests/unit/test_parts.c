/* test_parts.c -- finished parts behind a source: what a part holds is read from it, the rest from below; put together they are the
 * artifact that was written in one go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/budget.h"
#include "run/parts.h"
#include "scratch.h"

#define TINY VQ_SOURCE_DIR "/examples/models/tiny-llama"
#define Q1 "model.layers.1.self_attn.q_proj"
enum { LAYERS = 4 };

static const char recipe_text[] = "vq: 1\nname: t\nrules:\n  - {match: {}, use: int4-g64}\n  - {match: {role: embed}, use: keep}\n"
                                  "passes:\n  - {do: round, method: rtn}\noutput: {format: vq}\n";

typedef struct world {
    scratch *files;
    vq_arena arena;
    vq_recipe recipe;
    vq_model model;
    vq_plan plan;
    vq_job job;
    vq_rounded rounded;
    vq_st_set whole; /* the artifact's tensors, written in one go */
    vq_parts parts;
    vq_err err;
} world;

static void must(world *w, vq_status s)
{
    if (s != VQ_OK) fail_msg("%s", w->err.text);
}

static const char *folder(world *w, const char *name)
{
    const char *dir = vq_join(&w->arena, w->files->dir, name, &w->err);
    assert_non_null(dir);
    must(w, vq_make_dir(dir, &w->err));
    return dir;
}

static void open_world(world *w, void **state)
{
    *w = (world){.files = *state, .job = {.threads = 1}};
    vq_arena_init(&w->arena, NULL);
    must(w, vq_kernels_select(&w->job.kernels, NULL, false, &w->err));
    must(w, vq_recipe_parse(&w->recipe, "t.yaml", recipe_text, strlen(recipe_text), NULL, 0, vq_run_passes(), &w->arena, &w->err));
    must(w, vq_model_open(&w->model, TINY, &w->arena, &w->err));
    must(w, vq_plan_make(&w->plan, &w->recipe, &w->model, &w->arena, &w->err));
    vq_plan_given(&w->plan, &w->job, false, false);
    must(w, vq_rounded_init(&w->rounded, &w->plan, &w->arena, &w->err));
    const char *dir = folder(w, "whole");
    must(w, vq_rounding_all(&w->rounded, &w->plan, dir, &w->job, &w->job.budget, &w->arena, &w->err));
    must(w, vq_st_set_open(&w->whole, dir, &w->arena, &w->err));
    must(w, vq_parts_init(&w->parts, w->files->dir, &w->model.checkpoint.source, w->plan.format, LAYERS + 1, (size_t)w->plan.nweights,
                          &w->arena, &w->err));
}

static void close_world(world *w)
{
    vq_parts_close(&w->parts);
    vq_st_set_close(&w->whole);
    vq_model_close(&w->model);
    vq_arena_done(&w->arena);
}

/* Does a block's part hold the tensor: those of its modules, and its first norm, which a transform may have changed. */
static bool belongs(const char *name, int layer)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "model.layers.%d.", layer);
    if (strncmp(name, prefix, strlen(prefix)) != 0) return false;
    return strstr(name, "_proj") || strstr(name, "input_layernorm");
}

/* The folder of a finished block, its tensors taken from the whole; without: one that is left out. */
static void write_part(world *w, int layer, const char *without)
{
    vq_st_writer *writer;
    const char *const *names;
    size_t n;
    int64_t ids[64];
    int count = 0;
    must(w, vq_st_writer_new(&writer, &w->arena, &w->err));
    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        for (size_t i = 0; i < w->whole.count; i++) {
            const vq_tensor *t = w->whole.sorted[i];
            if (!belongs(t->name, layer) || (without && strcmp(t->name, without) == 0)) continue;
            if (pass)
                must(w, vq_st_writer_write(writer, ids[count++], 0, t->data, t->bytes, &w->err));
            else
                must(w, vq_st_writer_declare(writer, t->name, t->dtype, t->shape, t->ndim, &ids[count++], &w->err));
        }
        assert_in_range(count, 1, 64);
        if (pass) continue;
        const char *dir = vq_parts_folder(&w->parts, layer, &w->err);
        must(w, vq_make_dir(dir, &w->err));
        must(w, vq_st_writer_open(writer, dir, 0, &w->err));
    }
    must(w, vq_st_writer_commit(writer, &names, &n, &w->err));
}

/* Modules of a block, side by side. */
static size_t modules_of(const world *w, int layer, vq_module *out)
{
    size_t n = 0;
    for (size_t i = 0; i < w->rounded.nmodules; i++)
        if (w->rounded.weights[i]->layer == layer) out[n++] = w->rounded.modules[i];
    assert_int_equal(n, 7);
    return n;
}

static void add_part(world *w, int layer)
{
    vq_module *modules = VQ_NEW(&w->arena, vq_module, 7, "test", &w->err);
    write_part(w, layer, NULL);
    must(w, vq_parts_add(&w->parts, layer, modules, modules_of(w, layer, modules), &w->err));
}

static void test_a_source_of_what_is_finished(void **state)
{
    world w;
    vq_linear l;
    vq_tensor t;
    vq_qtensor q;
    open_world(&w, state);
    const vq_source *s = &w.parts.source;
    must(&w, s->linear(s->self, Q1, 128, 128, &l, &w.err));
    assert_false(l.quantized); /* the model's own, before the part is there */
    add_part(&w, 1);
    must(&w, s->linear(s->self, Q1, 128, 128, &l, &w.err));
    assert_true(l.quantized);
    must(&w, s->rows(s->self, &l, 64, 64, &q, &w.arena, &w.err));
    float *got = VQ_ALLOC(&w.arena, float, 128, "test", &w.err), *want = VQ_ALLOC(&w.arena, float, 128, "test", &w.err);
    must(&w, w.model.checkpoint.source.tensor(w.model.checkpoint.source.self, Q1 ".weight", &t, &w.err));
    for (int64_t r = 0; r < 64; r++) {
        vq_dequantize_ref(&q, r, 1, got);
        must(&w, vq_to_f32(&t, (64 + r) * 128, 128, want, &w.err));
        double size = 0, error = 0;
        for (int i = 0; i < 128; i++) size += (double)want[i] * (double)want[i];
        for (int i = 0; i < 128; i++) error += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        assert_true(error > 0 && error < 0.02 * size); /* four bits of the same row */
    }
    must(&w, s->tensor(s->self, "model.layers.1.input_layernorm.weight", &t, &w.err));
    assert_ptr_equal(t.data, vq_st_find(&w.parts.files[1].set, "model.layers.1.input_layernorm.weight")->data);
    must(&w, s->tensor(s->self, "model.layers.0.input_layernorm.weight", &t, &w.err));
    assert_true(s->has(s->self, Q1 ".weight_scale") && !s->has(s->self, "model.layers.0.self_attn.q_proj.weight_scale"));
    assert_int_equal(s->tensor(s->self, "model.layers.9.x", &t, &w.err), VQ_E_INPUT);
    must(&w, s->linear(s->self, "model.layers.0.self_attn.q_proj", 128, 128, &l, &w.err));
    assert_false(l.quantized);
    close_world(&w);
}

static void test_put_together(void **state)
{
    world w;
    vq_st_set made;
    open_world(&w, state);
    for (int layer = 0; layer < LAYERS; layer++) add_part(&w, layer);
    const char *dir = folder(&w, "made");
    must(&w, vq_parts_assemble(&w.parts, &w.plan, &w.job, NULL, dir, &w.arena, &w.err));
    must(&w, vq_st_set_open(&made, dir, &w.arena, &w.err));
    assert_int_equal(made.count, w.whole.count);
    for (size_t i = 0; i < made.count; i++) {
        const vq_tensor *a = made.sorted[i], *b = w.whole.sorted[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->dtype, b->dtype);
        assert_int_equal(a->bytes, b->bytes);
        assert_memory_equal(a->data, b->data, a->bytes);
    }
    vq_st_set_close(&made);
    close_world(&w);
}

static void test_parts_that_are_not_whole(void **state)
{
    world w;
    vq_module modules[7];
    open_world(&w, state);
    const size_t n = modules_of(&w, 1, modules);
    assert_int_not_equal(vq_parts_add(&w.parts, 0, modules, n, &w.err), VQ_OK); /* no folder */
    write_part(&w, 1, Q1 ".weight_scale");
    assert_int_equal(vq_parts_add(&w.parts, 1, modules, n, &w.err), VQ_E_INPUT);
    if (!strstr(w.err.text, Q1 " > weight_scale is missing")) fail_msg("%s", w.err.text);
    close_world(&w);
    must(&w, vq_remove_tree(w.files->dir, &w.err));
    must(&w, vq_make_dir(w.files->dir, &w.err));
    open_world(&w, state);
    (void)modules_of(&w, 1, modules);
    write_part(&w, 1, NULL);
    for (size_t i = 0; i < n; i++) modules[i].n += strcmp(modules[i].name, Q1) == 0 ? 64 : 0; /* not what was written */
    assert_int_equal(vq_parts_add(&w.parts, 1, modules, n, &w.err), VQ_E_INPUT);
    if (!strstr(w.err.text, "has the shape")) fail_msg("%s", w.err.text);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_source_of_what_is_finished, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_put_together, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_parts_that_are_not_whole, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
