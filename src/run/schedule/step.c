/* step.c -- the table of kinds of steps. One line each. */
#include "run/schedule/step.h"

#include <stddef.h>

const vq_step_kind *const vq_step_kinds[] = {&vq_step_text,
                                             &vq_step_statistics,
                                             &vq_step_state,
                                             &vq_step_model,
                                             &vq_step_gradients,
                                             &vq_step_embed,
                                             &vq_step_load,
                                             &vq_step_gather,
                                             &vq_step_target,
                                             &vq_step_transform,
                                             &vq_step_round,
                                             &vq_step_train,
                                             &vq_step_advance,
                                             &vq_step_finish,
                                             &vq_step_assemble,
                                             &vq_step_convert,
                                             NULL};
