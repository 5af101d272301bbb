/* test_golden_hadamard.c -- rotations by blocks against compressed-tensors' matrices (f64 products
 * there, f32 butterflies here). */
#include "golden_tensors.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/exchange/edit.h"
#include "kernels/kernels.h"
#include "show.h"

enum { ROWS = 8, K = 256 };

/* The error of a rotated element, against the size of what went into it. */
static void near(const float *got, const float *want, int64_t block, double tolerance)
{
    for (int64_t at = 0; at < ROWS * K; at += block) {
        double size = 0;
        for (int64_t i = at; i < at + block; i++) size += (double)want[i] * (double)want[i];
        for (int64_t i = at; i < at + block; i++)
            assert_near(got[i], want[i], tolerance * sqrt(size));
    }
}

static void rows(void **state)
{
    golden_file *f = *state;
    vq_err e;
    float y[ROWS * K];
    const float *x = golden_f32(f, golden_find(f, "x"));
    static const char *const levels[] = {"ref", "avx2", "avx512"};
    for (size_t l = 0; l < 3; l++) {
        vq_kernels kernels;
        if (vq_kernels_select(&kernels, levels[l], false, &e) != VQ_OK) continue;
        for (int64_t block = 16; block <= 256; block *= 2) {
            memcpy(y, x, sizeof y);
            kernels.hadamard_row(y, ROWS * K, (size_t)block);
            near(y, golden_f32(f, golden_find(f, "y%d", (int)block)), block, 3e-7);
        }
    }
}

/* The same on the columns of a weight, where sums are in f64. */
static void columns(void **state)
{
    golden_file *f = *state;
    vq_err e;
    float y[ROWS * K];
    const float *x = golden_f32(f, golden_find(f, "x"));
    for (int64_t block = 16; block <= 256; block *= 2) {
        memcpy(y, x, sizeof y);
        const vq_edit d = {
            .tensor = "x", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = block, .n = K};
        assert_int_equal(vq_edit_apply(&d, y, ROWS, K, &f->arena, &e), VQ_OK);
        near(y, golden_f32(f, golden_find(f, "y%d", (int)block)), block, 6e-8);
    }
}

int main(void)
{
    golden_file f;
    golden_open(&f, "formats-and-quantizers/hadamard.safetensors");
    const struct CMUnitTest tests[] = {
        {"rows", rows, NULL, NULL, &f},
        {"columns", columns, NULL, NULL, &f},
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
