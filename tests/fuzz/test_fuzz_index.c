/* test_fuzz_index.c -- whatever model.safetensors.index.json says of two sound shards: one line of
 * refusal, or every tensor of both. */
#include "formats/container.h"
#include "formats/safetensors/st_container.h"
#include "replay.h"

static void put_shard(const char *name, const char *tensor)
{
    uint8_t file[128] = {0};
    const int n =
        snprintf((char *)file + 8, sizeof file - 8,
                 "{\"%s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", tensor);
    file[0] = (uint8_t)n;
    replay_put(name, file, 8 + (size_t)n + 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool made;
    vq_tensor_set set;
    vq_err e = {0};
    vq_arena a;
    if (!made) {
        put_shard("a.safetensors", "x");
        put_shard("b.safetensors", "y");
        made = true;
    }
    replay_put("model.safetensors.index.json", data, n);
    vq_arena_init(&a, NULL);
    const vq_status s = vq_tensor_set_open(&set, &vq_container_safetensors, replay_dir(), &a, &e);
    replay_refused(s, &e);
    if (s == VQ_OK) {
        if (set.count < 1 || set.count > 2) abort();
        vq_tensor_set_close(&set);
    }
    vq_arena_done(&a);
    return 0;
}

REPLAY("index", 1500, "{", "}", "[", "]", ",", ":", "\"", "null", "0", "{}", "[]", "\"weight_map\"",
       "\"x\":\"b.safetensors\"", "\"y\"", "../", "/", ".", "\\u0000", "\\ud800", "\xff",
       "a.safetensors", "model.safetensors.index.json")
