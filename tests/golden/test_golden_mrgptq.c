/* test_golden_mrgptq.c -- GPTQ on weights and inputs under a block Hadamard matrix, as FP-Quant
 * d2e3092 has it: NVFP4 and MXFP4, scales by range and searched, both orders. */
#include "gptq_reference.h"

#include "base/exchange/edit.h"

static vq_kernels kernels;

/* Rows of m times the block matrix; block 0: as they are. */
static void rotate(golden_file *f, float *m, int64_t rows, int64_t k, int64_t block)
{
    vq_err e = {0};
    const vq_edit d = {
        .tensor = "m", .kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = block, .n = k};
    if (block) assert_int_equal(vq_edit_apply(&d, m, rows, k, &f->arena, &e), VQ_OK);
}

static gptq_case new_case(golden_file *f, bool nvfp, int64_t block)
{
    vq_scheme buf;
    gptq_case c = {.f = f,
                   .kernels = &kernels,
                   .num = vq_scheme_find(nvfp ? "nvfp4" : "mxfp4", &buf)->weight,
                   .global_scale = {1.0F, true}};
    const vq_tensor *tw = golden_find(f, "W"), *tx = golden_find(f, "X");
    float *w = golden_f32(f, tw), *x = golden_f32(f, tx);
    if (!nvfp) c.num.rule = VQ_RULE_FOUR_THIRDS;
    c.n = tw->shape[0];
    c.k = tw->shape[1];
    rotate(f, w, c.n, c.k, block);
    rotate(f, x, tx->shape[0], c.k, block);
    c.w = w;
    c.h = gptq_hessian(f, x, tx->shape[0], c.k);
    return c;
}

/* Theirs are effective, ours stored: what multiplies an element must agree to the last place. */
static void compare_scales(const vq_qtensor *q, const float *want, const char *name)
{
    int64_t differ = 0;
    for (int64_t g = 0; g < q->groups; g++) {
        const float s = vq_effective_scale(
            &q->num, q->scale[g], (vq_global_scale){q->global_scale, q->global_scale_divides});
        differ += fabsf(s - want[g]) > 4e-7F * want[g];
    }
    if (differ) printf("%s: %lld scales differ\n", name, (long long)differ);
    assert_int_equal(differ, 0);
}

static void compare(golden_file *f, const gptq_case *base, bool nvfp, const char *scales,
                    const char *order, const char *name)
{
    gptq_case c = *base;
    vq_qtensor q;
    const char *const options[][2] = {{"order", strcmp(order, "default") == 0 ? "original" : order},
                                      {"scales", strcmp(scales, "mse") == 0 ? "fp-quant" : "plain"},
                                      {"dead", "round"}};
    memcpy(c.options, options, sizeof options);
    if (nvfp) c.global_scale.value = golden_f32(f, golden_find(f, "%s.global_scale", name))[0];
    gptq_round(&c, &q);
    compare_scales(&q, golden_f32(f, golden_find(f, "%s.scales", name)), name);
    gptq_compare(&c, &q, golden_f32(f, golden_find(f, "%s.dequant_rotated", name)), -1, name);
}

static void rounded(void **state)
{
    static const int64_t blocks[] = {0, 16, 128};
    static const char *const formats[] = {"mxfp", "nvfp"}, *const scales[] = {"minmax", "mse"},
                             *const orders[] = {"default", "activation"};
    golden_file *f = *state;
    for (int i = 0; i < 6; i++) {
        const gptq_case c = new_case(f, i % 2, blocks[i / 2]);
        for (int j = 0; j < 4; j++) {
            char name[64];
            snprintf(name, sizeof name, "had%lld.%s.%s.%s", (long long)blocks[i / 2],
                     formats[i % 2], scales[j / 2], orders[j % 2]);
            compare(f, &c, i % 2, scales[j / 2], orders[j % 2], name);
        }
    }
}

int main(void)
{
    golden_file f;
    vq_err e = {0};
    golden_open(&f, "formats-and-quantizers/mrgptq.safetensors");
    if (vq_kernels_select(&kernels, NULL, false, &e) != VQ_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(rounded, &f)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
