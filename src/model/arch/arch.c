/* arch.c -- the table of architectures. */
#include "model/arch/arch.h"

#include <string.h>

#include "model/arch/decoder.h"

static const vq_arch *const archs[] = {&vq_arch_llama, &vq_arch_mistral, &vq_arch_qwen2,
                                       &vq_arch_qwen3};
enum { ARCHS = sizeof archs / sizeof archs[0] };

const vq_arch *vq_arch_at(int i)
{
    return i >= 0 && i < ARCHS ? archs[i] : NULL;
}

const vq_arch *vq_arch_find(const char *model_type)
{
    for (int i = 0; i < ARCHS; i++)
        if (strcmp(archs[i]->model_type, model_type) == 0) return archs[i];
    return NULL;
}
