/* test_fuzz_safetensors.c -- whatever the file says, opening it and reading every byte that it
 * offers stays inside the file. */
#include "formats/safetensors/safetensors.h"
#include "replay.h"

static void open_and_touch(const uint8_t *data, size_t n)
{
    char path[32];
    const int fd = replay_file(data, n, path);
    vq_budget budget = {.limit = 64 << 20};
    vq_arena a;
    vq_arena_init(&a, &budget);
    vq_st_file f;
    if (vq_st_open(&f, path, &a, NULL) == VQ_OK) {
        unsigned sum = 0;
        size_t bytes = f.header_bytes;
        for (size_t i = 0; i < f.count; i++) {
            for (size_t k = 0; k < f.tensors[i].bytes; k++)
                sum += ((const uint8_t *)f.tensors[i].data)[k];
            bytes += f.tensors[i].bytes;
        }
        if (bytes != n || sum > 255 * n)
            abort(); /* every byte belongs to the header or to one tensor */
        vq_st_close(&f);
    }
    vq_arena_done(&a);
    (void)close(fd);
}

/* As it is, and once more with the length set to where the header seems to end: else most changes
 * would only break the length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    open_and_touch(data, n);
    if (n < 10) return 0;
    size_t end = n < 65536 ? n : 65536;
    while (end > 9 && data[end - 1] != '}') end--;
    uint8_t *copy = malloc(n);
    if (!copy) abort();
    memcpy(copy, data, n);
    for (size_t i = 0; i < 8; i++) copy[i] = (uint8_t)((end - 8) >> (8 * i));
    open_and_touch(copy, n);
    free(copy);
    return 0;
}

REPLAY("safetensors", 1500, "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "0", "1", "-1", "4",
       "1e9", "null", "{}", "[0,4]", "\xff", "\\u0000", "\\ud800", "\"U8\"", "\"F4\"", "\"F64\"",
       "\"__metadata__\"", "9223372036854775807", "18446744073709551615", "4294967296",
       "\"shape\":[]")
