/* vq_layouts.h -- the stored layout of the vq format, ended by name NULL. test
 * tests/unit/formats/test_artifact.c */
#ifndef VQ_FORMATS_VQ_VQ_LAYOUTS_H
#define VQ_FORMATS_VQ_VQ_LAYOUTS_H

#include "formats/layouts/layout.h"

extern const vq_layout vq_layouts_own[];

#endif
