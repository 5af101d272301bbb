/* test_run_state.c -- the state of a stopped run: what was written comes back, what differs is
 * named, and a state.json that lies is refused, whatever it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "plan_world.h"
#include "run/store/run_state.h"
#include "show.h"

#define FIRST "model.layers.0.mlp.down_proj" /* of the modules, by name */

typedef struct world {
    plan_world p;
    vq_rounded made;
    vq_made_from made_from;
    char part[512]; /* the finished part's file */
} world;

/* Block 0 as its modules are after rounding. */
static void make_modules(world *w)
{
    must(&w->p, vq_rounded_init(&w->made, &w->p.plan, &w->p.arena, &w->p.err));
    for (int i = 0; i < w->p.plan.nweights; i++) {
        const vq_plan_weight *from = &w->p.plan.weights[i];
        if (!from->quantized || from->layer != 0) continue;
        const size_t at = w->made.nmodules++;
        w->made.weights[at] = from;
        w->made.modules[at] = vq_plan_module(&w->p.plan, from, 0);
        w->made.sqnr_db[at] = 10.25 + (double)at;
        w->made.tokens[at] = (int64_t)at - 1;
    }
    assert_int_equal(w->made.nmodules, 7);
    w->made.modules[0].hadamard = 32;
    w->made.modules[1].arc_s = 16;
    w->made.fallback[2] = "rtn";
}

static void open_world(world *w, void **state)
{
    plan_world_start(&w->p, *state);
    must(&w->p, plan_world_make(&w->p, TINY, INT4_NEAREST));
    w->made_from = (vq_made_from){.of = {[VQ_MADE_MODEL] = "aa", [VQ_MADE_RECIPE] = "bb"}};
    make_modules(w);
    snprintf(w->part, sizeof w->part, "%s", scratch_text(w->p.files, "part", "what a part holds"));
}

static void close_world(world *w)
{
    plan_world_close(&w->p);
}

/* A state with block 0 finished, on disk. */
static void write_state(world *w)
{
    vq_run_state s;
    must(&w->p, vq_run_state_new(&s, w->p.files->dir, &w->made_from, &w->p.arena, &w->p.err));
    must(&w->p, vq_run_state_add(&s, 0, w->part, &w->made, 0, w->made.nmodules, &w->p.err));
}

static void test_there_and_back(void **state)
{
    world w;
    vq_run_state s;
    vq_rounded got;
    bool empty;
    open_world(&w, state);
    assert_false(vq_run_state_exists(w.p.files->dir, &w.p.arena));
    assert_int_equal(vq_run_state_load(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err),
                     VQ_E_RECIPE);
    assert_non_null(strstr(w.p.err.text, "there is no stopped run to resume"));
    write_state(&w);
    assert_true(vq_run_state_exists(w.p.files->dir, &w.p.arena));
    must(&w.p, vq_run_state_load(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err));
    assert_int_equal(vq_run_state_sections(&s), 1);
    must(&w.p, vq_rounded_init(&got, &w.p.plan, &w.p.arena, &w.p.err));
    must(&w.p, vq_run_state_restore(&s, 0, w.part, &w.p.plan, &got, &empty, &w.p.err));
    assert_false(empty);
    assert_int_equal(got.nmodules, w.made.nmodules);
    for (size_t i = 0; i < got.nmodules; i++) {
        assert_ptr_equal(got.weights[i], w.made.weights[i]);
        assert_string_equal(got.modules[i].name, w.made.modules[i].name);
        assert_int_equal(got.modules[i].arc_s, w.made.modules[i].arc_s);
        assert_int_equal(got.tokens[i], w.made.tokens[i]);
        assert_int_equal(got.modules[i].hadamard, w.made.modules[i].hadamard);
        assert_eq(got.sqnr_db[i], w.made.sqnr_db[i]);
        assert_true(i == 2 ? strcmp(got.fallback[i], "rtn") == 0 : !got.fallback[i]);
    }
    close_world(&w);
}

static void test_what_differs_is_named(void **state)
{
    world w;
    open_world(&w, state);
    write_state(&w);
    static const vq_made_field fields[] = {VQ_MADE_MODEL, VQ_MADE_RECIPE, VQ_MADE_DATA};
    for (size_t i = 0; i < 3; i++) {
        vq_run_state s;
        char says[64];
        vq_made_from now = w.made_from;
        now.of[fields[i]] = "cc";
        assert_int_equal(vq_run_state_load(&s, w.p.files->dir, &now, &w.p.arena, &w.p.err),
                         VQ_E_RECIPE);
        snprintf(says, sizeof says, "the stopped run had another %s (%s, now cc)",
                 vq_made_names[fields[i]],
                 i == 2 ? "none"
                 : i    ? "bb"
                        : "aa");
        if (!strstr(w.p.err.text, says)) fail_msg("%s", w.p.err.text);
    }
    close_world(&w);
}

static void test_no_state(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "3",
        "{}",
        "{\"schema\": \"vq.run/1\"}",
        "{\"schema\": \"vq.run/1\", \"parts\": {}}",
        "{\"schema\": \"vq.run/2\", \"parts\": []}",
        "{\"schema\": 1, \"parts\": []}",
        "{\"parts\": [], \"made_from\": {\"model\": \"aa\", \"recipe\": \"bb\"}}",
        "{\"schema\": \"vq.run/1\", \"parts\": [], \"parts\": []}",
        "{\"schema\": \"vq.run/1\", \"parts\": []} x",
        "{\"schema\": \"vq.run/1\xff\", \"parts\": []}",
    };
    world w;
    open_world(&w, state);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        vq_run_state s;
        scratch_text(w.p.files, "state.json", texts[i]);
        if (vq_run_state_load(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err) != VQ_E_INPUT)
            fail_msg("taken: %s", texts[i]);
        if (!strstr(w.p.err.text, "not the state of a run")) fail_msg("%s", w.p.err.text);
    }
    /* a state of nobody's run: another one in every field */
    vq_run_state s;
    char other[] = "{\"schema\": \"vq.run/1\", \"parts\": [], \"made_from\": {\"model\": "
                   "[\"aa\"]}, \"self_sha256\": "
                   "\"0000000000000000000000000000000000000000000000000000000000000000\"}";
    vq_state_sign(other, strlen(other));
    scratch_text(w.p.files, "state.json", other);
    assert_int_equal(vq_run_state_load(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err),
                     VQ_E_RECIPE);
    assert_non_null(strstr(w.p.err.text, "another model (none"));
    close_world(&w);
}

/* Lies about part 0: `in` (a JSON text) replaces the key of the part, or of its module 0; NULL: the
 * key goes. */
typedef struct lie {
    bool of_module;
    const char *key, *in, *says;
} lie;

static void tell(const world *w, const lie *l)
{
    json_t *root = json_load_file(scratch_path(w->p.files, "state.json"), 0, NULL);
    json_t *part = json_array_get(json_object_get(root, "parts"), 0),
           *modules = json_object_get(part, "modules");
    json_t *at = l->of_module ? json_array_get(modules, 0) : part;
    if (l->in)
        json_object_set_new(at, l->key, json_loads(l->in, JSON_DECODE_ANY, NULL));
    else
        json_object_del(at, l->key);
    char *text = json_dumps(root, 0);
    assert_non_null(text);
    vq_state_sign(text, strlen(text));
    scratch_text(w->p.files, "state.json", text);
    free(text);
    json_decref(root);
}

/* Any byte of the file: all of them are under its digest. */
static void test_changed_bytes(void **state)
{
    world w;
    vq_run_state s;
    vq_map m;
    open_world(&w, state);
    write_state(&w);
    assert_int_equal(vq_map_open(&m, scratch_path(w.p.files, "state.json"), NULL), VQ_OK);
    for (size_t i = 0; i < m.size; i += 7) {
        char *text = malloc(m.size);
        assert_non_null(text);
        memcpy(text, m.data, m.size);
        text[i] ^= 1;
        assert_int_equal(vq_write_file(scratch_path(w.p.files, "state.json"), text, m.size, NULL),
                         VQ_OK);
        free(text);
        if (vq_run_state_load(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err) != VQ_E_INPUT)
            fail_msg("byte %zu is taken as it is", i);
        if (!strstr(w.p.err.text, "as it was written")) fail_msg("%s", w.p.err.text);
    }
    vq_map_close(&m);
    close_world(&w);
}

static void test_lies(void **state)
{
    static const lie lies[] = {
        {false, "sha256", NULL, "not one of this run"},
        {false, "sha256", "3", "not one of this run"},
        {false, "sha256", "\"00\"", "changed after the run stopped"},
        {false, "sha256", "\"\"", "part 0 lacks " FIRST},
        {false, "part", "1", "not one of this run"},
        {false, "modules", NULL, "part 0 lacks"},
        {false, "modules", "{\"name\": \"" FIRST "\"}", "part 0 lacks"},
        {false, "modules", "[3]", "module (none) is not in the plan"},
        {true, "name", NULL, "module (none) is not in the plan"},
        {true, "name", "[]", "module (none) is not in the plan"},
        {true, "name", "\"model.layers.9.self_attn.q_proj\"", "is not in the plan"},
        {true, "name", "\"model.embed_tokens\"", "is not in the plan"},
        {true, "name", "\"model.layers.0.self_attn.k_proj\"", "part 0 lacks"},
        {true, "name", "\"model.layers.1.self_attn.q_proj\"", "part 0 lacks"},
        {true, "arc_s", "-16", "sizes that cannot be"},
        {true, "arc_s", "9223372036854775807", "sizes that cannot be"},
        {true, "hadamard", "-16", "sizes that cannot be"},
        {true, "hadamard", "24", "sizes that cannot be"},
        {true, "hadamard", "1099511627776", "sizes that cannot be"},
    };
    world w;
    open_world(&w, state);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        vq_run_state s;
        vq_rounded got;
        bool empty;
        write_state(&w);
        tell(&w, &lies[i]);
        must(&w.p, vq_run_state_load(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err));
        must(&w.p, vq_rounded_init(&got, &w.p.plan, &w.p.arena, &w.p.err));
        if (vq_run_state_restore(&s, 0, w.part, &w.p.plan, &got, &empty, &w.p.err) != VQ_E_INPUT)
            fail_msg("%s: %s is believed", lies[i].key, lies[i].in ? lies[i].in : "nothing");
        if (!strstr(w.p.err.text, lies[i].says))
            fail_msg("'%s' lacks '%s'", w.p.err.text, lies[i].says);
    }
    close_world(&w);
}

/* More parts than the model has, and a module too many. */
static void test_too_much(void **state)
{
    world w;
    vq_run_state s;
    vq_rounded got;
    bool empty;
    open_world(&w, state);
    must(&w.p, vq_run_state_new(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err));
    for (int i = 0; i < 6; i++) must(&w.p, vq_run_state_add(&s, i, NULL, &w.made, 0, 0, &w.p.err));
    must(&w.p, vq_rounded_init(&got, &w.p.plan, &w.p.arena, &w.p.err));
    must(&w.p, vq_run_state_restore(&s, 4, w.part, &w.p.plan, &got, &empty,
                                    &w.p.err)); /* nothing outside of the blocks is quantized */
    assert_true(empty);
    assert_int_equal(vq_run_state_restore(&s, 5, w.part, &w.p.plan, &got, &empty, &w.p.err),
                     VQ_E_INPUT);
    must(&w.p, vq_run_state_new(&s, w.p.files->dir, &w.made_from, &w.p.arena, &w.p.err));
    w.made.modules[w.made.nmodules] = w.made.modules[0];
    must(&w.p, vq_run_state_add(&s, 0, w.part, &w.made, 0, w.made.nmodules + 1, &w.p.err));
    assert_int_equal(vq_run_state_restore(&s, 0, w.part, &w.p.plan, &got, &empty, &w.p.err),
                     VQ_E_INPUT);
    assert_non_null(strstr(w.p.err.text, "not its own"));
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_what_differs_is_named, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_no_state, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_changed_bytes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_lies, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_too_much, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
