/* arch_table.h -- architectures that have a forward pass. test tests/families/test_families.c */
#ifndef VQ_MODEL_ARCH_ARCH_TABLE_H
#define VQ_MODEL_ARCH_ARCH_TABLE_H

#include "model/arch/arch.h"

const vq_arch *vq_arch_find(const char *model_type); /* NULL: no builder */
const vq_arch *vq_arch_at(int i);                    /* NULL past the end */

#endif
