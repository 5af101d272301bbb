/* target.h -- a target format: what an artifact may hold, how it is stored and described, and by
 * which files and config it is known again. One const struct per target, one line each in
 * targets.inc; nobody compares targets, whoever has to decide reads a trait.
 * docs/adding-a-format.md has the steps. test tests/unit/formats/test_target.c,
 * tests/unit/formats/test_artifact.c
 */
#ifndef VQ_FORMATS_TARGET_H
#define VQ_FORMATS_TARGET_H

#include <jansson.h>

#include "formats/container.h"
#include "formats/layouts/layout.h"

struct vq_module_map;

/* A model folder that was opened, for the question whose it is. All borrowed. */
typedef struct vq_folder {
    const json_t *config;       /* config.json as a whole; NULL: there is none */
    const json_t *quantization; /* its quantization_config; NULL: none */
    const char *method; /* how it says that it is quantized: quant_method, or "modelopt" where
                         * hf_quant_config.json lies in the folder; NULL: not quantized */
    const vq_tensor_set *weights;
} vq_folder;

typedef struct vq_target {
    const char *name; /* output.format of recipes */
    const vq_container *container;

    /* How modules are stored. */
    const vq_layout *layouts; /* ended by name NULL; the first that holds a scheme is written */
    const char *const
        *suffixes; /* of every tensor that a module may have, in the order of digests; NULL ends */
    bool global_scale_divides; /* second-level scales are stored as divisors, else as factors */
    bool act_global_scale; /* the second-level scale of an input is stored, so calibration has to
                                * see inputs; else it is made on the way, per token */
    bool negative_scales;  /* groups may have a negative scale where the arithmetic has them */
    bool input_maps;       /* has a place for what the runtime does to an input: ARC's order and
                                * residual channels, rotations */
    bool key_orders;       /* stores the orders of key channels that rope goes by (ksort) */

    /* adapt -- the scheme as it can be stored without loss; model: type of the dense weights.
     * VQ_E_RECIPE: the recipe gives what would be stored as
     * something else. NULL: as it is. */
    vq_status (*adapt)(vq_dtype model, vq_scheme *s, vq_err *e);
    /* takes -- VQ_E_RECIPE with the reason where layouts and traits allow what the format does not.
     * NULL: nothing more is refused. e may be NULL. */
    vq_status (*takes)(const vq_module *m, vq_err *e);

    /* The folder. */
    const char *const *runtimes; /* that read it (output.runtime of recipes); NULL ends */
    const char *const
        *files; /* that a folder holds beside the weights, or it is broken; NULL ends */
    /* write_config -- quantization_config for config.json, a new reference in *out. dense: 2-D
     * modules that were written as they are. VQ_E_LIMIT: no memory. */
    vq_status (*write_config)(const vq_module *modules, size_t n, const char *const *dense,
                              size_t ndense, json_t **out, vq_err *e);
    /* owns -- is this folder of this format? */
    bool (*owns)(const vq_folder *f);
    /* read_config -- the modules that an owned folder says it has into m->modules and m->count:
     * target, layout, and linear with name and scheme; arc_s, hadamard, n and k where the config
     * tells them. m->note as it finds. VQ_E_INPUT: a config that is not understood, or that
     * contradicts the tensors. */
    vq_status (*read_config)(struct vq_module_map *m, const vq_folder *f, vq_arena *a, vq_err *e);
} vq_target;

/* The table, ended by NULL. */
extern const vq_target *const vq_targets[];
/* Formats that are read and never written, ended by NULL: targets without adapt, takes and
 * write_config. */
extern const vq_target *const vq_readers[];
/* vq_target_find -- by name; NULL: there is none. */
const vq_target *vq_target_find(const char *name);
/* vq_target_of -- the first target or reader that owns the folder; NULL: none does. */
const vq_target *vq_target_of(const vq_folder *f);
/* vq_target_names -- what can be read, "a, b and c" into buf, for messages; returns buf. */
const char *vq_target_names(char *buf, size_t len);
/* vq_container_of -- who opens PATH: the first container of a target that claims it. */
const vq_container *vq_container_of(const char *path);

/* vq_target_adapt -- the scheme as t can store it without loss (see adapt). Call it before
 * rounding: what is measured is what is written. */
vq_status vq_target_adapt(const vq_target *t, vq_dtype model, vq_scheme *s, vq_err *e);
/* vq_target_global_scale -- a second-level scale in the form that t stores. Call it before
 * rounding.
 */
vq_global_scale vq_target_global_scale(const vq_target *t, vq_global_scale s);
/* vq_target_takes -- VQ_E_RECIPE naming what the format cannot hold exactly (a scheme that has no
 * layout, ARC or a rotation without input_maps, what `takes` refuses), and who can. */
vq_status vq_target_takes(const vq_target *t, const vq_module *m, vq_err *e);

#endif
