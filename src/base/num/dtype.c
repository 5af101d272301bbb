/* dtype.c -- the table of stored element types, and the scalar meaning of the float ones. */
#include "base/num/dtype.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num/num.h"

static const struct {
    const char *name;
    int bits;
} types[VQ_DTYPES] = {
    [VQ_BOOL] = {"BOOL", 8},
    [VQ_F4] = {"F4", 4},
    [VQ_F6_E2M3] = {"F6_E2M3", 6},
    [VQ_F6_E3M2] = {"F6_E3M2", 6},
    [VQ_U8] = {"U8", 8},
    [VQ_I8] = {"I8", 8},
    [VQ_F8_E5M2] = {"F8_E5M2", 8},
    [VQ_F8_E4M3] = {"F8_E4M3", 8},
    [VQ_F8_E8M0] = {"F8_E8M0", 8},
    [VQ_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [VQ_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [VQ_I16] = {"I16", 16},
    [VQ_U16] = {"U16", 16},
    [VQ_F16] = {"F16", 16},
    [VQ_BF16] = {"BF16", 16},
    [VQ_I32] = {"I32", 32},
    [VQ_U32] = {"U32", 32},
    [VQ_F32] = {"F32", 32},
    [VQ_C64] = {"C64", 64},
    [VQ_F64] = {"F64", 64},
    [VQ_I64] = {"I64", 64},
    [VQ_U64] = {"U64", 64},
};

const char *vq_dtype_name(vq_dtype t)
{
    return t < VQ_DTYPES ? types[t].name : "unknown";
}

int vq_dtype_bits(vq_dtype t)
{
    return t < VQ_DTYPES ? types[t].bits : 0;
}

vq_dtype vq_dtype_find(const char *name, size_t len)
{
    for (int t = 0; t < VQ_DTYPES; t++)
        if (strlen(types[t].name) == len && memcmp(types[t].name, name, len) == 0)
            return (vq_dtype)t;
    return VQ_DTYPES;
}

vq_status vq_tensor_bytes(vq_dtype t, const int64_t *shape, int ndim, size_t *bytes, vq_err *e)
{
    uint64_t numel = 1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return vq_fail(e, VQ_E_INPUT, "size %lld is negative", (long long)shape[i]);
        if (__builtin_mul_overflow(numel, (uint64_t)shape[i], &numel))
            return vq_fail(e, VQ_E_INPUT, "the sizes multiply beyond 64 bits");
    }
    uint64_t bits;
    if (__builtin_mul_overflow(numel, (uint64_t)vq_dtype_bits(t), &bits))
        return vq_fail(e, VQ_E_INPUT, "the sizes multiply beyond 64 bits");
    if (bits % 8)
        return vq_fail(e, VQ_E_INPUT, "%llu elements of %s do not fill whole bytes",
                       (unsigned long long)numel, vq_dtype_name(t));
    *bytes = (size_t)(bits / 8);
    return VQ_OK;
}

int64_t vq_tensor_numel(const vq_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++) n *= t->shape[i];
    return n;
}

const char *vq_shape_text(const int64_t *shape, int ndim, char *buf, size_t len)
{
    size_t at = 0;
    for (int i = 0; i < ndim && at < len; i++) {
        const int n = snprintf(buf + at, len - at, "%s%lld", i ? ", " : "[", (long long)shape[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    if (at < len) (void)snprintf(buf + at, len - at, ndim ? "]" : "[]");
    return buf;
}

float vq_bf16_to_f32(uint16_t h)
{
    const uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, 4);
    return x;
}

/* Without a branch, so that it is a vector's work. */
bool vq_f32_all_finite(const float *x, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bad |= (bits & 0x7F800000U) == 0x7F800000U;
    }
    return !bad;
}

uint16_t vq_f32_to_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    if (x != x) return (uint16_t)((u >> 16) | 0x40);
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

float vq_f16_to_f32(uint16_t h)
{
    const int exponent = (h >> 10) & 31, mantissa = h & 1023;
    float x;
    if (exponent == 31)
        x = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
        x = (float)mantissa * 0x1p-24F;
    else
        x = ldexpf((float)(1024 + mantissa), exponent - 25);
    return h & 0x8000 ? -x : x;
}

uint16_t vq_f32_to_f16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    const uint16_t sign = (uint16_t)((u >> 16) & 0x8000);
    const float a = fabsf(x);
    if (x != x) return (uint16_t)(sign | 0x7e00);
    if (a >= 65520.0F) return (uint16_t)(sign | 0x7c00);
    if (a < 0x1p-14F) return (uint16_t)(sign | (uint16_t)(uint32_t)nearbyintf(a * 0x1p24F));
    u &= 0x7fffffff;
    u += 0xfff + ((u >> 13) & 1);
    return (uint16_t)(sign | (uint16_t)((u - 0x38000000) >> 13));
}

float vq_round_to(vq_dtype t, float x)
{
    if (t == VQ_BF16) return vq_bf16_to_f32(vq_f32_to_bf16(x));
    if (t == VQ_F16) return vq_f16_to_f32(vq_f32_to_f16(x));
    return x;
}

static float load_f32(const unsigned char *p)
{
    float x;
    memcpy(&x, p, 4);
    return x;
}
static float load_f64(const unsigned char *p)
{
    double x;
    memcpy(&x, p, 8);
    return (float)x;
}
static uint16_t load_u16(const unsigned char *p)
{
    uint16_t x;
    memcpy(&x, p, 2);
    return x;
}

static const char *small_grid(vq_dtype t)
{
    return t == VQ_F8_E4M3 ? "e4m3" : t == VQ_F8_E5M2 ? "e5m2" : t == VQ_F8_E8M0 ? "e8m0" : NULL;
}

static void small_to_f32(const char *name, const unsigned char *p, int64_t n, float *out)
{
    vq_grid grid;
    (void)vq_grid_parse(name, &grid);
    for (int64_t i = 0; i < n; i++) out[i] = vq_decode(&grid, p[i]);
}

vq_tensor vq_tensor_turn(const vq_tensor *t)
{
    vq_tensor turned = *t;
    turned.shape[0] = t->shape[1];
    turned.shape[1] = t->shape[0];
    turned.transposed = !t->transposed;
    return turned;
}

vq_tensor vq_tensor_as_stored(const vq_tensor *t)
{
    return t->transposed ? vq_tensor_turn(t) : *t;
}

static vq_status transposed_to_f32(const vq_tensor *t, int64_t first, int64_t n, float *out,
                                   vq_err *e)
{
    const vq_tensor stored = vq_tensor_as_stored(t);
    const int64_t rows = t->shape[0], cols = t->shape[1];
    for (int64_t i = first; i < first + n; i++)
        VQ_TRY(vq_to_f32(&stored, i % cols * rows + i / cols, 1, out + (i - first), e));
    return VQ_OK;
}

vq_status vq_to_f32(const vq_tensor *t, int64_t first, int64_t n, float *out, vq_err *e)
{
    if (t->coded && n > 0) return vq_fail(e, VQ_E_BUG, "%s is read without decoding", t->name);
    if (t->transposed && n > 0) return transposed_to_f32(t, first, n, out, e);
    const unsigned char *p =
        (const unsigned char *)t->data + (size_t)first * (size_t)vq_dtype_bits(t->dtype) / 8;
    switch (t->dtype) {
    case VQ_F32:
        for (int64_t i = 0; i < n; i++) out[i] = load_f32(p + 4 * i);
        return VQ_OK;
    case VQ_F64:
        for (int64_t i = 0; i < n; i++) out[i] = load_f64(p + 8 * i);
        return VQ_OK;
    case VQ_BF16:
        for (int64_t i = 0; i < n; i++) out[i] = vq_bf16_to_f32(load_u16(p + 2 * i));
        return VQ_OK;
    case VQ_F16:
        for (int64_t i = 0; i < n; i++) out[i] = vq_f16_to_f32(load_u16(p + 2 * i));
        return VQ_OK;
    default:
        break;
    }
    const char *grid = small_grid(t->dtype);
    if (!grid)
        return vq_fail(e, VQ_E_INPUT, "%s: type %s is not a float type", t->name,
                       vq_dtype_name(t->dtype));
    small_to_f32(grid, p, n, out);
    return VQ_OK;
}
