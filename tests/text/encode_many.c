/* encode_many.c -- a tokenizer behind a pipe, for compare_tokenizers.py: encode_many
 * TOKENIZER.JSON. Questions on standard input: a letter, a count (4 bytes), then so many bytes of
 * text (e: encode, E: with what the post-processor adds) or ids of 4 bytes (d: decode, D: without
 * special tokens). Answers: status (4 bytes), count (4 bytes), ids or text. No test of itself. */
#include <stdio.h>
#include <stdlib.h>

#include "text/tokenizer.h"

static bool read_all(void *to, size_t size, size_t n)
{
    return fread(to, size, n, stdin) == n;
}

static void answer(vq_status s, const void *data, size_t size, size_t n)
{
    const uint32_t head[2] = {(uint32_t)s, s == VQ_OK ? (uint32_t)n : 0};
    if (fwrite(head, sizeof head, 1, stdout) != 1) exit(1);
    if (head[1] && fwrite(data, size, n, stdout) != n) exit(1);
    fflush(stdout);
}

static void encode(const vq_tokenizer *t, bool special, size_t n, vq_arena *a)
{
    char *text = VQ_ALLOC(a, char, n, "text", NULL);
    int32_t *ids = NULL;
    size_t count = 0;
    vq_err e = {0};
    if (!text || !read_all(text, 1, n)) exit(1);
    const vq_status s = vq_tokenizer_encode(t, text, n, special, a, &ids, &count, &e);
    if (s != VQ_OK) fprintf(stderr, "%s\n", e.text);
    answer(s, ids, sizeof *ids, count);
}

static void decode(const vq_tokenizer *t, bool skip_special, size_t n, vq_arena *a)
{
    int32_t *ids = VQ_ALLOC(a, int32_t, n, "ids", NULL);
    char *text = NULL;
    size_t len = 0;
    vq_err e = {0};
    if (!ids || !read_all(ids, sizeof *ids, n)) exit(1);
    const vq_status s = vq_tokenizer_decode(t, ids, n, skip_special, a, &text, &len, &e);
    if (s != VQ_OK) fprintf(stderr, "%s\n", e.text);
    answer(s, text, 1, len);
}

int main(int argc, char **argv)
{
    vq_tokenizer *t;
    vq_err e = {0};
    if (argc != 2 || vq_tokenizer_open(&t, argv[1], &e) != VQ_OK) {
        fprintf(stderr, "encode_many: %s\n", argc == 2 ? e.text : "give one tokenizer.json");
        return 1;
    }
    char kind;
    uint32_t n;
    while (read_all(&kind, 1, 1) && read_all(&n, sizeof n, 1)) {
        vq_arena a;
        vq_arena_init(&a, NULL);
        if (kind == 'e' || kind == 'E')
            encode(t, kind == 'E', n, &a);
        else
            decode(t, kind == 'D', n, &a);
        vq_arena_done(&a);
    }
    vq_tokenizer_free(t);
    return 0;
}
