/* pack_bits.h -- codes of 2 to 16 bits as a dense little-endian bit stream: element i of a row
 * holds bits [i*b, i*b + b). For 4 bits that is "low nibble = even column"; seen as 32-bit words it
 * is the int32 packing of compressed-tensors, whose odd widths straddle words. test
 * tests/unit/formats/test_pack_bits.c */
#ifndef VQ_FORMATS_LAYOUTS_PACK_BITS_H
#define VQ_FORMATS_LAYOUTS_PACK_BITS_H

#include <stddef.h>
#include <stdint.h>

/* vq_bits_bytes -- bytes of a row of n codes, padded with zero bits to a multiple of `unit` bytes.
 */
size_t vq_bits_bytes(int64_t n, int bits, size_t unit);

/* vq_bits_pack -- n codes of one byte each to `bytes` (as from vq_bits_bytes) of stream.
 *   flip: xored into every code first (two's complement to offset binary: the sign bit). bits 2..8.
 */
void vq_bits_pack(const uint8_t *codes, int64_t n, int bits, uint8_t flip, uint8_t *out,
                  size_t bytes);
/* vq_bits_unpack -- the inverse; reads only the bytes that hold codes. */
void vq_bits_unpack(const uint8_t *in, int64_t n, int bits, uint8_t flip, uint8_t *codes);

/* The same for codes of two bytes each, bits 2..16. */
void vq_bits_pack16(const uint16_t *codes, int64_t n, int bits, uint8_t *out, size_t bytes);
void vq_bits_unpack16(const uint8_t *in, int64_t n, int bits, uint16_t *codes);

#endif
