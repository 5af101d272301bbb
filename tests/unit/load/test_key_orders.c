/* test_key_orders.c -- what ksort decided, stored and loaded again, runs as before; broken orders
 * are refused. */
#include "decoder_world.h"
#include "edit/model_edits.h"
#include "load/key_orders.h"
#include "show.h"

typedef struct stored {
    decoder_world w;
    vq_graph sorted; /* as ksort left it */
    vq_tensor orders[2];
    vq_overlay overlay; /* the sorted model's tensors over the model's */
} stored;

/* The overlay's tensors are f32: orders are put among the tensors of the world itself. */
static void add_order(decoder_world *w, const vq_tensor *t)
{
    memory_source *m = &w->weights;
    const int i = m->count++;
    snprintf(m->names[i], sizeof m->names[i], "%s", t->name);
    m->data[i] = malloc(t->bytes);
    memcpy(m->data[i], t->data, t->bytes);
    m->tensors[i] = *t;
    m->tensors[i].name = m->names[i];
    m->tensors[i].data = m->data[i];
}

static void open_stored(stored *s, const char *type)
{
    vq_err e = {0};
    vq_model_edits m;
    vq_option_set o;
    world_open(&s->w, type, 17);
    vq_model_edits_init(&m, &s->w.graph, &s->w.arena);
    vq_option_defaults(&o, vq_transform_ksort.options);
    assert_int_equal(vq_model_edits_pass(&m, &vq_transform_ksort, &o, &s->w.weights.source,
                                         &s->w.kernels, NULL, &s->w.scratch, &e),
                     VQ_OK);
    s->sorted = m.graph;
    assert_int_equal(vq_overlay_init(&s->overlay, &s->w.weights.source, 64, &s->w.arena, &e),
                     VQ_OK);
    const vq_edited d = {&m.graph, &s->w.weights.source, &s->w.kernels, &m.edits};
    assert_int_equal(vq_edited_whole(&d, false, &s->overlay, &s->w.arena, &e), VQ_OK);
    for (int layer = 0; layer < 2; layer++)
        assert_int_equal(vq_key_order_tensor(&m.graph, layer, &s->orders[layer], &s->w.arena, &e),
                         VQ_OK);
}

static void test_stored_and_loaded(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FAMILIES; f++) {
        stored s;
        vq_err e = {0};
        vq_tensor none;
        open_stored(&s, world_families[f]);
        float *want = world_logits(&s.w, &s.w.weights.source);
        assert_int_equal(vq_key_order_tensor(&s.w.graph, 0, &none, &s.w.arena, &e), VQ_OK);
        assert_null(none.data);
        assert_int_equal(vq_key_orders_load(&s.w.graph, &s.w.weights.source, &s.w.arena, &e),
                         VQ_OK);
        for (int layer = 0; layer < 2; layer++) assert_null(world_key_orders(&s.w.graph, layer));
        assert_string_equal(s.orders[1].name, "model.layers.1.self_attn.k_proj.key_order");
        for (int layer = 0; layer < 2; layer++) add_order(&s.w, &s.orders[layer]);
        assert_int_equal(vq_key_orders_load(&s.w.graph, &s.w.weights.source, &s.w.arena, &e),
                         VQ_OK);
        for (int layer = 0; layer < 2; layer++)
            assert_memory_equal(world_key_orders(&s.w.graph, layer),
                                world_key_orders(&s.sorted, layer), s.orders[layer].bytes);
        float *got = world_logits(&s.w, &s.overlay.source);
        assert_lt(world_distance(&s.w, got, want), 1e-5);
        free(got);
        free(want);
        world_close(&s.w);
    }
}

static void test_broken_orders(void **state)
{
    (void)state;
    for (int damage = 0; damage < 5; damage++) {
        stored s;
        vq_err e = {0};
        open_stored(&s, "llama");
        add_order(&s.w, &s.orders[0]);
        vq_tensor *t = &s.w.weights.tensors[s.w.weights.count - 1];
        int32_t *order = (int32_t *)(void *)s.w.weights.data[s.w.weights.count - 1];
        if (damage == 0) order[3] = order[4];
        if (damage == 1) order[3] = 8;
        if (damage == 2) order[15] = -1;
        if (damage == 3) t->dtype = VQ_F32;
        if (damage == 4) t->shape[0] = 1;
        assert_int_equal(vq_key_orders_load(&s.w.graph, &s.w.weights.source, &s.w.arena, &e),
                         VQ_E_INPUT);
        assert_non_null(strstr(e.text, "model.layers.0.self_attn.k_proj.key_order is "));
        world_close(&s.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_and_loaded),
        cmocka_unit_test(test_broken_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
