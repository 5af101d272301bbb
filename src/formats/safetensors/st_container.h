/* st_container.h -- safetensors as a container of a model's weights. test
 * tests/unit/formats/test_safetensors.c, tests/unit/formats/test_container.c */
#ifndef VQ_FORMATS_SAFETENSORS_ST_CONTAINER_H
#define VQ_FORMATS_SAFETENSORS_ST_CONTAINER_H

#include "formats/container.h"

/* open: PATH is a .safetensors file, an index.json, or a folder holding model.safetensors or
 * model.safetensors.index.json (or exactly one *.safetensors). Refuses names with '/' or '..',
 * missing shards, a tensor in two shards, a map that disagrees with the shards. */
extern const vq_container vq_container_safetensors;

#endif
