/* sha256.c -- digests by libcrypto (declared in file.h). Its older functions: the newer ones ask for
 * memory on the way, and where there is none a digest would be wrong or the library would crash. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct vq_sha256 {
    SHA256_CTX sum;
};

vq_sha256 *vq_sha256_new(void)
{
    vq_sha256 *h = malloc(sizeof *h);
    if (h) (void)SHA256_Init(&h->sum);
    return h;
}

void vq_sha256_add(vq_sha256 *h, const void *data, size_t n)
{
    if (n) (void)SHA256_Update(&h->sum, data, n);
}

static void write_text(vq_sha256 *h, char text[VQ_SHA256_TEXT])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    (void)SHA256_Final(digest, &h->sum);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void vq_sha256_done(vq_sha256 *h, char text[VQ_SHA256_TEXT])
{
    write_text(h, text);
    free(h);
}

enum { MAP_STEP = 4 << 20 };

static void digest(const uint8_t *data, size_t n, bool forget, char text[VQ_SHA256_TEXT])
{
    vq_sha256 h;
    (void)SHA256_Init(&h.sum);
    for (size_t at = 0; at < n; at += MAP_STEP) {
        const size_t step = n - at < MAP_STEP ? n - at : MAP_STEP;
        vq_sha256_add(&h, data + at, step);
        if (forget) vq_mapped_forget(data + at, step);
    }
    write_text(&h, text);
}

void vq_sha256_of(const void *data, size_t n, char text[VQ_SHA256_TEXT])
{
    digest(data, n, false, text);
}

void vq_sha256_map(const vq_map *m, char text[VQ_SHA256_TEXT])
{
    digest(m->data, m->size, true, text);
}
