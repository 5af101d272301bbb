/* piece.h -- a piece of text on its way from the whole text to words. */
#ifndef VQ_TEXT_PIECE_H
#define VQ_TEXT_PIECE_H

#include <stddef.h>
#include <stdint.h>

typedef struct vq_piece {
    const uint8_t *text; /* valid UTF-8 */
    size_t n;
    size_t head; /* so many of its first bytes stem from the first character of the whole text:
                    Metaspace's "first" asks */
} vq_piece;

static inline vq_piece vq_piece_part(vq_piece p, size_t start, size_t end)
{
    const size_t n = end - start, head = p.head > start ? p.head - start : 0;
    return (vq_piece){.text = p.text + start, .n = n, .head = head < n ? head : n};
}

/* vq_char_end -- where the character that begins at `at` < n ends */
static inline size_t vq_char_end(const uint8_t *text, size_t n, size_t at)
{
    do at++;
    while (at < n && (text[at] & 0xC0) == 0x80);
    return at;
}

#endif
