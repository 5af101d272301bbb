/* nfc.h -- Unicode normalization form C in time linear in the text, whatever the text. test
 * tests/unit/test_nfc.c */
#ifndef VQ_TEXT_NFC_H
#define VQ_TEXT_NFC_H

#include <stdint.h>

#include "base/arena.h"

/* vq_nfc -- NFC of n bytes of valid UTF-8. *out is the text itself when it is ASCII (nothing to
 * do), else memory of the arena. */
vq_status vq_nfc(const uint8_t *text, size_t n, const uint8_t **out, size_t *out_len, vq_arena *a,
                 vq_err *e);

#endif
