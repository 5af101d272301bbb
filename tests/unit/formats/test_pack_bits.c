/* test_pack_bits.c -- bit streams against a bit-by-bit definition, every width and awkward lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/layouts/pack_bits.h"
#include "show.h"

enum { LONGEST = 131 };

static uint32_t next(uint32_t *s)
{
    *s = *s * 1664525u + 1013904223u;
    return *s >> 16;
}

/* Bit t of a row belongs to element t / bits. */
static void define(const uint16_t *codes, int64_t n, int bits, unsigned flip, uint8_t *out,
                   size_t bytes)
{
    memset(out, 0, bytes);
    for (int64_t t = 0; t < n * bits; t++) {
        const unsigned bit = ((codes[t / bits] ^ flip) >> (t % bits)) & 1u;
        out[t / 8] = (uint8_t)(out[t / 8] | bit << (t % 8));
    }
}

static void one_row(int64_t n, int bits, uint8_t flip, uint32_t *seed)
{
    uint16_t wide[LONGEST], wide_back[LONGEST];
    uint8_t codes[LONGEST], back[LONGEST], want[2 * LONGEST + 4], *got;
    const size_t bytes = vq_bits_bytes(n, bits, 4);
    assert_eq(bytes % 4, 0);
    assert_ge(bytes * 8, (size_t)(n * bits));
    for (int64_t i = 0; i < n; i++) {
        wide[i] = (uint16_t)(next(seed) & ((1u << bits) - 1));
        codes[i] = (uint8_t)wide[i];
    }
    define(wide, n, bits, flip, want, bytes);
    got = malloc(bytes); /* exact size, so that the sanitizer sees a byte too far */
    assert_non_null(got);
    if (bits <= 8) {
        vq_bits_pack(codes, n, bits, flip, got, bytes);
        assert_memory_equal(got, want, bytes);
        vq_bits_unpack(got, n, bits, flip, back);
        assert_memory_equal(back, codes, (size_t)n);
    }
    if (flip == 0) {
        vq_bits_pack16(wide, n, bits, got, bytes);
        assert_memory_equal(got, want, bytes);
        vq_bits_unpack16(got, n, bits, wide_back);
        assert_memory_equal(wide_back, wide, (size_t)n * 2);
    }
    free(got);
}

static void every_width(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int bits = 2; bits <= 16; bits++)
        for (int64_t n = 1; n <= LONGEST; n++) {
            one_row(n, bits, 0, &seed);
            if (bits <= 8) one_row(n, bits, (uint8_t)(1u << (bits - 1)), &seed);
        }
}

/* Words of compressed-tensors written down by hand: codes -4 .. 3 of 3 bits, twice and a half. */
static void straddling_words(void **state)
{
    (void)state;
    uint8_t codes[12], out[8];
    for (int i = 0; i < 12; i++) codes[i] = (uint8_t)((i % 8 - 4) & 7);
    vq_bits_pack(codes, 12, 3, 4, out, sizeof out);
    const uint8_t want[8] = {0x88, 0xC6, 0xFA, 0x88, 0x06, 0, 0, 0};
    assert_memory_equal(out, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_width),
                                       cmocka_unit_test(straddling_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
