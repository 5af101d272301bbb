/* scratch.h -- a folder of its own for each test: made before, removed after, with small files in
 * it. */
#ifndef VQ_TESTS_SCRATCH_H
#define VQ_TESTS_SCRATCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

typedef struct scratch {
    char dir[256];
    char path[512]; /* of the last scratch_path */
} scratch;

static inline int scratch_setup(void **state)
{
    scratch *s = calloc(1, sizeof *s);
    const char *root = getenv("TMPDIR");
    if (!s) return -1;
    snprintf(s->dir, sizeof s->dir, "%s/vq-test-XXXXXX", root ? root : "/tmp");
    *state = s;
    return mkdtemp(s->dir) ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
    scratch *s = *state;
    const vq_status removed = vq_remove(s->dir, NULL);
    free(s);
    return removed == VQ_OK ? 0 : -1;
}

/* scratch_path -- DIR/name, valid until the next call. */
static inline const char *scratch_path(scratch *s, const char *name)
{
    snprintf(s->path, sizeof s->path, "%s/%s", s->dir, name);
    return s->path;
}

/* scratch_file -- write n bytes to DIR/name; returns the path, valid until the next call. */
static inline const char *scratch_file(scratch *s, const char *name, const void *data, size_t n)
{
    FILE *f = fopen(scratch_path(s, name), "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) abort();
    return s->path;
}

static inline const char *scratch_text(scratch *s, const char *name, const char *text)
{
    return scratch_file(s, name, text, strlen(text));
}

/* scratch_safetensors -- length, header and `data` zero bytes; length -1 means the header's own. */
static inline const char *scratch_safetensors(scratch *s, const char *name, const char *header,
                                              long long length, size_t data)
{
    const size_t n = strlen(header);
    const uint64_t says = length < 0 ? n : (uint64_t)length;
    uint8_t *bytes = calloc(1, 8 + n + data);
    if (!bytes) abort();
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(says >> (8 * i));
    memcpy(bytes + 8, header, n);
    scratch_file(s, name, bytes, 8 + n + data);
    free(bytes);
    return s->path;
}

#endif
