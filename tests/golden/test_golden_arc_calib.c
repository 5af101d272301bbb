/* test_golden_arc_calib.c -- ARC offline: order and count of channels, and the augmented weight as
 * the kernels read it. */
#include "golden_tensors.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "kernels/kernels.h"
#include "quant/transform.h"
#include "show.h"

static vq_kernels kernels;
static const char *const linears[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                      "self_attn.o_proj", "mlp.gate_proj",    "mlp.up_proj",
                                      "mlp.down_proj"};

/* The peer's sort is not stable: among equal maxima any order is its order. Where they differ, the
 * channels must be the same. */
static void order(void **state)
{
    golden_file *f = *state;
    vq_err e = {0};
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++) {
        const vq_tensor *t = golden_find(f, "layers.0.%s.input.act_absmax", linears[i]);
        const int64_t k = t->shape[0];
        const float *m = golden_f32(f, t);
        const int32_t *want = golden_find(f, "layers.0.%s.input.reorder_index", linears[i])->data;
        int32_t *got = VQ_ALLOC(&f->arena, int32_t, k, "order", &e);
        bool *seen = VQ_NEW(&f->arena, bool, k, "seen", &e);
        assert_int_equal(vq_arc_order(m, k, got, &f->arena, &e), VQ_OK);
        for (int64_t j = 0; j < k; j++) {
            const bool tied =
                (j > 0 && m[got[j - 1]] == m[got[j]]) || (j + 1 < k && m[got[j + 1]] == m[got[j]]);
            assert_true(tied ? m[got[j]] == m[want[j]] : got[j] == want[j]);
            assert_true(j == 0 || m[got[j - 1]] < m[got[j]] || got[j - 1] < got[j]);
            assert_false(seen[got[j]]);
            seen[got[j]] = true;
        }
    }
}

/* q_proj reads the embedding itself. */
static void count(void **state)
{
    golden_file *f = *state;
    const vq_tensor *te = golden_find(f, "embedding"), *ti = golden_find(f, "token_ids");
    const int64_t k = te->shape[1], tokens = vq_tensor_numel(ti);
    const float *x = golden_f32(f, te),
                *absmax =
                    golden_f32(f, golden_find(f, "layers.0.self_attn.q_proj.input.act_absmax"));
    const int64_t *id = ti->data;
    vq_stats s = {.k = k, .tokens = tokens};
    for (int64_t c = 0; c < k; c++) {
        float most = 0;
        for (int64_t t = 0; t < tokens; t++) most = fmaxf(most, fabsf(x[id[t] * k + c]));
        assert_eq(most, absmax[c]);
    }
    for (int64_t t = 0; t < tokens; t++) {
        float most = -INFINITY;
        for (int64_t c = 0; c < k; c++) most = fmaxf(most, x[id[t] * k + c]);
        for (int64_t c = 0; c < k; c++) s.tail_count += x[id[t] * k + c] > most / 8;
    }
    const int64_t want =
        *(const int64_t *)golden_find(f, "layers.0.self_attn.q_proj.input.select_num")->data;
    assert_int_equal(vq_arc_count_official(&s), want);
    const float bits = *golden_f32(f, golden_find(f, "layers.0.self_attn.q_proj.input.avg_bits"));
    assert_eq(bits, 4.5F * (float)(k + want) / (float)k);
}

/* The reordered weight over its second scale, as each source rounds it. */
static float *prepared_weight(golden_file *f, const char *who, float global_scale)
{
    vq_err e = {0};
    const vq_tensor *t = golden_find(f, "W");
    const int64_t k = t->shape[1], n = vq_tensor_numel(t);
    const int32_t *from = golden_find(f, "layers.0.self_attn.q_proj.input.reorder_index")->data;
    const float *w = golden_f32(f, t), inverse = vq_round_to(VQ_BF16, 1.0F / global_scale);
    float *out = VQ_ALLOC(&f->arena, float, n, "weight", &e);
    for (int64_t i = 0; i < n; i++) {
        const float x = w[i / k * k + from[i % k]];
        if (strcmp(who, "exact_fp32") == 0)
            out[i] = x / global_scale;
        else if (strcmp(who, "trtllm") == 0)
            out[i] = vq_round_to(VQ_BF16, x * inverse);
        else
            out[i] = vq_round_to(VQ_BF16, x / global_scale);
    }
    return out;
}

/* The kernels multiply with the rounded reciprocal of a scale where vq divides: only a quotient on
 * a decision point may differ. */
static void only_ties_differ(const vq_qtensor *q, const float *w, const uint8_t *codes)
{
    static const float points[] = {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F};
    int64_t differ = 0;
    for (int64_t i = 0; i < q->rows * q->cols; i++) {
        if (q->codes[i] == codes[i]) continue;
        const float t = fabsf(w[i]) / q->scale[i / 16];
        bool tie = w[i] == 0;
        for (int p = 0; p < 7; p++) tie = tie || fabsf(t - points[p]) <= 2e-7F * points[p];
        assert_true(tie);
        differ++;
    }
    assert_lt(differ * 500, q->rows * q->cols);
}

static void encode_as_the_kernels(const vq_qtensor *q, const float *w, uint8_t *codes)
{
    const vq_num num = q->num;
    int32_t same[4096];
    assert_le(q->cols, 4096);
    for (int32_t i = 0; i < (int32_t)q->cols; i++) same[i] = i;
    const vq_act_spec spec = {.num = &num, .global_scale = {1.0F, false}, .order = same};
    for (int64_t r = 0; r < q->rows; r++) {
        const vq_act_codes to = {.codes = codes + r * q->cols, .scale = q->scale + r * q->per_row};
        (void)vq_act_encode(&kernels, &spec, w + r * q->cols, q->cols, &to);
    }
}

static void check_augmented(golden_file *f, const vq_qtensor *q, int s, const char *who)
{
    vq_err e = {0};
    vq_qtensor out;
    assert_int_equal(vq_arc_augment(q, s, &out, &f->arena, &e), VQ_OK);
    assert_int_equal(out.cols, q->cols + s);
    const uint8_t *want = golden_nibbles(f, golden_find(f, "q_proj.KE%d.%s.B_packed", s, who));
    assert_int_equal(differing_bytes(out.codes, want, out.rows * out.cols, who), 0);
    uint8_t *scale = VQ_ALLOC(&f->arena, uint8_t, out.groups, "scales", &e);
    for (int64_t g = 0; g < out.groups; g++)
        scale[g] = (uint8_t)vq_encode(vq_scale_grid(VQ_SCALE_E4M3), out.scale[g]);
    assert_int_equal(differing_bytes(scale,
                                     golden_find(f, "q_proj.KE%d.%s.B_scale_e4m3", s, who)->data,
                                     out.groups, who),
                     0);
}

static void weight(void **state)
{
    static const char *const sources[] = {"arc_kernel", "trtllm", "exact_fp32"};
    static const int counts[] = {0, 16, 64};
    golden_file *f = *state;
    vq_err e = {0};
    vq_scheme buf;
    const vq_num num = vq_scheme_find("nvfp4", &buf)->weight;
    const vq_tensor *t = golden_find(f, "W");
    for (int i = 0; i < 9; i++) {
        const char *who = sources[i / 3];
        const float *scales =
            golden_f32(f, golden_find(f, "q_proj.KE%d.%s.tensor_scales", counts[i % 3], who));
        const float *w = prepared_weight(f, who, scales[1]);
        vq_qtensor q;
        assert_int_equal(vq_qtensor_new(&q, &num, t->shape[0], t->shape[1], &f->arena, &e), VQ_OK);
        assert_int_equal(vq_quantize_rows(&kernels, &q, w, (vq_global_scale){1.0F, false}, VQ_F32,
                                          NULL, NULL, &e),
                         VQ_OK);
        uint8_t *codes = VQ_ALLOC(&f->arena, uint8_t, q.rows * q.cols, "codes", &e);
        encode_as_the_kernels(&q, w, codes);
        only_ties_differ(&q, w, codes);
        memcpy(q.codes, codes, (size_t)(q.rows * q.cols));
        check_augmented(f, &q, counts[i % 3], who);
    }
}

int main(void)
{
    golden_file f;
    vq_err e = {0};
    golden_open(&f, "formats-and-quantizers/arc.safetensors");
    if (vq_kernels_select(&kernels, NULL, false, &e) != VQ_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(order, &f),
        cmocka_unit_test_prestate(count, &f),
        cmocka_unit_test_prestate(weight, &f),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&f);
    return failed;
}
