/* artifact.h -- packers: a vq_qtensor in, the tensors of a target format out. A format is a table
 * row: which tensors, which dtypes. Formats: compressed-tensors (nvfp4-pack-quantized,
 * mxfp4-pack-quantized, mxfp8-quantized, pack-quantized, float-quantized, int-quantized, mixed) and
 * vq (ARC, BFP, ...). test tests/unit/test_artifact.c, tests/golden/test_golden_ct.c */
#ifndef VQ_FORMATS_LAYOUTS_ARTIFACT_H
#define VQ_FORMATS_LAYOUTS_ARTIFACT_H

#include <jansson.h>

#include "base/exchange/source.h"
#include "base/num/qtensor.h"
#include "formats/container.h"

typedef enum vq_format { VQ_FORMAT_CT, VQ_FORMAT_VQ } vq_format;
bool vq_format_find(const char *name, vq_format *out); /* "compressed-tensors", "vq" */
const char *vq_format_name(vq_format f);

/* What is known of a quantized module before its weight is (for declaring tensors and writing the
 * config). */
typedef struct vq_module {
    const char *name;
    int64_t n, k;            /* of the layer; k_stored = k + arc_s */
    int64_t arc_s;           /* 0: no ARC, the columns keep their order */
    int64_t hadamard;        /* block of the rotation that the runtime gives its input; 0: none */
    const vq_scheme *scheme; /* as vq_format_adapt gives it */
    vq_dtype
        model_dtype; /* type of the dense weight: stored scales of int and fp8 formats use it */
    int64_t ids[8];  /* writer handles, by the format's row */
} vq_module;

/* vq_format_adapt -- the scheme as f can store it without loss: compressed-tensors keeps the float
 * scales of int and fp8 weights and of static inputs in the model's type. Call it before rounding:
 * what is measured is what is written. */
void vq_format_adapt(vq_format f, vq_dtype model, vq_scheme *s);
/* vq_format_global_scale -- a second-level scale in the form that f stores: a divisor in
 * compressed-tensors, a multiplier in vq. Call it before rounding. */
vq_global_scale vq_format_global_scale(vq_format f, vq_global_scale s);
/* vq_format_takes -- VQ_E_RECIPE naming what the format cannot hold exactly (a scheme that has no
 * row, ARC or a rotation of the input in compressed-tensors). */
vq_status vq_format_takes(vq_format f, const vq_module *m, vq_err *e);
/* vq_module_declare -- declare the module's tensors. */
vq_status vq_module_declare(vq_format f, vq_module *m, vq_tensor_writer *w, vq_err *e);
/* What belongs to a module beside the codes. */
typedef struct vq_module_extra {
    vq_global_scale act_global_scale; /* static second scale of the input; value 0: none */
    float act_scale;                  /* static per-tensor input scale; 0: none */
    int16_t act_zero;
    const int32_t *arc_order; /* [k] */
} vq_module_extra;
/* vq_module_write -- pack q and write every tensor of the module. sha: digest over the stored bytes
 * of the module's tensors in the order of the row, NULL when it is not wanted (vq_module_sha gives
 * the same from the files). scratch: arena, rewound before return. */
vq_status vq_module_write(vq_format f, const vq_module *m, const vq_qtensor *q,
                          const vq_module_extra *x, vq_tensor_writer *w, char sha[VQ_SHA256_TEXT],
                          vq_arena *a, vq_err *e);
/* vq_module_sha -- the same digest from the tensors of an opened artifact (verify). */
vq_status vq_module_sha(vq_format f, const char *module, const vq_tensor_set *s,
                        char sha[VQ_SHA256_TEXT], vq_err *e);

/* vq_format_config -- quantization_config for config.json: groups of equal schemes, ignore derived
 * from `dense` (2-D modules that were written dense). Returns a new reference in *out. */
vq_status vq_format_config(vq_format f, const vq_module *modules, size_t n,
                           const char *const *dense, size_t ndense, json_t **out, vq_err *e);

#endif
