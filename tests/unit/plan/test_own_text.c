/* test_own_text.c -- how the model's own texts begin: with nothing, words or openings in turn, the same
 * for a seed, whatever their number; models without a tokenizer, and a template that refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "plan/own/own_text.h"
#include "plan_world.h"
#include "scratch.h"
#include "show.h"

#define TOKENIZER                                                                                  \
    "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":null,"         \
    "\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\","    \
    "\"vocab\":{\"a\":0,\"b\":1,\"?\":7,\"#\":9},\"merges\":[]}}"

typedef struct beginning_case {
    const char *tokenizer, *chat; /* NULL: none */
    uint64_t seed;
    int64_t samples;
} beginning_case;

static void begin(const beginning_case *c, scratch *s, vq_self_texts *t, vq_arena *a)
{
    vq_err e = {0};
    vq_model m;
    vq_recipe r = {.path = "r", .calib = {.seqlen = 512, .seed = c->seed}};
    const vq_plan p = {.recipe = &r, .model = &m};
    const vq_reporter w = {0};
    if (vq_model_open(&m, TINY, a, &e) != VQ_OK) fail_msg("%s", e.text);
    m.checkpoint.dir = s->dir;
    if (c->tokenizer) scratch_text(s, "tokenizer.json", c->tokenizer);
    if (c->chat) scratch_text(s, "chat_template.jinja", c->chat);
    *t = vq_own_texts(&p, c->samples);
    if (vq_own_text_begin(t, &p, &w, a, &e) != VQ_OK) fail_msg("%s", e.text);
    vq_model_close(&m);
}

/* Texts of a sample are cut so that together they fill it. */
static void test_shape(void **state)
{
    (void)state;
    static const struct {
        int64_t seqlen, texts, length;
    } cases[] = {{512, 4, 128}, {100, 1, 100}, {64, 1, 64},
                 {1, 1, 1},     {200, 2, 100}, {333, 3, 111}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vq_recipe r = {.path = "r", .calib = {.seqlen = cases[i].seqlen}};
        vq_model m = {0};
        const vq_plan p = {.recipe = &r, .model = &m};
        const vq_self_texts t = vq_own_texts(&p, 5);
        assert_eq(t.count, 5 * cases[i].texts);
        assert_eq(t.length, cases[i].length);
    }
}

static void test_turns(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_self_texts t;
    const beginning_case c = {TOKENIZER, NULL, 3, 16};
    vq_arena_init(&a, NULL);
    begin(&c, s, &t, &a);
    for (int64_t i = 0; i < t.count; i++) {
        const int32_t *ids = t.ids + i * t.length;
        assert_ge(t.given[i], 1);
        assert_le(t.given[i], t.length * 3 / 4);
        assert_eq(t.given[i] == 1, i % 6 == 0);
        if (i % 6 == 1) assert_eq(t.given[i], 9);
        for (int64_t k = 1; k < t.given[i]; k++) /* words that the tokenizer knows */
            assert_true(ids[k] == 0 || ids[k] == 1 || ids[k] == 7 || ids[k] == 9 || ids[k] == *ids);
    }
    vq_arena_done(&a);
}

static void test_seed(void **state)
{
    scratch *s = *state;
    vq_arena a;
    vq_self_texts some, more, other;
    const beginning_case c = {TOKENIZER, NULL, 3, 4}, m = {TOKENIZER, NULL, 3, 9},
                         o = {TOKENIZER, NULL, 4, 4};
    vq_arena_init(&a, NULL);
    begin(&c, s, &some, &a);
    begin(&m, s, &more, &a);
    begin(&o, s, &other, &a);
    int differ = 0;
    for (int64_t i = 0; i < some.count; i++) {
        assert_eq(some.given[i], more.given[i]);
        assert_memory_equal(some.ids + i * some.length, more.ids + i * more.length,
                            (size_t)some.given[i] * sizeof *some.ids);
        differ += some.given[i] != other.given[i] ||
                  memcmp(some.ids + i * some.length, other.ids + i * some.length,
                         (size_t)some.given[i] * sizeof *some.ids) != 0;
    }
    assert_gt(differ, (int)some.count / 2);
    vq_arena_done(&a);
}

/* Without a tokenizer all but the free ones begin with words; one that is broken is none. */
static void test_words_alone(void **state)
{
    scratch *s = *state;
    vq_self_texts t;
    const beginning_case cases[] = {{NULL, NULL, 0, 6}, {"{\"model\":", NULL, 0, 6}};
    for (size_t i = 0; i < 2; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        begin(&cases[i], s, &t, &a);
        for (int64_t k = 0; k < t.count; k++) assert_eq(t.given[k], k % 6 ? 9 : 1);
        vq_arena_done(&a);
    }
}

/* What users say goes through the template: here it only says one letter that no opening has alone. */
static void test_chat(void **state)
{
    scratch *s = *state;
    int asked = 0, refused = 0;
    vq_self_texts t;
    const beginning_case c[] = {{TOKENIZER, "{{ '###' if add_generation_prompt }}", 0, 40},
                                {TOKENIZER, "{{ raise_exception('no') }}", 0, 40}};
    for (int i = 0; i < 2; i++) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        begin(&c[i], s, &t, &a);
        for (int64_t k = 0; k < t.count; k++) {
            const int32_t *ids = t.ids + k * t.length;
            const bool hashes = t.given[k] == 4 && ids[1] == 9 && ids[2] == 9 && ids[3] == 9;
            *(i ? &refused : &asked) += hashes;
        }
        vq_arena_done(&a);
    }
    assert_gt(asked, 5);
    assert_eq(refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test_setup_teardown(test_turns, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_seed, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_words_alone, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_chat, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
