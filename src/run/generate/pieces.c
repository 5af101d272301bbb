/* pieces.c -- decodes a short context with and without the new tokens: the difference is new. */
#include "run/generate/pieces.h"

#include <string.h>

enum { CONTEXT = 8 }; /* tokens of a prompt in front of the first piece */

vq_pieces vq_pieces_start(const vq_tokenizer *t, size_t n)
{
    return (vq_pieces){.tokenizer = t, .from = n > CONTEXT ? n - CONTEXT : 0, .shown = n};
}

/* Vocabularies of models are padded: such ids can be drawn and have no text. */
static vq_status decode(const vq_pieces *p, const int32_t *ids, size_t n, vq_arena *a, char **text,
                        size_t *len, vq_err *e)
{
    size_t known = 0;
    int32_t *copy = VQ_ALLOC(a, int32_t, n - p->from, "tokens to show", e);
    if (!copy) return e->status;
    for (size_t i = p->from; i < n; i++)
        if (vq_tokenizer_knows(p->tokenizer, ids[i])) copy[known++] = ids[i];
    return vq_tokenizer_decode(p->tokenizer, copy, known, true, a, text, len, e);
}

static bool ends_broken(const char *text, size_t len)
{
    return len >= 3 && memcmp(text + len - 3, "\xef\xbf\xbd", 3) == 0;
}

vq_status vq_pieces_next(vq_pieces *p, const int32_t *ids, size_t n, bool last, vq_arena *a,
                         const char **text, size_t *len, vq_err *e)
{
    char *before, *now;
    size_t had, has;
    *text = "";
    *len = 0;
    VQ_TRY(decode(p, ids, p->shown, a, &before, &had, e));
    VQ_TRY(decode(p, ids, n, a, &now, &has, e));
    if (!last && ends_broken(now, has)) return VQ_OK;
    if (ends_broken(before, had)) had -= 3; /* the prompt ended inside a character */
    while (had < has && (now[had] & 0xc0) == 0x80) had++;
    if (has > had) {
        *text = now + had;
        *len = has - had;
    }
    p->from = p->shown;
    p->shown = n;
    return VQ_OK;
}
