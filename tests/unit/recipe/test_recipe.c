/* test_recipe.c -- the grammar: values and defaults, every mistake with its place, overrides,
 * extending, canonical text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "made_up_passes.h"
#include "show.h"

static vq_arena arena;
static vq_err err;
static vq_recipe recipe;

static int setup(void **state)
{
    (void)state;
    vq_arena_init(&arena, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vq_arena_done(&arena);
    return 0;
}

static vq_status parse_with(const char *text, const char *const *sets, int nsets)
{
    err.text[0] = '\0';
    return vq_recipe_parse(&recipe, "f.yaml", text, strlen(text), sets, nsets, made_up_passes(),
                           &arena, &err);
}

static void must_parse(const char *text)
{
    if (parse_with(text, NULL, 0) != VQ_OK) fail_msg("%s", err.text);
}

/* One set on the full recipe. */
static void expect_set(const char *text, const char *set, const char *error)
{
    const vq_status s = parse_with(text, &set, 1);
    assert_string_equal(err.text, error);
    assert_int_equal(s, error[0] ? VQ_E_RECIPE : VQ_OK);
}

#define TAIL "passes: [{do: round, method: rtn}]\noutput: {format: vq}\n"
#define HEAD "vq: 1\nname: n\n"
#define RULES "rules: [{match: {}, use: nvfp4}]\n"

static const char full[] =
    "vq: 1\n"
    "name: mine-1.0\n"
    "about: \"a \\\"quoted\\\" word\"\n"
    "source: here\n"
    "calib: {data: texts/a.txt, kind: jsonl, template: none, samples: 7, seqlen: 99, seed: 5, "
    "select: random, propagate: quantized}\n"
    "schemes:\n"
    "  a: int4-g64\n"
    "  b: {weight: {grid: e4m3, group: block:128x64, scale: f16}, act: {grid: i8, group: tensor, "
    "observer: percentile:99.5, range: narrow}}\n"
    "rules:\n"
    "  - {match: {role: [attn.*, mlp.*]}, use: a}\n"
    "  - match: {name: \"re:.*[.]7[.].*\", layers: 3-}\n"
    "    use: b\n"
    "    optional: true\n"
    "  - {match: {role: embed, layers: 4-6}, use: keep}\n"
    "  - {match: {layers: 2}, use: {weight: {grid: bfp4, group: block:64}}}\n"
    "passes:\n"
    "  - {do: arc, count: paper, max_fraction: 0.25, fold: true}\n"
    "  - {do: round, method: mse}\n"
    "  - {do: tune, steps: 7}\n"
    "output: {format: compressed-tensors, runtime: vllm, shard: 2MiB}\n"
    "checks: {min_sqnr_db: 12.5, max_singular_frac: 0.25, finite: error, function: warn}\n";

static void test_values(void **state)
{
    (void)state;
    must_parse(full);
    assert_string_equal(recipe.name, "mine-1.0");
    assert_string_equal(recipe.about, "a \"quoted\" word");
    assert_int_equal(recipe.calib.data, VQ_DATA_GIVEN);
    assert_int_equal(recipe.calib.sources.n, 1);
    assert_string_equal(recipe.calib.sources.list->path, "texts/a.txt");
    assert_int_equal(recipe.calib.kind, VQ_KIND_JSONL);
    assert_int_equal(recipe.calib.samples, 7);
    assert_int_equal(recipe.calib.seqlen, 99);
    assert_int_equal(recipe.calib.seed, 5);
    assert_int_equal(recipe.calib.select, VQ_SELECT_RANDOM);
    assert_true(recipe.calib.propagate_quantized);
    assert_true(recipe.calib.plain_chat);
    assert_int_equal(recipe.npasses, 3);
    assert_string_equal(recipe.passes[0].name, "arc");
    assert_string_equal(vq_option_get(&recipe.passes[0].options, "count")->s, "paper");
    assert_true(vq_option_get(&recipe.passes[0].options, "fold")->b);
    assert_int_equal(vq_option_get(&recipe.passes[0].options, "width")->i, 3);
    assert_true(recipe.passes[1].round);
    assert_true(recipe.passes[2].finish && !recipe.passes[1].finish && !recipe.passes[0].finish);
    assert_int_equal(vq_option_get(&recipe.passes[2].options, "steps")->i, 7);
    assert_string_equal(recipe.passes[1].name, "mse");
    assert_string_equal(recipe.format, "compressed-tensors");
    assert_string_equal(recipe.runtime, "vllm");
    assert_int_equal(recipe.shard, 2 << 20);
    assert_float_equal(recipe.min_sqnr_db, 12.5, 0);
    assert_float_equal(recipe.max_singular, 0.25, 0);
    assert_int_equal(recipe.function, VQ_SEVERITY_WARN);
}

static int decided(const char *role, const char *name, int layer)
{
    int rule = -9;
    if (vq_recipe_decide(&recipe, role, name, layer, &rule, &err) != VQ_OK)
        fail_msg("%s", err.text);
    return rule;
}

static void test_rules(void **state)
{
    (void)state;
    must_parse(full);
    assert_int_equal(recipe.nrules, 4);
    const vq_rule_recipe *r = recipe.rules;
    assert_int_equal(r[0].nroles, 2);
    assert_string_equal(r[0].roles[1], "mlp.*");
    assert_int_equal(r[0].layer_first, -1);
    assert_string_equal(r[0].text, "rule 0 (line 10)");
    assert_string_equal(r[0].scheme->id, "a");
    assert_int_equal(r[0].scheme->weight.group.cols, 64);
    assert_string_equal(r[1].names[0], "re:.*[.]7[.].*");
    assert_int_equal(r[1].layer_first, 3);
    assert_int_equal(r[1].layer_last, INT_MAX);
    assert_true(r[1].optional);
    assert_true(r[2].keep);
    assert_int_equal(r[2].layer_last, 6);
    assert_int_equal(r[3].layer_first, 2);
    assert_int_equal(r[3].layer_last, 2);
    assert_string_equal(r[3].scheme->id, "rule-3");
    assert_true(r[3].scheme->weight.grid.bfp);
    assert_int_equal(r[3].scheme->weight.scale, VQ_SCALE_E8M0);
    assert_int_equal(recipe.nschemes, 3);
    assert_int_equal(decided("embed", "model.embed", 5), 2);
    assert_int_equal(decided("attn.q", "model.layers.7.q", 7), 1);
}

static void test_numbers(void **state)
{
    (void)state;
    must_parse(full);
    const vq_num *w = &recipe.rules[1].scheme->weight, *a = &recipe.rules[1].scheme->act;
    assert_int_equal(w->group.kind, VQ_PER_BLOCK);
    assert_int_equal(w->group.rows, 128);
    assert_int_equal(w->group.cols, 64);
    assert_int_equal(w->scale, VQ_SCALE_F16);
    assert_int_equal(w->when, VQ_STATIC);
    assert_int_equal(a->when, VQ_STATIC);
    assert_int_equal(a->group.kind, VQ_PER_TENSOR);
    assert_int_equal(a->zero, VQ_ZERO_NONE);
    assert_int_equal(a->range, VQ_RANGE_NARROW);
    assert_int_equal(a->observer, VQ_OBS_PERCENTILE);
    assert_float_equal(a->percentile, 99.5, 0);
}

static void test_defaults(void **state)
{
    (void)state;
    must_parse(HEAD RULES TAIL);
    assert_int_equal(recipe.calib.data, VQ_DATA_NONE);
    assert_int_equal(recipe.calib.samples, 32);
    assert_int_equal(recipe.calib.select, VQ_SELECT_SPREAD);
    assert_false(recipe.calib.propagate_quantized);
    assert_false(recipe.calib.plain_chat);
    assert_null(recipe.runtime);
    assert_int_equal(recipe.shard, 5000000000);
    assert_true(isinf(recipe.min_sqnr_db));
    assert_lt(recipe.min_sqnr_db, 0);
    assert_float_equal(recipe.max_singular, 1, 0);
    assert_string_equal(recipe.path, "f.yaml");
    must_parse(HEAD RULES
               "passes: [{do: round, method: rtn}]\noutput: {format: vq, shard: none}\n");
    assert_int_equal(recipe.shard, 0);
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {HEAD "calib: {sampels: 3}\n" RULES TAIL,
         "f.yaml:3:9: unknown key \"sampels\"; did you mean \"samples\"?"},
        {HEAD "zebra: 3\n" RULES TAIL, "f.yaml:3:1: unknown key \"zebra\" in a recipe"},
        {HEAD "budget: {bpw: 4}\n" RULES TAIL,
         "f.yaml:3:1: \"budget\" is not supported by this version"},
        {HEAD "kv: {}\n" RULES TAIL, "f.yaml:3:1: \"kv\" is not supported by this version"},
        {"name: n\n" RULES TAIL, "f.yaml:1:1: a recipe needs the key \"vq\""},
        {"vq: 2\nname: n\n" RULES TAIL, "f.yaml:1:5: vq: this version reads recipes of grammar 1"},
        {"vq: 1\nname: ../n\n" RULES TAIL,
         "f.yaml:2:7: name: at most 64 of A-Z a-z 0-9 . _ -, not beginning with a dot"},
        {HEAD "calib: 3\n" RULES TAIL, "f.yaml:3:8: calib must be a map of keys"},
        {HEAD "calib: {samples: 3x}\n" RULES TAIL,
         "f.yaml:3:18: samples: \"3x\" is not a whole number"},
        {HEAD "calib: {samples: 0}\n" RULES TAIL,
         "f.yaml:3:18: samples: 0 is not within 1 ... 1000000"},
        {HEAD "calib: {samples: [3]}\n" RULES TAIL, "f.yaml:3:18: samples must be a single value"},
        {HEAD "calib: {samples: }\n" RULES TAIL, "f.yaml:3:18: samples is empty"},
        {HEAD "calib: {select: randm}\n" RULES TAIL,
         "f.yaml:3:17: unknown select \"randm\"; did you mean \"random\"?"},
        {HEAD "calib: {kind: classes}\n" RULES TAIL,
         "f.yaml:3:15: kind: classes is not supported by this version"},
        {HEAD "calib: {template: chatml}\n" RULES TAIL,
         "f.yaml:3:19: unknown template \"chatml\"; did you mean \"chat\"?"},
        {HEAD "calib: {propagate: quantised}\n" RULES TAIL,
         "f.yaml:3:20: unknown propagate \"quantised\"; did you mean \"quantized\"?"},
        {HEAD "rules: []\n" TAIL, "f.yaml:3:8: rules must be a list with at least one rule"},
        {HEAD "rules: [{use: nvfp4}]\n" TAIL, "f.yaml:3:9: a rule needs the key \"match\""},
        {HEAD "rules: [{match: {}, use: nvpf4}]\n" TAIL,
         "f.yaml:3:26: unknown scheme \"nvpf4\"; did you mean \"nvfp4\"?"},
        {HEAD "rules: [{match: {}, use: auto}]\n" TAIL,
         "f.yaml:3:26: use: auto is not supported by this version"},
        {HEAD "rules: [{match: {}, use: nvfp4, optional: maybe}]\n" TAIL,
         "f.yaml:3:43: optional: \"maybe\" is neither true nor false"},
        {HEAD "rules: [{match: {layers: 5-2}, use: nvfp4}]\n" TAIL,
         "f.yaml:3:26: layers: \"5-2\" is not N, A-B or A- (blocks from 0)"},
        {HEAD "rules: [{match: {name: [\"re:(\"]}, use: nvfp4}]\n" TAIL,
         "f.yaml:3:25: regular expression \"(\", byte 1: missing closing parenthesis"},
        {HEAD "rules: [{match: {role: [\"re:a\"]}, use: nvfp4}]\n" TAIL,
         "f.yaml:3:25: a role takes globs, not regular expressions"},
        {HEAD "rules: [{match: {role: []}, use: nvfp4}]\n" TAIL,
         "f.yaml:3:24: role must be a list of patterns"},
        {HEAD "schemes: {x: int4-g64}\n" RULES TAIL,
         "f.yaml:3:11: scheme \"x\" is used by no rule"},
        {HEAD "schemes: {nvfp4: int4-g64}\n" RULES TAIL,
         "f.yaml:3:11: \"nvfp4\" is a preset with another meaning; choose another name"},
        {HEAD "schemes: {keep: int4-g64}\n" RULES TAIL,
         "f.yaml:3:11: \"keep\" is not free as a name"},
        {HEAD RULES "passes: []\noutput: {format: vq}\n",
         "f.yaml:4:9: passes must be a list with {do: round, method: ...}"},
        {HEAD RULES "passes: [{do: arc}]\noutput: {format: vq}\n",
         "f.yaml:4:10: the passes end without {do: round, method: ...}"},
        {HEAD RULES "passes: [{do: round, method: rtn}, {do: arc}]\noutput: {format: vq}\n",
         "f.yaml:4:36: the pass \"arc\" comes before the pass \"round\""},
        {HEAD RULES "passes: [{do: tune}, {do: round, method: rtn}]\noutput: {format: vq}\n",
         "f.yaml:4:10: the pass \"tune\" comes after the pass \"round\""},
        {HEAD RULES
         "passes: [{do: round, method: rtn}, {do: round, method: mse}]\noutput: {format: vq}\n",
         "f.yaml:4:36: the pass \"round\" comes only once"},
        {HEAD RULES "passes: [{do: arc}, {do: arc}]\noutput: {format: vq}\n",
         "f.yaml:4:21: the pass \"arc\" is given twice"},
        {HEAD RULES "passes: [{do: arx}]\noutput: {format: vq}\n",
         "f.yaml:4:15: unknown pass \"arx\"; did you mean \"arc\"?"},
        {HEAD RULES "passes: [{do: round}]\noutput: {format: vq}\n",
         "f.yaml:4:10: the pass \"round\" needs the key \"method\""},
        {HEAD RULES "passes: [{do: round, method: gpfq}]\noutput: {format: vq}\n",
         "f.yaml:4:30: unknown rounding method \"gpfq\""},
        {HEAD RULES "passes: [{do: round, method: rtn, block: 3}]\noutput: {format: vq}\n",
         "f.yaml:4:35: unknown key \"block\"; this pass has no such option"},
        {HEAD RULES "passes: [{do: arc, cuont: paper}]\noutput: {format: vq}\n",
         "f.yaml:4:20: unknown key \"cuont\"; did you mean \"count\"?"},
        {HEAD RULES "passes: [{do: round, method: rtn}]\noutput: {format: gguf}\n",
         "f.yaml:5:18: format: gguf is not supported by this version"},
        {HEAD RULES "passes: [{do: round, method: rtn}]\noutput: {format: vq, shard: 5 parsecs}\n",
         "f.yaml:5:29: shard: \"5 parsecs\" is no size: none, or a number of bytes, kB, MB, GB, "
         "KiB, MiB or GiB"},
        {HEAD RULES "passes: [{do: round, method: rtn}]\noutput: {format: vq, runtime: vllm}\n",
         "f.yaml:5:31: runtime: vllm reads the format compressed-tensors, not vq"},
        {HEAD RULES
         "passes: [{do: round, method: rtn}]\noutput: {format: vq, runtime: llama.cpp}\n",
         "f.yaml:5:31: runtime: llama.cpp is not supported by this version"},
        {HEAD RULES TAIL "checks: {fused: warn}\n",
         "f.yaml:6:17: fused: warn is not supported by this version"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vq_status s = parse_with(cases[i].text, NULL, 0);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(s, VQ_E_RECIPE);
    }
}

static void test_number_mistakes(void **state)
{
    static const struct {
        const char *num, *error; /* without its place */
    } cases[] = {
        {"weight: {grid: i9}", "grid: \"i9\" is no number format (i2 ... i8, u2 ... u8, "
                               "bfp2 ... bfp16, eXmY, e2m1, e2m3, e3m2, e4m3, e5m2, mxint8, iq4nl, "
                               "nf4)"},
        {"weight: {grid: e8m0}", "grid: e8m0 has no sign; it is a format for scales"},
        {"weight: {grid: pow2}", "grid: pow2 is not supported by this version"},
        {"weight: {group: channel}", "weight needs the key \"grid\""},
        {"weight: {grid: i4, group: block:0}",
         "group: \"block:0\" is not block:N or block:RxC with sizes of 1 ... 65536"},
        {"weight: {grid: i4, group: position}", "group: position is not supported by this version"},
        {"weight: {grid: i4, group: token}", "group: token is for inputs"},
        {"weight: {grid: i4, when: dynamic}", "when: dynamic is for inputs"},
        {"weight: {grid: i4, super: f32}", "global_scale: f32 is for the scales e4m3 and ue5m3"},
        {"weight: {grid: e2m1, scale: e4m3, super: f32, global_scale: f32}",
         "global_scale and super are two names of one key; give one"},
        {"weight: {grid: e4m3, zero: int}", "zero: int is for the grids i2 ... i8 and u2 ... u8"},
        {"weight: {grid: mxint8, scale: f32, zero: int}",
         "zero: int is for the grids i2 ... i8 and u2 ... u8"},
        {"weight: {grid: u8}", "grid: u2 ... u8 without zero: int make 0 of all that is below 0"},
        {"weight: {grid: iq4nl, zero: int}", "zero: int is for the grids i2 ... i8 and u2 ... u8"},
        {"weight: {grid: iq4nl, compat: compressed-tensors}",
         "grid: no writer has edge cases of a table of values: compat must be none"},
        {"weight: {grid: i4, zero: int, scale: e8m0}",
         "zero: int needs a scale of f32, f16 or bf16"},
        {"weight: {grid: i4}, act: {grid: e5m6}", "grid: inputs have codes of 8 bits at most"},
        {"weight: {grid: i4}, act: {grid: e2m1, group: tensor, scale: e8m0, rule: four-thirds}",
         "rule: four-thirds is for weights and inputs with dynamic scales"},
        {"weight: {grid: bfp4, scale: f32}", "a bfp grid shares an exponent: scale must be e8m0"},
        {"weight: {grid: i4, tail: 3}", "\"tail\" is not supported by this version"},
        {"weight: {grid: i4, observer: percentile:20}", "observer: 20 is not within 50 ... 100"},
        {"weight: {grid: i4, observer: minmax}",
         "observer: for inputs with a static scale; the round pass decides those of weights"},
        {"weight: {grid: i4}, act: {grid: i8, observer: minmax}",
         "observer: for inputs with a static scale; the round pass decides those of weights"},
        {"weight: {grid: i4}, act: {grid: i8, group: tensor, observer: mse}",
         "observer: mse is not supported by this version"},
        {"weight: {grid: i4, rule: ceil}", "rule: for e8m0 scales"},
        {"weight: {grid: u4, zero: int, range: narrow}",
         "range: narrow is for the grids i2 ... i8 without zero points"},
        {"weight: {grid: i4, zero: int, range: narrow}",
         "range: narrow is for the grids i2 ... i8 without zero points"},
        {"weight: {grid: e2m1, scale: e8m0, compat: compressed-tensors}",
         "compat: e8m0 scales are those of compressed-tensors without it"},
        {"weight: {grid: i4, compat: modelopt}",
         "compat: modelopt differs for the grid e2m1 with e8m0 scales alone"},
        {"weight: {grid: e1m2, scale: e8m0, compat: modelopt}",
         "compat: modelopt differs for the grid e2m1 with e8m0 scales alone"},
        {"weight: {grid: i4, compat: ggml}", "compat: ggml is not supported by this version"},
        {"act: {grid: i4}", "a scheme needs the key \"weight\""},
        {"weight: {grid: i4}, act: {grid: i8, group: channel}", "group: channel is for weights"},
        {"weight: {grid: i4}, act: {grid: i8, when: static}",
         "an input has one static scale (group: tensor, when: static) or dynamic ones per token or "
         "block"},
        {"weight: {grid: i4}, act: {grid: i8, group: tensor, when: dynamic}",
         "an input has one static scale (group: tensor, when: static) or dynamic ones per token or "
         "block"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, HEAD "rules: [{match: {}, use: {%s}}]\n" TAIL, cases[i].num);
        assert_int_equal(parse_with(text, NULL, 0), VQ_E_RECIPE);
        assert_int_equal(strncmp(err.text, "f.yaml:3:", 9), 0);
        assert_string_equal(strstr(err.text, ": ") + 2, cases[i].error);
    }
}

static void test_sets(void **state)
{
    (void)state;
    const char *sets[] = {"calib.samples=64",          "rules.0.use=nvfp4a16",
                          "passes.arc.count=official", "schemes.b.weight.group=block:32",
                          "checks.min_sqnr_db=3",      "rules.2.match.role=[lm_head, norm]",
                          "calib.data=self",           "passes.round.method=rtn"};
    const char *text = strstr(full, "  a: int4-g64\n");
    char without_a[sizeof full];
    const size_t before = (size_t)(text - full);
    memcpy(without_a, full, before);
    strcpy(without_a + before, text + strlen("  a: int4-g64\n"));
    if (parse_with(without_a, sets, 8) != VQ_OK) fail_msg("%s", err.text);
    assert_int_equal(recipe.calib.samples, 64);
    assert_int_equal(recipe.calib.data, VQ_DATA_SELF);
    assert_string_equal(recipe.rules[0].scheme->id, "nvfp4a16");
    assert_string_equal(vq_option_get(&recipe.passes[0].options, "count")->s, "official");
    assert_int_equal(recipe.rules[1].scheme->weight.group.cols, 32);
    assert_int_equal(recipe.rules[2].nroles, 2);
    assert_float_equal(recipe.min_sqnr_db, 3, 0);
    assert_string_equal(recipe.passes[1].name, "rtn");
}

static void test_set_mistakes(void **state)
{
    (void)state;
    expect_set(full, "calib.sampels=1",
               "--set calib.sampels=1: unknown key \"sampels\"; did you mean \"samples\"?");
    expect_set(full, "calib.samples",
               "--set calib.samples: expected PATH=VALUE, as in calib.samples=64");
    expect_set(full, "calib.samples=x",
               "--set calib.samples=x: samples: \"x\" is not a whole number");
    expect_set(full, "calib..samples=1", "--set calib..samples=1: an empty name in the path");
    expect_set(full, "rules.9.use=keep",
               "--set rules.9.use=keep: no item 9; there are 4, counted from 0");
    expect_set(full, "passes.gps.x=1", "--set passes.gps.x=1: no item \"gps\" in the list");
    expect_set(full, "name.x=1", "--set name.x=1: \"x\" lies below the single value \"mine-1.0\"");
    expect_set(full, "a.b.c.d.e.f.g.h.i=1", "--set a.b.c.d.e.f.g.h.i=1: nested more than 8 deep");
    expect_set(full, "rules=[1", "--set rules=[1:2:1: did not find expected ',' or ']'");
    expect_set(full, "calib.seed=77", "");
    assert_int_equal(recipe.calib.seed, 77);
}

/* What resolving writes reads as the same recipe and resolves to itself. */
static void expect_fixpoint(const char *what)
{
    const char *first = recipe.resolved;
    if (parse_with(first, NULL, 0) != VQ_OK) fail_msg("%s: %s\n%s", what, err.text, first);
    assert_string_equal(recipe.resolved, first);
}

static void test_resolved(void **state)
{
    (void)state;
    must_parse(full);
    assert_non_null(strstr(recipe.resolved, "about: \"a \\\"quoted\\\" word\"\n"));
    assert_non_null(
        strstr(recipe.resolved,
               "match: {name: [\"re:.*[.]7[.].*\"], layers: 3-}, use: \"b\", optional: true"));
    assert_non_null(strstr(recipe.resolved,
                           "{do: \"arc\", count: \"paper\", by: \"absmax\", granularity: \"16\", "
                           "max_fraction: 0.25, width: 3, fold: true}"));
    expect_fixpoint("full");
    const vq_scheme *s;
    for (int i = 0; (s = vq_scheme_at(i)) != NULL; i++) {
        char text[256];
        snprintf(text, sizeof text, HEAD "rules: [{match: {}, use: %s}]\n" TAIL, s->id);
        must_parse(text);
        expect_fixpoint(s->id);
    }
}

/* A second name of a choice reads as the choice, in the file and in an override. */
static void test_choice_aliases(void **state)
{
    static const char *const rows[][2] = {{"guidedquant", "token"}, {"yaqa", "kronecker"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *resolved[2];
        char text[256], set[64];
        for (int name = 0; name < 2; name++) {
            snprintf(text, sizeof text,
                     HEAD RULES "passes: [{do: round, method: gptq, curvature: %s}]\n"
                                "output: {format: vq}\n",
                     rows[i][name]);
            must_parse(text);
            resolved[name] = recipe.resolved;
        }
        assert_string_equal(resolved[0], resolved[1]);
        assert_non_null(strstr(resolved[0], rows[i][1]));
        assert_null(strstr(resolved[0], rows[i][0]));
        snprintf(set, sizeof set, "passes.gptq.curvature=%s", rows[i][0]);
        expect_set(HEAD RULES "passes: [{do: round, method: gptq}]\noutput: {format: vq}\n", set,
                   "");
        assert_string_equal(recipe.resolved, resolved[0]);
    }
}

static void test_shipped(void **state)
{
    int n = 0;
    (void)state;
    for (const vq_shipped *s = vq_shipped_recipes; s->name; s++, n++) {
        if (vq_recipe_load(&recipe, s->name, NULL, 0, made_up_passes(), &arena, &err) != VQ_OK)
            fail_msg("%s", err.text);
        assert_string_equal(recipe.name, s->name);
        assert_gt(strlen(recipe.about), 0);
        assert_gt(strlen(recipe.source), 0);
        assert_true(recipe.rules[decided("embed", "model.embed_tokens", -1)].keep);
        assert_true(recipe.rules[decided("lm_head", "lm_head", -1)].keep);
        assert_true(recipe.rules[decided("other", "model.layers.0.mlp.gate", 0)].keep);
        assert_false(recipe.rules[decided("other", "model.layers.0.mlp.gate_proj", 0)].keep);
        assert_false(recipe.rules[decided("attn.q", "model.layers.0.self_attn.q_proj", 0)].keep);
        expect_fixpoint(s->name);
    }
    assert_ge(n, 12);
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(vq_write_file(path, text, strlen(text), &err), VQ_OK);
}

static void test_extends_and_lookup(void **state)
{
    char dir[] = "/tmp/vq-recipe-XXXXXX", old[4096];
    (void)state;
    assert_non_null(getcwd(old, sizeof old));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    write_text("mine.yaml", "vq: 1\nname: mine\nextends: nvfp4a16\nrules:\n  - {match: {role: "
                            "[mlp.down]}, use: mxfp4a16}\ncalib: {samples: 3}\n");
    write_text("twice.yaml", "vq: 1\nname: twice\nextends: mine\n");
    write_text("lost.yaml", "vq: 1\nname: lost\nextends: nvfp4b16\n");
    assert_int_equal(vq_recipe_load(&recipe, "mine", NULL, 0, made_up_passes(), &arena, &err),
                     VQ_OK);
    assert_string_equal(recipe.path, "mine.yaml");
    assert_int_equal(recipe.calib.samples, 3);
    assert_string_equal(recipe.rules[decided("mlp.down", "x", 0)].scheme->id, "mxfp4a16");
    assert_string_equal(recipe.rules[decided("mlp.up", "x", 0)].scheme->id, "nvfp4a16");
    assert_string_equal(recipe.format, "compressed-tensors");
    assert_int_equal(
        vq_recipe_load(&recipe, "./twice.yaml", NULL, 0, made_up_passes(), &arena, &err),
        VQ_E_RECIPE);
    assert_string_equal(err.text,
                        "mine.yaml:3:1: a recipe that is extended cannot extend another one");
    assert_int_equal(vq_recipe_load(&recipe, "lost", NULL, 0, made_up_passes(), &arena, &err),
                     VQ_E_RECIPE);
    assert_string_equal(
        err.text, "lost.yaml:3:10: extends: no recipe \"nvfp4b16\"; did you mean \"nvfp4a16\"?");
    assert_int_equal(vq_recipe_load(&recipe, "nvfp4.yaml", NULL, 0, made_up_passes(), &arena, &err),
                     VQ_OK);
    assert_int_equal(chdir(old), 0);
    assert_int_equal(vq_remove(dir, &err), VQ_OK);
}

/* Every allocation refused in turn: an error with the limit's class, nothing leaks. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        vq_budget budget = {.fail_in = n};
        vq_arena small;
        vq_arena_init(&small, &budget);
        const char *set = "calib.samples=64";
        const vq_status s = vq_recipe_parse(&recipe, "f", full, strlen(full), &set, 1,
                                            made_up_passes(), &small, &err);
        vq_arena_done(&small);
        if (s == VQ_OK) break;
        assert_int_equal(s, VQ_E_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_number_mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_choice_aliases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extends_and_lookup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
