/* test_golden_peer_codes.c -- the bf16 base models quantized in the peer's arithmetic: every code,
 * scale, zero point and second scale of the compressed-tensors folders, from canonical tensors (the
 * packers have their own test). */
#include "golden_tensors.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/num/qtensor.h"
#include "show.h"

static const struct {
    const char *folder, *scheme, *only; /* only: modules whose name holds this text; NULL all */
} rows[] = {
    {"llama/ct-nvfp4", "nvfp4", NULL},
    {"llama/ct-nvfp4a16", "nvfp4a16", NULL},
    {"llama/ct-mxfp4", "mxfp4", NULL},
    {"llama/ct-mxfp8", "mxfp8", NULL},
    {"llama/ct-w4a16-g32-sym", "int4-g32", NULL},
    {"llama/ct-w4a16-g32-asym", "int4-g32-asym", NULL},
    {"llama/ct-w3a16-g32-sym", "int3-g32", NULL},
    {"llama/ct-w8a16-chan-asym", "int8-chan-asym", NULL},
    {"llama/ct-w8a8", "int8", NULL},
    {"llama/ct-fp8-dynamic", "fp8", NULL},
    {"llama/ct-fp8-static-kv", "fp8-static", NULL},
    {"llama/ct-fp8-block", "fp8-block", NULL},
    {"llama/ct-mixed", "fp8", "self_attn"},
    {"llama/ct-mixed", "nvfp4", "mlp"},
    {"qwen3/ct-nvfp4", "nvfp4", NULL},
    {"qwen3/ct-mxfp4", "mxfp4", NULL},
    {"qwen3/ct-w4a16-g32-sym", "int4-g32", NULL},
    {"qwen3/ct-fp8-dynamic", "fp8", NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

static const char *const siblings[][3] = {{"q_proj", "k_proj", "v_proj"},
                                          {"gate_proj", "up_proj", NULL}};

static float tensor_absmax(golden_file *base, const vq_tensor *t)
{
    const float *x = golden_f32(base, t);
    float a = 0;
    for (int64_t i = 0; i < vq_tensor_numel(t); i++) a = x[i] > a ? x[i] : -x[i] > a ? -x[i] : a;
    return a;
}

/* Absolute maximum over the linears that share this one's input. */
static float fused_absmax(golden_file *base, const char *module)
{
    const char *leaf = strrchr(module, '.') + 1;
    const int stem = (int)(leaf - module);
    for (size_t g = 0; g < 2; g++) {
        float a = 0;
        bool member = false;
        for (int i = 0; i < 3 && siblings[g][i]; i++) {
            member |= strcmp(siblings[g][i], leaf) == 0;
            const vq_tensor *t = golden_find(base, "%.*s%s.weight", stem, module, siblings[g][i]);
            const float b = t ? tensor_absmax(base, t) : 0;
            a = b > a ? b : a;
        }
        if (member) return a;
    }
    return tensor_absmax(base, golden_find(base, "%s.weight", module));
}

static int32_t bits_at(const uint8_t *stream, int64_t bit, int bits)
{
    uint32_t v = 0;
    for (int i = 0; i < bits; i++)
        v |= (uint32_t)((stream[(bit + i) / 8] >> ((bit + i) % 8)) & 1) << i;
    return (int32_t)v;
}

/* Stored code of (r, k), as the canonical tensor has it. */
static uint32_t stored_code(const vq_qtensor *q, const vq_tensor *t, int64_t r, int64_t k)
{
    const uint8_t *p = (const uint8_t *)t->data;
    if (t->dtype == VQ_U8) return (p[(r * q->cols + k) / 2] >> (k % 2 * 4)) & 15;
    if (t->dtype != VQ_I32) return p[r * q->cols + k];
    const int bits = q->num.grid.bits;
    const int32_t u = bits_at(p + r * t->shape[1] * 4, k * bits, bits);
    return (uint32_t)(u - (1 << (bits - 1))) & ((1U << bits) - 1);
}

static int stored_zero(const vq_qtensor *q, const vq_tensor *t, int64_t r, int64_t g)
{
    const int bits = q->num.grid.bits;
    uint32_t words[8];
    const int64_t first = r / 32 * bits; /* 32 values fill `bits` words of a column */
    for (int64_t i = 0; i < bits && first + i < t->shape[0]; i++)
        memcpy(&words[i], (const uint8_t *)t->data + ((first + i) * t->shape[1] + g) * 4, 4);
    return bits_at((const uint8_t *)words, r % 32 * bits, bits) - (1 << (bits - 1));
}

static void check_scales(golden_file *peer, const vq_qtensor *q, const char *module)
{
    const vq_tensor *t = golden_find(peer, "%s.weight_scale", module),
                    *z = golden_find(peer, "%s.weight_zero_point", module);
    assert_int_equal(vq_tensor_numel(t), q->groups);
    if (t->dtype == VQ_U8) {
        for (int64_t g = 0; g < q->groups; g++)
            assert_int_equal(vq_encode(vq_scale_grid(VQ_SCALE_E8M0), q->scale[g]),
                             ((const uint8_t *)t->data)[g]);
    } else {
        assert_int_equal(differing_floats(q->scale, golden_f32(peer, t), q->groups, t->name), 0);
    }
    for (int64_t g = 0; q->zero && g < q->groups; g++)
        assert_int_equal(q->zero[g], stored_zero(q, z, g / q->per_row, g % q->per_row));
}

static void check_codes(golden_file *peer, const vq_qtensor *q, const char *module)
{
    const vq_tensor *t = golden_find(peer, "%s.weight_packed", module);
    if (!t) t = golden_find(peer, "%s.weight", module);
    int64_t bad = 0;
    for (int64_t i = 0; i < q->rows * q->cols; i++) {
        const uint32_t want = stored_code(q, t, i / q->cols, i % q->cols);
        if (q->codes[i] != want && bad++ == 0)
            print_message("%s: element %lld: %u, stored %u\n", t->name, (long long)i, q->codes[i],
                          want);
    }
    assert_int_equal(bad, 0);
}

static void check_module(golden_file *base, golden_file *peer, const vq_num *num,
                         const char *module)
{
    vq_err e = {0};
    vq_qtensor q;
    const vq_tensor *t = golden_find(base, "%s.weight", module);
    const vq_global_scale global_scale = vq_global_scale_from_amax(
        num, num->global_scale ? fused_absmax(base, module) : 0, t->dtype);
    assert_int_equal(vq_qtensor_new(&q, num, t->shape[0], t->shape[1], &base->arena, &e), VQ_OK);
    assert_int_equal(vq_quantize_ref(&q, golden_f32(base, t), global_scale, t->dtype, &e), VQ_OK);
    const vq_tensor *second = golden_find(peer, "%s.weight_global_scale", module);
    if (second) assert_memory_equal(&q.global_scale, second->data, 4);
    check_scales(peer, &q, module);
    check_codes(peer, &q, module);
}

static void check_folder(const char *folder, const char *scheme, const char *only)
{
    char path[256];
    golden_file base, peer;
    vq_scheme buf;
    (void)snprintf(path, sizeof path, "file-formats/%.*s/base/model.safetensors",
                   (int)(strchr(folder, '/') - folder), folder);
    golden_open(&base, path);
    (void)snprintf(path, sizeof path, "file-formats/%s/model/model.safetensors", folder);
    golden_open(&peer, path);
    vq_num num = vq_scheme_find(scheme, &buf)->weight;
    num.compat = VQ_COMPAT_CT;
    int modules = 0;
    for (size_t i = 0; i < base.set.count; i++) {
        char module[256];
        const char *name = base.set.sorted[i]->name, *end = strstr(name, ".weight");
        if (!end || (only && !strstr(name, only))) continue;
        (void)snprintf(module, sizeof module, "%.*s", (int)(end - name), name);
        if (!golden_find(&peer, "%s.weight_scale", module)) continue;
        check_module(&base, &peer, &num, module);
        modules++;
    }
    print_message("%s: %d modules\n", folder, modules);
    assert_gt(modules, 0);
    golden_close(&base);
    golden_close(&peer);
}

static void gives_the_peers_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) check_folder(rows[i].folder, rows[i].scheme, rows[i].only);
}

int main(void)
{
    char path[4096];
    (void)golden_path(path, sizeof path, "file-formats/llama/base/model.safetensors");
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_the_peers_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
