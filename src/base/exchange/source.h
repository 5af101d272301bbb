/* source.h -- where the weights of a model come from: a dense checkpoint or an artifact, behind one
 * small interface. formats implements it, model and run use it; they meet nowhere else. All
 * pointers are borrowed from the source. */
#ifndef VQ_BASE_EXCHANGE_SOURCE_H
#define VQ_BASE_EXCHANGE_SOURCE_H

#include "base/num/dtype.h"
#include "base/num/num.h"
#include "base/num/qtensor.h"

/* One linear as stored. */
typedef struct vq_linear {
    const char *name; /* module, without ".weight" */
    int64_t n, k;     /* out and in features of the layer itself */
    int64_t k_stored; /* columns of the stored weight: k, or k + s with ARC */
    bool quantized;
    vq_tensor dense;  /* the weight when not quantized */
    vq_tensor bias;   /* data NULL when there is none */
    vq_scheme scheme; /* when quantized: how weight and input are stored and computed */
    vq_global_scale
        act_global_scale; /* static second scale of the input (value 0: dynamic, from the absolute
                           * maximum of the token row) */
    float act_scale;      /* static per-tensor input scale; 0 when dynamic */
    int16_t act_zero;     /* its zero point (asymmetric static inputs) */
    const int32_t *arc_order; /* [k] gather of the input, NULL without ARC */
    int64_t arc_s;            /* augmented channels */
    int64_t hadamard; /* block of the rotation of the input (before order and quantization), 0 none;
                   * also of dense linears */
} vq_linear;

typedef struct vq_source vq_source;
struct vq_source {
    void *self;
    /* tensor -- a dense tensor by full name ("model.norm.weight"); VQ_E_INPUT when missing. */
    vq_status (*tensor)(void *self, const char *name, vq_tensor *out, vq_err *e);
    bool (*has)(void *self, const char *name);
    /* linear -- a module by name; checks dtypes and shapes of what belongs to it. n, k: what the
     * model expects (0: unknown). */
    vq_status (*linear)(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                        vq_err *e);
    /* rows -- stored rows [r0, r0+count) of a quantized linear in canonical order, scales and zeros
     * of exactly these rows (all groups for
     *   per-tensor and RxC blocks: r0 must then be a multiple of the group's rows). Arrays from the
     *   arena. Thread-safe if arenas differ. */
    vq_status (*rows)(void *self, const vq_linear *l, int64_t r0, int64_t count, vq_qtensor *out,
                      vq_arena *a, vq_err *e);
};

#endif
