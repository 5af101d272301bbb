/* byte_alphabet.h -- GPT-2's alphabet writes every byte as one printable character. */
#ifndef VQ_TEXT_BYTE_ALPHABET_H
#define VQ_TEXT_BYTE_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

/* vq_byte_letter -- the character that stands for a byte, its 1 or 2 bytes of UTF-8 into out; how
 * many they are. */
size_t vq_byte_letter(uint8_t byte, uint8_t out[2]);
/* vq_letter_byte -- the byte that a character stands for, -1 when it is none of the alphabet. */
int vq_letter_byte(int32_t c);

#endif
