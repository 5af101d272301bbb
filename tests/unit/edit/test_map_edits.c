/* test_map_edits.c -- input maps of every kind that a producer can absorb leave the logits of every
 * family alone; others are refused. */
#include "decoder_world.h"
#include "edit/edited.h"
#include "edit/map_edits.h"
#include "show.h"

typedef struct mapped {
    decoder_world w;
    vq_linear_group *groups;
    int ngroups;
    vq_edits edits;
    vq_overlay overlay;
} mapped;

static void open_mapped(mapped *m, const char *type)
{
    vq_err e;
    world_open(&m->w, type, 11);
    assert_int_equal(vq_graph_groups(&m->w.graph, &m->w.arena, &m->groups, &m->ngroups, &e), VQ_OK);
    assert_int_equal(vq_overlay_init(&m->overlay, &m->w.weights.source, 64, &m->w.arena, &e),
                     VQ_OK);
    vq_edits_init(&m->edits, &m->w.arena);
}

/* Logits through the edits so far, against those of the model as it is. */
static double change_of_logits(mapped *m)
{
    vq_err e = {0};
    const vq_edited d = {&m->w.graph, &m->w.weights.source, &m->w.kernels, &m->edits};
    vq_overlay_clear(&m->overlay);
    assert_int_equal(vq_edited_whole(&d, false, &m->overlay, &m->w.arena, &e), VQ_OK);
    float *want = world_logits(&m->w, &m->w.weights.source),
          *got = world_logits(&m->w, &m->overlay.source);
    const double change = world_distance(&m->w, got, want);
    free(got);
    free(want);
    return change;
}

/* Scales 0.5 ... 2 and an order; for values the same in all heads that share them, the order inside
 * the head. */
static vq_input_map map_for(mapped *m, const vq_linear_group *group)
{
    vq_err e;
    const vq_producer p = vq_producer_of(&m->w.graph, group);
    const int64_t k = m->w.graph.nodes[group->value].width;
    vq_input_map map = {.scale = VQ_ALLOC(&m->w.arena, float, k, "scale", &e),
                        .order = VQ_ALLOC(&m->w.arena, int32_t, k, "order", &e)};
    for (int64_t i = 0; i < k; i++) {
        int64_t unit = k, at = i, base = 0, seed = i;
        if (p.kind == VQ_PRODUCER_VALUES) {
            unit = p.head_dim;
            at = i % unit;
            base = i - at;
            seed = i / (p.heads / p.kv_heads * unit) * unit + at;
        }
        map.scale[i] = 0.5f + 1.5f * (float)(seed * 7 % 13) / 12;
        map.order[i] = (int32_t)(base + (at * 5 + 3) % unit);
    }
    return map;
}

static void test_maps_keep_the_logits(void **state)
{
    (void)state;
    static const vq_producer_kind kinds[] = {VQ_PRODUCER_NORM, VQ_PRODUCER_VALUES, VQ_PRODUCER_NORM,
                                             VQ_PRODUCER_ROWS};
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        mapped m;
        vq_err e;
        open_mapped(&m, world_families[f]);
        assert_int_equal(m.ngroups, 8);
        for (int i = 0; i < m.ngroups; i++) {
            vq_input_map map = map_for(&m, &m.groups[i]);
            const vq_producer_kind kind = vq_producer_of(&m.w.graph, &m.groups[i]).kind;
            assert_int_equal(kind, kinds[i % 4]);
            map.fold_order = kind != VQ_PRODUCER_NORM;
            map.hadamard = kind == VQ_PRODUCER_VALUES ? 8 : 0;
            map.fold_hadamard = map.hadamard > 0;
            assert_int_equal(vq_edits_from_map(&m.edits, &m.w.graph, &m.groups[i], &map, &e),
                             VQ_OK);
        }
        assert_lt(change_of_logits(&m), 1e-5);
        assert_ge(m.overlay.count, 18);
        m.edits.list[0].tensor = "nothing"; /* one norm forgets its scale: the logits say so */
        assert_gt(change_of_logits(&m), 1e-2);
        world_close(&m.w);
    }
}

/* Without folding, the consumers alone change, and the runtime rotates the input. */
static void test_an_online_hadamard_is_left_to_the_runtime(void **state)
{
    (void)state;
    mapped m;
    vq_err e;
    open_mapped(&m, "llama");
    const vq_input_map map = {.hadamard = 16};
    assert_int_equal(vq_edits_from_map(&m.edits, &m.w.graph, &m.groups[0], &map, &e), VQ_OK);
    assert_int_equal(m.edits.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_eq(m.edits.list[i].kind, VQ_EDIT_HADAMARD);
        assert_eq(m.edits.list[i].side, VQ_EDIT_COLS);
    }
    world_close(&m.w);
}

static void test_an_unfolded_order_is_no_edit(void **state)
{
    (void)state;
    mapped m;
    vq_err e;
    open_mapped(&m, "llama");
    vq_input_map map = map_for(&m, &m.groups[0]);
    map.scale = NULL;
    map.s = 16;
    assert_int_equal(vq_edits_from_map(&m.edits, &m.w.graph, &m.groups[0], &map, &e), VQ_OK);
    assert_int_equal(m.edits.count, 0);
    map.hadamard = 8;
    assert_int_equal(vq_edits_from_map(&m.edits, &m.w.graph, &m.groups[0], &map, &e), VQ_E_BUG);
    world_close(&m.w);
}

static void refused(mapped *m, int group, const vq_input_map *map, const char *why)
{
    vq_err e = {0};
    assert_int_equal(vq_edits_from_map(&m->edits, &m->w.graph, &m->groups[group], map, &e),
                     VQ_E_BUG);
    if (!strstr(e.text, why)) print_message("%s\n", e.text);
    assert_non_null(strstr(e.text, why));
}

static void test_what_a_producer_cannot_absorb(void **state)
{
    (void)state;
    mapped m;
    open_mapped(&m, "llama");
    vq_input_map norm = map_for(&m, &m.groups[0]), values = map_for(&m, &m.groups[1]),
                 rows = map_for(&m, &m.groups[3]);
    norm.fold_order = true;
    refused(&m, 0, &norm, "absorb this map");
    norm.fold_order = false;
    norm.scale[3] = 0;
    refused(&m, 0, &norm, "not a positive number");
    rows.fold_order = rows.fold_hadamard = true;
    rows.hadamard = 16;
    refused(&m, 3, &rows, "absorb a Hadamard");
    values.scale[8] *= 2; /* head 1 shares values with head 0 */
    refused(&m, 1, &values, "share values");
    values = map_for(&m, &m.groups[1]);
    values.fold_order = true;
    values.order[9] = values.order[8];
    refused(&m, 1, &values, "share values");
    values = (vq_input_map){.hadamard = 16, .fold_hadamard = true};
    refused(&m, 1, &values, "leaves its head");
    m.groups[0].producer = -1;
    norm = map_for(&m, &m.groups[0]);
    refused(&m, 0, &norm, "nothing before it");
    assert_int_equal(vq_producer_of(&m.w.graph, &m.groups[0]).kind, VQ_PRODUCER_NONE);
    world_close(&m.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_keep_the_logits),
        cmocka_unit_test(test_an_online_hadamard_is_left_to_the_runtime),
        cmocka_unit_test(test_an_unfolded_order_is_no_edit),
        cmocka_unit_test(test_what_a_producer_cannot_absorb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
