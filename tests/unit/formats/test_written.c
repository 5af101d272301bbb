/* test_written.c -- finished parts behind a source: what a part holds is read from it, the rest from
 * below; put together they are the artifact that was written in one go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/safetensors/st_container.h"
#include "memory_container.h"
#include "plan_world.h"
#include "run/store/written.h"
#include "show.h"

#define Q1 "model.layers.1.self_attn.q_proj"
enum { LAYERS = 4 };

typedef struct world {
    plan_world p;
    vq_rounded rounded;
    vq_tensor_set whole; /* the artifact's tensors, written in one go */
    vq_written parts;
    vq_target target; /* the plan's, with the container that is asked for */
} world;

static const char *folder(world *w, const char *name)
{
    const char *dir = vq_join(&w->p.arena, w->p.files->dir, name, &w->p.err);
    assert_non_null(dir);
    must(&w->p, vq_make_dir(dir, &w->p.err));
    return dir;
}

static void open_world(world *w, void **state, const vq_container *container)
{
    plan_world_start(&w->p, *state);
    must(&w->p, plan_world_make(&w->p, TINY, INT4_NEAREST));
    w->target = *w->p.plan.target;
    w->target.container = container;
    w->p.plan.target = &w->target;
    must(&w->p, vq_rounded_init(&w->rounded, &w->p.plan, &w->p.arena, &w->p.err));
    const char *dir = folder(w, "whole");
    must(&w->p, vq_rounding_all(&w->rounded, &w->p.plan, dir, &w->p.job, &w->p.job.budget,
                                &w->p.arena, &w->p.err));
    must(&w->p, vq_tensor_set_open(&w->whole, container, dir, &w->p.arena, &w->p.err));
    must(&w->p, vq_written_init(&w->parts, w->p.files->dir, &w->p.model.checkpoint.source,
                                w->p.plan.target, LAYERS + 1, (size_t)w->p.plan.nweights,
                                &w->p.arena, &w->p.err));
}

static void close_world(world *w)
{
    vq_written_close(&w->parts);
    vq_tensor_set_close(&w->whole);
    plan_world_close(&w->p);
}

/* Does a block's part hold the tensor: those of its modules, and its first norm, which a transform
 * may have changed. */
static bool belongs(const char *name, int layer)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "model.layers.%d.", layer);
    if (strncmp(name, prefix, strlen(prefix)) != 0) return false;
    return strstr(name, "_proj") || strstr(name, "input_layernorm");
}

/* The folder of a finished block, its tensors taken from the whole; without: one that is left out.
 */
static void write_part(world *w, int layer, const char *without)
{
    vq_tensor_writer *writer;
    int64_t ids[64];
    int count = 0;
    must(&w->p, vq_tensor_writer_new(&writer, w->target.container, &w->p.arena, &w->p.err));
    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        for (size_t i = 0; i < w->whole.count; i++) {
            const vq_tensor *t = w->whole.sorted[i];
            if (!belongs(t->name, layer) || (without && strcmp(t->name, without) == 0)) continue;
            if (pass)
                must(&w->p,
                     vq_tensor_writer_write(writer, ids[count++], 0, t->data, t->bytes, &w->p.err));
            else
                must(&w->p, vq_tensor_writer_declare(writer, t->name, t->dtype, t->shape, t->ndim,
                                                     &ids[count++], &w->p.err));
        }
        assert_in_range(count, 1, 64);
        if (pass) continue;
        const char *dir = vq_written_folder(&w->parts, layer, &w->p.err);
        must(&w->p, vq_make_dir(dir, &w->p.err));
        must(&w->p, vq_tensor_writer_begin(writer, dir, 0, &w->p.err));
    }
    must(&w->p, vq_tensor_writer_commit(writer, NULL, NULL, &w->p.err));
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
    vq_module *modules = VQ_NEW(&w->p.arena, vq_module, 7, "test", &w->p.err);
    write_part(w, layer, NULL);
    must(&w->p,
         vq_written_add(&w->parts, layer, modules, modules_of(w, layer, modules), &w->p.err));
}

static void test_a_source_of_what_is_finished(void **state)
{
    world w;
    vq_linear l;
    vq_tensor t;
    vq_qtensor q;
    open_world(&w, state, &vq_container_safetensors);
    const vq_source *s = &w.parts.source;
    must(&w.p, s->linear(s->self, Q1, 128, 128, &l, &w.p.err));
    assert_false(l.quantized); /* the model's own, before the part is there */
    add_part(&w, 1);
    must(&w.p, s->linear(s->self, Q1, 128, 128, &l, &w.p.err));
    assert_true(l.quantized);
    must(&w.p, s->rows(s->self, &l, 64, 64, &q, &w.p.arena, &w.p.err));
    float *got = VQ_ALLOC(&w.p.arena, float, 128, "test", &w.p.err),
          *want = VQ_ALLOC(&w.p.arena, float, 128, "test", &w.p.err);
    must(&w.p, w.p.model.checkpoint.source.tensor(w.p.model.checkpoint.source.self, Q1 ".weight",
                                                  &t, &w.p.err));
    for (int64_t r = 0; r < 64; r++) {
        vq_dequantize_ref(&q, r, 1, got);
        must(&w.p, vq_to_f32(&t, (64 + r) * 128, 128, want, &w.p.err));
        double size = 0, error = 0;
        for (int i = 0; i < 128; i++) size += (double)want[i] * (double)want[i];
        for (int i = 0; i < 128; i++)
            error += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        assert_gt(error, 0);
        assert_lt(error, 0.02 * size); /* four bits of the same row */
    }
    must(&w.p, s->tensor(s->self, "model.layers.1.input_layernorm.weight", &t, &w.p.err));
    assert_ptr_equal(
        t.data,
        vq_tensor_set_find(&w.parts.files[1].set, "model.layers.1.input_layernorm.weight")->data);
    must(&w.p, s->tensor(s->self, "model.layers.0.input_layernorm.weight", &t, &w.p.err));
    assert_true(s->has(s->self, Q1 ".weight_scale") &&
                !s->has(s->self, "model.layers.0.self_attn.q_proj.weight_scale"));
    assert_int_equal(s->tensor(s->self, "model.layers.9.x", &t, &w.p.err), VQ_E_INPUT);
    must(&w.p, s->linear(s->self, "model.layers.0.self_attn.q_proj", 128, 128, &l, &w.p.err));
    assert_false(l.quantized);
    close_world(&w);
}

static void put_together(void **state, const vq_container *container)
{
    world w;
    vq_tensor_set made;
    open_world(&w, state, container);
    for (int layer = 0; layer < LAYERS; layer++) add_part(&w, layer);
    const char *dir = folder(&w, "made");
    must(&w.p, vq_written_assemble(&w.parts, &w.p.plan, &w.p.job, NULL, dir, &w.p.arena, &w.p.err));
    must(&w.p, vq_tensor_set_open(&made, container, dir, &w.p.arena, &w.p.err));
    same_sets(&made, &w.whole);
    vq_tensor_set_close(&made);
    close_world(&w);
}

static void test_put_together(void **state)
{
    put_together(state, &vq_container_safetensors);
}

static void test_put_together_in_memory(void **state)
{
    put_together(state, &memory_container);
    memory_clear();
}

static void test_written_that_are_not_whole(void **state)
{
    world w;
    vq_module modules[7];
    open_world(&w, state, &vq_container_safetensors);
    const size_t n = modules_of(&w, 1, modules);
    assert_int_not_equal(vq_written_add(&w.parts, 0, modules, n, &w.p.err), VQ_OK); /* no folder */
    write_part(&w, 1, Q1 ".weight_scale");
    assert_int_equal(vq_written_add(&w.parts, 1, modules, n, &w.p.err), VQ_E_INPUT);
    if (!strstr(w.p.err.text, Q1 " > weight_scale is missing")) fail_msg("%s", w.p.err.text);
    close_world(&w);
    must(&w.p, vq_remove(w.p.files->dir, &w.p.err));
    must(&w.p, vq_make_dir(w.p.files->dir, &w.p.err));
    open_world(&w, state, &vq_container_safetensors);
    (void)modules_of(&w, 1, modules);
    write_part(&w, 1, NULL);
    for (size_t i = 0; i < n; i++)
        modules[i].n += strcmp(modules[i].name, Q1) == 0 ? 64 : 0; /* not what was written */
    assert_int_equal(vq_written_add(&w.parts, 1, modules, n, &w.p.err), VQ_E_INPUT);
    if (!strstr(w.p.err.text, "has the shape")) fail_msg("%s", w.p.err.text);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_source_of_what_is_finished, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_put_together, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_put_together_in_memory, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_written_that_are_not_whole, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
