/* vq_config.h -- the quantization_config of the vq format, written and read: an entry per module.
 * Source: docs/format-vq.md. test tests/unit/formats/test_artifact.c,
 * tests/unit/formats/test_checkpoint.c */
#ifndef VQ_FORMATS_VQ_VQ_CONFIG_H
#define VQ_FORMATS_VQ_VQ_CONFIG_H

#include "formats/target.h"

/* vq_own_config_write -- vq_target.write_config; modules that are not listed are dense. */
vq_status vq_own_config_write(const vq_module *modules, size_t n, const char *const *dense,
                              size_t ndense, json_t **out, vq_err *e);
/* vq_own_config_read -- vq_target.read_config. VQ_E_INPUT: another version, a module that is not
 * understood. */
vq_status vq_own_config_read(struct vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e);

#endif
