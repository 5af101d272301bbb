/* arch_table.c -- the table of architectures.inc. */
#include "model/arch/arch_table.h"

#include <string.h>

#define VQ_ARCH(name) extern const vq_arch name;
#include "model/arch/architectures.inc"
#undef VQ_ARCH

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a sum */
#define VQ_ARCH(name) +1
enum {
    ARCHITECTURES = 0
#include "model/arch/architectures.inc"
};
#undef VQ_ARCH

#define VQ_ARCH(name) &(name),
static const vq_arch *const architectures[] = {
#include "model/arch/architectures.inc"
};
#undef VQ_ARCH

const vq_arch *vq_arch_at(int i)
{
    return i >= 0 && i < ARCHITECTURES ? architectures[i] : NULL;
}

const vq_arch *vq_arch_find(const char *model_type)
{
    for (int i = 0; vq_arch_at(i); i++)
        if (strcmp(architectures[i]->model_type, model_type) == 0) return architectures[i];
    return NULL;
}
