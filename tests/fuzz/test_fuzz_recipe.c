/* test_fuzz_recipe.c -- whatever a recipe and an override say: an error in one line, or a recipe
 * that resolves to itself. Input: the recipe and, behind a zero byte, the text of a --set. */
#include "made_up_passes.h"
#include "replay.h"

static vq_status read_text(const char *text, size_t len, const char *set, vq_recipe *r, vq_arena *a,
                           vq_err *e)
{
    return vq_recipe_parse(r, "fuzz", text, len, &set, set ? 1 : 0, made_up_passes(), a, e);
}

/* What was resolved is a recipe, and says the same. */
static void check(const vq_recipe *r, vq_arena *a)
{
    int rule;
    vq_recipe again;
    vq_err e = {0};
    (void)vq_recipe_decide(r, "attn.q", "model.layers.0.self_attn.q_proj", 0, &rule, &e);
    if (read_text(r->resolved, strlen(r->resolved), NULL, &again, a, &e) != VQ_OK ||
        strcmp(again.resolved, r->resolved) != 0) {
        fprintf(stderr, "%s\n%s", e.text, r->resolved);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    vq_recipe r;
    vq_err e = {0};
    vq_arena a;
    const size_t split = replay_split(data, n);
    vq_arena_init(&a, NULL);
    char *set = split < n ? VQ_ALLOC(&a, char, n - split, "override", NULL) : NULL;
    if (set) {
        memcpy(set, data + split + 1, n - split - 1);
        set[n - split - 1] = '\0';
    }
    const vq_status s = read_text((const char *)data, split, set, &r, &a, &e);
    if (s == VQ_OK)
        check(&r, &a);
    else if (s != VQ_E_RECIPE || !e.text[0] || strchr(e.text, '\n'))
        abort();
    vq_arena_done(&a);
    return 0;
}

REPLAY("recipe", 1500, "{", "}", "[", "]", ": ", "- ", "\n", "\"", "'", "&a ", "*a", "!!x ",
       "---\n", "%TAG ! x\n", "\t", "#", "|\n ", ">\n ", "? ", "re:(a+)+$", "block:99999999999x1",
       "percentile:", "-1", "1e999", "nan", "\xff", "\xe2\x80\xa8", "0x10", "vq: 1\n", "=", ".",
       "calib", "samples", "rules", "0", "use", "passes", "arc", "round", "count", "schemes", "x",
       "weight", "grid", "{a: 1}", "999999999", "keep", "e2m1", "extends: nvfp4\n")
