/* model_passes.h -- the passes of a plan that change the whole model, run before anything is
 * gathered or rounded. test tests/unit/plan/test_model_passes.c */
#ifndef VQ_PLAN_MODEL_PASSES_H
#define VQ_PLAN_MODEL_PASSES_H

#include "calib/calibrate.h"
#include "edit/model_edits.h"
#include "plan/plan.h"

/* vq_model_passes_any -- has the plan transforms of scope MODEL? */
bool vq_model_passes_any(const vq_plan *p);

/* vq_model_passes_check -- VQ_E_RECIPE, VQ_E_INPUT: the model cannot take one of them. By the graph alone.
 */
vq_status vq_model_passes_check(const vq_plan *p, vq_arena *scratch, vq_err *e);

/* vq_model_passes_run -- the plan's transforms of scope MODEL in order, into m; each is checked to
 * keep the logits (checks.function).
 *   base: the model as stored, in f32, with scratch of its own. samples, sweep: for statistics of
 *   the stream, which take one sweep over the
 * samples when a pass asks for them; samples NULL when none does. scratch: another arena than that
 * of m. VQ_E_RECIPE: a pass that does not fit the model. VQ_E_NUMERIC: the function check. */
vq_status vq_model_passes_run(vq_model_edits *m, const vq_plan *p, const vq_exec *base,
                              const vq_samples *samples, const vq_calib_options *sweep,
                              const vq_reporter *w, vq_arena *scratch, vq_err *e);

#endif
