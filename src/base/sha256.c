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

void vq_sha256_of(const void *data, size_t n, char text[VQ_SHA256_TEXT])
{
    vq_sha256 *h = vq_sha256_new();
    memset(text, '0', VQ_SHA256_TEXT - 1);
    text[VQ_SHA256_TEXT - 1] = '\0';
    if (!h) return;
    vq_sha256_add(h, data, n);
    vq_sha256_done(h, text);
}
