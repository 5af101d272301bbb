/* bpe_model.c -- the `model` object of tokenizer.json when its type is BPE: merges, options, tokens
 * of single characters. */
#include <string.h>
#include <utf8proc.h>

#include "text/steps/piece.h"
#include "text/words/bpe.h"
#include "json/json_fields.h"

/* A merge is "left right" or [left, right]; the halves are copied into pair, which has room for
 * both and their ends. */
static vq_status merge_halves(json_t *merge, size_t index, char *pair, size_t room,
                              const char **right, vq_err *e)
{
    const char *l, *r;
    if (json_is_array(merge) && json_array_size(merge) == 2 &&
        json_is_string(json_array_get(merge, 0)) && json_is_string(json_array_get(merge, 1))) {
        l = json_string_value(json_array_get(merge, 0));
        r = json_string_value(json_array_get(merge, 1));
    } else {
        l = json_string_value(merge);
        r = l ? strchr(l, ' ') : NULL;
        if (!r || strchr(r + 1, ' '))
            return vq_fail(e, VQ_E_INPUT, "merge %zu is neither \"left right\" nor [left, right]",
                           index);
        r++;
    }
    const size_t left_len = json_is_array(merge) ? strlen(l) : (size_t)(r - l) - 1,
                 right_len = strlen(r);
    if (left_len == 0 || right_len == 0 || left_len + right_len + 2 > room)
        return vq_fail(e, VQ_E_INPUT, "merge %zu has an empty half or one of more than %zu bytes",
                       index, room - 2);
    memcpy(pair, l, left_len);
    pair[left_len] = 0;
    memcpy(pair + left_len + 1, r, right_len + 1);
    *right = pair + left_len + 1;
    return VQ_OK;
}

static vq_status token_id(const vq_vocab *v, const char *text, size_t index, int32_t *id, vq_err *e)
{
    *id = vq_vocab_find(v, text, strlen(text));
    if (*id >= 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "merge %zu needs token \"%.80s\", which is not in the vocabulary",
                   index, text);
}

static vq_status parse_merge(vq_bpe *b, json_t *merge, size_t index, vq_err *e)
{
    char pair[8192];
    const char *right = pair;
    int32_t left_id = 0, right_id = 0;
    VQ_TRY(merge_halves(merge, index, pair, sizeof pair, &right, e));
    VQ_TRY(token_id(b->vocab, pair, index, &left_id, e));
    VQ_TRY(token_id(b->vocab, right, index, &right_id, e));
    const size_t right_len = strlen(right),
                 skip = right_len < b->prefix_len ? right_len : b->prefix_len;
    memmove(pair + (right - pair) - 1, right + skip,
            right_len + 1 - skip); /* "left\0right" -> "leftright" */
    VQ_TRY(token_id(b->vocab, pair, index, &b->merged[index], e));
    vq_hash_put(&b->merges, (uint64_t)(uint32_t)left_id << 32 | (uint32_t)right_id,
                (uint32_t)index);
    return VQ_OK;
}

static vq_status parse_merges(vq_bpe *b, json_t *merges, vq_arena *a, vq_err *e)
{
    const size_t n = json_array_size(merges);
    VQ_TRY(vq_hash_init(&b->merges, n, "merges", a, e));
    b->merged = VQ_ALLOC(a, int32_t, n, "merges", e);
    if (!b->merged) return VQ_E_LIMIT;
    for (size_t i = 0; i < n; i++) VQ_TRY(parse_merge(b, json_array_get(merges, i), i, e));
    return VQ_OK;
}

static bool is_char(const vq_token *t)
{
    return t->text && t->len > 0 && vq_char_end((const uint8_t *)t->text, t->len, 0) == t->len;
}

static vq_status index_chars(vq_bpe *b, vq_arena *a, vq_err *e)
{
    size_t n = 0;
    for (int64_t id = 0; id < b->vocab->size; id++) n += is_char(&b->vocab->tokens[id]);
    memset(b->near, 0xFF, sizeof b->near);
    VQ_TRY(vq_hash_init(&b->far, n, "vocabulary", a, e));
    for (int64_t id = 0; id < b->vocab->size; id++) {
        const vq_token *t = &b->vocab->tokens[id];
        utf8proc_int32_t c;
        if (!is_char(t) || vq_vocab_find(b->vocab, t->text, t->len) != id) continue;
        utf8proc_iterate((const uint8_t *)t->text, (utf8proc_ssize_t)t->len, &c);
        if (c < VQ_NEAR_CHARS)
            b->near[c] = (int32_t)id;
        else
            vq_hash_put(&b->far, (uint64_t)c, (uint32_t)id);
    }
    return VQ_OK;
}

static vq_status parse_affix(const json_t *model, const char *name, char *out, size_t *len,
                             vq_err *e)
{
    const json_t *v = json_object_get(model, name);
    *len = 0;
    if (!v || json_is_null(v)) return VQ_OK;
    if (!json_is_string(v) || json_string_length(v) > VQ_MAX_AFFIX)
        return vq_fail(e, VQ_E_INPUT, "\"%s\" is not a text of at most %d bytes", name,
                       VQ_MAX_AFFIX);
    *len = json_string_length(v);
    memcpy(out, json_string_value(v), *len + 1);
    return VQ_OK;
}

static vq_status parse_options(vq_bpe *b, const json_t *model, vq_err *e)
{
    VQ_TRY(vq_json_flag(model, "ignore_merges", false, &b->ignore_merges, e));
    VQ_TRY(vq_json_flag(model, "fuse_unk", false, &b->fuse_unk, e));
    VQ_TRY(vq_json_flag(model, "byte_fallback", false, &b->byte_fallback, e));
    VQ_TRY(parse_affix(model, "continuing_subword_prefix", b->prefix, &b->prefix_len, e));
    VQ_TRY(parse_affix(model, "end_of_word_suffix", b->suffix, &b->suffix_len, e));
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return vq_fail(e, VQ_E_INPUT, "model option dropout is not supported");
    const json_t *unk = json_object_get(model, "unk_token");
    b->unk = json_is_string(unk)
                 ? vq_vocab_find(b->vocab, json_string_value(unk), json_string_length(unk))
                 : -1;
    if (json_is_string(unk) && b->unk < 0)
        return vq_fail(e, VQ_E_INPUT, "unk_token \"%.80s\" is not in the vocabulary",
                       json_string_value(unk));
    return VQ_OK;
}

vq_status vq_bpe_parse(vq_bpe *b, json_t *model, const vq_vocab *vocab, vq_arena *a, vq_err *e)
{
    json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges)) return vq_fail(e, VQ_E_INPUT, "model has no array \"merges\"");
    b->vocab = vocab;
    vq_vocab_bytes(vocab, b->byte_id);
    VQ_TRY(parse_options(b, model, e));
    VQ_TRY(index_chars(b, a, e));
    return parse_merges(b, merges, a, e);
}
