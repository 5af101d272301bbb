/* post_process.h -- the `post_processor` object: tokens that are put before and behind a text.
 * Internal to the tokenizer. Source: HF tokenizers processors/template.rs (behaviour). test
 * tests/unit/text/test_tokenizer.c */
#ifndef VQ_TEXT_POST_PROCESS_H
#define VQ_TEXT_POST_PROCESS_H

#include <jansson.h>

#include "base/arena.h"

typedef struct vq_template {
    int32_t *before, *behind; /* ids; owned by the arena */
    size_t nbefore, nbehind;
} vq_template;

/* vq_template_parse -- null, ByteLevel (adds nothing), TemplateProcessing (its `single` part),
 * BertProcessing, RobertaProcessing, or a Sequence of them with one that adds. ids must be below
 * `size`. VQ_E_INPUT: broken, or a type outside the subset, by name. */
vq_status vq_template_parse(vq_template *t, json_t *o, int64_t size, vq_arena *a, vq_err *e);

#endif
