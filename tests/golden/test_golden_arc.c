/* test_golden_arc.c -- the quantized operands of ARC against arc.safetensors: codes and scales of
 * both sides bit for bit, the product in f64. Our definition is the variant exact_fp32. arc_kernel
 * and trtllm round the scaled input and the residual to bf16; here the test does that, around the
 * same row quantizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_container.h"
#include "golden.h"
#include "kernels/kernels.h"
#include "show.h"

#define W16 16

static vq_kernels kernels;
static vq_arena arena;
static vq_tensor_set set;
static vq_num nvfp4;

static const vq_tensor *find(const char *fmt, ...)
{
    char name[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    const vq_tensor *t = vq_tensor_set_find(&set, name);
    if (!t) fail_msg("no tensor %s", name);
    return t;
}

static void *room(int64_t n, size_t size)
{
    vq_err e;
    void *p = vq_arena_alloc(&arena, (size_t)n, size, "test", &e);
    assert_non_null(p);
    return p;
}

static float *floats(const vq_tensor *t)
{
    vq_err e;
    float *x = room(vq_tensor_numel(t), sizeof *x);
    assert_int_equal(vq_to_f32(t, 0, vq_tensor_numel(t), x, &e), VQ_OK);
    return x;
}

/* What a variant does to an input over its tensor scale s, and to a residual. */
static float exact_scaled(float x, float s)
{
    return x / s;
}

static float arc_scaled(float x, float s)
{
    return vq_round_to(VQ_BF16, x / s);
}

static float trt_scaled(float x, float s)
{
    return vq_round_to(VQ_BF16, x * (1.0F / s));
}

/* The same with the reciprocal in bf16, as torch multiplies a bf16 matrix by a number on a CPU: some
 * files were made there. */
static float trt_scaled_by_bf16(float x, float s)
{
    return vq_round_to(VQ_BF16, x * vq_round_to(VQ_BF16, 1.0F / s));
}

static const struct variant {
    const char *name;
    float (*scaled)(float x, float s);
    vq_dtype residual;
} variants[] = {{"exact_fp32", exact_scaled, VQ_F32},
                {"arc_kernel", arc_scaled, VQ_BF16},
                {"trtllm", trt_scaled, VQ_BF16},
                {"trtllm", trt_scaled_by_bf16, VQ_BF16}};

/* An operand in canonical order. */
typedef struct operand {
    int64_t rows, k;
    uint8_t *codes;
    float *scale;
} operand;

static operand operand_new(int64_t rows, int64_t k)
{
    return (operand){rows, k, room(rows * k, 1), room(rows * k / W16, sizeof(float))};
}

/* Group `from` of row r of a becomes group `to` of the same row of b. */
static void put_group(const operand *a, int64_t r, int64_t from, operand *b, int64_t to)
{
    memcpy(b->codes + r * b->k + to * W16, a->codes + r * a->k + from * W16, W16);
    b->scale[r * b->k / W16 + to] = a->scale[r * a->k / W16 + from];
}

/* Groups of p, the last of them each followed by a group of r (one row at a time): P P ... P R P R.
 */
static void interleave(const operand *p, const operand *r, operand *out)
{
    const int64_t n = p->k / W16, s = out->k / W16 - n;
    for (int64_t row = 0; row < p->rows; row++) {
        for (int64_t g = 0; g < n; g++)
            put_group(p, row, g, out, g + (g > n - s ? g - (n - s) : 0));
        for (int64_t g = 0; g < s; g++)
            put_group(r, row, r == p ? n - s + g : g, out, n - s + 2 * g + 1);
    }
}

/* Rows x[rows][k], already over their second scale, in the given order; what the codes mean into
 * out when not NULL. */
static operand quantize(const float *x, int64_t rows, int64_t k, const int32_t *order, float *out)
{
    const operand q = operand_new(rows, k);
    const vq_act_spec spec = {.num = &nvfp4, .global_scale = {1.0F, false}, .order = order};
    for (int64_t r = 0; r < rows; r++)
        (void)vq_act_encode(&kernels, &spec, x + r * k, k,
                            &(vq_act_codes){q.codes + r * k, q.scale + r * k / W16, NULL,
                                            out ? out + r * k : NULL});
    return q;
}

static const float *scaled_by(const struct variant *v, const float *x, int64_t n, float s)
{
    float *y = room(n, sizeof *y);
    for (int64_t i = 0; i < n; i++) y[i] = v->scaled(x[i], s);
    return y;
}

/* The left operand in two steps, so that the residual can be rounded as the variant does. */
static operand left_in_steps(const struct variant *v, const float *x, int64_t m, int64_t k,
                             const int32_t *order, int64_t s)
{
    float *means = room(m * k, sizeof *means), *rest = room(m * s, sizeof *rest);
    int32_t *same = room(s, sizeof *same);
    const operand p = quantize(x, m, k, order, means);
    for (int64_t i = 0; i < s; i++) same[i] = (int32_t)i;
    for (int64_t r = 0; r < m; r++)
        for (int64_t i = 0; i < s; i++)
            rest[r * s + i] =
                vq_round_to(v->residual, x[r * k + order[k - s + i]] - means[r * k + k - s + i]);
    const operand q = quantize(rest, m, s, same, NULL);
    operand out = operand_new(m, k + s);
    interleave(&p, &q, &out);
    return out;
}

/* The left operand by the activation quantizer itself, its floats checked against its codes. */
static operand left_at_once(const float *x, int64_t m, int64_t k, float sx, const int32_t *order,
                            int64_t s)
{
    const operand q = operand_new(m, k + s);
    const vq_act_spec spec = {.num = &nvfp4, .global_scale = {sx, false}, .order = order, .s = s};
    float *out = room(m * (k + s), sizeof *out);
    vq_err e;
    for (int64_t r = 0; r < m; r++)
        (void)vq_act_encode(
            &kernels, &spec, x + r * k, k,
            &(vq_act_codes){.codes = q.codes + r * q.k, .scale = q.scale + r * q.k / W16});
    assert_int_equal(vq_fake_quant(&kernels, &spec, x, m, k, out, &e), VQ_OK);
    for (int64_t i = 0; i < m * q.k; i++)
        assert_eq(out[i], vq_decode(&nvfp4.grid, q.codes[i]) * (q.scale[i / W16] * sx));
    return q;
}

static void assert_operand(const operand *q, const char *prefix, const char *side)
{
    const vq_tensor *packed = find("%s.%s_packed", prefix, side),
                    *scale = find("%s.%s_scale_e4m3", prefix, side);
    assert_int_equal(packed->bytes, q->rows * q->k / 2);
    assert_int_equal(scale->bytes, q->rows * q->k / W16);
    const uint8_t *p = packed->data, *s = scale->data;
    for (int64_t i = 0; i < q->rows * q->k / 2; i++)
        assert_int_equal(p[i], q->codes[2 * i] | q->codes[2 * i + 1] << 4);
    for (int64_t i = 0; i < q->rows * q->k / W16; i++)
        assert_int_equal(s[i], vq_encode(vq_scale_grid(VQ_SCALE_E4M3), q->scale[i]));
}

static double value(const operand *q, int64_t i)
{
    return (double)vq_decode(&nvfp4.grid, q->codes[i]) * (double)q->scale[i / W16];
}

static void assert_product(const operand *a, const operand *b, const float *ts, const float *y)
{
    for (int64_t i = 0; i < a->rows; i++) {
        for (int64_t j = 0; j < b->rows; j++) {
            double sum = 0;
            for (int64_t k = 0; k < a->k; k++)
                sum += value(a, i * a->k + k) * value(b, j * b->k + k);
            const double got = sum * (double)ts[0] * (double)ts[1],
                         want = (double)y[i * b->rows + j];
            if (!(got - want < 1e-5 && want - got < 1e-5))
                fail_msg("Y[%d][%d] is %g, not %g", (int)i, (int)j, got, want);
        }
    }
}

static void compare(const struct variant *v, int64_t s)
{
    char prefix[64];
    (void)snprintf(prefix, sizeof prefix, "q_proj.KE%d.%s", (int)s, v->name);
    const vq_tensor *tx = find("X"), *tw = find("W"),
                    *to = find("layers.0.self_attn.q_proj.input.reorder_index");
    const int64_t m = tx->shape[0], n = tw->shape[0], k = tx->shape[1];
    const float *x = floats(tx), *w = floats(tw), *ts = floats(find("%s.tensor_scales", prefix));
    int32_t *order = room(k, sizeof *order);
    memcpy(order, to->data, (size_t)k * sizeof *order);
    assert_eq(vq_global_scale_from_amax(&nvfp4, kernels.absmax(x, (size_t)(m * k)), VQ_F32).value,
              ts[0]);

    const operand a = left_in_steps(v, scaled_by(v, x, m * k, ts[0]), m, k, order, s);
    assert_operand(&a, prefix, "A");
    if (v->residual == VQ_F32) {
        const operand direct = left_at_once(x, m, k, ts[0], order, s);
        assert_operand(&direct, prefix, "A");
    }
    const operand plain = quantize(scaled_by(v, w, n * k, ts[1]), n, k, order, NULL);
    operand b = operand_new(n, k + s);
    interleave(&plain, &plain, &b);
    assert_operand(&b, prefix, "B");
    assert_product(&a, &b, ts, floats(find("%s.Y", prefix)));
}

/* Are the scales of W without residual channels those that v gives? */
static bool fits(const struct variant *v)
{
    const vq_tensor *tw = find("W"), *to = find("layers.0.self_attn.q_proj.input.reorder_index"),
                    *scale = find("q_proj.KE0.%s.B_scale_e4m3", v->name);
    const int64_t n = tw->shape[0], k = tw->shape[1];
    const float *ts = floats(find("q_proj.KE0.%s.tensor_scales", v->name));
    const operand b = quantize(scaled_by(v, floats(tw), n * k, ts[1]), n, k, to->data, NULL);
    for (int64_t i = 0; i < n * k / W16; i++)
        if (((const uint8_t *)scale->data)[i] !=
            vq_encode(vq_scale_grid(VQ_SCALE_E4M3), b.scale[i]))
            return false;
    return true;
}

/* A variant that comes twice is the one of the two that made the file. */
static void test_operands(void **state)
{
    (void)state;
    const int64_t counts[] = {0, 16, 64};
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        if (variants[v].scaled == trt_scaled && !fits(&variants[v])) continue;
        if (variants[v].scaled == trt_scaled_by_bf16 && fits(&variants[v - 1])) continue;
        for (int i = 0; i < 3; i++) {
            const vq_arena_mark mark = vq_arena_here(&arena);
            compare(&variants[v], counts[i]);
            vq_arena_rewind(&arena, mark);
        }
    }
}

int main(void)
{
    char path[4096];
    vq_err e;
    vq_scheme buf;
    golden_path(path, sizeof path, "formats-and-quantizers/arc.safetensors");
    vq_arena_init(&arena, NULL);
    nvfp4 = vq_scheme_find("nvfp4", &buf)->act;
    if (vq_kernels_select(&kernels, NULL, false, &e) ||
        vq_tensor_set_open(&set, &vq_container_safetensors, path, &arena, &e)) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operands)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vq_tensor_set_close(&set);
    vq_arena_done(&arena);
    return failed;
}
