/* hash_table.c -- open addressing with linear probing, at most half full. */
#include "text/words/hash_table.h"

#include <string.h>

/* Bijective finisher (splitmix64), so that different keys stay different before they are cut to the
 * table's size. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

vq_status vq_hash_init(vq_hash *h, size_t count, const char *what, vq_arena *a, vq_err *e)
{
    size_t slots = 16;
    while (slots / 2 < count && slots <= SIZE_MAX / 4) slots *= 2;
    h->mask = slots - 1;
    h->key = VQ_ALLOC(a, uint64_t, slots, what, e);
    h->value = h->key ? VQ_ALLOC(a, uint32_t, slots, what, e) : NULL;
    if (!h->value) return VQ_E_LIMIT;
    memset(h->value, 0xFF, slots * sizeof *h->value);
    return VQ_OK;
}

static size_t find(const vq_hash *h, uint64_t key)
{
    size_t i = (size_t)mix(key) & h->mask;
    while (h->value[i] != VQ_HASH_NONE && h->key[i] != key) i = (i + 1) & h->mask;
    return i;
}

void vq_hash_put(vq_hash *h, uint64_t key, uint32_t value)
{
    const size_t i = find(h, key);
    h->key[i] = key;
    h->value[i] = value;
}

uint32_t vq_hash_get(const vq_hash *h, uint64_t key)
{
    return h->value[find(h, key)];
}

uint64_t vq_hash_bytes(const void *data, size_t n, uint64_t seed)
{
    const uint8_t *p = data;
    uint64_t x = mix(seed + n + 0x9E3779B97F4A7C15u);
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        x = mix(x ^ word);
    }
    uint64_t tail = 0;
    memcpy(&tail, p, n);
    return mix(x ^ tail);
}
