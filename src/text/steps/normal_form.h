/* normal_form.h -- Unicode normalization forms in time linear in the text, whatever the text. test
 * tests/unit/text/test_normal_form.c */
#ifndef VQ_TEXT_NORMAL_FORM_H
#define VQ_TEXT_NORMAL_FORM_H

#include "base/arena.h"
#include "text/steps/piece.h"

typedef enum vq_form {
    VQ_NFD = 0,
    VQ_NFC = 1,
    VQ_NFKD = 2,
    VQ_NFKC = 3
} vq_form; /* bit 0: composed, bit 1: compatibility */

/* vq_normal_form -- put a piece into a form: memory of the arena, or the text itself when it is
 * ASCII (nothing to do). */
vq_status vq_normal_form(vq_form form, vq_piece *t, vq_arena *a, vq_err *e);

#endif
