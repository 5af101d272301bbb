/* summary.h -- what `vq quantize` tells when it is done. */
#ifndef VQ_RUN_QUANTIZE_SUMMARY_H
#define VQ_RUN_QUANTIZE_SUMMARY_H

#include <jansson.h>

#include "run/store/rounding.h"

typedef struct vq_quantize_summary {
    const char *out;
    const vq_model *model;
    const vq_rounded *rounded;
    const char *finish;  /* name of the finishing pass; NULL: none */
    json_t *calibration; /* reference is taken over */
    json_t *phases;      /* {name: seconds}; reference is taken over */
    double seconds;
    size_t peak_bytes;
} vq_quantize_summary;

/* vq_quantize_result --
 * {"out","files":[{"name","bytes","sha256"}],"bytes_in","bytes_out","bits_per_weight","modules","worst":[{"name","sqnr_db"}],
 *   "calibration",["tune":{"kl_before","kl_after","held_out_tokens"},]"phases":{name:
 *   seconds},"seconds","peak_bytes"}: new reference in
 * *out. bits_per_weight: everything stored for the quantized layers over their own weights. */
vq_status vq_quantize_result(const vq_quantize_summary *s, vq_arena *a, json_t **out, vq_err *e);
/* vq_finished_json -- {"kl_before","kl_after","held_out_tokens"}, new reference. */
json_t *vq_finished_json(const vq_finished *f);

#endif
