/* config.h -- getters over config.json for the builders: a key, its default, its range.
 * test tests/unit/model/test_config.c */
#ifndef VQ_MODEL_ARCH_BUILD_CONFIG_H
#define VQ_MODEL_ARCH_BUILD_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/exchange/source.h"

typedef struct vq_config {
    const json_t *root; /* borrowed; NULL: an empty object */
    const char *model_type;
    const vq_source *source; /* the tensors beside it: only their names are asked for; NULL: none */
    const json_t *around;    /* root is text_config of this one; NULL: it is the whole file */
    bool unsupported; /* out: the builder refused something that it does not know, not a mistake */
} vq_config;

#define VQ_REQUIRED INT64_MIN
enum { VQ_CONFIG_SIZE_MAX = INT32_MAX };

/* Every getter takes null as absent, leaves *out alone on errors, and fails with VQ_E_INPUT and the
 * key's name on another type or a value out of range.
 *   size    whole number in [1, VQ_CONFIG_SIZE_MAX]; fallback VQ_REQUIRED: missing is an error
 *   count   the same, 0 allowed
 *   number  above 0, and as f32 too finite and above 0
 *   text    borrowed from root */
vq_status vq_config_size(const vq_config *c, const char *key, int64_t fallback, int64_t *out,
                         vq_err *e);
vq_status vq_config_count(const vq_config *c, const char *key, int64_t fallback, int64_t *out,
                          vq_err *e);
vq_status vq_config_number(const vq_config *c, const char *key, double fallback, double *out,
                           vq_err *e);
vq_status vq_config_flag(const vq_config *c, const char *key, bool fallback, bool *out, vq_err *e);
vq_status vq_config_text(const vq_config *c, const char *key, const char *fallback,
                         const char **out, vq_err *e);
/* vq_config_numbers -- an array of exactly n numbers into out [n]. VQ_E_INPUT when it is
 * missing. */
vq_status vq_config_numbers(const vq_config *c, const char *key, int64_t n, float *out, vq_err *e);
/* vq_config_get -- NULL when absent or null. vq_config_has -- is the key there, be it null? */
const json_t *vq_config_get(const vq_config *c, const char *key);
bool vq_config_has(const vq_config *c, const char *key);
/* vq_config_holds -- is there a tensor of this name beside the config? Ask for one that is never
 * quantized (a norm): another has another name once it is. */
bool vq_config_holds(const vq_config *c, const char *tensor);
/* vq_config_prefix -- the same model is stored under several prefixes of its names: the one of
 * prefixes (NULL at the end) under which `tensor` is there, the first where none is. */
const char *vq_config_prefix(const vq_config *c, const char *const *prefixes, const char *tensor);
/* vq_config_inside -- the object under the key; an empty one when absent. */
vq_status vq_config_inside(const vq_config *c, const char *key, vq_config *out, vq_err *e);
/* vq_config_unsupported -- VQ_E_INPUT, and c->unsupported. */
vq_status vq_config_unsupported(vq_config *c, vq_err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* vq_config_slides -- layer_types: is layer i "sliding_attention"? fallback where there is no list.
 * VQ_E_INPUT: a list of another length; unsupported: another kind of layer. */
vq_status vq_config_slides(vq_config *c, int64_t layer, int64_t layers, bool fallback, bool *out,
                           vq_err *e);

#endif
