/* sink.c -- a growing buffer of an arena. */
#include "text/steps/sink.h"

#include <string.h>
#include <utf8proc.h>

static vq_status grow(vq_sink *s, size_t n, vq_err *e)
{
    if (s->n > s->limit || n > s->limit - s->n)
        return vq_fail(e, VQ_E_LIMIT, "the text grows beyond %zu bytes, far more than it had",
                       s->limit);
    const size_t wanted = 2 * (s->n + n) + 64, room = wanted < s->limit ? wanted : s->limit;
    uint8_t *data = VQ_ALLOC(s->arena, uint8_t, room, "text under way", e);
    if (!data) return VQ_E_LIMIT;
    if (s->n) memcpy(data, s->data, s->n);
    s->data = data;
    s->room = room;
    return VQ_OK;
}

vq_status vq_sink_put(vq_sink *s, const void *data, size_t n, vq_err *e)
{
    if (n > s->room - s->n) VQ_TRY(grow(s, n, e));
    if (n) memcpy(s->data + s->n, data, n);
    s->n += n;
    return VQ_OK;
}

vq_status vq_sink_char(vq_sink *s, int32_t c, vq_err *e)
{
    uint8_t bytes[4];
    return vq_sink_put(s, bytes, (size_t)utf8proc_encode_char(c, bytes), e);
}
