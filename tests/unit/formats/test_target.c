/* test_target.c -- what every target must keep to, and what the two that are there say of
 * themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "formats/safetensors/st_container.h"
#include "formats/target.h"

#define CT vq_target_find("compressed-tensors")
#define OWN vq_target_find("vq")

static int place_of(const vq_target *t, const char *suffix)
{
    for (int i = 0; t->suffixes[i]; i++)
        if (strcmp(t->suffixes[i], suffix) == 0) return i;
    return -1;
}

/* A digest taken while writing goes by the fields of a layout, one taken from files by the
 * suffixes: they are the same when fields come in the order of the suffixes. */
static void fields_in_the_order_of_digests(void **state)
{
    (void)state;
    for (int i = 0; vq_targets[i]; i++)
        for (const vq_layout *l = vq_targets[i]->layouts; l->name; l++) {
            int last = -1;
            for (int f = 0; f < VQ_LAYOUT_FIELDS && l->fields[f].suffix; f++) {
                const int at = place_of(vq_targets[i], l->fields[f].suffix);
                if (at <= last)
                    fail_msg("%s: %s: %s", vq_targets[i]->name, l->name, l->fields[f].suffix);
                last = at;
            }
            assert_int_equal(l->fields[0].kind, VQ_FIELD_CODES);
        }
}

static void complete(void **state)
{
    (void)state;
    for (int i = 0; vq_targets[i]; i++) {
        const vq_target *t = vq_targets[i];
        assert_ptr_equal(vq_target_find(t->name), t); /* no name twice */
        assert_true(t->container && t->layouts && t->layouts[0].name && t->suffixes[0]);
        assert_true(t->write_config && t->owns && t->read_config && t->runtimes && t->files);
    }
    assert_null(vq_target_find("no such format"));
}

static void owners(void **state)
{
    (void)state;
    vq_folder f = {.method = NULL};
    assert_null(vq_target_of(&f)); /* dense */
    f.method = "vq";
    assert_ptr_equal(vq_target_of(&f), OWN);
    f.method = "compressed-tensors";
    assert_ptr_equal(vq_target_of(&f), CT);
    f.method = "no such method";
    assert_null(vq_target_of(&f));
    assert_ptr_equal(vq_container_of("/no/such/place"), &vq_container_safetensors);
}

/* "a, b and c", whatever the table holds. */
static void names(void **state)
{
    (void)state;
    char all[512], want[512] = "", few[8];
    for (int i = 0; vq_targets[i]; i++) {
        if (i) strcat(want, ", ");
        strcat(want, vq_targets[i]->name);
    }
    for (int i = 0; vq_readers[i]; i++) {
        strcat(want, vq_readers[i + 1] ? ", " : " and ");
        strcat(want, vq_readers[i]->name);
        assert_null(vq_target_find(vq_readers[i]->name)); /* nobody writes it */
    }
    assert_string_equal(vq_target_names(all, sizeof all), want);
    assert_memory_equal(all, "compressed-tensors", 18); /* the first of the table */
    assert_string_equal(vq_target_names(few, sizeof few), "compres");
}

static void conventions(void **state)
{
    (void)state;
    vq_global_scale s = vq_target_global_scale(CT, (vq_global_scale){.value = 0x1p-10f});
    assert_true(s.divides && s.value == 1024);
    s = vq_target_global_scale(OWN, s);
    assert_true(!s.divides && s.value == 0x1p-10f);
    s = vq_target_global_scale(CT, (vq_global_scale){.value = 0});
    assert_true(s.divides && s.value > 3e38f && s.value < INFINITY); /* a weight of zeros */
    assert_string_equal(CT->runtimes[0], "vllm");
    assert_null(OWN->runtimes[0]);
}

/* Float scales in the model's type where the format asks for it: of weights and static inputs. */
static void adapts(void **state)
{
    (void)state;
    vq_err e;
    vq_scheme s = *vq_scheme_find("int8", NULL), kept;
    s.weight.scale = s.act.scale = VQ_SCALE_F32;
    kept = s;
    assert_int_equal(vq_target_adapt(OWN, VQ_F16, &s, &e), VQ_OK);
    assert_int_equal(s.weight.scale, VQ_SCALE_F32);
    assert_int_equal(vq_target_adapt(CT, VQ_F16, &s, &e), VQ_OK);
    assert_int_equal(s.weight.scale, VQ_SCALE_F16);
    assert_int_equal(s.act.scale, VQ_SCALE_F32); /* per token: never stored */
    kept.act.when = VQ_STATIC;
    assert_int_equal(vq_target_adapt(CT, VQ_BF16, &kept, &e), VQ_OK);
    assert_int_equal(kept.weight.scale, VQ_SCALE_BF16);
    assert_int_equal(kept.act.scale, VQ_SCALE_BF16);
    s = *vq_scheme_find("nvfp4", NULL);
    assert_int_equal(vq_target_adapt(CT, VQ_F16, &s, &e), VQ_OK);
    assert_int_equal(s.weight.scale, VQ_SCALE_E4M3);
}

static void refuses(vq_dtype model, const vq_scheme *given, const char *why)
{
    vq_err e;
    vq_scheme s = *given;
    assert_int_equal(vq_target_adapt(OWN, model, &s, &e), VQ_OK);
    assert_int_equal(vq_target_adapt(CT, model, &s, &e), VQ_E_RECIPE);
    if (!strstr(e.text, why)) fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

/* What a recipe gives is stored or refused. */
static void keeps_what_is_given(void **state)
{
    (void)state;
    vq_err e;
    const vq_scheme int8 = *vq_scheme_find("int8", NULL), mx = *vq_scheme_find("mxfp4", NULL);
    vq_scheme s = int8;
    s.weight.scale_given = true;
    assert_int_equal(vq_target_adapt(CT, VQ_BF16, &s, &e), VQ_OK);
    refuses(VQ_F16, &s, "scales of weights in the model's type: say scale: f16");
    s = int8;
    s.act.when = VQ_STATIC;
    s.act.scale_given = true;
    refuses(VQ_BF16, &s, "scales of static inputs in the model's type: say scale: bf16");
    s = int8;
    s.act.scale = VQ_SCALE_F16;
    refuses(VQ_BF16, &s, "say scale: f32");
    s = int8;
    s.act.range = VQ_RANGE_NARROW;
    refuses(VQ_BF16, &s, "differ from range: full");
    s.act.when = VQ_STATIC; /* then the stored scale is the narrow one */
    assert_int_equal(vq_target_adapt(CT, VQ_BF16, &s, &e), VQ_OK);
    s = mx;
    s.act.rule = VQ_RULE_CEIL;
    refuses(VQ_BF16, &s, "differ from rule: bump");
    s = mx;
    s.act.compat = VQ_COMPAT_MODELOPT;
    refuses(VQ_BF16, &s, "differ from compat: compressed-tensors");
}

/* Refusals name whoever can, and nobody when nobody can. */
static void advice(void **state)
{
    (void)state;
    vq_err e;
    vq_scheme s = *vq_scheme_find("mxfp8", NULL);
    vq_module m = {.name = "a", .n = 4, .k = 64, .scheme = &s, .model_dtype = VQ_BF16, .arc_s = 32};
    assert_int_equal(vq_target_takes(CT, &m, &e), VQ_E_RECIPE);
    assert_string_equal(e.text, "compressed-tensors has no place for the augmented channels of "
                                "arc; use --set output.format=vq");
    assert_int_equal(vq_target_takes(OWN, &m, &e), VQ_OK);
    m.arc_s = 0;
    assert_int_equal(vq_target_takes(CT, &m, &e), VQ_OK);
    s.weight.group.kind = VQ_PER_TOKEN;
    assert_int_equal(vq_target_takes(CT, &m, &e), VQ_E_RECIPE);
    assert_null(strstr(e.text, "output.format"));
    assert_int_equal(vq_target_takes(OWN, &m, &e), VQ_E_RECIPE);
    assert_non_null(strstr(e.text, "vq cannot hold scheme"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_in_the_order_of_digests),
        cmocka_unit_test(complete),
        cmocka_unit_test(owners),
        cmocka_unit_test(names),
        cmocka_unit_test(conventions),
        cmocka_unit_test(adapts),
        cmocka_unit_test(keeps_what_is_given),
        cmocka_unit_test(advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
