/* test_fuzz_recipe.c -- shipped recipes, cut, spliced and mutated from a fixed seed: an error in
 * one line or a recipe that resolves to itself, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "made_up_passes.h"
#include "show.h"

enum { ROUNDS = 4000, ROOM = 8192 };

static const char *const pieces[] = {
    "{",           "}",  "[",     "]",    ": ",   "- ",           "\n",
    "\"",          "'",  "&a ",   "*a",   "!!x ", "---\n",        "%TAG ! x\n",
    "\t",          "#",  "|\n ",  ">\n ", "? ",   "re:(a+)+$",    "block:99999999999x1",
    "percentile:", "-1", "1e999", "nan",  "\xff", "\xe2\x80\xa8", "0x10",
    "vq: 1\n"};

typedef struct dice {
    uint64_t seed, thrown;
} dice;

static uint32_t below(dice *g, size_t n)
{
    return (uint32_t)(vq_rng_at(g->seed, g->thrown++) % n);
}

static size_t mutate(dice *g, char *text, size_t len)
{
    const size_t at = below(g, len + 1);
    switch (below(g, 5)) {
    case 0:
        return at; /* cut */
    case 1:        /* flip */
        if (at < len) text[at] = (char)(text[at] ^ (1 << below(g, 8)));
        return len;
    case 2: { /* remove a run */
        const size_t run = below(g, 20) < len - at ? below(g, 20) % (len - at + 1) : 0;
        memmove(text + at, text + at + run, len - at - run);
        return len - run;
    }
    case 3: { /* repeat a run */
        const size_t run = below(g, 60) % (len - at + 1);
        if (len + run > ROOM) return len;
        memmove(text + at + run, text + at, len - at);
        return len + run;
    }
    default: { /* insert */
        const char *piece = pieces[below(g, sizeof pieces / sizeof *pieces)];
        const size_t n = strlen(piece);
        if (len + n > ROOM) return len;
        memmove(text + at + n, text + at, len - at);
        memcpy(text + at, piece, n);
        return len + n;
    }
    }
}

static vq_status read_text(const char *text, size_t len, const char *set, vq_recipe *r, vq_arena *a,
                           vq_err *e)
{
    return vq_recipe_parse(r, "fuzz", text, len, &set, set ? 1 : 0, made_up_passes(), a, e);
}

static int check(const char *text, size_t len, const char *set)
{
    vq_arena a;
    vq_err e = {0};
    vq_recipe r, again;
    vq_arena_init(&a, NULL);
    const vq_status s = read_text(text, len, set, &r, &a, &e);
    if (s == VQ_OK) {
        int rule;
        (void)vq_recipe_decide(&r, "attn.q", "model.layers.0.self_attn.q_proj", 0, &rule, &e);
        assert_int_equal(read_text(r.resolved, strlen(r.resolved), NULL, &again, &a, &e), VQ_OK);
        assert_string_equal(again.resolved, r.resolved);
    } else {
        assert_int_equal(s, VQ_E_RECIPE);
        assert_true(e.text[0] && !strchr(e.text, '\n'));
    }
    vq_arena_done(&a);
    return s == VQ_OK;
}

static void mutations(void **state)
{
    int read = 0, shipped = 0;
    dice g = {1, 0};
    (void)state;
    while (vq_shipped_recipes[shipped].name) shipped++;
    for (int i = 0; i < ROUNDS; i++) {
        char text[ROOM];
        const char *from = vq_shipped_recipes[below(&g, (size_t)shipped)].text;
        size_t len = strlen(from);
        memcpy(text, from, len);
        for (uint32_t n = 1 + below(&g, 4); n > 0 && len > 0; n--) len = mutate(&g, text, len);
        read += check(text, len, NULL);
    }
    assert_gt(read, 0);
    assert_lt(read, ROUNDS);
}

static void overrides(void **state)
{
    static const char *const words[] = {
        "calib",  "samples", "rules",     "0",      "use",  "passes", "arc", "round",
        "count",  "schemes", "x",         "weight", "grid", ".",      "=",   "[1]",
        "{a: 1}", "[",       "999999999", "",       "keep", "e2m1"};
    dice g = {2, 0};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char set[256] = "";
        for (uint32_t n = 1 + below(&g, 8); n > 0; n--) {
            strcat(set, words[below(&g, sizeof words / sizeof *words)]);
            if (below(&g, 3)) strcat(set, n == 2 ? "=" : ".");
        }
        const char *text = vq_shipped_recipes[0].text;
        (void)check(text, strlen(text), set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutations), cmocka_unit_test(overrides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
