/* word_work.h -- ids so far, and the scratch of the models, which grows with the longest word.
 * Internal to the tokenizer. */
#ifndef VQ_TEXT_WORD_WORK_H
#define VQ_TEXT_WORD_WORK_H

#include <stdint.h>

#include "base/arena.h"
#include "text/effort.h"

typedef struct vq_word_work {
    vq_arena *arena; /* borrowed; never rewound while in use */
    int32_t *ids;
    size_t count, room;
    void *scratch; /* of the model in use */
    size_t scratch_room;
    vq_effort *effort; /* of the text; NULL: without end */
} vq_word_work;

/* vq_emit -- append an id. */
vq_status vq_emit(vq_word_work *w, int32_t id, vq_err *e);
/* vq_word_scratch -- w->scratch has at least n bytes; contents are lost when it grows. */
vq_status vq_word_scratch(vq_word_work *w, size_t n, vq_err *e);

#endif
