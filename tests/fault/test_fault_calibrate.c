/* test_fault_calibrate.c -- statistics whose n-th request for memory fails, for n = 1, 2, 3 ...
 * until the command passes: each failure says that memory ran out, nothing leaks (sanitizers look),
 * and no file is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/run.h"
#include "scratch.h"
#include "show.h"

#define TINY VQ_SOURCE_DIR "/examples/models/tiny-llama"

static const char recipe_text[] = "vq: 1\nname: k\nabout: \"test\"\nsource: \"test\"\ncalib: "
                                  "{data: required, samples: 1, seqlen: 32}\n"
                                  "rules:\n  - {match: {name: [\"*\"]}, use: nvfp4a16}\n  - "
                                  "{match: {role: [embed, lm_head, norm]}, use: keep}\n"
                                  "passes:\n  - {do: round, method: gptq, curvature: "
                                  "kronecker}\noutput: {format: compressed-tensors}\n";

/* Paths of the folder, beside scratch_path's one. */
typedef struct paths {
    char recipe[400], one[400], two[400], out[400];
} paths;

/* Results are from a. */
typedef vq_status (*command)(vq_job *job, const paths *p, vq_arena *a, vq_err *e);

static vq_status calibrate_to(vq_job *job, const paths *p, const char *seqlen, const char *out,
                              vq_arena *a, vq_err *e)
{
    const char *const sets[] = {seqlen}, *const recipe = p->recipe;
    const vq_calib_source text = {.kind = VQ_KIND_TEXT, .path = TINY "/test.txt"};
    const vq_calibrate_options o = {.model = TINY,
                                    .recipes = &recipe,
                                    .nrecipes = 1,
                                    .data = {&text, 1},
                                    .out = out,
                                    .sets = sets,
                                    .nsets = 1};
    vq_calibrate_result r;
    return vq_run_calibrate(job, &o, &r, a, e);
}

static vq_status calibrate(vq_job *job, const paths *p, vq_arena *a, vq_err *e)
{
    return calibrate_to(job, p, "calib.seqlen=32", p->out, a, e);
}

/* Two sources and what is found out about them, without a sweep of gradients. */
static vq_status calibrate_mix(vq_job *job, const paths *p, vq_arena *a, vq_err *e)
{
    static const char *const sets[] = {"calib.samples=2", "passes=[{do: round, method: gptq}]"};
    static const vq_calib_source texts[] = {
        {.kind = VQ_KIND_TEXT, .path = TINY "/test.txt", .share = 0.5},
        {.kind = VQ_KIND_TEXT, .path = TINY "/valid.txt", .share = 0.5}};
    const char *const recipe = p->recipe;
    const vq_calibrate_options o = {.model = TINY,
                                    .recipes = &recipe,
                                    .nrecipes = 1,
                                    .data = {texts, 2},
                                    .out = p->out,
                                    .sets = sets,
                                    .nsets = 2};
    vq_calibrate_result r;
    VQ_TRY(vq_run_calibrate(job, &o, &r, a, e));
    assert_eq(r.coverage.nsources, 2);
    return VQ_OK;
}

static vq_status merge(vq_job *job, const paths *p, vq_arena *a, vq_err *e)
{
    const vq_merge_input inputs[] = {{.path = p->one, .share = 0.25},
                                     {.path = p->two, .share = 0.75}};
    const vq_merge_options o = {.inputs = inputs, .ninputs = 2, .out = p->out};
    vq_merge_result r;
    return vq_run_merge_stats(job, &o, &r, a, e);
}

static vq_status inspect(vq_job *job, const paths *p, vq_arena *a, vq_err *e)
{
    vq_inspect_result r;
    return vq_run_inspect(job, p->one, &r, a, e);
}

static vq_job job_new(size_t fail_in)
{
    vq_job job = {.threads = 1, .budget = {.fail_in = fail_in}};
    assert_int_equal(vq_kernels_select(&job.kernels, NULL, false, NULL), VQ_OK);
    return job;
}

static paths paths_in(const scratch *s)
{
    paths p;
    snprintf(p.recipe, sizeof p.recipe, "%s/k.yaml", s->dir);
    snprintf(p.one, sizeof p.one, "%s/one.vqs", s->dir);
    snprintf(p.two, sizeof p.two, "%s/two.vqs", s->dir);
    snprintf(p.out, sizeof p.out, "%s/out.vqs", s->dir);
    return p;
}

/* Every request of the first hundred, then ever larger steps: the later ones repeat what was done
 * for other tensors. */
static void fail_each(scratch *s, command run)
{
    const paths p = paths_in(s);
    vq_status status = VQ_E_LIMIT;
    size_t runs = 0;
    for (size_t n = 1; status != VQ_OK; n += n < 100 ? 1 : n / 25, runs++) {
        vq_err e = {0};
        vq_job job = job_new(n);
        vq_arena a;
        vq_arena_init(&a, &job.budget);
        status = run(&job, &p, &a, &e);
        vq_arena_done(&a);
        if (status != VQ_OK && status != VQ_E_LIMIT)
            fail_msg("request %zu: status %d: %s", n, (int)status, e.text);
        if (status != VQ_OK && (vq_exists(p.out) || vq_exists(scratch_path(s, "out.vqs.run"))))
            fail_msg("request %zu: a file or folder is left", n);
        if (job.budget.used) fail_msg("request %zu: %zu bytes are still held", n, job.budget.used);
    }
    assert_gt(runs, 10);
    (void)remove(p.out);
}

static int setup(void **state)
{
    if (scratch_setup(state) != 0) return -1;
    const paths p = paths_in(*state);
    scratch_text(*state, "k.yaml", recipe_text);
    vq_job job = job_new(0);
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    vq_status s = calibrate_to(&job, &p, "calib.select=first", p.one, &a, &e);
    if (s == VQ_OK) s = calibrate_to(&job, &p, "calib.select=random", p.two, &a, &e);
    vq_arena_done(&a);
    if (s != VQ_OK) fprintf(stderr, "%s\n", e.text);
    return s == VQ_OK ? 0 : -1;
}

static void test_calibrate(void **state)
{
    fail_each(*state, calibrate);
}

static void test_calibrate_mix(void **state)
{
    fail_each(*state, calibrate_mix);
}

static void test_merge(void **state)
{
    fail_each(*state, merge);
}

static void test_inspect(void **state)
{
    fail_each(*state, inspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibrate), cmocka_unit_test(test_calibrate_mix),
        cmocka_unit_test(test_merge), cmocka_unit_test(test_inspect)};
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
