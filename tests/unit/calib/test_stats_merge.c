/* test_stats_merge.c -- merged statistics are those of all samples together; what does not belong
 * together is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "show.h"
#include "stats_world.h"

enum { ALL = 127 };

typedef struct parts {
    scratch *s;
    decoder_world w;
    vq_arena a;
    vq_stats **stats[2];
    vq_stats_origin origin[2];
    char path[2][512], out[512];
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
    for (int i = 0; i < 2; i++) {
        p->stats[i] = stats_make(&p->w, needs, 5 + 100 * (uint64_t)i, &p->a);
        p->origin[i] = stats_origin(needs);
        p->origin[i].data[0] = i ? '1' : '0';
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
    const char *const paths[] = {p->path[0], p->path[1]};
    return vq_stats_merge(paths, 2, p->out, false, NULL, &p->a, e);
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
    const struct CMUnitTest tests[] = {TEST(test_sums), TEST(test_what_does_not_belong_together),
                                       TEST(test_other_tensors), TEST(test_overflow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
