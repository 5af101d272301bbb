/* test_num_json.c -- number formats through their JSON and back; words and combinations that are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/layouts/layout.h"
#include "formats/vq/num_json.h"

static void there_and_back(const vq_num *n)
{
    vq_num got, want = *n;
    vq_err err;
    json_t *o = vq_num_write(n);
    assert_non_null(o);
    assert_int_equal(vq_num_read(o, &got, &err), VQ_OK);
    want.observer = VQ_OBS_ABSMAX; /* the recipe's business */
    assert_true(vq_num_equal(&got, &want));
    json_decref(o);
}

static void presets(void **state)
{
    (void)state;
    for (int i = 0; vq_scheme_at(i); i++) {
        there_and_back(&vq_scheme_at(i)->weight);
        if (vq_scheme_at(i)->has_act) there_and_back(&vq_scheme_at(i)->act);
    }
    vq_scheme buf;
    vq_num n = vq_scheme_find("bfp12-64", &buf)->weight;
    n.rule = VQ_RULE_CEIL;
    n.range = VQ_RANGE_NARROW;
    n.compat = VQ_COMPAT_MODELOPT;
    n.observer = VQ_OBS_MINMAX;
    there_and_back(&n);
    n.grid = vq_scheme_at(0)->weight.grid;
    n.group = (vq_group_shape){VQ_PER_BLOCK, 3, 5};
    there_and_back(&n);
}

static void refused(void **state)
{
    static const char *const texts[] = {
        "[]",
        "{}",
        "{\"grid\":\"i4\"}",
        "{\"grid\":4,\"group\":\"token\"}",
        "{\"grid\":\"i4\",\"group\":\"block:4x\"}",
        "{\"grid\":\"i4\",\"group\":\"block:-4\"}",
        "{\"grid\":\"i4\",\"group\":\"block:99999999999999999999\"}",
        "{\"grid\":\"i4\",\"group\":\"token\",\"scale\":1}",
        "{\"grid\":\"i4\",\"group\":\"token\",\"observer\":\"mse\"}",
        "{\"grid\":\"e8m0\",\"group\":\"token\"}",
        "{\"grid\":\"bfp4\",\"group\":\"token\",\"zero\":\"int\"}",
        "{\"grid\":\"e2m1\",\"group\":\"token\",\"super\":\"f32\",\"scale\":\"f32\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        vq_num n;
        vq_err err;
        json_t *o = json_loads(texts[i], 0, NULL);
        assert_non_null(o);
        if (vq_num_read(o, &n, &err) != VQ_E_INPUT) fail_msg("%s was taken", texts[i]);
        json_decref(o);
    }
}

/* Names survive what does not change the storage, and only that. */
static void names(void **state)
{
    static const char *const ids[] = {"nvfp4",         "nvfp4a16",  "mxfp4",    "int4-g128",
                                      "int3-g48-asym", "int7-chan", "bfp12-64", "fp8-static"};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        vq_scheme buf, s = *vq_scheme_find(ids[i], &buf);
        s.weight.compat = VQ_COMPAT_CT;
        if (s.weight.scale == VQ_SCALE_BF16) s.weight.scale = VQ_SCALE_F16;
        memset(s.id, 0, sizeof s.id);
        vq_scheme_recognize(&s, "other");
        assert_string_equal(s.id, ids[i]);
        s.weight.group.kind = VQ_PER_TOKEN;
        vq_scheme_recognize(&s, "other");
        assert_string_equal(s.id, "other");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(presets), cmocka_unit_test(refused),
                                       cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
