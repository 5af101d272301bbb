/* prompt.h -- what a model is asked, as token ids: a text as it stands, or a conversation through
 * the model's chat template. test tests/cli/generate.sh, tests/cli/tokenize.sh */
#ifndef VQ_RUN_GENERATE_PROMPT_H
#define VQ_RUN_GENERATE_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reporter.h"
#include "text/tokenizer.h"

typedef struct vq_prompt {
    const vq_reporter *heed; /* NULL: nothing stops the template */
    const char *text;        /* of len bytes; NULL: the conversation */
    size_t len;
    const char *system;      /* NULL: no message of the system */
    const char *const *chat; /* what user, assistant, user ... said */
    int nchat;
    bool special; /* of a text: with what the tokenizer puts around it; a template writes that
                   * itself */
} vq_prompt;

/* vq_prompt_ids -- dir: of the model, for its template. VQ_E_INPUT: it has none or refuses the
 * conversation, text that is not UTF-8. VQ_E_RECIPE: the last word is not the user's. Ids from a. */
vq_status vq_prompt_ids(const vq_prompt *p, const char *dir, const vq_tokenizer *t, vq_arena *a,
                        int32_t **ids, size_t *n, vq_err *e);

#endif
