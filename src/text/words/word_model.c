/* word_model.c -- which models there are; their vocabularies. */
#include "text/words/word_model.h"

#include <string.h>

#include "text/steps/kind.h"

struct vq_model_kind {
    const char *type;
    vq_status (*vocab)(vq_vocab *v, json_t *vocab, int64_t size_hint, vq_arena *a, vq_err *e);
    vq_status (*parse)(vq_word_model *m, json_t *o, vq_arena *a, vq_err *e);
    vq_status (*word)(const vq_word_model *m, vq_word_work *w, const uint8_t *text, size_t n,
                      vq_err *e);
};

/* largest id of the vocabulary + 1, bounded so that one wild id cannot ask for all memory */
static vq_status count_ids(json_t *vocab, int64_t *size, vq_err *e)
{
    const char *text;
    json_t *id;
    json_object_foreach(vocab, text, id)
    {
        const int64_t i = json_integer_value(id);
        if (!json_is_integer(id))
            return vq_fail(e, VQ_E_INPUT, "id of token \"%.80s\" is not an integer", text);
        if (i < 0 || i >= VQ_MAX_TOKENS)
            return vq_fail(e, VQ_E_INPUT, "token \"%.80s\" has id %lld; ids go from 0 to %d", text,
                           (long long)i, VQ_MAX_TOKENS - 1);
        if (i >= *size) *size = i + 1;
    }
    return VQ_OK;
}

/* {text: id, ...} */
static vq_status vocab_by_text(vq_vocab *v, json_t *vocab, int64_t size, vq_arena *a, vq_err *e)
{
    const char *text;
    json_t *id;
    if (!json_is_object(vocab)) return vq_fail(e, VQ_E_INPUT, "model has no object \"vocab\"");
    VQ_TRY(count_ids(vocab, &size, e));
    VQ_TRY(vq_vocab_init(v, size, a, e));
    json_object_foreach(vocab, text, id)
    {
        VQ_TRY(vq_vocab_add(v, json_integer_value(id), text, strlen(text), a, e));
    }
    return VQ_OK;
}

/* [[text, score], ...], ids are places */
static vq_status vocab_in_order(vq_vocab *v, json_t *vocab, int64_t size_hint, vq_arena *a,
                                vq_err *e)
{
    const size_t n = json_array_size(vocab);
    if (!json_is_array(vocab)) return vq_fail(e, VQ_E_INPUT, "model has no array \"vocab\"");
    if (n > VQ_MAX_TOKENS)
        return vq_fail(e, VQ_E_INPUT, "%zu tokens; at most %d are supported", n, VQ_MAX_TOKENS);
    VQ_TRY(vq_vocab_init(v, (int64_t)n > size_hint ? (int64_t)n : size_hint, a, e));
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(json_array_get(vocab, i), 0);
        if (!json_is_string(text))
            return vq_fail(e, VQ_E_INPUT, "token %zu is not [text, score]", i);
        VQ_TRY(
            vq_vocab_add(v, (int64_t)i, json_string_value(text), json_string_length(text), a, e));
    }
    return VQ_OK;
}

static vq_status parse_bpe(vq_word_model *m, json_t *o, vq_arena *a, vq_err *e)
{
    return vq_bpe_parse(&m->bpe, o, &m->vocab, a, e);
}

static vq_status bpe_word(const vq_word_model *m, vq_word_work *w, const uint8_t *text, size_t n,
                          vq_err *e)
{
    return vq_bpe_word(&m->bpe, w, text, n, e);
}

static vq_status parse_unigram(vq_word_model *m, json_t *o, vq_arena *a, vq_err *e)
{
    return vq_unigram_parse(&m->unigram, o, &m->vocab, a, e);
}

static vq_status unigram_word(const vq_word_model *m, vq_word_work *w, const uint8_t *text,
                              size_t n, vq_err *e)
{
    return vq_unigram_word(&m->unigram, w, text, n, e);
}

static const struct vq_model_kind kinds[] = {
    {"BPE", vocab_by_text, parse_bpe, bpe_word},
    {"Unigram", vocab_in_order, parse_unigram, unigram_word},
};

/* Old files have no type: an array of pieces is a Unigram model. */
vq_status vq_word_model_parse(vq_word_model *m, json_t *o, int64_t size_hint, vq_arena *a,
                              vq_err *e)
{
    const void *row;
    json_t *vocab = json_object_get(o, "vocab");
    const char *type = json_string_value(json_object_get(o, "type"));
    if (!type) type = json_is_array(vocab) ? "Unigram" : "BPE";
    VQ_TRY(vq_kind_find(type, kinds, sizeof kinds / sizeof *kinds, sizeof *kinds, &row, e));
    m->kind = row;
    VQ_TRY(m->kind->vocab(&m->vocab, vocab, size_hint, a, e));
    return m->kind->parse(m, o, a, e);
}

vq_status vq_model_word(const vq_word_model *m, vq_word_work *w, const uint8_t *text, size_t n,
                        vq_err *e)
{
    return m->kind->word(m, w, text, n, e);
}
