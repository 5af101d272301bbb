/* test_fuzz_checkpoint.c -- whatever config.json and the tensors of an artifact say, the folder is
 * refused or every row can be read. Input: config.json, a zero byte, model.safetensors. */
#include "formats/folder/checkpoint.h"
#include "replay.h"

static void read_module(vq_checkpoint *c, const char *name, bool quantized, vq_arena *a)
{
    vq_linear l;
    vq_qtensor q;
    if (c->source.linear(c, name, 0, 0, &l, NULL) != VQ_OK) return;
    if (l.quantized != quantized && strcmp(name, "lm_head") != 0) abort();
    if (!l.quantized) return;
    for (int64_t i = 0; l.arc_order && i < l.k; i++)
        if (l.arc_order[i] < 0 || l.arc_order[i] >= l.k) abort();
    if (c->source.rows(c, &l, 0, l.n, &q, a, NULL) != VQ_OK) return; /* larger than the limit */
    float *x = VQ_ALLOC(a, float, q.cols, "row", NULL);
    for (int64_t r = 0; x && r < q.rows; r++) vq_dequantize_ref(&q, r, 1, x);
}

static void read_all(vq_checkpoint *c, vq_arena *a)
{
    const char *const *names;
    const bool *quantized;
    size_t n;
    if (vq_checkpoint_modules(c, a, &names, &quantized, &n, NULL) != VQ_OK) return;
    for (size_t i = 0; i < n; i++) read_module(c, names[i], quantized[i], a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    vq_budget budget = {.limit = (size_t)64 << 20};
    vq_arena a;
    vq_checkpoint c;
    vq_err err;
    const size_t split = replay_split(data, n);
    replay_put("config.json", data, split);
    replay_put("model.safetensors", data + split + (split < n), n - split - (split < n));
    vq_arena_init(&a, &budget);
    if (vq_checkpoint_open(&c, replay_dir(), &a, &err) == VQ_OK) {
        read_all(&c, &a);
        vq_checkpoint_close(&c);
    } else if (err.status != VQ_E_INPUT && err.status != VQ_E_LIMIT) {
        abort();
    }
    vq_arena_done(&a);
    return 0;
}

REPLAY("checkpoint", 1500, "{", "}", "[", "]", ",", ":", "\"", "0", "-1", "1", "16", "32", "64",
       "null", "true", "false", "{}", "[]", "2147483647", "9223372036854775807", "1e308",
       "\"re:.*\"", "\"Linear\"", "\"re:(a*)*b\"", "\"group_size\":0", "\"num_bits\":3",
       "\"float\"", "\"int\"", "\"block\"", "\"block_structure\":[1,1]", "\"tensor\"",
       "\"channel\"", "\"dynamic\":\"local\"", "\"symmetric\":false", "\"bfp9\"", "\"block:1\"",
       "\"block:16777216x16777216\"", "\"e8m0\"", "\"arc\":{\"s\":64}", "\"hadamard\":32",
       "\"shape\":[1,1]", "\"U8\"", "\"I32\"", "\"BF16\"")
