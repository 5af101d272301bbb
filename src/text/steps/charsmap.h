/* charsmap.h -- SentencePiece's precompiled character map: a double-array trie whose values are
 * places in a text of replacements. Internal to the tokenizer. Source: google/sentencepiece
 * normalizer.cc, darts.h; crate spm_precompiled (behaviour). test
 * tests/unit/text/test_normalize.c */
#ifndef VQ_TEXT_CHARSMAP_H
#define VQ_TEXT_CHARSMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct vq_charsmap {
    const uint32_t *units;
    size_t nunits;
    const uint8_t *text; /* replacements, each up to a zero byte */
    size_t len;
} vq_charsmap;

/* vq_charsmap_parse -- from base64; owned by the arena. VQ_E_INPUT: no base64, cut off,
 * replacements that are not UTF-8 */
vq_status vq_charsmap_parse(vq_charsmap *m, const char *base64, vq_arena *a, vq_err *e);
/* vq_charsmap_find -- the replacement of the shortest key that n bytes begin with: *found and *out,
 * *len bytes of the map's own. Steps: at most n. VQ_E_INPUT: the map points outside itself */
vq_status vq_charsmap_find(const vq_charsmap *m, const uint8_t *key, size_t n, bool *found,
                           const uint8_t **out, size_t *len, vq_err *e);

#endif
