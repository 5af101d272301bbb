/* test_fuzz_hf_config.c -- whatever config.json says, it is refused or its sizes are usable. */
#include <math.h>

#include "formats/folder/hf_config.h"
#include "replay.h"

static void check(const vq_hf_config *c)
{
    const int64_t sizes[] = {c->hidden, c->ffn,          c->layers,
                             c->heads,  c->kv_heads,     c->head_dim,
                             c->vocab,  c->max_position, c->rope_original_max};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] < 1 || sizes[i] > INT32_MAX) abort();
    }
    if (c->heads % c->kv_heads || c->head_dim % 2 || c->sliding_window < 0) abort();
    if (!(c->norm_eps > 0) || !(c->rope_theta > 0) || !isfinite(c->rope_theta)) abort();
    if (c->eos_count < 0 || c->eos_count > 8 || strlen(c->activation) >= sizeof c->activation)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32];
    const int fd = replay_file(data, n, path);
    vq_hf_config c;
    if (vq_hf_config_read(&c, path, false, NULL) == VQ_OK) vq_hf_config_done(&c);
    if (vq_hf_config_read(&c, path, true, NULL) == VQ_OK) {
        check(&c);
        vq_hf_config_done(&c);
    }
    (void)close(fd);
    return 0;
}

REPLAY("hf_config", 1500, "{", "}", "[", "]", ",", ":", "\"", "0", "-1", "1", "7", "1e308",
       "1e-320", "null", "true", "{}", "[]", "2147483647", "2147483648", "9223372036854775807",
       "\"llama\"", "\"mistral\"", "\"qwen2\"", "\"qwen3\"", "\"head_dim\":3",
       "\"rope_scaling\":{\"type\":\"linear\"}", "\"use_sliding_window\":true",
       "\"eos_token_id\":[1]", "\"sliding_attention\"")
