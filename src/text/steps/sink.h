/* sink.h -- text that grows while it is written, up to a bound. Internal to the tokenizer. */
#ifndef VQ_TEXT_SINK_H
#define VQ_TEXT_SINK_H

#include <stdint.h>

#include "base/arena.h"

typedef struct vq_sink {
    vq_arena *arena; /* borrowed */
    uint8_t *data;
    size_t n, room, limit;
    size_t head; /* of the piece that is written (piece.h) */
} vq_sink;

/* vq_sink_put -- append bytes. VQ_E_LIMIT: more than s->limit together, or no memory. */
vq_status vq_sink_put(vq_sink *s, const void *data, size_t n, vq_err *e);
/* vq_sink_char -- append a code point in UTF-8. */
vq_status vq_sink_char(vq_sink *s, int32_t c, vq_err *e);

#endif
