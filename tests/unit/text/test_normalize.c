/* test_normalize.c -- what each normalizer makes of a text, how far the first character reaches
 * afterwards, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/steps/normalize.h"

static vq_status run(const char *json, vq_piece *p, size_t limit, vq_arena *a, vq_err *e)
{
    json_t *o = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(o);
    vq_normalizer n = {.count = 0};
    vq_effort effort = {.steps = 1 << 26};
    const vq_normal_work w = {.scratch = a, .effort = &effort, .left = &limit};
    vq_status s = vq_normalizer_parse(&n, o, a, e);
    if (s == VQ_OK) s = vq_normalize(&n, &w, p, e);
    vq_normalizer_done(&n);
    json_decref(o);
    return s;
}

/* head: of one byte before, so long afterwards */
static void expect(const char *json, const char *text, const char *want, size_t head)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_err e = {0};
    vq_piece p = {.text = (const uint8_t *)text, .n = strlen(text), .head = text[0] ? 1 : 0};
    if (run(json, &p, 4096, &a, &e) != VQ_OK) fail_msg("%s: %s", json, e.text);
    if (p.n != strlen(want) || memcmp(p.text, want, p.n) != 0)
        fail_msg("%s on %s: %.*s", json, text, (int)p.n, (const char *)p.text);
    assert_int_equal(p.head, head);
    vq_arena_done(&a);
}

#define TYPE(name) "{\"type\":\"" name "\"}"
#define LIST(parts) "{\"type\":\"Sequence\",\"normalizers\":[" parts "]}"
#define REPLACE(kind, pattern, content)                                                            \
    "{\"type\":\"Replace\",\"pattern\":{\"" kind "\":\"" pattern "\"},\"content\":\"" content "\"" \
    "}"

static void test_each(void **state)
{
    (void)state;
    expect("null", " a", " a", 1);
    expect("{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"}", "ab", "\u2581ab", 4);
    expect("{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"}", "", "", 0);
    expect(REPLACE("String", " ", "\\u2581"), "a  b ", "a\u2581\u2581b\u2581", 1);
    expect(REPLACE("Regex", " {2,}", "-"), "  a b   c", "-a b-c", 0);
    expect(REPLACE("Regex", "\\\\A +| +\\\\z", ""), "  a b  ", "a b", 0);
    expect(REPLACE("String", "aa", "xyz"), "aaaab", "xyzxyzb", 0);
    expect(TYPE("Lowercase"), "A\u0130\u03a3\u1e9e", "ai\u0307\u03c3\u00df", 1);
    expect(TYPE("StripAccents"), "e\u0301a\u0903", "ea", 1);
    expect(TYPE("Nmt"), "a\tb\x01\u200b\u2581\ufeff", "a b   ", 1);
    expect(TYPE("ByteLevel"), " \u00e9", "\u0120\u00c3\u00a9", 2);
    expect("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}", " a b\u3000", "a b", 0);
    expect("{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true}", " a b\n ", " a b", 1);
    expect("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}", " \n ", "", 0);
    expect(TYPE("BertNormalizer"), "A\t\u00c9\x02\u4e2d", "a e \u4e2d ", 1);
    expect(TYPE("NFKC"), "a\ufb01", "afi", 1);
    expect(LIST(LIST(TYPE("NFD")) "," TYPE("StripAccents") "," TYPE("Lowercase")), "X\u00c9", "xe",
           1);
}

/* Keys "a" -> "xy", "bc" -> "" and "\xc2\xa0" -> " ", laid out by hand: unit = byte | leaf << 8 |
 * offset << 10. */
static void base64_of(const uint8_t *data, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++) v = v << 8 | (i + k < n ? data[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) *out++ = i + k > n ? '=' : digits[v >> (18 - 6 * k) & 63];
    }
    *out = 0;
}

enum { UNITS = 1024 };

static void charsmap_json(const uint32_t *units, const char *text, size_t len, char *json)
{
    static uint8_t data[4 + 4 * UNITS + 64];
    const uint32_t bytes = 4 * UNITS;
    for (size_t k = 0; k < 4; k++) data[k] = (uint8_t)(bytes >> 8 * k);
    for (size_t i = 0; i < UNITS; i++)
        for (size_t k = 0; k < 4; k++) data[4 + 4 * i + k] = (uint8_t)(units[i] >> 8 * k);
    memcpy(data + 4 + bytes, text, len);
    json += sprintf(json, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"");
    base64_of(data, 4 + bytes + len, json);
    strcat(json, "\"}");
}

static void make_map(uint32_t *units)
{
    memset(units, 0, UNITS * sizeof *units);
    units[0] = 256 << 10;                        /* children of the root around 256 */
    units[256 ^ 'a'] = 'a' | 1 << 8 | 512 << 10; /* a: its value at itself ^ 512 */
    units[256 ^ 'a' ^ 512] = 1u << 31 | 0;       /* "xy" */
    units[256 ^ 'b'] = 'b' | 640 << 10;          /* b: children around */
    const uint32_t c = (256 ^ 'b') ^ 640 ^ 'c';
    units[c] = 'c' | 1 << 8 | 64 << 10;
    units[c ^ 64] = 1u << 31 | 2; /* "" */
}

static void test_charsmap(void **state)
{
    (void)state;
    static uint32_t units[UNITS];
    static char json[8 * UNITS];
    make_map(units);
    charsmap_json(units, "xy\0", 4, json);
    expect(json, "ab", "xyb", 2);
    expect(json, "bca", "bcxy", 1);     /* b and c are two clusters: each is looked up alone */
    expect(json, "a\u0301b", "xyb", 1); /* a cluster goes with the shortest key it begins with */
    expect(json, "a\u0301\u0302\u0303", "xy\u0301\u0302\u0303", 2); /* unless it has 6 bytes */
    expect(json, "", "", 0);
}

static void test_hostile_charsmap(void **state)
{
    (void)state;
    static uint32_t units[UNITS];
    static char json[8 * UNITS];
    for (int kind = 0; kind < 4; kind++) {
        make_map(units);
        if (kind == 0) units[0] = 0x1FFFFFu << 10;            /* far away */
        if (kind == 1) units[256 ^ 'a' ^ 512] = 0x7FFFFFFF;   /* a value outside the text */
        if (kind == 2) units[256 ^ 'a' ^ 512] = 1u << 31 | 1; /* inside a character */
        if (kind == 3) units[256 ^ 'a'] = 'a' | 1 << 8 | 0x1FFFFFu << 10;
        charsmap_json(units, "\u00e9\0", 4, json);
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e = {0};
        vq_piece p = {.text = (const uint8_t *)"a", .n = 1};
        assert_int_equal(run(json, &p, 4096, &a, &e), VQ_E_INPUT);
        assert_non_null(strstr(e.text, "points outside itself"));
        vq_arena_done(&a);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"[]", "type"},
        {TYPE("NFX"), "NFX is not supported; known are NFC"},
        {TYPE("Prepend"), "prepend"},
        {TYPE("Replace"), "pattern"},
        {REPLACE("Regex", "(", "a"), "regular expression"},
        {REPLACE("String", "", "a"), "empty"},
        {"{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}}", "content"},
        {"{\"type\":\"Strip\",\"strip_left\":3}", "strip_left"},
        {TYPE("Precompiled"), "precompiled_charsmap"},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}", "base64"},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"abc\"}", "base64"},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"ab!d\"}", "base64"},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"abcd\"}", "cut off"},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////w==\"}", "cut off"},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAAAAD/\"}", "UTF-8"},
        {LIST(LIST(LIST(LIST(LIST(LIST(LIST(LIST(LIST(LIST("")))))))))), "deep"},
        {TYPE("Sequence"), "normalizers"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        vq_err e = {0};
        vq_piece p = {.text = (const uint8_t *)"a", .n = 1};
        if (run(bad[i][0], &p, 4096, &a, &e) != VQ_E_INPUT) fail_msg("%s was taken", bad[i][0]);
        if (!strstr(e.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.text);
        vq_arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each), cmocka_unit_test(test_charsmap),
                                       cmocka_unit_test(test_hostile_charsmap),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
