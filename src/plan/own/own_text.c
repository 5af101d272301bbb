/* own_text.c -- how the texts of a model's own begin. */
#include "plan/own/own_text.h"

#include <string.h>

#include "base/rng.h"
#include "plan/sample_set.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

/* The model's own distribution; others were not measured. */
#define TEMPERATURE 1.0
enum { TEXT_TOKENS = 128, WORDS = 8, TRIES = 16, STRIDE = 29 };
#define STREAM ((uint64_t)7 << 56) /* words draw from other numbers than the text after them */

/* Of six texts in a row one begins with nothing, one with words, the others with openings. */
enum { TURN = 6, OPENED = 4 };

typedef struct beginning {
    const vq_plan *plan;
    vq_self_texts *texts;
    vq_tokenizer *tokenizer; /* NULL: none */
    vq_chat_template *chat;  /* NULL: none */
    int nopenings;
    vq_arena work; /* of one text */
} beginning;

static int64_t parts_of(const vq_plan *p)
{
    const int64_t tokens = vq_sample_tokens(p), parts = (tokens + TEXT_TOKENS / 2) / TEXT_TOKENS;
    return parts < 1 ? 1 : parts;
}

vq_self_texts vq_own_texts(const vq_plan *p, int64_t samples)
{
    const int64_t parts = parts_of(p);
    return (vq_self_texts){.count = samples * parts,
                           .length = (vq_sample_tokens(p) + parts - 1) / parts,
                           .temperature = TEMPERATURE,
                           .seed = p->recipe->calib.seed,
                           .bf16 = p->model->dtype == VQ_BF16};
}

/* A conversation of one message, up to where the model answers; text and len stay as they are where
 * the template refuses it. */
static vq_status ask(beginning *b, const char *said, char **text, size_t *len, vq_err *e)
{
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", said);
    if (!messages) return vq_fail(e, VQ_E_LIMIT, "no memory for a conversation");
    char *made;
    size_t n;
    const vq_status s = vq_chat_template_render(b->chat, messages, NULL, &b->work, &made, &n, e);
    json_decref(messages);
    if (s != VQ_OK) return s == VQ_E_INPUT ? VQ_OK : s;
    *text = made;
    *len = n;
    return VQ_OK;
}

static vq_status opening_ids(beginning *b, const vq_opening *o, int32_t **ids, size_t *n, vq_err *e)
{
    char *asked = NULL;
    size_t len = strlen(o->text);
    if (o->kind == VQ_OPENING_CHAT && b->chat) VQ_TRY(ask(b, o->text, &asked, &len, e));
    return vq_tokenizer_encode(b->tokenizer, asked ? asked : o->text, len, false, &b->work, ids, n,
                               e);
}

/* An id of the vocabulary that its tokenizer, if there is one, knows: models often have more rows. */
static int32_t word(const beginning *b, uint64_t counter)
{
    const uint64_t vocab = (uint64_t)b->plan->model->graph.vocab, seed = b->texts->seed ^ STREAM;
    for (uint64_t i = counter * TRIES; i < (counter + 1) * TRIES; i++) {
        const int32_t id = (int32_t)(vq_rng_at(seed, i) % vocab);
        if (!b->tokenizer || vq_tokenizer_knows(b->tokenizer, id)) return id;
    }
    return (int32_t)vq_model_first_token(b->plan->model);
}

/* Text i: its place in the turn says how it begins. Openings follow each other in strides that every
 * seed begins elsewhere, so that few texts hold many kinds. */
static vq_status begin_text(beginning *b, int64_t i, int64_t *given, vq_err *e)
{
    const vq_self_texts *t = b->texts;
    int32_t *out = t->ids + i * t->length, *ids = NULL;
    const int64_t turn = i % TURN, most = t->length * 3 / 4;
    size_t n = 0;
    *out = (int32_t)vq_model_first_token(b->plan->model);
    *given = 1;
    if (turn == 0) return VQ_OK;
    if (turn >= TURN - OPENED && b->tokenizer) {
        const uint64_t at = (uint64_t)(i / TURN * OPENED + turn - (TURN - OPENED)) + t->seed * 13;
        const vq_opening *o = &vq_openings[at * STRIDE % (uint64_t)b->nopenings];
        VQ_TRY(opening_ids(b, o, &ids, &n, e));
        VQ_TRY(vq_model_check_ids(b->plan->model, ids, n, e));
    } else {
        n = WORDS;
    }
    for (size_t k = 0; k < n && *given < most; k++, ++*given)
        out[*given] = ids ? ids[k] : word(b, (uint64_t)(i * WORDS) + k);
    return VQ_OK;
}

static vq_status begin_all(beginning *b, int64_t *given, vq_err *e)
{
    while (vq_openings[b->nopenings].text) b->nopenings++;
    for (int64_t i = 0; i < b->texts->count; i++) {
        const vq_arena_mark mark = vq_arena_here(&b->work);
        VQ_TRY(begin_text(b, i, &given[i], e));
        vq_arena_rewind(&b->work, mark);
    }
    return VQ_OK;
}

/* What cannot be read is done without: the text is there for statistics. */
static vq_status open_words(beginning *b, const vq_reporter *w, vq_err *e)
{
    const vq_model *m = b->plan->model;
    vq_status s = vq_model_tokenizer(m, &b->tokenizer, &b->work, e);
    if (s == VQ_E_INPUT)
        vq_warn(w, "own-text-words", m->checkpoint.dir,
                "no tokenizer that vq reads: the model's own text begins with words of the "
                "vocabulary alone, not with openings of many kinds");
    if (s != VQ_OK) return s == VQ_E_INPUT ? VQ_OK : s;
    vq_tokenizer_heed(b->tokenizer, w);
    if (b->plan->recipe->calib.plain_chat) return VQ_OK;
    s = vq_chat_template_open(&b->chat, m->checkpoint.dir, &b->work, e);
    if (s == VQ_OK && b->chat) {
        vq_chat_template_ask(b->chat);
        vq_chat_template_heed(b->chat, w);
    }
    return s == VQ_E_INPUT ? VQ_OK : s;
}

vq_status vq_own_text_begin(vq_self_texts *t, const vq_plan *p, const vq_reporter *w, vq_arena *a,
                            vq_err *e)
{
    beginning b = {.plan = p, .texts = t};
    int64_t *given = VQ_ALLOC(a, int64_t, t->count, "calibration text", e);
    t->ids = VQ_ALLOC(a, int32_t, t->count * t->length, "calibration text", e);
    if (!given || !t->ids) return e->status;
    t->given = given;
    vq_arena_init(&b.work, a->budget);
    vq_status s = open_words(&b, w, e);
    if (s == VQ_OK) s = begin_all(&b, given, e);
    if (b.tokenizer) vq_tokenizer_free(b.tokenizer);
    vq_arena_done(&b.work);
    return s;
}
