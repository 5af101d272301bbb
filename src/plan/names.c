/* names.c -- the words that families use for the same things. */
#include "plan/names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct ending {
    const char *end;
    vq_role role;
} ending;

/* The last words of a module's name outside of blocks. */
static const ending outer[] = {
    {"shared", VQ_ROLE_EMBED}, {"output", VQ_ROLE_LM_HEAD}, {"head", VQ_ROLE_LM_HEAD}};

/* And anywhere, first match first. */
static const ending ends[] = {
    {"lm_head", VQ_ROLE_LM_HEAD},
    {"embed_out", VQ_ROLE_LM_HEAD},
    {"score", VQ_ROLE_LM_HEAD},
    {"classifier", VQ_ROLE_LM_HEAD},
    {"qa_outputs", VQ_ROLE_LM_HEAD},
    {"predictions.decoder", VQ_ROLE_LM_HEAD},
    {"lm_head.decoder", VQ_ROLE_LM_HEAD},
    {"wte", VQ_ROLE_EMBED},
    {"wpe", VQ_ROLE_EMBED},
    {"relative_attention_bias", VQ_ROLE_EMBED},
    {"gate", VQ_ROLE_ROUTER},
    {"router", VQ_ROLE_ROUTER},
    {"router.layer", VQ_ROLE_ROUTER},
    {"router.classifier", VQ_ROLE_ROUTER},
    {"shared_expert_gate", VQ_ROLE_ROUTER},
    {"gate.wg", VQ_ROLE_ROUTER},
    {"q_proj", VQ_ROLE_Q},
    {"q_a_proj", VQ_ROLE_Q},
    {"q_b_proj", VQ_ROLE_Q},
    {"wq", VQ_ROLE_Q},
    {"q_lin", VQ_ROLE_Q},
    {"query", VQ_ROLE_Q},
    {"q", VQ_ROLE_Q},
    {"k_proj", VQ_ROLE_K},
    {"kv_a_proj_with_mqa", VQ_ROLE_K},
    {"wk", VQ_ROLE_K},
    {"k_lin", VQ_ROLE_K},
    {"key", VQ_ROLE_K},
    {"k", VQ_ROLE_K},
    {"v_proj", VQ_ROLE_V},
    {"kv_b_proj", VQ_ROLE_V},
    {"wv", VQ_ROLE_V},
    {"v_lin", VQ_ROLE_V},
    {"value", VQ_ROLE_V},
    {"v", VQ_ROLE_V},
    {"qkv_proj", VQ_ROLE_QKV},
    {"query_key_value", VQ_ROLE_QKV},
    {"qkv", VQ_ROLE_QKV},
    {"wqkv", VQ_ROLE_QKV},
    {"Wqkv", VQ_ROLE_QKV},
    {"c_attn", VQ_ROLE_QKV},
    {"o_proj", VQ_ROLE_O},
    {"attention.wo", VQ_ROLE_O},
    {"out_lin", VQ_ROLE_O},
    {"attn.c_proj", VQ_ROLE_O},
    {"attn.out_proj", VQ_ROLE_O},
    {"self_attn.dense", VQ_ROLE_O},
    {"attention.dense", VQ_ROLE_O},
    {"self_attention.dense", VQ_ROLE_O},
    {"attention.output.dense", VQ_ROLE_O},
    {"Attention.o", VQ_ROLE_O},
    {"gate_up_proj", VQ_ROLE_GATE_UP},
    {"gate_proj", VQ_ROLE_GATE},
    {"w1", VQ_ROLE_GATE},
    {"wi_0", VQ_ROLE_GATE},
    {"up_proj", VQ_ROLE_UP},
    {"w3", VQ_ROLE_UP},
    {"wi_1", VQ_ROLE_UP},
    {"wi", VQ_ROLE_UP},
    {"fc1", VQ_ROLE_UP},
    {"lin1", VQ_ROLE_UP},
    {"c_fc", VQ_ROLE_UP},
    {"fc_in", VQ_ROLE_UP},
    {"dense_h_to_4h", VQ_ROLE_UP},
    {"intermediate.dense", VQ_ROLE_UP},
    {"down_proj", VQ_ROLE_DOWN},
    {"w2", VQ_ROLE_DOWN},
    {"wo", VQ_ROLE_DOWN},
    {"fc2", VQ_ROLE_DOWN},
    {"lin2", VQ_ROLE_DOWN},
    {"mlp.c_proj", VQ_ROLE_DOWN},
    {"fc_out", VQ_ROLE_DOWN},
    {"dense_4h_to_h", VQ_ROLE_DOWN},
    {"output.dense", VQ_ROLE_DOWN},
};

/* Steps of a path that hold blocks by number. */
static const char *const blocks[] = {"layers", "layer", "h", "blocks", "block", NULL};
/* Steps under which everything is a head of some task. */
static const char *const heads[] = {"lm_head", "classifier",          "score", "cls",
                                    "v_head",  "classification_head", NULL};
/* What steps of towers and of what joins them to the language model begin with. */
static const char *const towers[] = {
    "vision",       "visual",       "image",        "audio",       "video",
    "multi_modal_", "mm_projector", "embed_vision", "embed_audio", "connector",
    "patch_merger", "aligner",      "resampler",    NULL};
static const char *const tower_configs[] = {"vision_config",   "audio_config",  "vision_tower",
                                            "mm_vision_tower", "audio_encoder", NULL};

/* The next step of a dotted path: its length at *at, 0 at the end. */
static size_t step_at(const char *at)
{
    return strcspn(at, ".");
}

static const char *step_behind(const char *at)
{
    const size_t n = step_at(at);
    return at[n] ? at + n + 1 : at + n;
}

static bool is_step(const char *at, const char *word)
{
    const size_t n = step_at(at);
    return strlen(word) == n && strncmp(at, word, n) == 0;
}

static bool in(const char *const *list, const char *at)
{
    for (; *list; list++)
        if (is_step(at, *list)) return true;
    return false;
}

static bool is_number(const char *at)
{
    const size_t n = step_at(at);
    return n > 0 && n < 9 && strspn(at, "0123456789") == n;
}

static bool ends_so(const char *module, const char *end)
{
    const size_t n = strlen(module), m = strlen(end);
    if (n < m || strcmp(module + n - m, end) != 0) return false;
    /* "SelfAttention.o" ends with "Attention.o" */
    return n == m || module[n - m - 1] == '.' || (end[0] >= 'A' && end[0] <= 'Z');
}

static bool holds(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

static const char *last_step(const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot ? dot + 1 : module;
}

int vq_name_layer(const char *module)
{
    for (const char *at = module; *at; at = step_behind(at))
        if (in(blocks, at) && is_number(step_behind(at)))
            return (int)strtol(step_behind(at), NULL, 10);
    return -1;
}

size_t vq_name_expert(const char *module, const char **rest)
{
    for (const char *at = module; *at; at = step_behind(at)) {
        const char *number = step_behind(at);
        if (!is_step(at, "experts") || !is_number(number)) continue;
        *rest = step_behind(number);
        return (size_t)(number - module);
    }
    return 0;
}

static vq_role of_expert(vq_role r)
{
    if (r == VQ_ROLE_GATE) return VQ_ROLE_EXPERT_GATE;
    if (r == VQ_ROLE_UP) return VQ_ROLE_EXPERT_UP;
    return r == VQ_ROLE_DOWN ? VQ_ROLE_EXPERT_DOWN : r;
}

static bool under_head(const char *module)
{
    for (const char *at = module; *at; at = step_behind(at))
        if (in(heads, at)) return true;
    return false;
}

/* Of the first ending that fits; -1: none does. */
static int role_of_end(const char *module, const ending *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ends_so(module, list[i].end)) return (int)list[i].role;
    return -1;
}

vq_role vq_name_role(const char *module, const vq_tensor *t, int64_t vocab)
{
    const char *rest;
    const bool outside = vq_name_layer(module) < 0;
    int role = role_of_end(module, ends, sizeof ends / sizeof *ends);
    if (role < 0 && outside) role = role_of_end(module, outer, sizeof outer / sizeof *outer);
    if (role >= 0) return vq_name_expert(module, &rest) ? of_expert((vq_role)role) : (vq_role)role;
    if (holds(last_step(module), "emb")) return VQ_ROLE_EMBED;
    if (outside && under_head(module)) return VQ_ROLE_LM_HEAD;
    return outside && vocab > 1 && t->shape[0] == vocab ? VQ_ROLE_EMBED : VQ_ROLE_OTHER;
}

static bool has_towers(const json_t *config)
{
    for (size_t i = 0; tower_configs[i]; i++)
        if (json_object_get(config, tower_configs[i])) return true;
    return false;
}

static bool in_tower(const char *module)
{
    for (const char *at = module; *at; at = step_behind(at))
        for (size_t i = 0; towers[i]; i++)
            if (strncmp(at, towers[i], strlen(towers[i])) == 0) return true;
    return false;
}

vq_place vq_name_place(const char *module, const json_t *config)
{
    const char *last = last_step(module);
    if (holds(module, "lora_A") || holds(module, "lora_B") || holds(last, "conv"))
        return VQ_PLACE_NO_LINEAR;
    const bool text = json_object_get(config, "text_config") ||
                      json_object_get(config, "llm_config") ||
                      json_object_get(config, "hidden_size");
    return text && has_towers(config) && in_tower(module) ? VQ_PLACE_TOWER : VQ_PLACE_MODEL;
}
