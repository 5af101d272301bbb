/* own_text.h -- the calibration text that a model writes itself: how its texts begin, so that they
 * span what the model knows. A sample is several short texts in a row. A third of them begin with
 * nothing, or with words drawn from the model's vocabulary; the others with openings of many
 * languages, of code, tables, lists and talk, which go through the chat template where the model has
 * one. test tests/unit/plan/test_own_text.c */
#ifndef VQ_PLAN_OWN_OWN_TEXT_H
#define VQ_PLAN_OWN_OWN_TEXT_H

#include "calib/self_text.h"
#include "plan/plan.h"

typedef enum vq_opening_kind {
    VQ_OPENING_PLAIN, /* how a text begins */
    VQ_OPENING_CHAT   /* what a user says */
} vq_opening_kind;
typedef struct vq_opening {
    vq_opening_kind kind;
    const char *text;
} vq_opening;
extern const vq_opening vq_openings[]; /* text NULL ends the table */

/* vq_own_texts -- the shape of the texts for `samples` samples of a plan: how many, how long. */
vq_self_texts vq_own_texts(const vq_plan *p, int64_t samples);
/* vq_own_text_begin -- how each of them begins, from the plan's seed; arrays from a. A model without
 * tokenizer.json gets words of its vocabulary alone. VQ_E_INPUT: a tokenizer that is broken;
 * VQ_E_STOPPED when w says so. */
vq_status vq_own_text_begin(vq_self_texts *t, const vq_plan *p, const vq_reporter *w, vq_arena *a,
                            vq_err *e);

#endif
