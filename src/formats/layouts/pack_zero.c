/* pack_zero.c -- zero points as compressed-tensors packs them: offset codes down each column, in
 * int32 words. */
#include <string.h>

#include "formats/layouts/layout.h"
#include "formats/layouts/pack_bits.h"

static uint8_t flip_of(const vq_num *num)
{
    return (uint8_t)((1u << num->grid.bits) >> 1);
}

static size_t words_down(const vq_qtensor *q)
{
    return vq_bits_bytes(q->rows, q->num.grid.bits, 4) / 4;
}

vq_status vq_pack_zeros_down(const vq_qtensor *q, vq_arena *a, uint8_t **out, size_t *bytes,
                             vq_err *e)
{
    const size_t words = words_down(q), columns = (size_t)q->per_row;
    uint8_t *codes = VQ_ALLOC(a, uint8_t, q->rows, "zero points", e);
    uint8_t *down = codes ? VQ_ALLOC(a, uint8_t, words * 4, "zero points", e) : NULL;
    *out = down ? VQ_ALLOC(a, uint8_t, words * 4 * columns, "packed zero points", e) : NULL;
    if (!*out) return VQ_E_LIMIT;
    *bytes = words * 4 * columns;
    for (size_t g = 0; g < columns; g++) {
        for (int64_t r = 0; r < q->rows; r++) codes[r] = (uint8_t)q->zero[(size_t)r * columns + g];
        vq_bits_pack(codes, q->rows, q->num.grid.bits, flip_of(&q->num), down, words * 4);
        for (size_t w = 0; w < words; w++) memcpy(*out + (w * columns + g) * 4, down + w * 4, 4);
    }
    return VQ_OK;
}

/* Bit t of column g lies in word t / 32 of that column. */
static unsigned one_zero(const uint8_t *in, size_t columns, size_t g, size_t first, int bits)
{
    unsigned z = 0;
    for (int b = 0; b < bits; b++) {
        const size_t t = first + (size_t)b;
        z |= (in[(t / 32 * columns + g) * 4 + t % 32 / 8] >> (t % 8) & 1u) << b;
    }
    return z;
}

void vq_unpack_zeros_down(const uint8_t *in, int64_t r0, vq_qtensor *q)
{
    const int bits = q->num.grid.bits;
    const size_t columns = (size_t)q->per_row;
    for (int64_t r = 0; r < q->rows; r++)
        for (size_t g = 0; g < columns; g++) {
            const unsigned z = one_zero(in, columns, g, (size_t)(r0 + r) * (size_t)bits, bits);
            q->zero[(size_t)r * columns + g] = (int16_t)((int)z - flip_of(&q->num));
        }
}
