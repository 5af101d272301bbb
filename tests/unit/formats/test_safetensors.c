/* test_safetensors.c -- every rule by which a file or a set of shards is refused, and what is read
 * from a good one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_container.h"
#include "scratch.h"

#define T(name, dtype, shape, b, e)                                                                \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #b "," #e "]}"
#define A4 T("a", "U8", "[4]", 0, 4)

typedef struct header_case {
    const char *header;
    long long length; /* -1: that of the header */
    size_t data;
    const char *refusal; /* part of the message; NULL: accepted */
    size_t tensors;
} header_case;

static const header_case headers[] = {
    /* accepted */
    {"{}", -1, 0, NULL, 0},
    {"{" A4 "}", -1, 4, NULL, 1},
    {"{" A4 "}      ", -1, 4, NULL, 1},
    {"{ \n\t\"a\" : {\"shape\" : [ 4 ], \"data_offsets\" : [0 , 4], \"dtype\" : \"U8\"} }", -1, 4,
     NULL, 1},
    {"{\"__metadata__\":{\"format\":\"pt\",\"x\":\"\"}," A4 "}", -1, 4, NULL, 1},
    {"{\"__metadata__\":{}}", -1, 0, NULL, 0},
    {"{" T("b", "U8", "[3]", 4, 7) "," A4 "}", -1, 7, NULL, 2}, /* header order is free */
    {"{" T("s", "F32", "[]", 0, 4) "," T("z", "F32", "[0,7]", 4, 4) "}", -1, 4, NULL,
     2}, /* scalar, zero size */
    {"{" T("z", "U8", "[0]", 0, 0) "," T("y", "U8", "[0]", 0, 0) "," A4 "}", -1, 4, NULL,
     3}, /* zero sizes share a place */
    {"{" T("f", "F4", "[3,2]", 0, 3) "," T("g", "F6_E2M3", "[4]", 3, 6) "}", -1, 6, NULL,
     2}, /* parts of bytes that add up */
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"later\":{\"x\":[1]}}}", -1, 4,
     NULL, 1}, /* keys of tomorrow */
    {"{" T("\\u00e9\\\"\\\\", "U8", "[4]", 0, 4) "}", -1, 4, NULL, 1},
    {"{" T("d8", "U8", "[1,1,1,1,1,1,2,2]", 0, 4) "}", -1, 4, NULL, 1},
    /* the length */
    {"", 0, 0, "does not start with '{'", 0},
    {"{}", 900, 0, "header says 900 bytes but the file has 10: truncated download? fetch it again",
     0},
    {"{}", 3, 0, "header says 3 bytes but the file has 10", 0},
    {"{}", 100000001, 0, "more than the 100000000 that the format allows", 0},
    {"{}", (long long)0x7fffffffffffffff, 0, "more than the 100000000", 0},
    {"{" A4 "}", 10, 4, "JSON", 0},
    /* the text */
    {" {}", -1, 0, "does not start with '{'", 0},
    {"[]", -1, 0, "does not start with '{'", 0},
    {"{}x", -1, 0, "only spaces may follow", 0},
    {"{}\n", -1, 0, "only spaces may follow", 0},
    {"{} {}", -1, 0, "only spaces may follow", 0},
    {"{", -1, 0, "JSON", 0},
    {"{" A4, -1, 4, "JSON", 0},
    {"{" A4 ",}", -1, 4, "JSON", 0},
    {"{" A4 " " T("b", "U8", "[0]", 4, 4) "}", -1, 4, "JSON", 0},
    {"{a:1}", -1, 0, "JSON", 0},
    {"{1:2}", -1, 0, "expected a key in quotes", 0},
    {"{[]:2}", -1, 0, "expected a key in quotes", 0},
    {"{\"a\" 1}", -1, 0, "JSON", 0},
    {"{\"\xff\":1}", -1, 0, "JSON", 0},
    {"{\"\xc0\xaf\":1}", -1, 0, "JSON", 0},     /* overlong UTF-8 */
    {"{\"\xed\xa0\x80\":1}", -1, 0, "JSON", 0}, /* half a surrogate pair */
    {"{\"\\ud800\":1}", -1, 0, "JSON", 0},
    {"{\"a\\u0000b\":1}", -1, 0, "\\u0000 stands in a text", 0},
    {"{" T("a\\nb", "U8", "[4]", 0, 4) "}", -1, 4, "control character", 0},
    {"{" T("a\x7f", "U8", "[4]", 0, 4) "}", -1, 4, "control character", 0},
    {"{" A4 "," A4 "}", -1, 4, "comes twice", 0},
    {"{" A4 "," T("\\u0061", "U8", "[4]", 4, 8) "}", -1, 8, "comes twice",
     0}, /* the same name, spelt differently */
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", -1, 4,
     "JSON", 0},
    /* metadata */
    {"{\"__metadata__\":{\"a\":1}}", -1, 0, "not a string", 0},
    {"{\"__metadata__\":{\"a\":{}}}", -1, 0, "not a string", 0},
    {"{\"__metadata__\":7}", -1, 0, "JSON", 0},
    {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", -1, 0, "key a comes twice", 0},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", -1, 0, "__metadata__ comes twice", 0},
    /* entries */
    {"{\"a\":7}", -1, 0, "not an object", 0},
    {"{\"a\":[]}", -1, 0, "not an object", 0},
    {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}}", -1, 4, "no dtype", 0},
    {"{\"a\":{\"dtype\":3,\"shape\":[4],\"data_offsets\":[0,4]}}", -1, 4, "no dtype", 0},
    {"{" T("a", "U7", "[4]", 0, 4) "}", -1, 4, "unknown dtype U7", 0},
    {"{" T("a", "u8", "[4]", 0, 4) "}", -1, 4, "unknown dtype u8", 0},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", -1, 4, "no shape", 0},
    {"{" T("a", "U8", "4", 0, 4) "}", -1, 4, "no shape", 0},
    {"{" T("a", "U8", "[-4]", 0, 4) "}", -1, 4, "not a whole number", 0},
    {"{" T("a", "U8", "[4.0]", 0, 4) "}", -1, 4, "not a whole number", 0},
    {"{" T("a", "U8", "[\"4\"]", 0, 4) "}", -1, 4, "not a whole number", 0},
    {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,4]", 0, 4) "}", -1, 4, "9 dimensions", 0},
    {"{" T("a", "U8", "[4294967296,4294967296,4]", 0, 4) "}", -1, 4, "64 bits", 0},
    {"{" T("a", "F64", "[2305843009213693952]", 0, 0) "}", -1, 0, "64 bits", 0},
    {"{" T("a", "U8", "[18446744073709551620]", 0, 4) "}", -1, 4, "JSON", 0},
    {"{" T("a", "F4", "[7]", 0, 4) "}", -1, 4, "whole bytes", 0},
    {"{" T("a", "F6_E3M2", "[6]", 0, 4) "}", -1, 4, "whole bytes", 0},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", -1, 4, "data_offsets", 0},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0]}}", -1, 4, "data_offsets", 0},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4,4]}}", -1, 4, "data_offsets", 0},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[-4,0]}}", -1, 4, "data_offsets", 0},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":{\"0\":0}}}", -1, 4, "data_offsets",
     0},
    {"{" T("a", "U8", "[4]", 4, 0) "}", -1, 4, "ends before it begins", 0},
    {"{" T("a", "U8", "[4]", 0, 5) "}", -1, 5, "takes 4 bytes but its offsets span 5", 0},
    {"{" T("a", "U16", "[4]", 0, 4) "}", -1, 4, "takes 8 bytes but its offsets span 4", 0},
    {"{" T("a", "U8", "[8]", 0, 8) "}", -1, 4,
     "ends at byte 8 but the file holds 4 bytes of data: truncated download?", 0},
    {"{" T("a", "U8", "[4]", 9223372036854775803, 9223372036854775807) "}", -1, 4,
     "truncated download?", 0},
    /* the spans */
    {"{" T("a", "U8", "[4]", 1, 5) "}", -1, 5, "hole", 0},
    {"{" A4 "," T("b", "U8", "[4]", 5, 9) "}", -1, 9, "hole", 0},
    {"{" A4 "," T("b", "U8", "[4]", 3, 7) "}", -1, 7, "overlap", 0},
    {"{" A4 "," T("b", "U8", "[4]", 0, 4) "}", -1, 4, "overlap", 0},
    {"{" A4 "," T("z", "U8", "[0]", 2, 2) "}", -1, 4, "overlap", 0},
    {"{" A4 "}", -1, 5, "1 bytes follow the last tensor", 0},
    {"{}", -1, 1, "1 bytes follow the last tensor", 0},
};

static void test_headers(void **state)
{
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const header_case *c = &headers[i];
        const char *path =
            scratch_safetensors(*state, "x.safetensors", c->header, c->length, c->data);
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e = {0};
        vq_st_file f;
        const vq_status s = vq_st_open(&f, path, &a, &e);
        const bool right = c->refusal ? s == VQ_E_INPUT && strstr(e.text, c->refusal) &&
                                            strncmp(e.text, path, strlen(path)) == 0
                                      : s == VQ_OK && f.count == c->tensors;
        if (!right) fail_msg("case %zu %s: status %d: %s", i, c->header, s, e.text);
        vq_st_close(&f);
        assert_int_equal(vq_st_open(&f, path, &a, NULL),
                         s); /* the class does not need a place for the message */
        vq_st_close(&f);
        vq_arena_done(&a);
    }
}

static void test_short_files(void **state)
{
    for (size_t n = 0; n < 8; n++) {
        vq_err e = {0};
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_st_file f;
        assert_int_equal(
            vq_st_open(&f, scratch_file(*state, "x.safetensors", "\2\0\0\0\0\0\0\0{}", n), &a, &e),
            VQ_E_INPUT);
        assert_non_null(strstr(e.text, "too few"));
        vq_arena_done(&a);
    }
}

/* Megabytes of opening brackets must neither exhaust the stack nor memory. */
static void test_deep_nesting(void **state)
{
    static const char *const openings[] = {"{\"a\":[", "{\"a\":", "{\"__metadata__\":{\"a\":["};
    const size_t n = 4 << 20;
    for (size_t k = 0; k < 3; k++) {
        char *text = malloc(n + 1);
        assert_non_null(text);
        const size_t m = strlen(openings[k]);
        for (size_t i = 0; i < n; i++) text[i] = i < m ? openings[k][i] : '[';
        text[n] = '\0';
        vq_err e = {0};
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_st_file f;
        assert_int_equal(
            vq_st_open(&f, scratch_safetensors(*state, "x.safetensors", text, -1, 0), &a, &e),
            VQ_E_INPUT);
        vq_arena_done(&a);
        free(text);
    }
}

static void test_contents(void **state)
{
    static const char header[] =
        "{" T("w", "BF16", "[2,3]", 4, 16) "," T("a", "F32", "[]", 0, 4) "}";
    uint8_t bytes[8 + sizeof header - 1 + 16] = {sizeof header - 1};
    memcpy(bytes + 8, header, sizeof header - 1);
    for (int i = 0; i < 16; i++) bytes[sizeof bytes - 16 + (size_t)i] = (uint8_t)(i + 1);
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_st_file f;
    assert_int_equal(
        vq_st_open(&f, scratch_file(*state, "x.safetensors", bytes, sizeof bytes), &a, &e), VQ_OK);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.header_bytes, 8 + sizeof header - 1);
    assert_string_equal(f.tensors[0].name, "a"); /* in order of offset */
    assert_int_equal(f.tensors[0].ndim, 0);
    const vq_tensor *w = &f.tensors[1];
    assert_string_equal(w->name, "w");
    assert_int_equal(w->dtype, VQ_BF16);
    assert_int_equal(w->ndim, 2);
    assert_int_equal(w->shape[0], 2);
    assert_int_equal(w->shape[1], 3);
    assert_int_equal(w->bytes, 12);
    assert_memory_equal(w->data, bytes + sizeof bytes - 12, 12);
    vq_st_close(&f);
    vq_arena_done(&a);
}

typedef struct set_case {
    const char *index;   /* weight_map, or a whole index when it does not start with '@' */
    const char *refusal; /* NULL: accepted */
} set_case;

/* Beside each index lie one.safetensors with tensor a, two.safetensors with b and c, and
 * twice.safetensors with a. */
static const set_case sets[] = {
    {"@{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\",\"c\":\"two.safetensors\"}", NULL},
    {"@{\"b\":\"two.safetensors\",\"c\":\"two.safetensors\"}", NULL},
    {"@{\"b\":\"two.safetensors\"}", "tensor c is not in the index"},
    {"@{\"a\":\"one.safetensors\",\"x\":\"one.safetensors\"}",
     "no tensor x, which the index puts there"},
    {"@{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"two.safetensors\"}",
     "tensor b is in one.safetensors by the index"},
    {"@{\"a\":\"one.safetensors\",\"d\":\"twice.safetensors\"}", "in two shards"},
    {"@{\"a\":\"none.safetensors\"}", "shard none.safetensors is missing"},
    {"@{\"a\":\"../one.safetensors\"}", "not the name of a safetensors file"},
    {"@{\"a\":\"..safetensors\"}", "not the name of a safetensors file"},
    {"@{\"a\":\"/etc/passwd\"}", "not the name of a safetensors file"},
    {"@{\"a\":\"config.json\"}", "not the name of a safetensors file"},
    {"@{\"a\":7}", "not mapped to a file name"},
    {"@{\"a\":\"one.safetensors\",\"a\":\"one.safetensors\"}", "comes twice in weight_map"},
    {"@{}", "weight_map is empty"},
    {"{}", "no weight_map"},
    {"{\"weight_map\":[]}", "JSON"},
    {"{\"weight_map\":{},\"weight_map\":{}}", "weight_map comes twice"},
    {"{\"metadata\":{\"total_size\":1e400},\"weight_map\":{}}", "JSON"},
    {"{\"weight_map\":{\"a\":\"one.safetensors\"}} x", "after the closing brace"},
    {"", "JSON"},
    {"[]", "JSON"},
};

static void put_shards(scratch *s)
{
    scratch_safetensors(s, "one.safetensors", "{" A4 "}", -1, 4);
    scratch_safetensors(s, "twice.safetensors", "{" A4 "}", -1, 4);
    scratch_safetensors(s, "two.safetensors",
                        "{" T("c", "U8", "[1]", 0, 1) "," T("b", "U8", "[1]", 1, 2) "}", -1, 2);
}

static void test_indexes(void **state)
{
    put_shards(*state);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char text[256];
        const set_case *c = &sets[i];
        if (c->index[0] == '@')
            snprintf(text, sizeof text, "{\"metadata\":{\"total_size\":3},\"weight_map\":%s}\n",
                     c->index + 1);
        else
            snprintf(text, sizeof text, "%s", c->index);
        vq_err e = {0};
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_tensor_set s;
        const vq_status status =
            vq_tensor_set_open(&s, &vq_container_safetensors,
                               scratch_text(*state, "model.safetensors.index.json", text), &a, &e);
        if (c->refusal ? status != VQ_E_INPUT || !strstr(e.text, c->refusal) : status != VQ_OK) {
            fail_msg("case %zu %s: status %d: %s", i, text, status, e.text);
        }
        vq_tensor_set_close(&s);
        vq_arena_done(&a);
    }
}

static void open_folder(scratch *s, vq_status expect, size_t count, const char *refusal)
{
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_tensor_set set;
    assert_int_equal(vq_tensor_set_open(&set, &vq_container_safetensors, s->dir, &a, &e), expect);
    assert_int_equal(set.count, count);
    if (refusal) assert_non_null(strstr(e.text, refusal));
    vq_tensor_set_close(&set);
    vq_arena_done(&a);
}

static void test_folders(void **state)
{
    scratch *s = *state;
    open_folder(s, VQ_E_INPUT, 0, "no model.safetensors");
    scratch_safetensors(s, "other.safetensors", "{" A4 "}", -1, 4);
    open_folder(s, VQ_OK, 1, NULL);
    put_shards(s);
    open_folder(s, VQ_E_INPUT, 0, "4 safetensors files");
    scratch_text(s, "model.safetensors.index.json",
                 "{\"weight_map\":{\"b\":\"two.safetensors\",\"c\":\"two.safetensors\"}}");
    open_folder(s, VQ_OK, 2, NULL);
    scratch_safetensors(s, "model.safetensors", "{}", -1, 0);
    open_folder(s, VQ_OK, 0, NULL);
}

static void test_find(void **state)
{
    put_shards(*state);
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_tensor_set s;
    assert_int_equal(vq_tensor_set_open(&s, &vq_container_safetensors,
                                        scratch_path(*state, "two.safetensors"), &a, &e),
                     VQ_OK);
    assert_string_equal(vq_tensor_set_find(&s, "b")->name, "b");
    assert_string_equal(vq_tensor_set_find(&s, "c")->name, "c");
    assert_null(vq_tensor_set_find(&s, "a"));
    assert_null(vq_tensor_set_find(&s, ""));
    vq_tensor_set_close(&s);
    assert_null(vq_tensor_set_find(&s, "b"));
    assert_int_equal(
        vq_tensor_set_open(&s, &vq_container_safetensors, "/no/such/place.safetensors", &a, &e),
        VQ_E_INPUT);
    vq_arena_done(&a);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_headers), TEST(test_short_files), TEST(test_deep_nesting), TEST(test_contents),
        TEST(test_indexes), TEST(test_folders),     TEST(test_find)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
