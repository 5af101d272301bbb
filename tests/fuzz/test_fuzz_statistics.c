/* test_fuzz_statistics.c -- whatever a .vqs file says: one line of refusal, or statistics of which
 * every value can be read. Its digest is set right first: else nearly every change would end
 * there. */
#include "calib/stats/stats_origin.h"
#include "replay.h"

/* Hexadecimal digits of the digest that stands behind "sha256":" in the header. */
static char *digest_place(char *data, size_t n)
{
    static const char key[] = "\"sha256\":\"";
    char *at = memmem(data, n, key, sizeof key - 1);
    return at && (size_t)(data + n - at) > sizeof key + 64 ? at + sizeof key - 1 : NULL;
}

static vq_status digest_of(const char *path, char sha[VQ_SHA256_TEXT], vq_arena *a)
{
    vq_st_file f;
    vq_stats_origin o;
    VQ_TRY(vq_st_open(&f, path, a, NULL));
    vq_status s = vq_origin_read(&o, sha, &f, a, NULL);
    vq_sealed *sealed = VQ_ALLOC(a, vq_sealed, f.count + 1, "digests", NULL);
    if (!sealed) abort();
    for (size_t i = 0; i < f.count; i++) {
        sealed[i].tensor = f.tensors[i];
        vq_sha256_of(f.tensors[i].data, f.tensors[i].bytes, sealed[i].sha256);
    }
    if (s == VQ_OK) s = vq_stats_digest(&o, sealed, f.count, sha, NULL);
    vq_st_close(&f);
    return s;
}

static void load(const char *path, vq_arena *a)
{
    vq_stats_file f;
    vq_err e = {0};
    unsigned sum = 0;
    const vq_status s = vq_stats_load(&f, path, NULL, a, &e);
    replay_refused(s, &e);
    if (s != VQ_OK) return;
    for (size_t i = 0; i < f.file.count; i++)
        for (size_t k = 0; k < f.file.tensors[i].bytes; k++)
            sum += ((const uint8_t *)f.file.tensors[i].data)[k];
    if (sum > 255 * f.file.map.size) abort();
    vq_stats_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32], sha[VQ_SHA256_TEXT];
    const int fd = replay_file(data, n, path);
    vq_budget budget = {.limit = (size_t)64 << 20};
    vq_arena a;
    vq_arena_init(&a, &budget);
    char *copy = VQ_ALLOC(&a, char, n + 1, "copy", NULL);
    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    char *place = digest_place(copy, n);
    if (place && digest_of(path, sha, &a) == VQ_OK &&
        pwrite(fd, sha, 64, (off_t)(place - copy)) != 64)
        abort();
    load(path, &a);
    (void)close(fd);
    vq_arena_done(&a);
    return 0;
}

REPLAY("statistics", 1500, "{", "}", "[", "]", ",", ":", "\"", "0", "1", "-1", "null", "[0,4]",
       "\"U64\"", "\"F32\"", "\"F64\"", ".counts", ".hessian", ".min", ".histogram", ".output",
       "range,hessian", "18446744073709551615", "\"shape\":[]", "\"shape\":[1,1]",
       "\xff\xff\x7f\x7f", "vq.statistics/1", ":1:0.5,", "\"parts\":\"")
