/* test_fuzz_tokens.c -- whatever a file of token ids or a text holds: one line of refusal, or ids of
 * the vocabulary. */
#include "load/model.h"
#include "replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32];
    const int fd = replay_file(data, n, path);
    const vq_model m = {.graph = {.vocab = 1000}};
    vq_ids ids;
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    const vq_status s = vq_model_ids(&m, path, true, false, &ids, &a, &e);
    (void)close(fd);
    replay_refused(s, &e);
    if (s == VQ_OK && ids.count != n / 4) abort();
    for (size_t i = 0; s == VQ_OK && i < ids.count; i++)
        if (ids.ids[i] < 0 || ids.ids[i] >= 1000) abort();
    vq_arena_done(&a);
    return 0;
}

REPLAY("tokens", 2000, "a", "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x01\x02\x03", "\xe8\x03")
