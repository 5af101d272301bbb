/* ct_config.h -- the quantization_config of compressed-tensors: written from modules, and read into
 * targets and schemes. test tests/unit/formats/test_artifact.c,
 * tests/unit/formats/test_checkpoint.c */
#ifndef VQ_FORMATS_CT_CT_CONFIG_H
#define VQ_FORMATS_CT_CT_CONFIG_H

#include "formats/target.h"

/* vq_ct_config_write -- vq_target.write_config: groups of equal schemes, ignore derived from
 * `dense`. */
vq_status vq_ct_config_write(const vq_module *modules, size_t n, const char *const *dense,
                             size_t ndense, json_t **out, vq_err *e);

/* A group of the config: how its modules are stored. */
typedef struct vq_ct_group {
    const char *name;   /* borrowed from the config */
    const char *format; /* of this group */
    vq_scheme scheme;
} vq_ct_group;

typedef struct vq_ct_config vq_ct_config;
/* vq_ct_config_read -- q: quantization_config, borrowed while the result is in use. Arrays from the
 * arena. VQ_E_INPUT: a group that is not
 *   understood, a regular expression that does not compile. */
vq_status vq_ct_config_read(vq_ct_config **c, const json_t *q, vq_arena *a, vq_err *e);
void vq_ct_config_free(vq_ct_config *c); /* the compiled expressions; NULL is fine */
/* vq_ct_config_group -- the group that a Linear of this name belongs to, *out NULL when it is
 * ignored or not targeted; exact names win over
 *   expressions, these over the class name. VQ_E_INPUT: matching costs too much. */
vq_status vq_ct_config_group(const vq_ct_config *c, const char *module, const vq_ct_group **out,
                             vq_err *e);

/* vq_ct_modules_read -- vq_target.read_config: modules that the config claims and tensors that
 * exist, checked against each other. VQ_E_INPUT: one without the other; pruned or transformed
 * weights. */
vq_status vq_ct_modules_read(struct vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e);

#endif
