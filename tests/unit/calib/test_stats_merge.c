/* test_stats_merge.c -- merged statistics are those of all samples together; what does not belong
 * together is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/file.h"
#include "calib/stats/stats_merge.h"
#include "calib/stats/stats_shares.h"
#include "show.h"
#include "stats_world.h"

enum { ALL = 127, FILES = 3 };

typedef struct parts {
    scratch *s;
    decoder_world w;
    vq_arena a;
    vq_stats **stats[FILES];
    vq_stats_origin origin[FILES];
    char path[FILES][512], out[512];
} parts;

static void save(parts *p, int i)
{
    vq_err e = {0};
    if (vq_stats_save(p->path[i], &p->origin[i], &p->w.graph, 0, WORLD_LAYERS, p->stats[i], &p->a,
                      &e) != VQ_OK)
        fail_msg("%s", e.text);
}

static void open_parts(parts *p, void **state, unsigned needs)
{
    p->s = *state;
    calib_open(&p->w, "llama", 0);
    vq_arena_init(&p->a, NULL);
    for (int i = 0; i < FILES; i++) {
        p->stats[i] = stats_make(&p->w, needs, 5 + 100 * (uint64_t)i, &p->a);
        p->origin[i] = stats_origin(needs);
        p->origin[i].data[0] = (char)('0' + i);
        snprintf(p->path[i], sizeof p->path[i], "%s/part%d.vqs", p->s->dir, i);
        save(p, i);
    }
    snprintf(p->out, sizeof p->out, "%s/all.vqs", p->s->dir);
}

static void close_parts(parts *p)
{
    vq_arena_done(&p->a);
    world_close(&p->w);
}

static vq_status merge(parts *p, vq_err *e)
{
    vq_merge_input in[] = {{.path = p->path[0]}, {.path = p->path[1]}};
    return vq_stats_merge(in, 2, p->out, false, NULL, &p->a, e);
}

/* Must work. */
static void merge_into(parts *p, const char *out, vq_merge_input *in, int n)
{
    vq_err e = {0};
    if (vq_stats_merge(in, n, out, false, NULL, &p->a, &e) != VQ_OK) fail_msg("%s", e.text);
}

static vq_stats_file load(parts *p, const char *path)
{
    vq_stats_file in;
    vq_err e = {0};
    if (vq_stats_load(&in, path, &p->w.graph, &p->a, &e) != VQ_OK) fail_msg("%s", e.text);
    return in;
}

static void sums(const float *a, const float *b, const float *got, int64_t n)
{
    for (int64_t i = 0; i < n; i++) assert_eq(got[i], (float)((double)a[i] + (double)b[i]));
}

static void check_group(const vq_stats *a, const vq_stats *b, const vq_stats *m)
{
    assert_eq(m->tokens, a->tokens + b->tokens);
    assert_eq(m->samples, a->samples + b->samples);
    assert_eq(m->tail_count, a->tail_count + b->tail_count);
    for (int64_t c = 0; c < a->k; c++) {
        assert_eq(m->min[c], fminf(a->min[c], b->min[c]));
        assert_eq(m->max[c], fmaxf(a->max[c], b->max[c]));
        assert_eq(m->absmax[c], fmaxf(a->absmax[c], b->absmax[c]));
        assert_eq(m->abs_sum[c], a->abs_sum[c] + b->abs_sum[c]);
    }
    for (int i = 0; i < VQ_HIST_BINS; i++)
        assert_eq(m->histogram[i], a->histogram[i] + b->histogram[i]);
    sums(a->hessian, b->hessian, m->hessian, a->k * a->k);
    for (int i = 0; i < a->nlinears; i++) {
        sums(a->linears[i].input, b->linears[i].input, m->linears[i].input, a->k * a->k);
        sums(a->linears[i].output, b->linears[i].output, m->linears[i].output,
             a->linears[i].n * a->linears[i].n);
    }
}

static void test_sums(void **state)
{
    parts p;
    open_parts(&p, state, ALL);
    vq_err e = {0};
    if (merge(&p, &e) != VQ_OK) fail_msg("%s", e.text);
    vq_stats_file in;
    if (vq_stats_load(&in, p.out, &p.w.graph, &p.a, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int i = 0; i < WORLD_LAYERS * WORLD_GROUPS; i++) {
        const int layer = i / WORLD_GROUPS, group = i % WORLD_GROUPS;
        check_group(&p.stats[0][layer][group], &p.stats[1][layer][group], &in.stats[layer][group]);
    }
    assert_int_equal(in.origin.samples, 4);
    assert_string_not_equal(in.origin.data, p.origin[0].data);
    vq_stats_close(&in);
    close_parts(&p);
}

/* The sums with weights 1.5 and 0.5 are half of those with 3 and 1, to the bit. */
static void thrice(const float *a, const float *b, const float *got, int64_t n)
{
    for (int64_t i = 0; i < n; i++) assert_eq(2 * got[i], (float)(3 * (double)a[i] + (double)b[i]));
}

static void check_weighed(const vq_stats *a, const vq_stats *b, const vq_stats *m)
{
    uint64_t had = 0, upto_a = 0, upto_b = 0;
    assert_eq(m->tokens, (3 * a->tokens + b->tokens) / 2);
    assert_eq(m->samples, (3 * a->samples + b->samples) / 2);
    assert_near((double)m->tail_count, (double)(3 * a->tail_count + b->tail_count) / 2, 0.5);
    for (int64_t c = 0; c < a->k; c++) {
        assert_eq(m->min[c], fminf(a->min[c], b->min[c]));
        assert_eq(m->max[c], fmaxf(a->max[c], b->max[c]));
        assert_eq(m->abs_sum[c], 1.5 * a->abs_sum[c] + 0.5 * b->abs_sum[c]);
    }
    for (int i = 0; i < VQ_HIST_BINS; i++) {
        had += m->histogram[i];
        upto_a += a->histogram[i];
        upto_b += b->histogram[i];
        assert_near((double)had, (double)(3 * upto_a + upto_b) / 2, 0.5);
    }
    assert_eq(had, (uint64_t)(m->tokens * m->k));
    thrice(a->hessian, b->hessian, m->hessian, a->k * a->k);
    for (int i = 0; i < a->nlinears; i++) {
        const vq_curvature *x = &a->linears[i], *y = &b->linears[i], *z = &m->linears[i];
        thrice(x->input, y->input, z->input, a->k * a->k);
        thrice(x->output, y->output, z->output, x->n * x->n);
    }
}

static void test_weights(void **state)
{
    parts p;
    open_parts(&p, state, ALL);
    vq_merge_input in[] = {{p.path[0], 0.75, 0}, {p.path[1], 0.25, 0}};
    merge_into(&p, p.out, in, 2);
    vq_stats_file m = load(&p, p.out);
    for (int i = 0; i < WORLD_LAYERS * WORLD_GROUPS; i++) {
        const int layer = i / WORLD_GROUPS, group = i % WORLD_GROUPS;
        check_weighed(&p.stats[0][layer][group], &p.stats[1][layer][group], &m.stats[layer][group]);
    }
    assert_eq(m.origin.samples, (int64_t)4);
    assert_eq(m.origin.nparts, 2);
    assert_eq(m.origin.parts[0].share, 0.75);
    assert_eq(m.origin.parts[1].share, 0.25);
    vq_stats_close(&m);
    close_parts(&p);
}

/* An expert that saw one token, in a file that counts for an eighth of what it holds, saw one. */
static void test_seen_stays_seen(void **state)
{
    parts p;
    open_parts(&p, state, ALL);
    for (int i = 0; i < 2; i++) {
        vq_stats *expert = &p.stats[i][1][2];
        expert->tokens = expert->samples = i;
        expert->tail_count = 0;
        save(&p, i);
    }
    vq_merge_input in[] = {{p.path[0], 0.9375, 0}, {p.path[1], 0.0625, 0}};
    merge_into(&p, p.out, in, 2);
    vq_stats_file m = load(&p, p.out);
    assert_eq(m.stats[1][2].tokens, (int64_t)1);
    assert_eq(m.stats[1][2].samples, (int64_t)1);
    assert_eq(m.stats[1][2].tail_count, (uint64_t)0);
    assert_eq(m.stats[1][1].tokens, (int64_t)28);
    vq_stats_close(&m);
    close_parts(&p);
}

static void same_bytes(const char *a, const char *b)
{
    vq_map x, y;
    assert_int_equal(vq_map_open(&x, a, NULL), VQ_OK);
    assert_int_equal(vq_map_open(&y, b, NULL), VQ_OK);
    assert_eq(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    vq_map_close(&x);
    vq_map_close(&y);
}

/* A file of 2 samples with share 0.25 beside one of 6 counts as it does without shares. */
static void test_shares_as_they_are(void **state)
{
    parts p;
    char plain[600];
    open_parts(&p, state, ALL);
    snprintf(plain, sizeof plain, "%s/plain.vqs", p.s->dir);
    p.origin[1].samples = 6;
    save(&p, 1);
    merge_into(&p, plain, (vq_merge_input[]){{.path = p.path[0]}, {.path = p.path[1]}}, 2);
    merge_into(&p, p.out, (vq_merge_input[]){{p.path[0], 0.25, 0}, {p.path[1], 0.75, 0}}, 2);
    same_bytes(plain, p.out);
    close_parts(&p);
}

static void test_every_order(void **state)
{
    static const int orders[][FILES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const double shares[][FILES] = {{0, 0, 0}, {0.1, 0.2, 0.7}};
    parts p;
    char first[600];
    open_parts(&p, state, ALL);
    for (int s = 0; s < 2; s++) {
        snprintf(first, sizeof first, "%s/first%d.vqs", p.s->dir, s);
        for (int o = 0; o < 6; o++) {
            vq_merge_input in[FILES];
            for (int i = 0; i < FILES; i++) {
                const int file = orders[o][i];
                in[i] = (vq_merge_input){p.path[file], shares[s][file], 0};
            }
            merge_into(&p, o ? p.out : first, in, FILES);
            if (o) same_bytes(first, p.out);
        }
    }
    close_parts(&p);
}

static void refuse_pair(parts *p, const char *one, const char *two)
{
    vq_err e = {0};
    char out[600];
    snprintf(out, sizeof out, "%s/twice.vqs", p->s->dir);
    vq_merge_input in[] = {{.path = one}, {.path = two}};
    assert_int_equal(vq_stats_merge(in, 2, out, false, NULL, &p->a, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, one));
    assert_non_null(strstr(e.text, two));
    assert_non_null(strstr(e.text, "count twice"));
    assert_false(vq_exists(out));
}

static void test_parts_count_once(void **state)
{
    parts p;
    char all[600], other[600];
    open_parts(&p, state, ALL);
    snprintf(all, sizeof all, "%s/three.vqs", p.s->dir);
    snprintf(other, sizeof other, "%s/other.vqs", p.s->dir);
    merge_into(&p, p.out, (vq_merge_input[]){{p.path[1], 0.25, 0}, {p.path[0], 0.75, 0}}, 2);
    refuse_pair(&p, p.out, p.path[0]);
    refuse_pair(&p, p.path[1], p.out);
    merge_into(&p, other, (vq_merge_input[]){{.path = p.path[1]}, {.path = p.path[2]}}, 2);
    refuse_pair(&p, p.out, other);
    merge_into(&p, all, (vq_merge_input[]){{p.path[2], 0.5, 0}, {p.out, 0.5, 0}}, 2);
    refuse_pair(&p, p.path[1], all);
    vq_stats_file m = load(&p, all);
    static const double shares[FILES] = {0.375, 0.125, 0.5};
    assert_eq(m.origin.nparts, FILES);
    for (int i = 0; i < FILES; i++) {
        assert_string_equal(m.origin.parts[i].data, p.origin[i].data);
        assert_eq(m.origin.parts[i].samples, (int64_t)2);
        assert_eq(m.origin.parts[i].share, shares[i]);
    }
    vq_stats_close(&m);
    close_parts(&p);
}

#define A_PART "0bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B_PART "1bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* Reads a list that has the digest that it should have. */
static vq_status read_list(parts *p, const char *text, vq_err *e)
{
    vq_stats_origin o = {.samples = 4};
    vq_sha256_of(text, strlen(text), o.data);
    return vq_shares_read(&o, text, &p->a, e);
}

/* More than a list holds is refused before anything is written. */
static void test_too_many_parts(void **state)
{
    static const double half[] = {0.5, 0.5};
    parts p;
    vq_err e = {0};
    open_parts(&p, state, VQ_NEED_HESSIAN);
    vq_stats_share *many = VQ_NEW(&p.a, vq_stats_share, VQ_STATS_SHARES_MAX, "test", NULL), *all;
    int n;
    for (int i = 0; i < VQ_STATS_SHARES_MAX; i++) {
        many[i] = (vq_stats_share){.samples = 1, .share = 1.0 / VQ_STATS_SHARES_MAX};
        snprintf(many[i].data, sizeof many[i].data, "%064x", (unsigned)i);
    }
    vq_stats_origin merged = {.parts = many, .nparts = VQ_STATS_SHARES_MAX - 1};
    const vq_stats_origin *const two[] = {&merged, &p.origin[1]};
    assert_int_equal(vq_shares_all(two, half, 2, &all, &n, &p.a, &e), VQ_OK);
    vq_stats_origin full = {.samples = n};
    const char *text = vq_shares_text(many, n, &p.a, &e);
    vq_sha256_of(text, strlen(text), full.data);
    if (vq_shares_read(&full, text, &p.a, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_eq(full.nparts, VQ_STATS_SHARES_MAX);
    merged.nparts++;
    assert_int_equal(vq_shares_all(two, half, 2, &all, &n, &p.a, &e), VQ_E_LIMIT);
    close_parts(&p);
}

static void test_lists_that_lie(void **state)
{
    static const char *const lies[] = {
        "",
        "\n",
        A_PART,
        A_PART ":4:1,",
        A_PART ":4:1,,",
        A_PART ":4:1 ",
        A_PART ":4:0x1p0",
        A_PART ": 4:1",
        A_PART ":+4:1",
        A_PART ":04:1",
        A_PART ":4:1.0",
        A_PART ":4:nan",
        A_PART ":4:-1",
        A_PART ":4:2",
        A_PART ":3:1",
        A_PART ":5:1",
        A_PART ":99999999999999999999:1",
        A_PART ":9223372036854775807:0.5," B_PART ":9223372036854775807:0.5",
        A_PART ":2:0.5," B_PART ":2:0.25",
        A_PART ":4:1," B_PART ":0:0",
        B_PART ":2:0.5," A_PART ":2:0.5",
        A_PART ":2:0.5," A_PART ":2:0.5",
        "0" A_PART ":4:1",
        "A" A_PART ":4:1",
    };
    parts p;
    vq_err e = {0};
    open_parts(&p, state, VQ_NEED_HESSIAN);
    assert_int_equal(read_list(&p, A_PART ":1:0.75," B_PART ":3:0.25", &e), VQ_OK);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        if (read_list(&p, lies[i], &e) != VQ_E_INPUT) fail_msg("read: %s", lies[i]);
    vq_stats_origin other = {.samples = 4, .data = A_PART};
    assert_int_equal(vq_shares_read(&other, A_PART ":4:1", &p.a, &e), VQ_E_INPUT);
    close_parts(&p);
}

static void refuse(parts *p, const char *says)
{
    vq_err e = {0};
    save(p, 1);
    const vq_status s = merge(p, &e);
    if (s != VQ_E_INPUT || !strstr(e.text, says))
        fail_msg("status %d: \"%s\" does not say \"%s\"", (int)s, e.text, says);
    assert_false(vq_exists(p->out));
}

static void test_what_does_not_belong_together(void **state)
{
    parts p;
    open_parts(&p, state, VQ_NEED_HESSIAN);
    const vq_stats_origin good = p.origin[1];
    p.origin[1].model[3] = 'f';
    refuse(&p, "made from another model");
    p.origin[1] = good;
    p.origin[1].version[0] = '9';
    refuse(&p, "made by vq 9.2.3");
    p.origin[1] = good;
    p.origin[1].seqlen = 8;
    refuse(&p, "made with calib.seqlen 8");
    p.origin[1] = good;
    p.origin[1].data[0] = '0';
    refuse(&p, "the same data");
    close_parts(&p);
}

static void test_other_tensors(void **state)
{
    parts p;
    open_parts(&p, state, VQ_NEED_HESSIAN);
    vq_err e = {0};
    assert_int_equal(
        vq_stats_save(p.path[1], &p.origin[1], &p.w.graph, 1, 2, p.stats[1] + 1, &p.a, NULL),
        VQ_OK);
    assert_int_equal(merge(&p, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "missing here: --common"));
    close_parts(&p);
    open_parts(&p, state, ALL);
    p.origin[1].needs = VQ_NEED_HESSIAN;
    assert_int_equal(
        vq_stats_save(p.path[1], &p.origin[1], &p.w.graph, 0, WORLD_LAYERS, p.stats[1], &p.a, NULL),
        VQ_OK);
    assert_int_equal(merge(&p, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "--common merges"));
    close_parts(&p);
}

static void test_overflow(void **state)
{
    parts p;
    open_parts(&p, state, VQ_NEED_HESSIAN);
    vq_err e = {0};
    for (int i = 0; i < 2; i++) {
        p.stats[i][2][1].hessian[0] = 3e38F;
        save(&p, i);
    }
    assert_int_equal(merge(&p, &e), VQ_E_NUMERIC);
    assert_non_null(
        strstr(e.text, "model.layers.2.self_attn.o_proj.hessian holds a value that is not finite"));
    assert_false(vq_exists(p.out));
    close_parts(&p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(test_sums),
                                       TEST(test_what_does_not_belong_together),
                                       TEST(test_other_tensors),
                                       TEST(test_overflow),
                                       TEST(test_weights),
                                       TEST(test_seen_stays_seen),
                                       TEST(test_shares_as_they_are),
                                       TEST(test_every_order),
                                       TEST(test_parts_count_once),
                                       TEST(test_lists_that_lie),
                                       TEST(test_too_many_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
