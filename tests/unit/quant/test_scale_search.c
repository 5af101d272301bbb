/* test_scale_search.c -- the chosen scale against every legal one tried by definition; weights,
 * bands of rows, negative scales, threads. */
#include "gptq_world.h"

#include <omp.h>

#include "quant/search/scale_search.h"
#include "show.h"

/* Weighted error of one group by the scalar definition. */
static double group_error(const world *o, const vq_num *num, const float *x, const float *d,
                          int64_t n, float scale, int zero)
{
    double sum = 0;
    const float s = vq_effective_scale(num, scale, o->job.global_scale);
    for (int64_t i = 0; i < n; i++) {
        const double e =
            (double)(x[i] - vq_decode_at(num, vq_encode_at(num, x[i], s, zero), s, zero));
        sum += (d ? (double)d[i] : 1) * e * e;
    }
    return sum;
}

static float plain_scale(const world *o, const vq_num *num, const float *x, int64_t n)
{
    float lo = 0, hi = 0, scale;
    int16_t zero = 0;
    for (int64_t i = 0; i < n; i++) lo = fminf(lo, x[i]), hi = fmaxf(hi, x[i]);
    vq_group_scale(num, lo, hi, o->job.global_scale, VQ_F32, &scale, &zero);
    return scale;
}

/* Coded scales: nothing legal within the bounds is better. */
static void finds_the_best_code(void **state)
{
    static const char *const presets[] = {"nvfp4", "mxfp4", "mxfp8"};
    (void)state;
    for (int i = 0; i < 6; i++) {
        world o;
        world_init(&o, &vq_round_mse, 5, 96, 3 + (uint32_t)i);
        const vq_num num = world_num(&o, presets[i / 2]);
        const float *d = i % 2 ? vq_scale_weights(o.stats.hessian, o.k, &o.arena, &o.err) : NULL;
        vq_qtensor q;
        assert_int_equal(vq_qtensor_new(&q, &num, o.n, o.k, &o.arena, &o.err), VQ_OK);
        assert_int_equal(vq_scale_search(&o.job, o.w, d, &q, &o.err), VQ_OK);
        const int64_t width = num.group.cols;
        for (int64_t g = 0; g < q.groups; g++) {
            const float *x = o.w + g * width, *dg = d ? d + g * width % o.k : NULL;
            const float plain = plain_scale(&o, &num, x, width);
            const double got = group_error(&o, &num, x, dg, width, q.scale[g], 0);
            const vq_grid *grid = vq_scale_grid(num.scale);
            for (uint32_t c = 1; c <= grid->max_code; c++) {
                const float s = vq_decode(grid, c),
                            least = num.scale == VQ_SCALE_E8M0 ? 0.5F : 0.66F,
                            most = least == 0.5F ? 2.0F : 1.25F;
                if (s >= least * plain && s <= most * plain)
                    assert_le(got, group_error(&o, &num, x, dg, width, s, 0) * (1 + 1e-5));
            }
        }
        world_done(&o);
    }
}

/* Never worse than plain, clearly better in sum; the weights change what is chosen. */
static void beats_the_plain_scale(void **state)
{
    static const char *const presets[] = {"nvfp4",     "int4-g32", "int4-g32-asym", "int3-g96-asym",
                                          "int8-chan", "fp8",      "fp8-static",    "fp8-block",
                                          "bfp12-32",  "int2-g16"};
    (void)state;
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        world o;
        world_init(&o, &vq_round_mse, 40, 96, 3);
        const vq_num num = world_num(&o, presets[i]);
        world_round(&o, &vq_round_rtn, &num);
        const double before = o.job.noise;
        const vq_qtensor q = world_round(&o, &vq_round_mse, &num);
        assert_le(o.job.noise, before);
        if (num.grid.bits <= 4 && !num.grid.bfp) assert_lt(o.job.noise, 0.97 * before);
        world_set(&o, "weigh", "input");
        const vq_qtensor weighed = world_round(&o, &vq_round_mse, &num);
        float *diag = VQ_NEW(&o.arena, float, o.k *o.k, "diag", &o.err);
        for (int64_t j = 0; j < o.k; j++) diag[j * o.k + j] = o.stats.hessian[j * o.k + j];
        assert_le(world_error(&o, &weighed, NULL, diag),
                  world_error(&o, &q, NULL, diag) * (1 + 1e-6));
        if (num.grid.bits == 4) assert_false(same_codes(&weighed, &q));
        world_done(&o);
    }
}

/* Eight steps up, seven down: exact with a negative scale, where the format has one. */
static void negative_scales(void **state)
{
    (void)state;
    world o;
    world_init(&o, &vq_round_mse, 1, 16, 3);
    vq_num num = world_num(&o, "int4-g16");
    num.scale = VQ_SCALE_F32;
    for (int i = 0; i < 16; i++) o.w[i] = 0.25F * (float)(8 - i);
    world_round(&o, &vq_round_mse, &num);
    assert_gt(o.job.noise, 0);
    o.job.negative_scales = true;
    const vq_qtensor q = world_round(&o, &vq_round_mse, &num);
    assert_eq(o.job.noise, 0);
    assert_eq(q.scale[0], -0.25F);
    num.compat = VQ_COMPAT_CT;
    assert_gt(world_round(&o, &vq_round_mse, &num).scale[0], 0);
    num.compat = VQ_COMPAT_NONE;
    for (int i = 0; i < 16; i++) o.w[i] = -o.w[i];
    assert_eq(world_round(&o, &vq_round_mse, &num).scale[0], 0.25F);
    assert_eq(o.job.noise, 0);
    world_done(&o);
}

/* A table that is not the same on both sides: turned round it holds what it cannot otherwise,
 * whichever end is larger, and random groups lose a few percent less. */
static void tables_turn_round(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        world o;
        world_init(&o, &vq_round_mse, 64, 128, 3);
        vq_num num = world_num(&o, "int4-g16");
        assert_true(vq_grid_parse("iq4nl", &num.grid));
        num.scale = i % 2 ? VQ_SCALE_E4M3 : VQ_SCALE_F32;
        if (i >=
            2) { /* the larger end is below zero, and yet the values are those of the table turned
                  * round */
            for (int j = 0; j < 64 * 128; j++)
                o.w[j] = -0.5F * vq_decode(&num.grid, (uint32_t)(j % 15 + 1));
            o.job.negative_scales = true;
            const vq_qtensor q = world_round(&o, &vq_round_mse, &num);
            assert_lt(o.job.noise, 1e-3 * o.job.signal);
            assert_lt(q.scale[0], 0);
        } else {
            world_round(&o, &vq_round_mse, &num);
            const double before = o.job.noise;
            o.job.negative_scales = true;
            world_round(&o, &vq_round_mse, &num);
            assert_lt(o.job.noise, 0.97 * before);
        }
        world_done(&o);
    }
}

static void same_for_every_thread_count(void **state)
{
    static const char *const presets[] = {"nvfp4", "int4-g32-asym", "fp8-block"};
    (void)state;
    const int threads = omp_get_max_threads();
    for (int i = 0; i < 3; i++) {
        world o;
        world_init(&o, &vq_round_mse, 300, 96, 3);
        const vq_num num = world_num(&o, presets[i]);
        omp_set_num_threads(1);
        const vq_qtensor one = world_round(&o, &vq_round_mse, &num);
        const double noise = o.job.noise;
        omp_set_num_threads(3);
        const vq_qtensor three = world_round(&o, &vq_round_mse, &num);
        assert_true(same_codes(&one, &three));
        assert_eq(noise, o.job.noise);
        world_done(&o);
    }
    omp_set_num_threads(threads);
}

static void refusals(void **state)
{
    (void)state;
    world o;
    vq_qtensor q;
    world_init(&o, &vq_round_mse, 4, 64, 3);
    const vq_num wide = world_num(&o, "bfp24-64"), num = world_num(&o, "nvfp4");
    assert_int_equal(world_try(&o, &vq_round_mse, &wide, &q), VQ_E_RECIPE);
    world_set(&o, "weigh", "input");
    assert_int_equal(vq_round_mse.needs(&o.options), VQ_NEED_HESSIAN);
    vq_status s = VQ_E_LIMIT;
    for (size_t n = 1; s == VQ_E_LIMIT; n++) {
        o.budget.fail_in = n;
        s = world_try(&o, &vq_round_mse, &num, &q);
        assert_lt(n, 100);
    }
    assert_int_equal(s, VQ_OK);
    world_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_best_code),
        cmocka_unit_test(beats_the_plain_scale),
        cmocka_unit_test(negative_scales),
        cmocka_unit_test(tables_turn_round),
        cmocka_unit_test(same_for_every_thread_count),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
