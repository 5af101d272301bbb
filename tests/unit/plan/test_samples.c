/* test_samples.c -- calibration samples of a text begin as the tokenizer begins a text: with BOS
 * where its post-processor puts one, in the place of a token, as `vq eval` reads its windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "plan/samples.h"
#include "plan_world.h"
#include "scratch.h"
#include "show.h"

#define TOKENIZER(post)                                                                            \
    "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":5,\"content\":\"<s>\",\"special\":true}],"     \
    "\"normalizer\":null,\"pre_tokenizer\":null,\"post_processor\":" post ",\"decoder\":null,"     \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"e\":4},"             \
    "\"merges\":[]}}"
#define BOS                                                                                        \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":"  \
    "0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{\"<s>\":{"   \
    "\"id\":\"<s>\",\"ids\":[5],\"tokens\":[\"<s>\"]}}}"

typedef struct sampling {
    const char *tokenizer, *text;
    int64_t count, length;
    vq_select select;
    vq_status status;
    int64_t got;             /* samples */
    const int32_t *expected; /* NULL: only the first of each sample is looked at, 5 */
} sampling;

static vq_status find(scratch *s, const sampling *c, vq_sample_set *set, vq_arena *a, vq_err *e)
{
    vq_model m;
    vq_recipe r = {
        .path = "r",
        .calib = {
            .kind = VQ_KIND_TEXT, .samples = c->count, .seqlen = c->length, .select = c->select}};
    const vq_plan p = {.recipe = &r, .model = &m};
    const vq_job job = {.threads = 1};
    VQ_TRY(vq_model_open(&m, TINY, a, e));
    m.checkpoint.dir = s->dir;
    scratch_text(s, "tokenizer.json", c->tokenizer);
    const vq_calib_source data = {
        .kind = VQ_KIND_UNSAID,
        .path = vq_arena_text(a, e, "%s", scratch_text(s, "text.txt", c->text))};
    const vq_status status =
        vq_samples_find(set, &p, (vq_calib_sources){&data, 1}, NULL, NULL, &job, a, e);
    vq_model_close(&m);
    return status;
}

static void expect(scratch *s, const sampling *c)
{
    vq_arena a;
    vq_err e = {0};
    vq_sample_set set;
    vq_arena_init(&a, NULL);
    const vq_status status = find(s, c, &set, &a, &e);
    if (status != c->status) fail_msg("%s", e.text);
    for (int64_t i = 0; status == VQ_OK && i < c->got * c->length; i++)
        if (c->expected || i % c->length == 0)
            assert_eq(set.samples.ids[i], c->expected ? c->expected[i] : 5);
    if (status == VQ_OK) assert_eq(set.samples.count, c->got);
    vq_arena_done(&a);
}

static void test_bos(void **state)
{
    static const int32_t plain[] = {0, 1, 2, 3, 4, 0, 1, 2}, with[] = {5, 0, 1, 2, 5, 3, 4, 0};
    const sampling cases[] = {
        {TOKENIZER("null"), "abcdeabc", 2, 4, VQ_SELECT_FIRST, VQ_OK, 2, plain},
        {TOKENIZER(BOS), "abcdeabc", 2, 4, VQ_SELECT_FIRST, VQ_OK, 2, with},
        {TOKENIZER(BOS), "abcdea", 2, 4, VQ_SELECT_FIRST, VQ_OK, 2,
         with}, /* six tokens are enough */
        {TOKENIZER("null"), "abcdea", 2, 4, VQ_SELECT_FIRST, VQ_OK, 1, plain},
        {TOKENIZER(BOS), "abcdea", 9, 4, VQ_SELECT_RANDOM, VQ_E_INPUT, 0, NULL},
        {TOKENIZER(BOS), "abcdeabcdeabcde", 9, 4, VQ_SELECT_RANDOM, VQ_OK, 9, NULL},
        {TOKENIZER("null"), "abcdeabc", 2, 4, VQ_SELECT_SPREAD, VQ_OK, 2, plain}, /* no room */
        {TOKENIZER(BOS), "abcdeabcdeabcde", 3, 4, VQ_SELECT_SPREAD, VQ_OK, 3, NULL},
        {TOKENIZER(BOS), "abcdea", 2, 1, VQ_SELECT_FIRST, VQ_E_RECIPE, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(*state, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bos, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
