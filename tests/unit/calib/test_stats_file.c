/* test_stats_file.c -- statistics come back as they were saved; damaged, foreign and lying files
 * are refused with one clear line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

#include "show.h"
#include "stats_world.h"

enum { ALL = 127 };

typedef struct fixture {
    scratch *s;
    decoder_world w;
    vq_arena a;
    vq_stats **stats;
    vq_stats_origin origin;
    char path[512];
} fixture;

static void open_fixture(fixture *f, void **state, unsigned needs)
{
    f->s = *state;
    calib_open(&f->w, "llama", 0);
    vq_arena_init(&f->a, NULL);
    f->stats = stats_make(&f->w, needs, 5, &f->a);
    f->origin = stats_origin(needs);
    snprintf(f->path, sizeof f->path, "%s", scratch_path(f->s, "made.vqs"));
}

static void close_fixture(fixture *f)
{
    vq_arena_done(&f->a);
    world_close(&f->w);
}

static void save(fixture *f)
{
    vq_err e = {0};
    if (vq_stats_save(f->path, &f->origin, &f->w.graph, 0, WORLD_LAYERS, f->stats, &f->a, &e) !=
        VQ_OK)
        fail_msg("%s", e.text);
}

static void same_floats(const float *a, const float *b, int64_t n)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a) assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

static void same_stats(const vq_stats *a, const vq_stats *b)
{
    assert_string_equal(a->name, b->name);
    assert_eq(a->k, b->k);
    assert_eq(a->tokens, b->tokens);
    assert_eq(a->samples, b->samples);
    assert_eq(a->tail_count, b->tail_count);
    assert_eq(a->nlinears, b->nlinears);
    assert_eq(a->gathered, b->gathered);
    same_floats(a->min, b->min, a->k);
    same_floats(a->max, b->max, a->k);
    same_floats(a->absmax, b->absmax, a->k);
    same_floats(a->hessian, b->hessian, a->k * a->k);
    if (a->abs_sum) assert_memory_equal(a->abs_sum, b->abs_sum, (size_t)a->k * sizeof(double));
    if (a->histogram)
        assert_memory_equal(a->histogram, b->histogram, VQ_HIST_BINS * sizeof(uint64_t));
    for (int i = 0; i < a->nlinears; i++) {
        const vq_curvature *p = &a->linears[i], *q = &b->linears[i];
        assert_string_equal(p->name, q->name);
        assert_int_equal(p->n, q->n);
        same_floats(p->input, q->input, a->k * a->k);
        same_floats(p->output, q->output, p->n * p->n);
    }
}

static void test_round_trip(void **state)
{
    static const unsigned needs[] = {ALL, VQ_NEED_RANGE, VQ_NEED_HESSIAN | VQ_NEED_MEAN,
                                     VQ_NEED_FISHER, VQ_NEED_OUTPUT | VQ_NEED_TAIL};
    for (size_t k = 0; k < sizeof needs / sizeof *needs; k++) {
        fixture f;
        open_fixture(&f, state, needs[k]);
        save(&f);
        vq_stats_file in;
        vq_err e = {0};
        if (vq_stats_load(&in, f.path, &f.w.graph, &f.a, &e) != VQ_OK) fail_msg("%s", e.text);
        assert_int_equal(in.layers, WORLD_LAYERS);
        for (int i = 0; i < WORLD_LAYERS * WORLD_GROUPS; i++)
            same_stats(&f.stats[i / WORLD_GROUPS][i % WORLD_GROUPS],
                       &in.stats[i / WORLD_GROUPS][i % WORLD_GROUPS]);
        assert_memory_equal(in.origin.model, f.origin.model, VQ_SHA256_TEXT);
        assert_memory_equal(in.origin.data, f.origin.data, VQ_SHA256_TEXT);
        assert_eq(in.origin.samples, 2);
        assert_eq(in.origin.seqlen, 7);
        assert_eq(in.origin.seed, 3);
        assert_eq(in.origin.needs, needs[k]);
        assert_string_equal(in.origin.version, "1.2.3");
        vq_stats_close(&in);
        assert_int_equal(vq_stats_load(&in, f.path, NULL, &f.a, &e), VQ_OK);
        assert_null(in.stats);
        vq_stats_close(&in);
        close_fixture(&f);
    }
}

/* A file of one layer; the others stay NULL. */
static void test_one_layer(void **state)
{
    fixture f;
    open_fixture(&f, state, VQ_NEED_HESSIAN);
    vq_stats_file in;
    assert_int_equal(vq_stats_save(f.path, &f.origin, &f.w.graph, 1, 1, f.stats + 1, &f.a, NULL),
                     VQ_OK);
    assert_int_equal(vq_stats_load(&in, f.path, &f.w.graph, &f.a, NULL), VQ_OK);
    assert_true(!in.stats[0] && in.stats[1] && !in.stats[2]);
    same_stats(&f.stats[1][3], &in.stats[1][3]);
    vq_stats_close(&in);
    close_fixture(&f);
}

static char *slurp(const char *path, size_t *n)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *bytes = malloc(1 << 22);
    assert_non_null(bytes);
    *n = fread(bytes, 1, 1 << 22, in);
    fclose(in);
    return bytes;
}

static void refuse(fixture *f, const char *path, const char *says)
{
    vq_stats_file in;
    vq_err e = {0};
    const vq_status s = vq_stats_load(&in, path, &f->w.graph, &f->a, &e);
    if (s != VQ_E_INPUT) fail_msg("status %d, not a refusal with \"%s\"", (int)s, says);
    if (!strstr(e.text, says)) fail_msg("\"%s\" does not say \"%s\"", e.text, says);
    assert_non_null(strstr(e.text, vq_base_name(path)));
}

/* Any bit: of a matrix, of a count, of a digest, of the origin, of a name. */
static void test_flipped_bits(void **state)
{
    fixture f;
    open_fixture(&f, state, ALL);
    save(&f);
    size_t n;
    char *bytes = slurp(f.path, &n);
    vq_stats_file in;
    vq_err e;
    for (size_t at = 0; at < n; at += at < 4096 ? 3 : 2003) {
        bytes[at] ^= 4;
        const char *path = scratch_file(f.s, "flipped.vqs", bytes, n);
        const vq_status s = vq_stats_load(&in, path, &f.w.graph, &f.a, &e);
        if (s != VQ_E_INPUT) fail_msg("byte %zu: status %d", at, (int)s);
        bytes[at] ^= 4;
    }
    bytes[n - 1] ^= 1;
    refuse(&f, scratch_file(f.s, "flipped.vqs", bytes, n), "the file is damaged");
    free(bytes);
    close_fixture(&f);
}

static void test_truncated(void **state)
{
    fixture f;
    open_fixture(&f, state, VQ_NEED_HESSIAN);
    save(&f);
    size_t n;
    char *bytes = slurp(f.path, &n);
    static const size_t cuts[] = {0, 7, 100, 4000};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        refuse(&f, scratch_file(f.s, "cut.vqs", bytes, cuts[i]), "");
    refuse(&f, scratch_file(f.s, "cut.vqs", bytes, n - 1), "truncated");
    refuse(&f, scratch_safetensors(f.s, "no.vqs", "{}", -1, 0), "not a statistics file");
    free(bytes);
    close_fixture(&f);
}

/* What a writer that lies could save: the digest is right, the values are not. */
static void test_values(void **state)
{
    static const struct {
        float bad;
        int place; /* in the Hessian of the second layer's last group */
        const char *says;
    } cases[] = {{NAN, 1, "model.layers.1.mlp.down_proj.hessian holds a value that is not finite"},
                 {INFINITY, 0, "not finite"},
                 {-1, 0, "negative sum of squares"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        open_fixture(&f, state, VQ_NEED_HESSIAN);
        f.stats[1][3].hessian[cases[i].place] = cases[i].bad;
        save(&f);
        refuse(&f, f.path, cases[i].says);
        close_fixture(&f);
    }
    fixture f;
    open_fixture(&f, state, VQ_NEED_RANGE | VQ_NEED_MEAN);
    f.stats[0][0].min[3] = 7;
    save(&f);
    refuse(&f, f.path, "q_proj.min is above .max at channel 3");
    vq_stats_file without; /* a model, as --merge reads it */
    vq_err e;
    assert_int_equal(vq_stats_load(&without, f.path, NULL, &f.a, &e), VQ_E_INPUT);
    f.stats[0][0].min[3] = -7;
    f.stats[2][1].abs_sum[0] = -1;
    save(&f);
    refuse(&f, f.path, "abs_sum holds a sum");
    f.stats[2][1].abs_sum[0] = 1;
    f.stats[2][1].tokens = 0;
    save(&f);
    refuse(&f, f.path, "counts no tokens");
    f.stats[2][1].tokens = 77;
    f.stats[2][1].samples = 3;
    save(&f);
    refuse(&f, f.path, ".counts counts 3 samples, and all together are 2");
    close_fixture(&f);
}

/* How much was seen: digests are right, the numbers cannot be. */
static void test_numbers(void **state)
{
    static const struct {
        int64_t samples, seqlen;
        const char *says;
    } cases[] = {{0, 7, "0 samples of 7 tokens"},
                 {2, 0, "2 samples of 0 tokens"},
                 {INT64_C(1) << 31, 7, "metadata samples is not a number that can be: 2147483648"},
                 {2, INT64_C(1) << 31, "metadata seqlen is not a number that can be: 2147483648"},
                 {-1, 7, "metadata samples is not a number that can be: -1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        open_fixture(&f, state, VQ_NEED_HESSIAN);
        f.origin.samples = cases[i].samples;
        f.origin.seqlen = cases[i].seqlen;
        save(&f);
        refuse(&f, f.path, cases[i].says);
        close_fixture(&f);
    }
}

/* Statistics of a model with another width, another depth, other needs. */
static void test_another_model(void **state)
{
    fixture f;
    open_fixture(&f, state, VQ_NEED_HESSIAN);
    save(&f);
    vq_graph other;
    f.w.config.ffn = 48;
    assert_int_equal(made_config_build(&f.w.config, &other, &f.a, NULL), VQ_OK);
    vq_stats_file in;
    vq_err e;
    assert_int_equal(vq_stats_load(&in, f.path, &other, &f.a, &e), VQ_E_INPUT);
    assert_string_equal(e.text, "made.vqs > model.layers.0.mlp.down_proj.hessian has shape [56, "
                                "56] and the model needs [48, 48]: made from another model");
    f.w.config.ffn = 56;
    f.w.config.layers = 2;
    assert_int_equal(made_config_build(&f.w.config, &other, &f.a, NULL), VQ_OK);
    assert_int_equal(vq_stats_load(&in, f.path, &other, &f.a, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "8 of its 24 tensors belong to no linear of this model"));
    f.origin.needs = VQ_NEED_HESSIAN;
    assert_int_equal(vq_stats_save(f.path, &f.origin, &other, 0, 2, f.stats, &f.a, NULL), VQ_OK);
    close_fixture(&f);
}

static void differs(const vq_stats_origin *have, bool same_data, const char *says)
{
    const vq_stats_origin want = stats_origin(VQ_NEED_HESSIAN | VQ_NEED_FISHER);
    vq_err e = {0};
    assert_int_equal(vq_stats_check_origin(have, &want, same_data, "x.vqs", &e), VQ_E_INPUT);
    if (!strstr(e.text, says)) fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void test_origins(void **state)
{
    (void)state;
    const vq_stats_origin same = stats_origin(VQ_NEED_HESSIAN | VQ_NEED_FISHER);
    vq_stats_origin o = same;
    o.needs |= VQ_NEED_RANGE;
    assert_int_equal(vq_stats_check_origin(&o, &same, true, "x.vqs", NULL), VQ_OK);
    o.needs = VQ_NEED_HESSIAN;
    differs(&o, false, "x.vqs: holds no fisher, which the recipe needs");
    o = same;
    o.model[5] = 'c';
    differs(&o, false, "another model");
    o = same;
    o.version[0] = '2';
    differs(&o, false, "made by vq 2.2.3; this is vq 1.2.3");
    o = same;
    o.data[5] = 'c';
    assert_int_equal(vq_stats_check_origin(&o, &same, false, "x.vqs", NULL), VQ_OK);
    differs(&o, true, "other data");
    o = same;
    o.seqlen++;
    differs(&o, true, "2 samples of 8 tokens, not 2 of 7");
    o = same;
    o.seed++;
    differs(&o, true, "drawn with seed 4, not 3");
}

static size_t files_in(const char *dir)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    const char *const *names;
    size_t n;
    assert_int_equal(vq_list_dir(dir, &a, &names, &n, NULL), VQ_OK);
    vq_arena_done(&a);
    return n;
}

/* A limit on the size of files. */
static void test_no_space(void **state)
{
    fixture f;
    open_fixture(&f, state, VQ_NEED_HESSIAN);
    vq_err e = {0};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 8192, .rlim_max = before.rlim_max}),
        0);
    const vq_status s =
        vq_stats_save(f.path, &f.origin, &f.w.graph, 0, WORLD_LAYERS, f.stats, &f.a, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old);
    assert_int_equal(s, VQ_E_LIMIT);
    assert_non_null(strstr(e.text, "raise ulimit -f"));
    assert_int_equal(files_in(f.s->dir), 0);
    close_fixture(&f);
}

static void test_incomplete(void **state)
{
    fixture f;
    open_fixture(&f, state, VQ_NEED_HESSIAN);
    vq_stats_writer *w;
    vq_err e;
    assert_int_equal(vq_stats_create(&w, f.path, &f.origin, &f.w.graph, 0, WORLD_LAYERS, &f.a, &e),
                     VQ_OK);
    assert_int_equal(vq_stats_put(w, 2, f.stats[2], WORLD_GROUPS, &e), VQ_OK);
    assert_int_equal(vq_stats_put(w, 1, f.stats[1], WORLD_GROUPS - 1, &e), VQ_E_BUG);
    f.stats[0][0].hessian = NULL;
    assert_int_equal(vq_stats_put(w, 0, f.stats[0], WORLD_GROUPS, &e), VQ_E_BUG);
    assert_string_equal(e.text, "model.layers.0.self_attn.q_proj.hessian was not gathered");
    assert_int_equal(vq_stats_commit(w, &e), VQ_E_BUG);
    vq_stats_drop(w);
    assert_int_equal(files_in(f.s->dir), 0);
    assert_int_equal(vq_stats_create(&w, scratch_path(f.s, "absent/x.vqs"), &f.origin, &f.w.graph,
                                     0, 1, &f.a, &e),
                     VQ_E_IO);
    close_fixture(&f);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(test_round_trip),   TEST(test_one_layer),
                                       TEST(test_flipped_bits), TEST(test_truncated),
                                       TEST(test_values),       TEST(test_another_model),
                                       TEST(test_numbers),      cmocka_unit_test(test_origins),
                                       TEST(test_no_space),     TEST(test_incomplete)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
