/* sha256.c -- digests by libcrypto (declared in file.h). */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct vq_sha256 {
    EVP_MD_CTX *md;
};

vq_sha256 *vq_sha256_new(void)
{
    vq_sha256 *h = malloc(sizeof *h);
    if (!h) return NULL;
    h->md = EVP_MD_CTX_new();
    if (h->md && EVP_DigestInit_ex(h->md, EVP_sha256(), NULL) == 1) return h;
    EVP_MD_CTX_free(h->md);
    free(h);
    return NULL;
}

void vq_sha256_add(vq_sha256 *h, const void *data, size_t n)
{
    if (n) (void)EVP_DigestUpdate(h->md, data, n);
}

void vq_sha256_done(vq_sha256 *h, char text[VQ_SHA256_TEXT])
{
    unsigned char digest[32] = {0};
    (void)EVP_DigestFinal_ex(h->md, digest, NULL);
    EVP_MD_CTX_free(h->md);
    free(h);
    for (int i = 0; i < 32; i++) (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

enum { MAP_STEP = 4 << 20 };

/* Bytes from `data` in steps of MAP_STEP; zeros without memory for the context. */
static void digest(const uint8_t *data, size_t n, bool forget, char text[VQ_SHA256_TEXT])
{
    vq_sha256 *h = vq_sha256_new();
    memset(text, '0', VQ_SHA256_TEXT - 1);
    text[VQ_SHA256_TEXT - 1] = '\0';
    if (!h) return;
    for (size_t at = 0; at < n; at += MAP_STEP) {
        const size_t step = n - at < MAP_STEP ? n - at : MAP_STEP;
        vq_sha256_add(h, data + at, step);
        if (forget) vq_mapped_forget(data + at, step);
    }
    vq_sha256_done(h, text);
}

void vq_sha256_of(const void *data, size_t n, char text[VQ_SHA256_TEXT])
{
    digest(data, n, false, text);
}

void vq_sha256_map(const vq_map *m, char text[VQ_SHA256_TEXT])
{
    digest(m->data, m->size, true, text);
}
