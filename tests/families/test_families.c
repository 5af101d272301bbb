/* test_families.c -- logits of small random models of every family against transformers in fp32: the
 * whole sequence at once, and token by token over a cache. Cases: make_families.py. A case whose
 * architecture has no builder is named and skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <math.h>

#include "made_case.h"
#include "model/arch/arch_table.h"
#include "model/op/attention/kv_cache.h"

/* f32 against f32 in another order of sums; logits are of size 1 to 5, of Gemma 2 up to 30. */
#define TOLERANCE 1e-4

enum {
    ARCHITECTURES = 0
#define VQ_ARCH(name) +1
#include "model/arch/architectures.inc"
#undef VQ_ARCH
};

/* Logits of tokens [position, position + n) into logits [n][vocab]. */
static void run(made_case *o, vq_kv_cache *cache, int64_t position, int64_t n, float *logits)
{
    const vq_graph *g = &o->model.graph;
    const vq_batch b = {.sequences = 1, .length = n, .position = position, .cache = cache};
    vq_err e = {0};
    float *h = malloc((size_t)vq_record_most(g, 1, n) * sizeof *h),
          *head = malloc((size_t)(n * g->nodes[g->lm_head].in_width) * sizeof *head);
    vq_status s = vq_exec_embed(&o->exec, &b, o->ids + position, h, &e);
    for (int layer = 0; s == VQ_OK && layer < g->layers; layer++)
        s = vq_exec_block(&o->exec, &b, layer, h, &e);
    if (s == VQ_OK) s = vq_exec_head(&o->exec, h, n, head, &e);
    if (s == VQ_OK) s = vq_exec_logits(&o->exec, head, n, 0, g->vocab, logits, &e);
    if (s != VQ_OK) fail_msg("%s", e.text);
    free(head);
    free(h);
}

static double worst(const json_t *want, const float *got)
{
    double most = 0;
    for (size_t i = 0; i < json_array_size(want); i++)
        most = fmax(most, fabs(json_number_value(json_array_get(want, i)) - (double)got[i]));
    return most;
}

static void check_prefill(made_case *o)
{
    const json_t *rows = json_object_get(o->made, "logits");
    const char *name = o->name;
    const int64_t vocab = o->model.graph.vocab, n = (int64_t)json_array_size(rows);
    float *logits = malloc((size_t)(o->length * vocab) * sizeof *logits);
    double sum = 0, most = 0;
    run(o, NULL, 0, o->length, logits);
    for (int64_t i = 0; i < o->length * vocab; i++) sum += (double)logits[i] * (double)logits[i];
    for (int64_t i = 0; i < n; i++)
        most = fmax(most,
                    worst(json_array_get(rows, (size_t)i), logits + (o->length - n + i) * vocab));
    const double want = json_number_value(json_object_get(o->made, "sum_of_squares"));
    print_message("%s: prefill off by %.1e, sum of squares %.6g for %.6g\n", name, most, sum, want);
    if (!(most <= TOLERANCE)) fail_msg("%s: logits are off by %g", name, most);
    if (!(fabs(sum / want - 1) <= 1e-4)) fail_msg("%s: %.9g instead of %.9g", name, sum, want);
    free(logits);
}

static void check_steps(made_case *o)
{
    const json_t *greedy = json_object_get(o->made, "greedy");
    if (!json_is_object(greedy)) return; /* transformers itself does not agree with its prefill */
    const int64_t steps = json_integer_value(json_object_get(greedy, "length")),
                  vocab = o->model.graph.vocab, first = o->length - steps;
    float *logits = malloc((size_t)(o->length * vocab) * sizeof *logits);
    vq_kv_cache *cache;
    vq_err e;
    assert_int_equal(vq_kv_cache_new(&cache, &o->model.graph, 1, o->length, &o->arena, &e), VQ_OK);
    run(o, cache, 0, first, logits);
    for (int64_t i = first; i < o->length; i++) run(o, cache, i, 1, logits);
    const double most = worst(json_object_get(greedy, "last"), logits);
    if (!(most <= TOLERANCE)) fail_msg("%s: token by token off by %g", o->name, most);
    free(logits);
}

/* Marks its architecture among those of the table. */
static void check_case(scratch *s, const char *path, bool seen[ARCHITECTURES])
{
    made_case o;
    made_case_open(&o, path, s);
    check_prefill(&o);
    check_steps(&o);
    for (int i = 0; vq_arch_at(i); i++) seen[i] |= vq_arch_at(i) == o.model.arch;
    made_case_close(&o);
}

static void test_every_case(void **state)
{
    glob_t found;
    bool seen[ARCHITECTURES] = {false};
    assert_int_equal(glob(VQ_SOURCE_DIR "/tests/families/cases/*/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) check_case(*state, found.gl_pathv[i], seen);
    print_message("%zu cases\n", (size_t)found.gl_pathc);
    for (int i = 0; vq_arch_at(i); i++)
        if (!seen[i]) fail_msg("no case of architecture %s", vq_arch_at(i)->model_type);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_case, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests_name("families", tests, NULL, NULL);
}
