/* word_work.c -- arrays that double. */
#include "text/words/word_work.h"

vq_status vq_emit(vq_word_work *w, int32_t id, vq_err *e)
{
    if (w->count == w->room) {
        int32_t *ids = vq_arena_more(w->arena, w->ids, &w->room, sizeof *ids, "token ids", e);
        if (!ids) return VQ_E_LIMIT;
        w->ids = ids;
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
