/* num.c -- the scalar definition of every element grid: names, decoding, encoding. Bit arithmetic,
 * exact for every float. */
#include "base/num/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num/grids.h"

static const struct {
    const char *name;
    vq_grid grid;
} named[] = {
    {"e2m1", VQ_GRID_E2M1}, {"e2m3", VQ_GRID_E2M3},     {"e3m2", VQ_GRID_E3M2},
    {"e4m3", VQ_GRID_E4M3}, {"e5m2", VQ_GRID_E5M2},     {"ue5m3", VQ_GRID_UE5M3},
    {"e8m0", VQ_GRID_E8M0}, {"mxint8", VQ_GRID_MXINT8}, {"iq4nl", VQ_GRID_IQ4NL},
    {"nf4", VQ_GRID_NF4},
};
#define NAMED (sizeof named / sizeof named[0])

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static uint32_t to_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

/* 2^e for -149 <= e <= 127. */
static float exp2_int(int e)
{
    return from_bits(e < -126 ? 1U << (e + 149) : (uint32_t)(e + 127) << 23);
}

static bool is_e8m0(const vq_grid *g)
{
    return g->ebits == 8;
}

/* A decimal number of at most two digits without leading zeros; advances *text. */
static bool small_number(const char **text, int *out)
{
    const char *p = *text;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9')) return false;
    int v = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        v = 10 * v + (*p - '0');
        if (v > 99) return false;
    }
    *text = p;
    *out = v;
    return true;
}

static bool parse_int(const char *text, vq_grid *out)
{
    const bool is_signed = text[0] == 'i';
    int bits;
    text++;
    if (!small_number(&text, &bits) || *text || bits < 2 || bits > 8) return false;
    *out = (vq_grid){.kind = VQ_GRID_INT, .is_signed = is_signed, .bits = (uint8_t)bits};
    out->max = (float)((1 << (is_signed ? bits - 1 : bits)) - 1);
    return true;
}

static bool parse_bfp(const char *text, vq_grid *out)
{
    int p;
    text += 3;
    if (!small_number(&text, &p) || *text || p < 2 || p > 16) return false;
    *out = (vq_grid){.kind = VQ_GRID_INT,
                     .is_signed = true,
                     .bits = (uint8_t)p,
                     .frac = (uint8_t)(p - 2),
                     .bfp = true};
    out->max = (float)((1 << (p - 1)) - 1) * exp2_int(2 - p);
    return true;
}

/* A float grid without specials: the top exponent is an ordinary one. */
static bool parse_float(const char *text, vq_grid *out)
{
    int e, m;
    text++;
    if (!small_number(&text, &e) || *text++ != 'm' || !small_number(&text, &m) || *text)
        return false;
    if (e < 1 || e > 7 || 1 + e + m > 16) return false;
    const int bias = (1 << (e - 1)) - 1, top = (1 << e) - 1 - bias;
    *out = (vq_grid){.kind = VQ_GRID_FLOAT,
                     .is_signed = true,
                     .bits = (uint8_t)(1 + e + m),
                     .ebits = (uint8_t)e,
                     .mbits = (uint8_t)m,
                     .bias = (int16_t)bias,
                     .max_code = (uint16_t)((1 << (e + m)) - 1)};
    out->max = (float)((2 << m) - 1) * exp2_int(top - m);
    return true;
}

const char *vq_grid_at(int i)
{
    return i >= 0 && (size_t)i < NAMED ? named[i].name : NULL;
}

bool vq_grid_parse(const char *text, vq_grid *out)
{
    for (size_t i = 0; i < NAMED; i++) {
        if (strcmp(named[i].name, text) == 0) {
            *out = named[i].grid;
            return true;
        }
    }
    if (text[0] == 'i' || text[0] == 'u') return parse_int(text, out);
    if (strncmp(text, "bfp", 3) == 0) return parse_bfp(text, out);
    return text[0] == 'e' && parse_float(text, out);
}

static bool tables_equal(const vq_grid *a, const vq_grid *b)
{
    for (uint32_t c = 0; c < 1U << a->bits; c++)
        if (a->table[c] != b->table[c]) return false;
    return true;
}

bool vq_grid_equal(const vq_grid *a, const vq_grid *b)
{
    if (a->kind != b->kind || a->is_signed != b->is_signed || a->bits != b->bits) return false;
    if (a->kind == VQ_GRID_TABLE) return tables_equal(a, b);
    if (a->kind == VQ_GRID_INT) return a->frac == b->frac && a->bfp == b->bfp;
    return a->ebits == b->ebits && a->mbits == b->mbits && a->bias == b->bias &&
           a->max_code == b->max_code;
}

const char *vq_grid_name(const vq_grid *g, char *buf)
{
    const size_t len = 16;
    for (size_t i = 0; i < NAMED; i++)
        if (vq_grid_equal(g, &named[i].grid))
            return memcpy(buf, named[i].name, strlen(named[i].name) + 1);
    if (g->kind == VQ_GRID_FLOAT)
        (void)snprintf(buf, len, "e%um%u", g->ebits, g->mbits);
    else
        (void)snprintf(buf, len, "%s%u", g->bfp ? "bfp" : g->is_signed ? "i" : "u", g->bits);
    return buf;
}

bool vq_grid_has_zero(const vq_grid *g)
{
    return vq_decode(g, vq_encode(g, 0.0F)) == 0;
}

static int32_t int_min(const vq_grid *g)
{
    if (!g->is_signed) return 0;
    return -(1 << (g->bits - 1)) + (g->bfp ? 1 : 0);
}

static int32_t int_max(const vq_grid *g)
{
    return (1 << (g->is_signed ? g->bits - 1 : g->bits)) - 1;
}

static float decode_int(const vq_grid *g, uint32_t code)
{
    const uint32_t sign = g->is_signed ? 1U << (g->bits - 1) : 0;
    const int32_t c = (int32_t)(code ^ sign) - (int32_t)sign;
    return (float)c * exp2_int(-g->frac);
}

static float decode_float(const vq_grid *g, uint32_t code)
{
    const uint32_t sign = g->is_signed ? code >> (g->bits - 1) : 0;
    const uint32_t mag = g->is_signed ? code & ((1U << (g->bits - 1)) - 1) : code;
    const uint32_t m = mag & ((1U << g->mbits) - 1);
    const int e = (int)(mag >> g->mbits);
    float x;
    if (mag > g->max_code)
        x = m ? NAN : INFINITY;
    else if (e == 0)
        x = (float)m * exp2_int(1 - g->bias - g->mbits);
    else
        x = (float)(m + (1U << g->mbits)) * exp2_int(e - g->bias - g->mbits);
    return sign ? -x : x;
}

float vq_decode(const vq_grid *g, uint32_t code)
{
    code &= (1U << g->bits) - 1;
    if (g->kind == VQ_GRID_INT) return decode_int(g, code);
    if (g->kind == VQ_GRID_TABLE) return g->table[code];
    if (is_e8m0(g)) return code == 0xff ? NAN : exp2_int((int)code - 127);
    return decode_float(g, code);
}

static uint32_t encode_int(const vq_grid *g, float x)
{
    const float lo = (float)int_min(g), hi = (float)int_max(g), t = x * exp2_int(g->frac);
    if (!(t < hi)) return (uint32_t)int_max(g); /* NaN too */
    /* Adding and taking away 1.5 * 2^23 leaves the nearest integer, ties to even. */
    const float c = (t > lo ? t : lo) + 0x1.8p23F;
    const int32_t q = (int32_t)(to_bits(c) - to_bits(0x1.8p23F));
    return (uint32_t)q & ((1U << g->bits) - 1);
}

static uint32_t encode_e8m0(float x)
{
    const uint32_t u = to_bits(x);
    if (x != x) return 0xff;
    if (u >> 31 || u < 0x00800000)
        return !(u >> 31) && u > 0x00600000; /* 2^-127 is a float without a leading one */
    const uint32_t code = (u + 0x003fffff + ((u >> 23) & 1)) >> 23;
    return code > 0xfe ? 0xfe : code;
}

/* Code of |x| < max, u its bits: shift the significand to the grid's last place, add the exponent
 * above it, round once. */
static uint32_t encode_magnitude(const vq_grid *g, uint32_t u)
{
    const int low = 1 - g->bias, field = (int)(u >> 23);
    const uint64_t sig = (u & 0x007fffff) | (field ? 0x00800000 : 0);
    const int e = field ? field - 127 : -126;
    const int at = e > low ? e : low;
    const int shift = 23 - g->mbits + at - e;
    if (shift > 25) return 0;
    const uint64_t full = ((uint64_t)(at - low) << (g->mbits + shift)) + sig;
    const uint64_t half = (1ULL << (shift - 1)) - 1;
    return (uint32_t)((full + half + ((full >> shift) & 1)) >> shift);
}

static uint32_t encode_float(const vq_grid *g, float x)
{
    const uint32_t u = to_bits(x) & 0x7fffffff;
    const uint32_t all = g->is_signed ? (1U << (g->bits - 1)) - 1 : (1U << g->bits) - 1;
    if (!g->is_signed && x < 0) return 0;
    uint32_t mag;
    if (u > 0x7f800000)
        mag = all;
    else if (u >= to_bits(g->max))
        mag = g->max_code;
    else
        mag = encode_magnitude(g, u);
    return g->is_signed && to_bits(x) >> 31 ? mag | (1U << (g->bits - 1)) : mag;
}

/* The number of middles below x; a middle itself goes to the even code, NaN to the last one. */
static uint32_t encode_table(const vq_grid *g, float x)
{
    uint32_t code = 0;
    for (uint32_t c = 1; c < 1U << g->bits; c++) {
        const float middle = 0.5F * (g->table[c - 1] + g->table[c]);
        code += c & 1 ? !(x <= middle) : !(x < middle);
    }
    return code;
}

uint32_t vq_encode(const vq_grid *g, float x)
{
    if (g->kind == VQ_GRID_INT) return encode_int(g, x);
    if (g->kind == VQ_GRID_TABLE) return encode_table(g, x);
    return is_e8m0(g) ? encode_e8m0(x) : encode_float(g, x);
}
