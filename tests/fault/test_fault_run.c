/* test_fault_run.c -- whole commands whose n-th request for memory fails, for n = 1, 2, 3 ... until
 * the command passes: each failure says that memory ran out, nothing leaks (sanitizers look), no
 * output stands under its final name, and a working folder only with finished parts that a run can
 * be resumed from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/run.h"
#include "scratch.h"
#include "show.h"

#define TINY VQ_SOURCE_DIR "/examples/models/tiny-llama"

typedef vq_status (*command)(vq_job *job, scratch *s, vq_err *e);

static vq_status quantize(vq_job *job, const char *recipe, const char *const *sets, int nsets,
                          const char *out, vq_err *e)
{
    const vq_quantize_options o = {
        .model = TINY, .recipe = recipe, .sets = sets, .nsets = nsets, .out = out};
    vq_quantize_result r;
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    const vq_status s = vq_run_quantize(job, &o, &r, &a, e);
    vq_arena_done(&a);
    return s;
}

static vq_status quantize_data_free(vq_job *job, scratch *s, vq_err *e)
{
    return quantize(job, "nvfp4a16", NULL, 0, scratch_path(s, "out"), e);
}

static vq_status quantize_calibrated(vq_job *job, scratch *s, vq_err *e)
{
    static const char *const sets[] = {"calib.samples=1", "calib.seqlen=32"};
    return quantize(job, "nvfp4-arc", sets, 2, scratch_path(s, "out"), e);
}

static vq_status plan(vq_job *job, scratch *s, vq_err *e)
{
    (void)s;
    const vq_quantize_options o = {.model = TINY, .recipe = "nvfp4-arc"};
    vq_plan_result r;
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    const vq_status status = vq_run_plan(job, &o, &r, &a, e);
    vq_arena_done(&a);
    return status;
}

static vq_status verify(vq_job *job, scratch *s, vq_err *e)
{
    vq_verify_result r;
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    const vq_status status = vq_run_verify(job, scratch_path(s, "made"), TINY, &r, &a, e);
    if (status == VQ_OK) assert_int_equal(r.nfailures, 0);
    vq_arena_done(&a);
    return status;
}

static vq_status eval(vq_job *job, scratch *s, vq_err *e)
{
    const char *const models[] = {scratch_path(s, "made"), TINY "/model.safetensors"},
                      *const texts[] = {TINY "/test.txt", TINY "/valid.txt"};
    const vq_eval_options o = {.models = models,
                               .nmodels = 2,
                               .texts = texts,
                               .ntexts = 2,
                               .ref = TINY,
                               .window = 64,
                               .max_windows = 1};
    vq_eval_result r;
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    const vq_status status = vq_run_eval_ppl(job, &o, &r, &a, e);
    vq_arena_done(&a);
    return status;
}

static vq_status inspect(vq_job *job, scratch *s, vq_err *e)
{
    vq_inspect_result r;
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    const vq_status status = vq_run_inspect(job, scratch_path(s, "made"), &r, &a, e);
    vq_arena_done(&a);
    return status;
}

static vq_job job_new(size_t fail_in)
{
    vq_job job = {.threads = 1, .budget = {.fail_in = fail_in}};
    assert_int_equal(vq_kernels_select(&job.kernels, NULL, false, NULL), VQ_OK);
    return job;
}

static void must_remove(scratch *s, const char *name)
{
    assert_int_equal(vq_remove(scratch_path(s, name), NULL), VQ_OK);
}

static void nothing_left(scratch *s, size_t n)
{
    if (vq_exists(scratch_path(s, "out"))) fail_msg("request %zu: an output is left", n);
    if (!vq_exists(scratch_path(s, "out.run"))) return;
    if (!vq_exists(scratch_path(s, "out.run/state.json")))
        fail_msg("request %zu: a working folder without a state is left", n);
    must_remove(s, "out.run");
}

/* Every request of the first hundred, then ever larger steps: the later ones repeat what was done
 * for other tensors. */
static void fail_each(scratch *s, command run)
{
    size_t n = 1, runs = 0;
    for (bool failed = true; failed; n += n < 100 ? 1 : n / 12, runs++) {
        vq_err e = {0};
        vq_job job = job_new(n);
        const vq_status status = run(&job, s, &e);
        failed = job.budget.fail_in == 0; /* else there were fewer requests than n */
        if (status != VQ_OK && status != VQ_E_LIMIT)
            fail_msg("request %zu: status %d: %s", n, (int)status, e.text);
        if (!failed) assert_int_equal(status, VQ_OK);
        /* a few requests are for what a command can do without */
        if (status == VQ_OK) must_remove(s, "out");
        nothing_left(s, n);
        if (job.budget.used) fail_msg("request %zu: %zu bytes are still held", n, job.budget.used);
    }
    assert_gt(runs, 10);
}

static int setup(void **state)
{
    if (scratch_setup(state) != 0) return -1;
    vq_err e = {0};
    vq_job job = job_new(0);
    return quantize(&job, "nvfp4a16", NULL, 0, scratch_path(*state, "made"), &e) == VQ_OK ? 0 : -1;
}

static void test_plan(void **state)
{
    fail_each(*state, plan);
}

static void test_quantize(void **state)
{
    fail_each(*state, quantize_data_free);
}

static void test_quantize_calibrated(void **state)
{
    fail_each(*state, quantize_calibrated);
}

static void test_verify(void **state)
{
    fail_each(*state, verify);
}

static void test_eval(void **state)
{
    fail_each(*state, eval);
}

static void test_inspect(void **state)
{
    fail_each(*state, inspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_quantize_calibrated),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_eval),
        cmocka_unit_test(test_inspect),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
