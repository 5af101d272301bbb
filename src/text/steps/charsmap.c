/* charsmap.c -- read and walk the map; nothing of it is trusted. */
#include "text/steps/charsmap.h"

#include <openssl/evp.h>
#include <string.h>

#include "text/utf8.h"

static vq_status decode(const char *base64, uint8_t **data, size_t *n, vq_arena *a, vq_err *e)
{
    const size_t len = strlen(base64);
    if (len % 4 != 0 || len > INT32_MAX / 2 || len == 0)
        return vq_fail(e, VQ_E_INPUT, "\"precompiled_charsmap\" is no base64: %zu characters", len);
    *data = VQ_ALLOC(a, uint8_t, len / 4 * 3, "character map", e);
    if (!*data) return VQ_E_LIMIT;
    const int got = EVP_DecodeBlock(*data, (const unsigned char *)base64, (int)len);
    if (got != (int)(len / 4 * 3))
        return vq_fail(e, VQ_E_INPUT, "\"precompiled_charsmap\" is no base64");
    *n = (size_t)got - (base64[len - 1] == '=') - (base64[len - 2] == '=');
    return VQ_OK;
}

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

vq_status vq_charsmap_parse(vq_charsmap *m, const char *base64, vq_arena *a, vq_err *e)
{
    uint8_t *data = NULL;
    size_t n = 0;
    VQ_TRY(decode(base64, &data, &n, a, e));
    const size_t bytes = n >= 4 ? little_endian(data) / 4 * 4 : 0;
    if (bytes < 4 || bytes > n - 4)
        return vq_fail(e, VQ_E_INPUT, "\"precompiled_charsmap\" is cut off at %zu bytes", n);
    uint32_t *units = VQ_ALLOC(a, uint32_t, bytes / 4, "character map", e);
    if (!units) return VQ_E_LIMIT;
    for (size_t i = 0; i < bytes / 4; i++) units[i] = little_endian(data + 4 + 4 * i);
    *m = (vq_charsmap){
        .units = units, .nunits = bytes / 4, .text = data + 4 + bytes, .len = n - 4 - bytes};
    return vq_utf8_check((const char *)m->text, m->len, "\"precompiled_charsmap\"", e);
}

/* A unit: bits 0..7 the byte that leads here, 31 that it is a value; 8 that a key ends here; 9
 * and 10..30 where its children are. */
static size_t children(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

static vq_status outside(vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT, "\"precompiled_charsmap\" points outside itself");
}

static vq_status replacement(const vq_charsmap *m, size_t at, const uint8_t **out, size_t *len,
                             vq_err *e)
{
    if (at > m->len || (at < m->len && (m->text[at] & 0xC0) == 0x80)) return outside(e);
    const uint8_t *end = memchr(m->text + at, 0, m->len - at);
    *out = m->text + at;
    *len = end ? (size_t)(end - *out) : m->len - at;
    return VQ_OK;
}

vq_status vq_charsmap_find(const vq_charsmap *m, const uint8_t *key, size_t n, bool *found,
                           const uint8_t **out, size_t *len, vq_err *e)
{
    size_t node = children(m->units[0]);
    *found = false;
    for (size_t i = 0; i < n && key[i] != 0; i++) {
        node ^= key[i];
        if (node >= m->nunits) return outside(e);
        const uint32_t unit = m->units[node];
        if ((unit & (1u << 31 | 0xFF)) != key[i]) return VQ_OK;
        node ^= children(unit);
        *found = unit >> 8 & 1;
        if (*found && node >= m->nunits) return outside(e);
        if (*found) return replacement(m, m->units[node] & 0x7FFFFFFF, out, len, e);
    }
    return VQ_OK;
}
