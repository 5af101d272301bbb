/* outputs.h -- what is written beside the weights of an artifact. test tests/cli/outputs.sh */
#ifndef VQ_RUN_QUANTIZE_OUTPUTS_H
#define VQ_RUN_QUANTIZE_OUTPUTS_H

#include "plan/plan.h"

/* vq_outputs_sidecars -- into the folder `dir`: copies of what lies beside the weights, and config.json
 * with quantization_config added; every file that the target asks for is there then. A file that is
 * no input and was written to since it was opened is left out, and named. VQ_E_IO: another one was. */
vq_status vq_outputs_sidecars(const char *dir, const vq_plan *p, const vq_sidecars *beside,
                              const vq_module *modules, size_t nmodules, bool untied,
                              const vq_reporter *reporter, vq_arena *a, vq_err *e);
/* vq_outputs_config_bytes -- size of that config.json, of an untied model. */
vq_status vq_outputs_config_bytes(const vq_plan *p, const vq_module *modules, size_t nmodules,
                                  size_t *bytes, vq_arena *a, vq_err *e);

#endif
