/* golden_tensors.h -- tensors of a reference file for golden tests, and counting of elements that
 * differ. */
#ifndef VQ_TESTS_GOLDEN_TENSORS_H
#define VQ_TESTS_GOLDEN_TENSORS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/num/dtype.h"
#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/st_container.h"
#include "golden.h"

typedef struct golden_file {
    vq_arena arena;
    vq_tensor_set set;
} golden_file;

/* golden_open -- a reference file by its path below the root; leaves the program with 77 when it is
 * absent, with 1 when it is broken. */
static inline void golden_open(golden_file *f, const char *rest)
{
    char path[4096];
    vq_err e = {0};
    vq_arena_init(&f->arena, NULL);
    if (vq_tensor_set_open(&f->set, &vq_container_safetensors, golden_path(path, sizeof path, rest),
                           &f->arena, &e) != VQ_OK) {
        printf("%s: %s\n", path, e.text);
        exit(1);
    }
}

static inline void golden_close(golden_file *f)
{
    vq_tensor_set_close(&f->set);
    vq_arena_done(&f->arena);
}

/* golden_find -- a tensor by formatted name, NULL when absent. */
static inline const vq_tensor *golden_find(const golden_file *f, const char *fmt, ...)
    VQ_PRINTF(2, 3);
static inline const vq_tensor *golden_find(const golden_file *f, const char *fmt, ...)
{
    char name[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return vq_tensor_set_find(&f->set, name);
}

/* golden_f32 -- a float tensor as f32 in the file's arena. */
static inline float *golden_f32(golden_file *f, const vq_tensor *t)
{
    vq_err e = {0};
    const int64_t n = vq_tensor_numel(t);
    float *x = VQ_ALLOC(&f->arena, float, n, t->name, &e);
    if (!x || vq_to_f32(t, 0, n, x, &e) != VQ_OK) {
        printf("%s: %s\n", t->name, e.text);
        exit(1);
    }
    return x;
}

/* golden_nibbles -- U8 [rows][k/2], low nibble first -> one code per byte. */
static inline uint8_t *golden_nibbles(golden_file *f, const vq_tensor *t)
{
    vq_err e = {0};
    const uint8_t *packed = (const uint8_t *)t->data;
    uint8_t *codes = VQ_ALLOC(&f->arena, uint8_t, 2 * t->bytes, t->name, &e);
    if (!codes) exit(1);
    for (size_t i = 0; i < t->bytes; i++) {
        codes[2 * i] = packed[i] & 15;
        codes[2 * i + 1] = packed[i] >> 4;
    }
    return codes;
}

static inline int64_t differing_bytes(const uint8_t *a, const void *b, int64_t n, const char *what)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        if (a[i] == ((const uint8_t *)b)[i]) continue;
        if (bad++ == 0)
            printf("%s: first difference at %lld: %u, reference %u\n", what, (long long)i, a[i],
                   ((const uint8_t *)b)[i]);
    }
    return bad;
}

/* differing_floats -- bit for bit; zeros of either sign and NaNs of every kind are equal. */
static inline int64_t differing_floats(const float *a, const float *b, int64_t n, const char *what)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (a[i] != a[i] && b[i] != b[i])) continue;
        if (bad++ == 0)
            printf("%s: first difference at %lld: %.9g, reference %.9g\n", what, (long long)i,
                   (double)a[i], (double)b[i]);
    }
    return bad;
}

#endif
