/* pack_scale.c -- scales and their stored types. Writing refuses what the type does not hold
 * exactly; reading takes every byte. */
#include <math.h>
#include <string.h>

#include "formats/layouts/layout.h"

static const vq_dtype stored_as[] = {
    [VQ_SCALE_F32] = VQ_F32,      [VQ_SCALE_F16] = VQ_F16,  [VQ_SCALE_BF16] = VQ_BF16,
    [VQ_SCALE_E4M3] = VQ_F8_E4M3, [VQ_SCALE_UE5M3] = VQ_U8, [VQ_SCALE_E8M0] = VQ_U8,
};

vq_dtype vq_scale_dtype(const vq_num *n)
{
    return stored_as[n->scale];
}

bool vq_scale_find(vq_dtype t, vq_scale_type *out)
{
    for (int i = VQ_SCALE_F32; i <= VQ_SCALE_BF16; i++) {
        if (stored_as[i] != t) continue;
        *out = (vq_scale_type)i;
        return true;
    }
    return false;
}

/* A coded scale from the bits of its value: exact when the value is on the grid, which the caller
 * compares. */
static uint8_t code_of(float x, const vq_grid *g)
{
    const float a = fabsf(x);
    const uint8_t sign = g->is_signed && x < 0 ? 0x80 : 0;
    uint32_t u;
    memcpy(&u, &a, sizeof u);
    const uint32_t code = (u >> (23 - g->mbits)) - ((uint32_t)(127 - g->bias) << g->mbits);
    if (u >> 23 >= (uint32_t)(128 - g->bias)) return (uint8_t)(code | sign);
    return (uint8_t)ldexpf(a, g->bias - 1 + g->mbits) |
           sign; /* below the smallest normal number: steps of 2^(1 - bias - mbits) */
}

static vq_status bad_scale(float x, const char *type, vq_err *e)
{
    return vq_fail(e, VQ_E_NUMERIC,
                   "a scale of %.9g cannot be stored as %s; quantize again with that scale type",
                   (double)x, type);
}

static vq_status pack_coded(const vq_num *num, const float *scale, int64_t n, uint8_t *out,
                            vq_err *e)
{
    const vq_grid *g = vq_scale_grid(num->scale);
    char name[16];
    float value[256];
    for (uint32_t c = 0; c < 256; c++) value[c] = vq_decode(g, c);
    for (int64_t i = 0; i < n; i++) {
        out[i] = code_of(scale[i], g);
        if (value[out[i]] != scale[i]) return bad_scale(scale[i], vq_grid_name(g, name), e);
    }
    return VQ_OK;
}

static vq_status pack_float(vq_dtype t, const float *scale, int64_t n, uint8_t *out, vq_err *e)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(vq_round_to(t, scale[i]) == scale[i]))
            return bad_scale(scale[i], vq_dtype_name(t), e);
        const uint16_t half = t == VQ_BF16 ? vq_f32_to_bf16(scale[i]) : vq_f32_to_f16(scale[i]);
        if (t == VQ_F32)
            memcpy(out + 4 * i, &scale[i], 4);
        else
            memcpy(out + 2 * i, &half, 2);
    }
    return VQ_OK;
}

vq_status vq_pack_scales(const vq_num *num, const float *scale, int64_t n, uint8_t *out, vq_err *e)
{
    return vq_scale_grid(num->scale) ? pack_coded(num, scale, n, out, e)
                                     : pack_float(vq_scale_dtype(num), scale, n, out, e);
}

vq_status vq_unpack_scales(const vq_num *num, const vq_tensor *t, int64_t first, int64_t n,
                           float *out, vq_err *e)
{
    const vq_grid *g = vq_scale_grid(num->scale);
    if (!g) return vq_to_f32(t, first, n, out, e);
    const uint8_t *in = (const uint8_t *)t->data + first;
    float value[256];
    for (uint32_t c = 0; c < 256; c++) value[c] = vq_decode(g, c);
    for (int64_t i = 0; i < n; i++) out[i] = value[in[i]];
    return VQ_OK;
}
