/* test_fuzz_hf_config.c -- whatever config.json says, it is refused or makes a graph that holds
 * together. */
#include <math.h>

#include "formats/folder/hf_config.h"
#include "made_config.h"
#include "model/op/op.h"
#include "replay.h"

static void check_graph(const vq_graph *g)
{
    if (g->layers < 1 || g->vocab < 1 || g->embedding < 0 || g->lm_head < 0) abort();
    for (int id = 0; id < g->count; id++) {
        const vq_node *n = &g->nodes[id];
        if (n->width < 1 || n->width > INT64_MAX / 4 || (n->op->linear && n->in_width < 1)) abort();
        for (int i = 0; i < n->nin; i++)
            if (n->in[i] < 0 || n->in[i] >= id) abort();
    }
}

/* Configs of thousands of layers are sound, and slow to build a hundred times. */
static bool is_small(const json_t *root)
{
    return json_integer_value(json_object_get(root, "num_hidden_layers")) <= 64;
}

static void build(const vq_hf_config *h)
{
    const vq_arch *arch = vq_arch_find(h->model_type);
    vq_config c = {.root = h->root, .model_type = h->model_type};
    vq_graph g;
    vq_arena a;
    vq_arena_init(&a, NULL);
    if (arch && is_small(h->root) && arch->build(&c, &g, &a, NULL) == VQ_OK) check_graph(&g);
    vq_arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32];
    const int fd = replay_file(data, n, path);
    vq_hf_config c;
    if (vq_hf_config_read(&c, path, NULL) == VQ_OK) {
        if (vq_hf_config_tokens(&c, path, -1, -1, NULL) == VQ_OK &&
            (c.eos_count < 0 || c.eos_count > 8))
            abort();
        build(&c);
        vq_hf_config_done(&c);
    }
    (void)close(fd);
    return 0;
}

REPLAY("hf_config", 1500, "{", "}", "[", "]", ",", ":", "\"", "0", "-1", "1", "7", "1e308",
       "1e-320", "null", "true", "{}", "[]", "2147483647", "2147483648", "9223372036854775807",
       "\"llama\"", "\"mistral\"", "\"qwen2\"", "\"qwen3\"", "\"head_dim\":3",
       "\"rope_scaling\":{\"type\":\"linear\"}", "\"rope_scaling\":{\"type\":\"yarn\"}",
       "\"use_sliding_window\":true", "\"eos_token_id\":[1]", "\"sliding_attention\"")
