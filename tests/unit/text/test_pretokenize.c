/* test_pretokenize.c -- words written as a|b|c; the expectations are what the tokenizers library
 * gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/steps/byte_alphabet.h"
#include "text/steps/pretokenize.h"

#define BYTES "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define SPLIT(regex)                                                                               \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                                          \
    "\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define SEQUENCE(list) "{\"type\":\"Sequence\",\"pretokenizers\":[" list "]}"
#define LLAMA3                                                                                     \
    SEQUENCE(SPLIT("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}" \
                   "{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"                               \
                   "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+") "," BYTES)
#define GPT2 "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define SMOL SEQUENCE("{\"type\":\"Digits\",\"individual_digits\":true}," GPT2)

/* Words in the byte alphabet are turned back to read better. */
static vq_status on_word(void *ctx, const uint8_t *text, size_t n, vq_err *e)
{
    (void)e;
    char *got = ctx, word[512];
    size_t len = 0, at = 0;
    while (at < n) {
        const int32_t c = text[at] < 0x80 ? text[at] : (text[at] & 31) << 6 | (text[at + 1] & 63);
        const int byte = text[at] < 0xE0 ? vq_letter_byte(c) : -1;
        if (byte < 0) break;
        word[len++] = (char)byte;
        at += text[at] < 0x80 ? 1 : 2;
    }
    const bool letters = at == n;
    snprintf(got + strlen(got), 512 - strlen(got), "%.*s|", (int)(letters ? len : n),
             letters ? word : (const char *)text);
    return VQ_OK;
}

static vq_status cut(const char *json, const char *text, char *got, vq_err *e)
{
    json_t *o = json_loads(json, 0, NULL);
    assert_non_null(o);
    vq_pretokenizer p = {.count = 0};
    vq_cutter c = {.p = NULL};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_effort effort = {.steps = 1 << 26};
    size_t left = 1 << 16;
    vq_status s = vq_pretokenizer_parse(&p, o, &a, e);
    if (s == VQ_OK) s = vq_cutter_init(&c, &p, &effort, &left, &a, e);
    c.word = on_word;
    c.ctx = got;
    const vq_piece whole = {.text = (const uint8_t *)text, .n = strlen(text), .head = 1};
    if (s == VQ_OK) s = vq_cut(&c, whole, e);
    vq_cutter_done(&c);
    vq_pretokenizer_done(&p);
    vq_arena_done(&a);
    json_decref(o);
    return s;
}

static void expect(const char *json, const char *text, const char *want)
{
    char got[512] = "";
    vq_err e = {0};
    if (cut(json, text, got, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_string_equal(got, want);
}

static void test_families(void **state)
{
    (void)state;
    expect(GPT2, "it's 12345  IT'S\n\n x", "it|'s| 12345| | IT|'|S|\n\n| x|");
    expect(LLAMA3, "it's 12345  IT'S\n\n x", "it|'s| |123|45| | IT|'S|\n\n| x|");
    expect(SMOL, "it's 12345  IT'S\n\n x", "it|'s| |1|2|3|4|5| | IT|'|S|\n\n| x|");
    expect(GPT2, "don\u2019t \u00bd\u00b2 \u4e2d\u6587\U0001F600 ",
           "don|\u2019|t| \u00bd\u00b2| \u4e2d\u6587|\U0001F600| |");
    expect(GPT2, "", "");
}

static void test_options(void **state)
{
    (void)state;
    expect("{\"type\":\"ByteLevel\"}", "a b", " a| b|");
    expect("{\"type\":\"ByteLevel\"}", " a", " a|");
    expect(BYTES, "a b\nc", "a b\nc|");
    expect(SEQUENCE("{\"type\":\"Digits\",\"individual_digits\":false},{\"type\":\"ByteLevel\","
                    "\"use_regex\":false}"),
           "a12\u00b2b", " a| 12\u00b2| b|");
    expect(SEQUENCE("{\"type\":\"Split\",\"pattern\":{\"String\":\"a.\"},\"behavior\":\"Isolated\"}"
                    "," BYTES),
           "xa.ab", "x|a.|ab|");
    expect(SEQUENCE(SPLIT("x*") "," BYTES), "axxb\u00e9c",
           "a|xx|b|\u00e9|c|"); /* empty matches cut as well */
}

#define CUT(behavior, invert)                                                                      \
    "{\"type\":\"Split\",\"pattern\":{\"String\":\"-\"},\"behavior\":\"" behavior                  \
    "\",\"invert\":" invert "}"

/* The example of the library's own documentation. */
static void test_behaviors(void **state)
{
    (void)state;
    static const char text[] = "the-final--countdown";
    expect(CUT("Removed", "false"), text, "the|final|countdown|");
    expect(CUT("Isolated", "false"), text, "the|-|final|-|-|countdown|");
    expect(CUT("MergedWithPrevious", "false"), text, "the-|final-|-|countdown|");
    expect(CUT("MergedWithNext", "false"), text, "the|-final|-|-countdown|");
    expect(CUT("Contiguous", "false"), text, "the|-|final|--|countdown|");
    expect(CUT("Removed", "true"), text, "-|-|-|");
    expect(CUT("MergedWithNext", "true"), "-ab-", "-|ab-|");
    expect(CUT("MergedWithPrevious", "false"), "--a", "-|-|a|");
    expect(CUT("MergedWithNext", "false"), "a--", "a|-|-|");
}

#define METASPACE(more) "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\"" more "}"

static void test_metaspace(void **state)
{
    (void)state;
    expect(METASPACE(""), "a b  c", "\u2581a|\u2581b|\u2581|\u2581c|");
    expect(METASPACE(""), " a", "\u2581a|");
    expect(METASPACE(",\"prepend_scheme\":\"never\""), "a b", "a|\u2581b|");
    expect(METASPACE(",\"prepend_scheme\":\"first\",\"split\":false"), "a b", "\u2581a\u2581b|");
    expect(SEQUENCE("{\"type\":\"WhitespaceSplit\"}," METASPACE(",\"prepend_scheme\":\"first\"")),
           "a b", "\u2581a|b|"); /* the second word is not the first */
    expect(SEQUENCE("{\"type\":\"WhitespaceSplit\"}," METASPACE("")), "a  b", "\u2581a|\u2581b|");
}

static void test_classes(void **state)
{
    (void)state;
    expect("{\"type\":\"Whitespace\"}", "it's  a_b\u0301 -> 1\u2462",
           "it|'|s|a_b\u0301|->|1|\u2462|");
    expect("{\"type\":\"WhitespaceSplit\"}", " a\u3000b\nc ", "a|b|c|");
    expect("{\"type\":\"Punctuation\"}", "a,b$\u3002c", "a|,|b|$|\u3002|c|");
    expect("{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"}", "a,.b", "a|,.|b|");
    expect("{\"type\":\"Digits\",\"individual_digits\":true}", "a12b", "a|1|2|b|");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"7", "type"},
        {"{\"type\":\"Metaspace\"}", "replacement"},
        {METASPACE(",\"add_prefix_space\":false"), "contradicts"},
        {METASPACE(",\"prepend_scheme\":\"last\""), "known are always, first, never"},
        {"{\"type\":\"Metaspace\",\"replacement\":\"ab\"}", "one character"},
        {SEQUENCE("{\"type\":\"Split\",\"pattern\":{\"String\":\"\"},\"behavior\":\"Isolated\"}"),
         "empty"},
        {"{\"type\":\"Sequence\"}", "pretokenizers"},
        {SEQUENCE("{\"type\":\"UnicodeScripts\"}," GPT2),
         "UnicodeScripts is not supported; known are ByteLevel, Digits"},
        {SEQUENCE(
             "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Eaten\"}," GPT2),
         "Eaten is not supported; known are Removed"},
        {SEQUENCE("{\"type\":\"Split\",\"pattern\":\"a\",\"behavior\":\"Isolated\"}," GPT2),
         "pattern"},
        {SEQUENCE(
             "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}," GPT2),
         "regular expression"},
        {"{\"type\":\"ByteLevel\",\"use_regex\":1}", "use_regex"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vq_err e = {0};
        json_t *o = json_loads(bad[i][0], JSON_DECODE_ANY, NULL);
        vq_pretokenizer p = {.count = 0};
        vq_arena a;
        vq_arena_init(&a, NULL);
        assert_int_equal(vq_pretokenizer_parse(&p, o, &a, &e), VQ_E_INPUT);
        vq_arena_done(&a);
        if (!strstr(e.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.text);
        vq_pretokenizer_done(&p);
        json_decref(o);
    }
    char many[2048] = "{\"type\":\"Sequence\",\"pretokenizers\":[";
    for (int i = 0; i < 33; i++) strcat(many, "{\"type\":\"Digits\"},");
    strcat(many, GPT2 "]}");
    char got[512] = "";
    vq_err e;
    assert_int_equal(cut(many, "a", got, &e), VQ_E_INPUT);
    static const char open[] = "{\"type\":\"Sequence\",\"pretokenizers\":[";
    many[0] = 0;
    for (int i = 0; i < 10; i++) strcat(many, open);
    for (int i = 0; i < 10; i++) strcat(many, "]}");
    assert_int_equal(cut(many, "a", got, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "deep"));
}

/* Every ByteLevel doubles what is not ASCII. */
static void test_growth_is_bounded(void **state)
{
    (void)state;
    char many[2048] = "{\"type\":\"Sequence\",\"pretokenizers\":[" BYTES, got[512] = "";
    for (int i = 0; i < 20; i++) strcat(many, "," BYTES);
    strcat(many, "]}");
    vq_err e;
    assert_int_equal(cut(many, "\u4e2d", got, &e), VQ_E_LIMIT);
}

static void test_hostile_pattern_ends(void **state)
{
    (void)state;
    char got[512] = "";
    vq_err e;
    assert_int_equal(cut(SEQUENCE(SPLIT("(a|aa)+$") "," BYTES),
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", got,
                         &e),
                     VQ_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),          cmocka_unit_test(test_options),
        cmocka_unit_test(test_refused),           cmocka_unit_test(test_behaviors),
        cmocka_unit_test(test_metaspace),         cmocka_unit_test(test_classes),
        cmocka_unit_test(test_growth_is_bounded), cmocka_unit_test(test_hostile_pattern_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
