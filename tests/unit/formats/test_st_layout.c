/* test_st_layout.c -- shards, offsets and texts against hand-made layouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "formats/safetensors/st_layout.h"

static vq_st_slot slot(const char *name, vq_dtype t, int64_t n)
{
    return (vq_st_slot){.tensor = {.name = name,
                                   .dtype = t,
                                   .ndim = 1,
                                   .shape = {n},
                                   .bytes = (size_t)(n * vq_dtype_bits(t) / 8)}};
}

typedef struct shard_case {
    uint64_t limit;
    size_t shards, of[5]; /* shard of each slot of five tensors of 40, 8, 0, 100 and 60 bytes */
} shard_case;

static const shard_case cases[] = {
    {0, 1, {0, 0, 0, 0, 0}},   {1000, 1, {0, 0, 0, 0, 0}}, {208, 1, {0, 0, 0, 0, 0}},
    {207, 2, {0, 0, 0, 0, 1}}, {100, 3, {0, 0, 0, 1, 2}},  {48, 3, {0, 0, 0, 1, 2}},
    {47, 4, {0, 1, 1, 2, 3}},  {1, 4, {0, 1, 1, 2, 3}},    {160, 2, {0, 0, 0, 0, 1}},
    {UINT64_MAX, 1, {0}},
};

static void test_shards(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        vq_st_slot s[5] = {slot("e", VQ_U8, 40), slot("d", VQ_F32, 2), slot("c", VQ_F16, 0),
                           slot("b", VQ_BF16, 50), slot("a", VQ_F32, 15)};
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_st_layout l;
        assert_int_equal(vq_st_lay_out(&l, s, 5, cases[k].limit, NULL, &a, NULL), VQ_OK);
        assert_int_equal(l.nshards, cases[k].shards);
        for (size_t i = 0; i < 5; i++) assert_int_equal(s[i].shard, cases[k].of[i]);
        assert_int_equal(l.index == NULL, l.nshards == 1);
        vq_arena_done(&a);
    }
}

/* Wide elements first, equal ones as declared; data from a multiple of 64. */
static void test_order(void **state)
{
    (void)state;
    vq_st_slot s[] = {slot("u8", VQ_U8, 3),    slot("f32", VQ_F32, 2), slot("bf16", VQ_BF16, 5),
                      slot("also8", VQ_I8, 1), slot("i64", VQ_I64, 1), slot("i32", VQ_I32, 1)};
    static const size_t order[] = {4, 1, 5, 2, 0, 3};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_st_layout l;
    assert_int_equal(vq_st_lay_out(&l, s, 6, 0, NULL, &a, NULL), VQ_OK);
    const vq_st_shard *f = &l.shards[0];
    assert_string_equal(f->name, "model.safetensors");
    assert_int_equal(f->header_bytes % 64, 0);
    uint64_t at = f->header_bytes;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(f->slots[i], order[i]);
        assert_int_equal(s[order[i]].at, at);
        assert_int_equal(at * 8 % (uint64_t)vq_dtype_bits(s[order[i]].tensor.dtype), 0);
        at += s[order[i]].tensor.bytes;
    }
    assert_int_equal(f->bytes, at);
    assert_int_equal(l.total, at);
    vq_arena_done(&a);
}

/* Names of every length around the padding, and names that JSON must escape, come back through a
 * JSON parser. */
static void test_headers(void **state)
{
    (void)state;
    char name[80] = "\"\\/\xc3\xa9";
    for (size_t n = strlen(name); n < 79; n++) {
        vq_st_slot s = slot(name, VQ_U8, 9);
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_st_layout l;
        assert_int_equal(vq_st_lay_out(&l, &s, 1, 0, NULL, &a, NULL), VQ_OK);
        uint64_t length = 0;
        for (int i = 7; i >= 0; i--) length = length << 8 | (uint8_t)l.shards[0].header[i];
        assert_int_equal(length + 8, l.shards[0].header_bytes);
        json_t *h = json_loadb(l.shards[0].header + 8, length, JSON_REJECT_DUPLICATES, NULL),
               *t = json_object_get(h, name);
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(h, "__metadata__"), "format")), "pt");
        assert_string_equal(json_string_value(json_object_get(t, "dtype")), "U8");
        assert_int_equal(json_integer_value(json_array_get(json_object_get(t, "data_offsets"), 1)),
                         9);
        assert_int_equal(json_object_size(h), 2);
        json_decref(h);
        vq_arena_done(&a);
        name[n] = 'x';
        name[n + 1] = '\0';
    }
}

static void test_index(void **state)
{
    (void)state;
    vq_st_slot s[] = {slot("z", VQ_U8, 8), slot("a", VQ_U8, 8)};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_st_layout l;
    assert_int_equal(vq_st_lay_out(&l, s, 2, 8, NULL, &a, NULL), VQ_OK);
    assert_string_equal(l.index,
                        "{\n  \"metadata\": {\n    \"total_size\": 16\n  },\n  \"weight_map\": {\n"
                        "    \"a\": \"model-00002-of-00002.safetensors\",\n    \"z\": "
                        "\"model-00001-of-00002.safetensors\"\n  }\n}\n");
    assert_int_equal(l.index_bytes, strlen(l.index));
    vq_arena_done(&a);
}

static void test_refused(void **state)
{
    (void)state;
    vq_st_slot twice[] = {slot("a", VQ_U8, 8), slot("b", VQ_U8, 8), slot("a", VQ_F32, 8)},
               broken = slot("a\xff", VQ_U8, 8);
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_st_layout l;
    vq_err e = {0};
    assert_int_equal(vq_st_lay_out(&l, twice, 3, 0, NULL, &a, &e), VQ_E_BUG);
    assert_string_equal(e.text, "a: this tensor was declared twice");
    assert_int_equal(vq_st_lay_out(&l, &broken, 1, 0, NULL, &a, &e), VQ_E_INPUT);
    assert_int_equal(vq_st_lay_out(&l, NULL, 0, 0, NULL, &a, &e), VQ_OK);
    assert_int_equal(l.nshards, 1);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shards), cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_headers), cmocka_unit_test(test_index),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
