/* arch_table.c -- one line per architecture. */
#include "model/arch/arch_table.h"

#include <string.h>

extern const vq_arch vq_arch_deepseek_v2, vq_arch_deepseek_v3;
extern const vq_arch vq_arch_llama, vq_arch_mistral, vq_arch_mixtral, vq_arch_qwen2, vq_arch_qwen3,
    vq_arch_qwen3_moe;

static const vq_arch *const architectures[] = {
    &vq_arch_deepseek_v2, &vq_arch_deepseek_v3, &vq_arch_llama, &vq_arch_mistral,
    &vq_arch_mixtral,     &vq_arch_qwen2,       &vq_arch_qwen3, &vq_arch_qwen3_moe,
};

const vq_arch *vq_arch_at(int i)
{
    return (size_t)i < sizeof architectures / sizeof *architectures ? architectures[i] : NULL;
}

const vq_arch *vq_arch_find(const char *model_type)
{
    for (int i = 0; vq_arch_at(i); i++)
        if (strcmp(architectures[i]->model_type, model_type) == 0) return architectures[i];
    return NULL;
}
