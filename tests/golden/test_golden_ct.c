/* test_golden_ct.c -- compressed-tensors folders of the peers: every module decodes to the peer's
 * own values, the base model quantized here with the same scheme gives the peer's stored bytes, and
 * so do the peer's modules packed anew into another container. Walks whatever folders the golden
 * root has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "formats/folder/checkpoint.h"
#include "formats/layouts/module_map.h"
#include "formats/layouts/module_store.h"
#include "formats/safetensors/st_container.h"
#include "golden.h"
#include "memory_container.h"
#include "show.h"

static char root[2048];
static vq_err err;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != VQ_OK) fail_msg("%s: %s", where, err.text);                                  \
    } while (0)

/* Calls fn for every FAMILY/ct-* below the root; fails when there is none. */
static void each_folder(void (*fn)(const char *where, const char *family, const char *folder,
                                   vq_arena *a))
{
    vq_arena a, b;
    const char *const *families, *const *folders;
    size_t nfamilies, nfolders;
    const char *where = root;
    int done = 0;
    vq_arena_init(&a, NULL);
    OK(vq_list_dir(root, &a, &families, &nfamilies, &err));
    for (size_t i = 0; i < nfamilies; i++) {
        const char *family = vq_join(&a, root, families[i], &err);
        if (!vq_is_dir(family)) continue;
        OK(vq_list_dir(family, &a, &folders, &nfolders, &err));
        for (size_t j = 0; j < nfolders; j++) {
            if (strncmp(folders[j], "ct-", 3) != 0) continue;
            const char *folder = vq_join(&a, family, folders[j], &err);
            vq_arena_init(&b, NULL);
            fn(folder, family, folder, &b);
            vq_arena_done(&b);
            done++;
        }
    }
    vq_arena_done(&a);
    printf("%d folders\n", done);
    assert_gt(done, 0);
}

static uint16_t bf16_at(const vq_tensor *t, int64_t i)
{
    uint16_t h;
    memcpy(&h, (const uint8_t *)t->data + 2 * i, 2);
    return h;
}

/* Decoded in slices of rows, as a runtime would read them. */
static void compare_module(const char *where, vq_checkpoint *c, const char *name,
                           const vq_tensor_set *want, vq_arena *a)
{
    vq_linear l;
    OK(c->source.linear(c, name, 0, 0, &l, &err));
    assert_true(l.quantized);
    char key[512];
    snprintf(key, sizeof key, "%s.weight", name);
    const vq_tensor *t = vq_tensor_set_find(want, key);
    if (!t) fail_msg("%s: %s is not in dequant.safetensors", where, key);
    assert_int_equal(t->dtype, VQ_BF16);
    assert_int_equal(t->shape[0], l.n);
    assert_int_equal(t->shape[1], l.k);
    const int64_t step =
        l.scheme.weight.group.kind == VQ_PER_BLOCK && l.scheme.weight.group.rows > 1
            ? l.scheme.weight.group.rows
            : 7;
    for (int64_t r = 0; r < l.n; r += step) {
        const int64_t n = l.n - r < step ? l.n - r : step;
        vq_qtensor q;
        OK(c->source.rows(c, &l, r, n, &q, a, &err));
        float *x = VQ_ALLOC(a, float, n *l.k, "rows", &err);
        assert_non_null(x);
        vq_dequantize_ref(&q, 0, n, x);
        for (int64_t i = 0; i < n * l.k; i++) {
            const uint16_t got = vq_f32_to_bf16(x[i]), exp = bf16_at(t, r * l.k + i);
            if (got != exp && !(((got | exp) & 0x7FFF) == 0))
                fail_msg("%s: %s row %lld column %lld: %g, expected %g", where, name,
                         (long long)(r + i / l.k), (long long)(i % l.k),
                         (double)vq_bf16_to_f32(got), (double)vq_bf16_to_f32(exp));
        }
    }
}

static void decode_folder(const char *where, const char *family, const char *folder, vq_arena *a)
{
    (void)family;
    vq_checkpoint c;
    vq_tensor_set want;
    OK(vq_checkpoint_open(&c, vq_join(a, folder, "model", &err), a, &err));
    OK(vq_tensor_set_open(&want, &vq_container_safetensors,
                          vq_join(a, folder, "dequant.safetensors", &err), a, &err));
    size_t n = 0;
    for (; n < c.modules->count; n++)
        compare_module(where, &c, c.modules->modules[n].linear.name, &want, a);
    printf("%s: %zu modules of scheme %s\n", where, n, c.modules->modules[0].linear.scheme.id);
    assert_int_equal(n, want.count);
    vq_tensor_set_close(&want);
    vq_checkpoint_close(&c);
}

static void decodes(void **state)
{
    (void)state;
    each_folder(decode_folder);
}

static float absmax(const float *x, int64_t n)
{
    float m = 0;
    for (int64_t i = 0; i < n; i++) m = fmaxf(m, fabsf(x[i]));
    return m;
}

/* The weight of a module of the base model as f32; NULL when it has none. */
static float *base_weight(const char *where, const vq_tensor_set *base, const char *module,
                          int64_t *numel, vq_arena *a)
{
    char key[512];
    snprintf(key, sizeof key, "%s.weight", module);
    const vq_tensor *t = vq_tensor_set_find(base, key);
    if (!t) return NULL;
    *numel = vq_tensor_numel(t);
    float *x = VQ_ALLOC(a, float, *numel, "weight", &err);
    assert_non_null(x);
    OK(vq_to_f32(t, 0, *numel, x, &err));
    return x;
}

/* Maximum over the weights that a runtime fuses with this one. */
static float fused_absmax(const char *where, const vq_tensor_set *base, const char *module,
                          vq_arena *a)
{
    static const char *const fused[][3] = {{"q_proj", "k_proj", "v_proj"},
                                           {"gate_proj", "up_proj", NULL}};
    const char *dot = strrchr(module, '.');
    const char *last = dot ? dot + 1 : module;
    int64_t numel;
    float *x = base_weight(where, base, module, &numel, a), amax = absmax(x, numel);
    for (int g = 0; g < 2; g++) {
        bool member = false;
        for (int i = 0; i < 3 && fused[g][i]; i++) member |= strcmp(fused[g][i], last) == 0;
        for (int i = 0; member && i < 3 && fused[g][i]; i++) {
            char name[512];
            snprintf(name, sizeof name, "%.*s%s", (int)(last - module), module, fused[g][i]);
            x = base_weight(where, base, name, &numel, a);
            if (x) amax = fmaxf(amax, absmax(x, numel));
        }
    }
    return amax;
}

/* Bytes of one tensor of the peer and of ours. */
static void same_bytes(const char *where, const char *name, const void *got, const vq_tensor *want,
                       size_t bytes)
{
    const uint8_t *a = got, *b = want->data;
    size_t bad = 0, first = 0;
    assert_int_equal(want->bytes, bytes);
    for (size_t i = bytes; i-- > 0;)
        if (a[i] != b[i]) bad++, first = i;
    if (bad)
        fail_msg("%s: %s: %zu of %zu bytes differ, the first at %zu: %02x, expected %02x", where,
                 name, bad, bytes, first, a[first], b[first]);
}

static void write_module(const char *where, const vq_stored_module *s, const vq_qtensor *q,
                         const vq_container *container, const char *dir, vq_tensor_set *out,
                         vq_arena *a)
{
    vq_tensor_writer *w;
    char sha[VQ_SHA256_TEXT], again[VQ_SHA256_TEXT];
    vq_module m = {.name = s->linear.name,
                   .n = s->linear.n,
                   .k = s->linear.k,
                   .scheme = &s->linear.scheme,
                   .model_dtype = VQ_BF16};
    const vq_module_extra x = {.act_global_scale = s->linear.act_global_scale,
                               .act_scale = s->linear.act_scale,
                               .act_zero = s->linear.act_zero};
    OK(vq_tensor_writer_new(&w, container, a, &err));
    OK(vq_target_takes(s->target, &m, &err));
    OK(vq_module_declare(s->target, &m, w, &err));
    OK(vq_tensor_writer_begin(w, dir, 0, &err));
    OK(vq_module_write(s->target, &m, q, &x, w, sha, a, &err));
    OK(vq_tensor_writer_commit(w, NULL, NULL, &err));
    OK(vq_tensor_set_open(out, container, dir, a, &err));
    OK(vq_module_sha(s->target, m.name, out, again, &err));
    assert_string_equal(sha, again);
}

/* Every tensor that the peer stored of the module is there, of the same type and shape. */
static void same_tensors(const char *where, const vq_stored_module *s, const vq_tensor_set *out)
{
    for (int i = 0; i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix; i++) {
        const vq_tensor *want = s->tensors[i];
        if (!want) continue;
        const vq_tensor *got = vq_tensor_set_find(out, want->name);
        assert_non_null(got);
        assert_int_equal(got->dtype, want->dtype);
        assert_int_equal(got->ndim, want->ndim);
        for (int d = 0; d < want->ndim; d++) assert_int_equal(got->shape[d], want->shape[d]);
        same_bytes(where, want->name, got->data, want, got->bytes);
    }
}

static void requantize_module(const char *where, const vq_stored_module *s,
                              const vq_tensor_set *base, const char *dir, vq_arena *a)
{
    const vq_linear *l = &s->linear;
    int64_t numel;
    const float *w = base_weight(where, base, l->name, &numel, a);
    assert_non_null(w);
    vq_qtensor q;
    vq_global_scale global_scale = {.value = 1};
    if (l->scheme.weight.global_scale)
        global_scale = vq_global_scale_from_amax(&l->scheme.weight,
                                                 fused_absmax(where, base, l->name, a), VQ_BF16);
    OK(vq_qtensor_new(&q, &l->scheme.weight, l->n, l->k, a, &err));
    OK(vq_quantize_ref(&q, w, global_scale, VQ_BF16, &err));
    vq_tensor_set out;
    write_module(where, s, &q, &vq_container_safetensors, dir, &out, a);
    same_tensors(where, s, &out);
    vq_tensor_set_close(&out);
}

/* The peer's modules read here and packed into another container: still the peer's bytes. */
static void repack_folder(const char *where, const char *family, const char *folder, vq_arena *a)
{
    (void)family;
    vq_checkpoint c;
    OK(vq_checkpoint_open(&c, vq_join(a, folder, "model", &err), a, &err));
    assert_string_equal(c.target->name, "compressed-tensors");
    for (size_t i = 0; i < c.modules->count; i++) {
        const vq_arena_mark here = vq_arena_here(a);
        const vq_stored_module *s = &c.modules->modules[i];
        vq_qtensor q;
        vq_tensor_set out;
        OK(vq_stored_rows(s, 0, s->linear.n, &q, a, &err));
        write_module(where, s, &q, &memory_container, folder, &out, a);
        same_tensors(where, s, &out);
        vq_tensor_set_close(&out);
        memory_clear();
        vq_arena_rewind(a, here);
    }
    vq_checkpoint_close(&c);
}

static void repacks(void **state)
{
    (void)state;
    each_folder(repack_folder);
}

static void requantize_folder(const char *where, const char *family, const char *folder,
                              vq_arena *a)
{
    vq_checkpoint c;
    vq_tensor_set base;
    char dir[] = "/tmp/vq-golden-ct-XXXXXX";
    assert_non_null(mkdtemp(dir));
    OK(vq_checkpoint_open(&c, vq_join(a, folder, "model", &err), a, &err));
    OK(vq_tensor_set_open(&base, &vq_container_safetensors, vq_join(a, family, "base", &err), a,
                          &err));
    for (size_t i = 0; i < c.modules->count; i++) {
        const vq_arena_mark here = vq_arena_here(a);
        requantize_module(where, &c.modules->modules[i], &base, dir, a);
        vq_arena_rewind(a, here);
    }
    vq_tensor_set_close(&base);
    vq_checkpoint_close(&c);
    OK(vq_remove(dir, &err));
}

static void requantizes(void **state)
{
    (void)state;
    each_folder(requantize_folder);
}

int main(void)
{
    golden_path(root, sizeof root, "file-formats");
    const struct CMUnitTest tests[] = {cmocka_unit_test(decodes), cmocka_unit_test(requantizes),
                                       cmocka_unit_test(repacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
