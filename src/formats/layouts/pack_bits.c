/* pack_bits.c -- dense little-endian bit streams; 4 and 8 bits have loops of their own, eight codes
 * of b bits always fill b bytes. */
#include "formats/layouts/pack_bits.h"

#include <string.h>

size_t vq_bits_bytes(int64_t n, int bits, size_t unit)
{
    const size_t all = ((size_t)n * (size_t)bits + 7) / 8;
    return (all + unit - 1) / unit * unit;
}

static void pack_8(const uint8_t *restrict codes, int64_t n, uint8_t flip, uint8_t *restrict out)
{
    for (int64_t i = 0; i < n; i++) out[i] = (uint8_t)(codes[i] ^ flip);
}

static void pack_4(const uint8_t *restrict codes, int64_t n, uint8_t flip, uint8_t *restrict out)
{
    const unsigned both = (unsigned)flip * 0x11u;
    for (int64_t j = 0; j < n / 2; j++)
        out[j] = (uint8_t)(((codes[2 * j] & 15u) | (unsigned)codes[2 * j + 1] << 4) ^ both);
    if (n % 2) out[n / 2] = (uint8_t)((codes[n - 1] & 15u) ^ flip);
}

static void unpack_4(const uint8_t *restrict in, int64_t n, uint8_t flip, uint8_t *restrict codes)
{
    for (int64_t j = 0; j < n / 2; j++) {
        codes[2 * j] = (uint8_t)((in[j] & 15u) ^ flip);
        codes[2 * j + 1] = (uint8_t)((in[j] >> 4) ^ flip);
    }
    if (n % 2) codes[n - 1] = (uint8_t)((in[n / 2] & 15u) ^ flip);
}

/* Up to eight codes in one word, the first in the lowest bits. */
static inline uint64_t gather(const uint8_t *codes, int64_t n, int bits, uint8_t flip)
{
    const uint64_t mask = (1u << bits) - 1;
    uint64_t word = 0;
    for (int64_t i = 0; i < n; i++) word |= ((uint64_t)(codes[i] ^ flip) & mask) << (i * bits);
    return word;
}

static inline void put_word(uint64_t word, uint8_t *out, size_t bytes)
{
    for (size_t b = 0; b < bytes; b++) out[b] = (uint8_t)(word >> (8 * b));
}

static inline uint64_t get_word(const uint8_t *in, size_t bytes)
{
    uint64_t word = 0;
    for (size_t b = 0; b < bytes; b++) word |= (uint64_t)in[b] << (8 * b);
    return word;
}

static inline void pack_any(const uint8_t *codes, int64_t n, int bits, uint8_t flip, uint8_t *out)
{
    const size_t step = (size_t)bits;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8, out += step) put_word(gather(codes + i, 8, bits, flip), out, step);
    if (i < n) put_word(gather(codes + i, n - i, bits, flip), out, vq_bits_bytes(n - i, bits, 1));
}

static inline void scatter(uint64_t word, int64_t n, int bits, uint8_t flip, uint8_t *codes)
{
    const uint64_t mask = (1u << bits) - 1;
    for (int64_t i = 0; i < n; i++) codes[i] = (uint8_t)((word >> (i * bits) & mask) ^ flip);
}

static inline void unpack_any(const uint8_t *in, int64_t n, int bits, uint8_t flip, uint8_t *codes)
{
    const size_t step = (size_t)bits;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8, in += step) scatter(get_word(in, step), 8, bits, flip, codes + i);
    if (i < n) scatter(get_word(in, vq_bits_bytes(n - i, bits, 1)), n - i, bits, flip, codes + i);
}

/* A width that the compiler knows turns the shifts into constants: several times the speed. */
#define WIDTH(b)                                                                                   \
    static void pack_##b(const uint8_t *codes, int64_t n, uint8_t flip, uint8_t *out)              \
    {                                                                                              \
        pack_any(codes, n, b, flip, out);                                                          \
    }                                                                                              \
    static void unpack_##b(const uint8_t *in, int64_t n, uint8_t flip, uint8_t *codes)             \
    {                                                                                              \
        unpack_any(in, n, b, flip, codes);                                                         \
    }
WIDTH(2)
WIDTH(3)
WIDTH(5)
WIDTH(6)
WIDTH(7)

typedef void (*row_fn)(const uint8_t *from, int64_t n, uint8_t flip, uint8_t *to);
static const row_fn packers[9] = {[2] = pack_2, [3] = pack_3, [4] = pack_4, [5] = pack_5,
                                  [6] = pack_6, [7] = pack_7, [8] = pack_8};
static const row_fn unpackers[9] = {[2] = unpack_2, [3] = unpack_3, [4] = unpack_4, [5] = unpack_5,
                                    [6] = unpack_6, [7] = unpack_7, [8] = pack_8};

void vq_bits_pack(const uint8_t *codes, int64_t n, int bits, uint8_t flip, uint8_t *out,
                  size_t bytes)
{
    const size_t used = vq_bits_bytes(n, bits, 1);
    memset(out + used, 0, bytes - used);
    packers[bits](codes, n, flip, out);
}

void vq_bits_unpack(const uint8_t *in, int64_t n, int bits, uint8_t flip, uint8_t *codes)
{
    unpackers[bits](in, n, flip, codes);
}

void vq_bits_pack16(const uint16_t *codes, int64_t n, int bits, uint8_t *out, size_t bytes)
{
    uint32_t held = 0;
    int have = 0;
    size_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        held |= (codes[i] & ((1u << bits) - 1)) << have;
        for (have += bits; have >= 8; have -= 8, held >>= 8) out[at++] = (uint8_t)held;
    }
    if (have > 0) out[at++] = (uint8_t)held;
    memset(out + at, 0, bytes - at);
}

void vq_bits_unpack16(const uint8_t *in, int64_t n, int bits, uint16_t *codes)
{
    uint32_t held = 0;
    int have = 0;
    for (int64_t i = 0; i < n; i++) {
        for (; have < bits; have += 8) held |= (uint32_t)*in++ << have;
        codes[i] = (uint16_t)(held & ((1u << bits) - 1));
        held >>= bits;
        have -= bits;
    }
}
