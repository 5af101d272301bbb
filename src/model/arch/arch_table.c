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

/* Language parts of models of images and text: the positions of text alone are those of the family.
 * source transformers 5.23 modeling_qwen2_vl.py, modeling_qwen3_vl.py */
static const struct {
    const char *name, *as;
} same[] = {{"qwen2_vl", "qwen2"},
            {"qwen2_vl_text", "qwen2"},
            {"qwen2_5_vl", "qwen2"},
            {"qwen2_5_vl_text", "qwen2"},
            {"qwen3_vl_text", "qwen3"}};

const vq_arch *vq_arch_find(const char *model_type)
{
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(same[i].name, model_type) == 0) model_type = same[i].as;
    for (int i = 0; vq_arch_at(i); i++)
        if (strcmp(architectures[i]->model_type, model_type) == 0) return architectures[i];
    return NULL;
}
