/* word_work.c -- arrays that double. */
#include "text/words/word_work.h"

#include <string.h>

vq_status vq_emit(vq_word_work *w, int32_t id, vq_err *e)
{
    if (w->count == w->room) {
        const size_t room = w->room ? 2 * w->room : 1024;
        int32_t *ids = VQ_ALLOC(w->arena, int32_t, room, "token ids", e);
        if (!ids) return VQ_E_LIMIT;
        if (w->count) memcpy(ids, w->ids, w->count * sizeof *ids);
        w->ids = ids;
        w->room = room;
    }
    w->ids[w->count++] = id;
    return VQ_OK;
}

vq_status vq_word_scratch(vq_word_work *w, size_t n, vq_err *e)
{
    if (n <= w->scratch_room) return VQ_OK;
    const size_t room = n < 4096 ? 4096 : n + n / 2;
    w->scratch = vq_arena_alloc(w->arena, room, 1, "a long word", e);
    if (!w->scratch) return VQ_E_LIMIT;
    w->scratch_room = room;
    return VQ_OK;
}
