/* vocab.h -- tokens by id and ids by text. Internal to the tokenizer. test
 * tests/unit/text/test_vocab.c
 */
#ifndef VQ_TEXT_VOCAB_H
#define VQ_TEXT_VOCAB_H

#include <stdbool.h>
#include <stdint.h>

#include "text/words/hash_table.h"

#define VQ_MAX_TOKENS                                                                              \
    (1 << 22) /* ids above are taken for a broken file: the largest public vocabulary has 2^18 */

typedef struct vq_token {
    const char *text; /* as the file has it, UTF-8; NULL: the id is not used */
    size_t len;
} vq_token;

typedef struct vq_vocab {
    vq_token *tokens; /* [size] by id */
    int64_t size;     /* largest id + 1 */
    vq_hash index;    /* hash of a text -> id */
} vq_vocab;

/* vq_vocab_init -- room for ids below size, all unused. */
vq_status vq_vocab_init(vq_vocab *v, int64_t size, vq_arena *a, vq_err *e);
/* vq_vocab_name -- give id a text (copied), which vq_vocab_find does not find. VQ_E_INPUT: id out
 * of range or taken. */
vq_status vq_vocab_name(vq_vocab *v, int64_t id, const char *text, size_t len, vq_arena *a,
                        vq_err *e);
/* vq_vocab_add -- and make it found; of two tokens with one text the later. */
vq_status vq_vocab_add(vq_vocab *v, int64_t id, const char *text, size_t len, vq_arena *a,
                       vq_err *e);
/* vq_vocab_find -- id of the token with this text, -1 when there is none. */
int32_t vq_vocab_find(const vq_vocab *v, const void *text, size_t n);
/* vq_vocab_bytes -- ids of <0x00> .. <0xFF>, -1 where there is none. */
void vq_vocab_bytes(const vq_vocab *v, int32_t ids[256]);

#endif
