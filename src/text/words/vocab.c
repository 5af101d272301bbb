/* vocab.c -- a table of tokens and a hash of their texts, probed with other seeds where hashes
 * meet. */
#include "text/words/vocab.h"

#include <stdio.h>
#include <string.h>

vq_status vq_vocab_init(vq_vocab *v, int64_t size, vq_arena *a, vq_err *e)
{
    v->size = size;
    v->tokens = VQ_NEW(a, vq_token, size, "vocabulary", e);
    return v->tokens ? vq_hash_init(&v->index, (size_t)size, "vocabulary", a, e) : VQ_E_LIMIT;
}

vq_status vq_vocab_name(vq_vocab *v, int64_t id, const char *text, size_t len, vq_arena *a,
                        vq_err *e)
{
    if (id < 0 || id >= v->size)
        return vq_fail(e, VQ_E_INPUT, "token \"%.80s\" has id %lld; ids go from 0 to %d", text,
                       (long long)id, VQ_MAX_TOKENS - 1);
    if (v->tokens[id].text)
        return vq_fail(e, VQ_E_INPUT, "token \"%.80s\" has id %lld, which another token has", text,
                       (long long)id);
    char *copy = VQ_ALLOC(a, char, len + 1, "tokens", e);
    if (!copy) return VQ_E_LIMIT;
    memcpy(copy, text, len);
    copy[len] = 0;
    v->tokens[id] = (vq_token){.text = copy, .len = len};
    return VQ_OK;
}

/* The key under which the text is, or would be put. */
static uint64_t key_of(const vq_vocab *v, const void *text, size_t n, uint32_t *id)
{
    for (uint64_t seed = 0;; seed++) {
        const uint64_t key = vq_hash_bytes(text, n, seed);
        *id = vq_hash_get(&v->index, key);
        if (*id == VQ_HASH_NONE ||
            (v->tokens[*id].len == n && memcmp(v->tokens[*id].text, text, n) == 0))
            return key;
    }
}

vq_status vq_vocab_add(vq_vocab *v, int64_t id, const char *text, size_t len, vq_arena *a,
                       vq_err *e)
{
    VQ_TRY(vq_vocab_name(v, id, text, len, a, e));
    uint32_t before;
    const uint64_t key = key_of(v, text, len, &before);
    vq_hash_put(&v->index, key, (uint32_t)id);
    return VQ_OK;
}

int32_t vq_vocab_find(const vq_vocab *v, const void *text, size_t n)
{
    uint32_t id;
    (void)key_of(v, text, n, &id);
    return id == VQ_HASH_NONE ? -1 : (int32_t)id;
}

void vq_vocab_bytes(const vq_vocab *v, int32_t ids[256])
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", byte);
        ids[byte] = vq_vocab_find(v, name, 6);
    }
}
