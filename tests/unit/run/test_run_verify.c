/* test_run_verify.c -- an artifact of the embedded model, changed in one place at a time, must not
 * verify: a bit of every tensor; values that no quantizer writes under hashes that fit them; a
 * kernel that decodes wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "formats/layouts/module_store.h"
#include "load/model.h"
#include "run/manifest.h"
#include "run/run.h"
#include "scratch.h"

#define TINY VQ_SOURCE_DIR "/examples/models/tiny-llama"
#define Q_PROJ "model.layers.1.self_attn.q_proj"

static vq_job job_new(void)
{
    vq_job job = {.threads = 1};
    assert_int_equal(vq_kernels_select(&job.kernels, NULL, false, NULL), VQ_OK);
    return job;
}

static int setup(void **state)
{
    if (scratch_setup(state) != 0) return -1;
    vq_err e = {0};
    vq_job job = job_new();
    vq_quantize_result r;
    vq_arena a;
    const vq_quantize_options o = {
        .model = TINY, .recipe = "nvfp4a16", .out = scratch_path(*state, "made")};
    vq_arena_init(&a, NULL);
    const vq_status status = vq_run_quantize(&job, &o, &r, &a, &e);
    vq_arena_done(&a);
    return status == VQ_OK ? 0 : -1;
}

/* The first finding for DIR/made into text, "" when it verifies; a folder that cannot be opened
 * gives the error. */
static void verify(scratch *s, vq_job *job, char *text, size_t len)
{
    vq_err e = {0};
    vq_verify_result r;
    vq_arena a;
    *text = '\0';
    vq_arena_init(&a, NULL);
    const vq_status status = vq_run_verify(job, scratch_path(s, "made"), NULL, &r, &a, &e);
    if (status != VQ_OK) {
        assert_int_equal(status, VQ_E_INPUT);
        snprintf(text, len, "%s", e.text);
    } else if (r.nfailures)
        snprintf(text, len, "%s: %s", r.failures[0].tensor, r.failures[0].what);
    vq_arena_done(&a);
}

static void says(scratch *s, vq_job *job, const char *a, const char *b)
{
    char text[1024];
    verify(s, job, text, sizeof text);
    if (!strstr(text, a) || !strstr(text, b)) fail_msg("'%s' lacks '%s' or '%s'", text, a, b);
}

static void verifies(scratch *s)
{
    char text[1024];
    vq_job job = job_new();
    verify(s, &job, text, sizeof text);
    if (*text) fail_msg("%s", text);
}

/* n bytes at a place of the weights file become `bytes`; what was there goes to `before`. */
static void poke(scratch *s, long at, const void *bytes, size_t n, void *before)
{
    FILE *f = fopen(scratch_path(s, "made/model.safetensors"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fread(before, 1, n, f), n);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

typedef struct opened {
    vq_arena arena;
    vq_model model;
} opened;

static void open_made(scratch *s, opened *o)
{
    vq_err e = {0};
    vq_arena_init(&o->arena, NULL);
    if (vq_model_open(&o->model, scratch_path(s, "made"), &o->arena, &e) != VQ_OK)
        fail_msg("%s", e.text);
}

static void close_made(opened *o)
{
    vq_model_close(&o->model);
    vq_arena_done(&o->arena);
}

static long place(const opened *o, const char *tensor)
{
    const vq_tensor_set *w = &o->model.checkpoint.weights;
    const vq_tensor *t = vq_tensor_set_find(w, tensor);
    assert_non_null(t);
    return (long)((const char *)t->data - (const char *)w->files[0].map.data);
}

/* Places and values of a byte in the middle of each tensor; the layers are alike. The file is closed
 * then: one that changes while it is open ends what reads it. */
static size_t middles(scratch *s, long *at, uint8_t *byte, size_t max)
{
    opened o;
    size_t n = 0;
    open_made(s, &o);
    const vq_tensor_set *w = &o.model.checkpoint.weights;
    for (size_t i = 0; i < w->count; i++) {
        const vq_tensor *t = w->sorted[i];
        if (strstr(t->name, "layers.") && !strstr(t->name, "layers.1.")) continue;
        assert_in_range(n, 0, max - 1);
        byte[n] = ((const uint8_t *)t->data)[t->bytes / 2];
        at[n++] = place(&o, t->name) + (long)(t->bytes / 2);
    }
    close_made(&o);
    return n;
}

static void test_every_tensor(void **state)
{
    scratch *s = *state;
    vq_job job = job_new();
    long at[128];
    uint8_t byte[128];
    verifies(s);
    const size_t n = middles(s, at, byte, 128);
    for (size_t i = 0; i < n; i++) {
        uint8_t was, changed = byte[i] ^ (uint8_t)(1u << (i % 8));
        poke(s, at[i], &changed, 1, &was);
        says(s, &job, "", "SHA-256");
        poke(s, at[i], &was, 1, &changed);
    }
    verifies(s);
}

/* vq.json as a forger would leave it: every hash fits what is stored now. */
static void forge(scratch *s)
{
    opened o;
    vq_err e = {0};
    vq_manifest m;
    bool intact;
    char dir[512], sha[64][VQ_SHA256_TEXT];
    open_made(s, &o);
    snprintf(dir, sizeof dir, "%s", scratch_path(s, "made"));
    assert_int_equal(vq_manifest_read(dir, &m, &intact, &o.arena, &e), VQ_OK);
    assert_int_equal(vq_folder_digests(dir, &m.files, &m.nfiles, &o.arena, &e), VQ_OK);
    assert_in_range(m.nmodules, 1, 64);
    vq_manifest_module *modules = VQ_ALLOC(&o.arena, vq_manifest_module, m.nmodules, "modules", &e);
    assert_non_null(modules);
    memcpy(modules, m.modules, m.nmodules * sizeof *modules);
    for (size_t i = 0; i < m.nmodules; i++) {
        assert_int_equal(vq_module_sha(vq_target_find("compressed-tensors"), modules[i].name,
                                       &o.model.checkpoint.weights, sha[i], &e),
                         VQ_OK);
        modules[i].sha256 = sha[i];
    }
    m.modules = modules;
    assert_int_equal(vq_manifest_write(dir, &m, &e), VQ_OK);
    close_made(&o);
}

static void forged(scratch *s, const char *tensor, long offset, const void *bytes, size_t n,
                   const char *what)
{
    uint8_t was[8], changed[8];
    opened o;
    vq_job job = job_new();
    open_made(s, &o);
    const long at = place(&o, tensor) + offset;
    close_made(&o);
    poke(s, at, bytes, n, was);
    forge(s);
    says(s, &job, Q_PROJ, what);
    poke(s, at, was, n, changed);
    forge(s);
    verifies(s);
}

static void test_values_under_hashes_that_fit(void **state)
{
    scratch *s = *state;
    const float infinite = INFINITY, nothing = 0, other = 12345;
    forged(s, Q_PROJ ".weight_scale", 3, "\x7f", 1, "scale of row 0, group 3 is nan");
    forged(s, Q_PROJ ".weight_scale", 3, "\xff", 1, "scale of row 0, group 3 is");
    forged(s, Q_PROJ ".weight_global_scale", 0, &infinite, sizeof infinite, "second-level scale");
    forged(s, Q_PROJ ".weight_global_scale", 0, &nothing, sizeof nothing, "second-level scale");
    forged(s, Q_PROJ ".weight_global_scale", 0, &other, sizeof other, "");
}

static vq_kernels honest;

/* Decodes as the kernel of this machine does, but for the last element of a row. */
static void decode_wrongly(const vq_num *num, const uint8_t *codes, size_t n, size_t block,
                           const float *scale, const int16_t *zero, float *x)
{
    honest.decode_row(num, codes, n, block, scale, zero, x);
    x[n - 1] += 1;
}

static void test_kernel_that_decodes_wrongly(void **state)
{
    vq_job job = job_new();
    honest = job.kernels;
    job.kernels.decode_row = decode_wrongly;
    says(*state, &job, "weight [0][", "the reference");
}

static void test_against_another_model(void **state)
{
    scratch *s = *state;
    vq_job job = job_new();
    vq_err e = {0};
    vq_verify_result r;
    vq_arena a;
    char made[512];
    vq_arena_init(&a, NULL);
    snprintf(made, sizeof made, "%s", scratch_path(s, "made"));
    assert_int_equal(vq_run_verify(&job, made, TINY, &r, &a, &e), VQ_OK);
    assert_int_equal(r.nfailures, 0);
    assert_int_equal(vq_run_verify(&job, made, VQ_SOURCE_DIR "/examples", &r, &a, &e), VQ_E_INPUT);
    vq_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tensor),
        cmocka_unit_test(test_values_under_hashes_that_fit),
        cmocka_unit_test(test_kernel_that_decodes_wrongly),
        cmocka_unit_test(test_against_another_model),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
