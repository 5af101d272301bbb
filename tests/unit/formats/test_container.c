/* test_container.c -- modules of every target through a container that is not safetensors: packed,
 * read back, and the same tensors as in safetensors; a whole plan likewise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/layouts/module_map.h"
#include "formats/safetensors/st_container.h"
#include "made_artifact.h"
#include "memory_container.h"
#include "plan_world.h"
#include "run/store/rounding.h"
#include "show.h"

#define OK(m, call)                                                                                \
    do {                                                                                           \
        if ((call) != VQ_OK) fail_msg("%s", (m)->err.text);                                        \
    } while (0)

static void make(made *m, const vq_target *t)
{
    memset(m, 0, sizeof *m);
    m->target = t;
    m->seed = 5;
    vq_arena_init(&m->arena, NULL);
}

/* Rows of one module as its target reads them, the digest beside them. */
static void same_rows(made *m, const vq_stored_module *s, const vq_tensor_set *set, size_t i)
{
    vq_qtensor q;
    char sha[VQ_SHA256_TEXT];
    const vq_qtensor *want = &m->q[i];
    OK(m, vq_stored_rows(s, 0, want->rows, &q, &m->arena, &m->err));
    assert_memory_equal(q.codes, want->codes, (size_t)(q.rows * q.cols));
    assert_memory_equal(q.scale, want->scale, (size_t)q.groups * sizeof *q.scale);
    if (want->zero) assert_memory_equal(q.zero, want->zero, (size_t)q.groups * sizeof *q.zero);
    if (want->num.global_scale) assert_eq(q.global_scale, want->global_scale);
    OK(m, vq_module_sha(s->target, s->linear.name, set, sha, &m->err));
    assert_string_equal(sha, m->sha[i]);
}

static void read_back(made *m, const vq_tensor_set *set)
{
    json_t *config;
    vq_module_map *map;
    OK(m, m->target->write_config(m->modules, m->count, m->dense, m->ndense, &config, &m->err));
    const char *method = json_string_value(json_object_get(config, "quant_method"));
    const vq_folder f = {.quantization = config, .method = method, .weights = set};
    assert_ptr_equal(vq_target_of(&f), m->target);
    OK(m, vq_module_map_new(&map, m->target, &f, &m->arena, &m->err));
    assert_int_equal(map->count, m->count);
    for (size_t i = 0; i < m->count; i++)
        same_rows(m, vq_module_map_find(map, m->modules[i].name), set, i);
    json_decref(config);
}

static void both_ways(scratch *s, made *m)
{
    vq_tensor_set memory, files;
    m->container = &memory_container;
    OK(m, made_tensors(m, "a folder in memory"));
    m->container = NULL;
    OK(m, made_tensors(m, s->dir));
    OK(m, vq_tensor_set_open(&memory, &memory_container, "a folder in memory", &m->arena, &m->err));
    OK(m, vq_tensor_set_open(&files, &vq_container_safetensors, s->dir, &m->arena, &m->err));
    same_sets(&memory, &files);
    assert_int_equal(memory.nfiles, 0);
    assert_int_equal(files.nfiles, 1);
    read_back(m, &memory);
    vq_tensor_set_close(&memory);
    vq_tensor_set_close(&files);
    memory_clear();
    vq_arena_done(&m->arena);
}

static void compressed_tensors(void **state)
{
    made m;
    make(&m, CT);
    OK(&m, made_module(&m, "l.0.up", vq_scheme_find("nvfp4", NULL), 5, 64, 0));
    OK(&m, made_module(&m, "l.0.down", vq_scheme_find("int4-g32-asym", NULL), 5, 64, 0));
    OK(&m, made_module(&m, "l.1.up", vq_scheme_find("fp8-static", NULL), 5, 64, 0));
    OK(&m, made_module(&m, "l.1.down", vq_scheme_find("mxfp4", NULL), 5, 64, 0));
    m.dense[m.ndense++] = "l.2.up";
    both_ways(*state, &m);
}

static void own(void **state)
{
    made m;
    make(&m, OWN);
    OK(&m, made_module(&m, "l.0.up", vq_scheme_find("nvfp4", NULL), 5, 64, 32));
    OK(&m, made_module(&m, "l.0.down", vq_scheme_find("int4-g32-asym", NULL), 5, 64, 0));
    OK(&m, made_module(&m, "l.1.up", vq_scheme_find("mxfp8", NULL), 5, 64, 0));
    m.dense[m.ndense++] = "l.2.up";
    both_ways(*state, &m);
}

/* A plan whose target has another container, and nothing else of it changed. */
static void a_whole_plan(void **state)
{
    static const char in_memory[] = "an artifact in memory";
    plan_world w;
    vq_rounded a, b;
    vq_tensor_set memory, files;
    plan_world_start(&w, *state);
    must(&w, plan_world_make(&w, TINY, INT4_NEAREST));
    must(&w, vq_rounded_init(&a, &w.plan, &w.arena, &w.err));
    must(&w, vq_rounded_init(&b, &w.plan, &w.arena, &w.err));
    must(&w, vq_rounding_all(&a, &w.plan, w.files->dir, &w.job, &w.job.budget, &w.arena, &w.err));
    must(&w, vq_rounding_digests(&a, &w.plan, w.files->dir, &w.arena, &w.err));
    must(&w, vq_tensor_set_open(&files, w.plan.target->container, w.files->dir, &w.arena, &w.err));
    vq_target other = *w.plan.target;
    other.container = &memory_container;
    w.plan.target = &other;
    must(&w, vq_rounding_all(&b, &w.plan, in_memory, &w.job, &w.job.budget, &w.arena, &w.err));
    must(&w, vq_rounding_digests(&b, &w.plan, in_memory, &w.arena, &w.err));
    must(&w, vq_tensor_set_open(&memory, &memory_container, in_memory, &w.arena, &w.err));
    assert_true(files.count > a.nmodules && a.nmodules > 0);
    same_sets(&memory, &files);
    for (size_t i = 0; i < a.nmodules; i++) assert_string_equal(a.sha[i], b.sha[i]);
    vq_tensor_set_close(&memory);
    vq_tensor_set_close(&files);
    memory_clear();
    plan_world_close(&w);
}

static void sets_that_nobody_opened(void **state)
{
    (void)state;
    vq_tensor x = {.name = "b.weight"}, y = {.name = "a.weight"}, *list[] = {&x, &y};
    vq_tensor_set s = {.sorted = list, .count = 2}, none = {.count = 0};
    vq_tensor_set_sort(&s);
    assert_ptr_equal(vq_tensor_set_find(&s, "b.weight"), &x);
    assert_ptr_equal(vq_tensor_set_member(&s, "a", "weight"), &y);
    assert_null(vq_tensor_set_member(&s, "a", "weights"));
    assert_null(vq_tensor_set_find(&none, "a.weight"));
    vq_tensor_set_close(&s);
    assert_int_equal(s.count, 0);
    vq_tensor_set_close(&s);
    vq_tensor_writer_drop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
        T(compressed_tensors),
        T(own),
        T(a_whole_plan),
        T(sets_that_nobody_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
