/* decode.h -- the `decoder` object: tokens back to text. One row per kind in decode.c. Internal to
 * the tokenizer. Source: HF tokenizers decoders/ (behaviour). test tests/unit/text/test_decode.c */
#ifndef VQ_TEXT_DECODE_H
#define VQ_TEXT_DECODE_H

#include <stdbool.h>

#include "text/steps/kind.h"
#include "text/steps/pattern.h"
#include "text/steps/sink.h"
#include "text/words/vocab.h"

struct vq_decode_kind;

typedef struct vq_decode_step {
    const struct vq_decode_kind *kind;
    vq_pattern pattern;  /* Replace */
    const char *content; /* Replace, Strip, Metaspace: what is put, cut off, replaced; BPEDecoder:
                            end of word */
    size_t content_len;
    size_t start, stop; /* Strip */
    bool first_bare;    /* Metaspace: the first token loses its mark */
} vq_decode_step;

typedef struct vq_decoder {
    vq_decode_step step[VQ_MAX_STEPS];
    int count;
    bool missing; /* null: tokens with spaces between them */
} vq_decoder;

/* vq_decoder_parse -- d zeroed, o may be null; vq_decoder_done also after an error. VQ_E_INPUT:
 * broken, or a type outside the subset. */
vq_status vq_decoder_parse(vq_decoder *d, json_t *o, vq_arena *a, vq_err *e);
void vq_decoder_done(vq_decoder *d);

/* What is left of the tokens; scratch and result live in the arena. */
typedef struct vq_decode_work {
    vq_token *list;
    size_t n;
    vq_arena *arena;
    vq_effort effort;
    size_t limit; /* bytes that may still be written */
} vq_decode_work;
/* vq_decoder_run -- n tokens of w->list, which is overwritten, to text. VQ_E_LIMIT: memory, text
 * beyond
 * the limit */
vq_status vq_decoder_run(const vq_decoder *d, vq_decode_work *w, char **text, size_t *len,
                         vq_err *e);

/* vq_utf8_lossy -- bytes with every part that is no UTF-8 replaced by U+FFFD, one per longest
 * beginning of a character. */
vq_status vq_utf8_lossy(const uint8_t *data, size_t n, vq_sink *out, vq_err *e);

#endif
