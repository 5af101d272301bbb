/* ct_layouts.h -- the stored layouts of compressed-tensors, ended by name NULL. test
 * tests/golden/test_golden_ct.c */
#ifndef VQ_FORMATS_CT_CT_LAYOUTS_H
#define VQ_FORMATS_CT_CT_LAYOUTS_H

#include "formats/layouts/layout.h"

extern const vq_layout vq_layouts_ct[];

#endif
