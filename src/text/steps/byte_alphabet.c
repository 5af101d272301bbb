/* byte_alphabet.c -- printable Latin-1 stands for itself, the other 68 bytes are U+0100 and up, in
 * order. */
#include "text/steps/byte_alphabet.h"

#include <stdbool.h>

static bool prints_itself(int32_t c)
{
    return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255);
}

/* The gaps are 0..32, 127..160 and 173. */
static int32_t letter(uint8_t byte)
{
    if (prints_itself(byte)) return byte;
    return 256 + (byte <= 32 ? byte : byte <= 160 ? byte - 127 + 33 : 67);
}

size_t vq_byte_letter(uint8_t byte, uint8_t out[2])
{
    const int32_t c = letter(byte);
    if (c < 128) {
        out[0] = (uint8_t)c;
        return 1;
    }
    out[0] = (uint8_t)(0xC0 | c >> 6);
    out[1] = (uint8_t)(0x80 | (c & 63));
    return 2;
}

int vq_letter_byte(int32_t c)
{
    if (c >= 0 && c < 256) return prints_itself(c) ? c : -1;
    const int32_t n = c - 256;
    if (n < 0 || n > 67) return -1;
    return n <= 32 ? n : n <= 66 ? n - 33 + 127 : 173;
}
