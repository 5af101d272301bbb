/* module.h -- a quantized module on its way into an artifact: what is known of it before its weight
 * is, and what belongs to it beside the codes. */
#ifndef VQ_FORMATS_LAYOUTS_MODULE_H
#define VQ_FORMATS_LAYOUTS_MODULE_H

#include "base/exchange/source.h"
#include "base/num/qtensor.h"

#define VQ_LAYOUT_FIELDS 8 /* tensors that a module may have */

/* What is known of a quantized module before its weight is (for declaring tensors and writing the
 * config). */
typedef struct vq_module {
    const char *name;
    int64_t n, k;            /* of the layer; k_stored = k + arc_s */
    int64_t arc_s;           /* 0: no ARC, the columns keep their order */
    int64_t hadamard;        /* block of the rotation that the runtime gives its input; 0: none */
    const vq_scheme *scheme; /* as vq_target_adapt gives it */
    vq_dtype
        model_dtype; /* type of the dense weight: stored scales of int and fp8 formats use it */
    int64_t ids[VQ_LAYOUT_FIELDS]; /* writer handles, by the fields of the layout */
} vq_module;

/* What belongs to a module beside the codes. */
typedef struct vq_module_extra {
    vq_global_scale act_global_scale; /* static second scale of the input; value 0: none */
    float act_scale;                  /* static per-tensor input scale; 0: none */
    int16_t act_zero;
    const int32_t *arc_order; /* [k] */
} vq_module_extra;

#endif
