/* outputs.h -- where an artifact is made (OUT.run), how it takes its final name, and what is copied
 * beside the weights. */
#ifndef VQ_RUN_QUANTIZE_OUTPUTS_H
#define VQ_RUN_QUANTIZE_OUTPUTS_H

#include "plan/plan.h"

typedef struct vq_outputs {
    const char *out; /* final folder */
    const char
        *run; /* OUT.run while working: state and finished parts of a run that can be resumed */
    const char *work; /* OUT.run/artifact: becomes OUT */
    bool force;
} vq_outputs;

/* vq_outputs_open -- names the folders (out NULL: MODEL.RECIPE beside the model) and makes the work
 * folder. VQ_E_RECIPE: out exists and no --force; a stopped run is there and neither resume nor
 * force says what to do with it; nothing to resume. */
vq_status vq_outputs_open(vq_outputs *o, const char *model, const char *recipe, const char *out,
                          bool force, bool resume, vq_arena *a, vq_err *e);
/* vq_outputs_sidecars -- copies everything that is not weights, and config.json with
 * quantization_config added; every file that the target asks for is there then. */
vq_status vq_outputs_sidecars(const vq_outputs *o, const vq_plan *p, const vq_module *modules,
                              size_t nmodules, bool untied, vq_arena *a, vq_err *e);
/* vq_outputs_commit -- the artifact takes its name in one rename, then OUT.run goes; with force
 * what was there goes. */
vq_status vq_outputs_commit(const vq_outputs *o, vq_err *e);
/* vq_outputs_drop -- removes the work folder unless it holds a run that can be resumed; harmless
 * after commit. */
void vq_outputs_drop(const vq_outputs *o, vq_arena *a);

#endif
