/* bpe_model.c -- the `model` object of tokenizer.json: vocabulary in the byte alphabet, merges,
 * options. */
#include <string.h>
#include <utf8proc.h>

#include "text/bpe.h"
#include "json/json_fields.h"

/* GPT-2's alphabet writes every byte as one printable character: printable Latin-1 stands for
 * itself, the other 68 bytes for U+0100 and up. */
static bool prints_itself(int32_t c)
{
    return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255);
}

/* byte of a character of the alphabet, -1 when it is none */
static int byte_of(int32_t c)
{
    if (c >= 0 && c < 256) return prints_itself(c) ? c : -1;
    int32_t n = c - 256;
    for (int byte = 0; byte < 256 && n >= 0; byte++)
        if (!prints_itself(byte) && n-- == 0) return byte;
    return -1;
}

/* text in the byte alphabet -> bytes into out (at most len); false when a character is not of the
 * alphabet */
static bool to_bytes(const char *text, size_t len, uint8_t *out, size_t *n)
{
    *n = 0;
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t c;
        const utf8proc_ssize_t step =
            utf8proc_iterate((const uint8_t *)text + at, (utf8proc_ssize_t)(len - at), &c);
        const int byte = step > 0 ? byte_of(c) : -1;
        if (byte < 0) return false;
        out[(*n)++] = (uint8_t)byte;
        at += (size_t)step;
    }
    return true;
}

vq_status vq_bpe_set_token(vq_bpe *b, int64_t id, const char *text, vq_arena *a, vq_err *e)
{
    if (id < 0 || id >= b->size)
        return vq_fail(e, VQ_E_INPUT, "token \"%.80s\" has id %lld; ids go from 0 to %d", text,
                       (long long)id, VQ_MAX_TOKENS - 1);
    vq_token *t = &b->tokens[id];
    if (t->data)
        return vq_fail(e, VQ_E_INPUT, "token \"%.80s\" has id %lld, which another token has", text,
                       (long long)id);
    const size_t len = strlen(text);
    uint8_t *data = VQ_ALLOC(a, uint8_t, len + 1, "tokens", e);
    if (!data) return VQ_E_LIMIT;
    t->data = data;
    t->bytes = to_bytes(text, len, data, &t->len);
    if (t->bytes) return VQ_OK;
    memcpy(data, text, len + 1);
    t->len = len;
    return VQ_OK;
}

static vq_status parse_vocab(vq_bpe *b, json_t *vocab, vq_arena *a, vq_err *e)
{
    const char *text;
    json_t *id;
    json_object_foreach(vocab, text, id)
    {
        if (!json_is_integer(id))
            return vq_fail(e, VQ_E_INPUT, "id of token \"%.80s\" is not an integer", text);
        const int64_t i = json_integer_value(id);
        VQ_TRY(vq_bpe_set_token(b, i, text, a, e));
        if (b->tokens[i].bytes && b->tokens[i].len == 1)
            b->byte_id[b->tokens[i].data[0]] = (int32_t)i;
    }
    return VQ_OK;
}

/* largest id of the vocabulary + 1, bounded so that one wild id cannot ask for all memory */
static vq_status count_ids(json_t *vocab, int64_t size_hint, int64_t *size, vq_err *e)
{
    const char *text;
    json_t *id;
    *size = size_hint;
    json_object_foreach(vocab, text, id)
    {
        const int64_t i = json_integer_value(id);
        if (i < 0 || i >= VQ_MAX_TOKENS)
            return vq_fail(e, VQ_E_INPUT, "token \"%.80s\" has id %lld; ids go from 0 to %d", text,
                           (long long)i, VQ_MAX_TOKENS - 1);
        if (i >= *size) *size = i + 1;
    }
    return VQ_OK;
}

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

static vq_status token_id(json_t *vocab, const char *text, size_t index, int32_t *id, vq_err *e)
{
    const json_t *v = json_object_get(vocab, text);
    if (!v)
        return vq_fail(e, VQ_E_INPUT,
                       "merge %zu needs token \"%.80s\", which is not in the vocabulary", index,
                       text);
    *id = (int32_t)json_integer_value(v);
    return VQ_OK;
}

static vq_status parse_merges(vq_bpe *b, json_t *vocab, json_t *merges, vq_arena *a, vq_err *e)
{
    const size_t n = json_array_size(merges);
    VQ_TRY(vq_hash_init(&b->merges, n, "merges", a, e));
    b->merged = VQ_ALLOC(a, int32_t, n, "merges", e);
    if (!b->merged) return VQ_E_LIMIT;
    for (size_t i = 0; i < n; i++) {
        char pair[8192];
        const char *right = pair;
        int32_t left_id = 0, right_id = 0;
        VQ_TRY(merge_halves(json_array_get(merges, i), i, pair, sizeof pair, &right, e));
        VQ_TRY(token_id(vocab, pair, i, &left_id, e));
        VQ_TRY(token_id(vocab, right, i, &right_id, e));
        memmove(pair + (right - pair) - 1, right,
                strlen(right) + 1); /* "left\0right" -> "leftright" */
        VQ_TRY(token_id(vocab, pair, i, &b->merged[i], e));
        vq_hash_put(&b->merges, (uint64_t)(uint32_t)left_id << 32 | (uint32_t)right_id,
                    (uint32_t)i);
    }
    return VQ_OK;
}

/* Which words are tokens as a whole (ignore_merges). Two tokens of the same bytes cannot be: the
 * alphabet is one to one. */
static vq_status index_words(vq_bpe *b, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_hash_init(&b->words, (size_t)b->size, "vocabulary", a, e));
    for (int64_t id = 0; id < b->size; id++) {
        const vq_token *t = &b->tokens[id];
        if (!t->data || !t->bytes) continue;
        uint64_t seed = 0, key;
        do key = vq_hash_bytes(t->data, t->len, seed++);
        while (vq_hash_get(&b->words, key) != VQ_HASH_NONE);
        vq_hash_put(&b->words, key, (uint32_t)id);
    }
    return VQ_OK;
}

static vq_status parse_options(vq_bpe *b, json_t *model, json_t *vocab, vq_err *e)
{
    static const char *const must_be_empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    bool fallback = false;
    VQ_TRY(vq_json_flag(model, "ignore_merges", false, &b->ignore_merges, e));
    VQ_TRY(vq_json_flag(model, "fuse_unk", false, &b->fuse_unk, e));
    VQ_TRY(vq_json_flag(model, "byte_fallback", false, &fallback, e));
    for (size_t i = 0; i < sizeof must_be_empty / sizeof *must_be_empty; i++) {
        const json_t *v = json_object_get(model, must_be_empty[i]);
        if (v && !json_is_null(v) && (!json_is_string(v) || *json_string_value(v)))
            return vq_fail(e, VQ_E_INPUT, "model option %s is not supported", must_be_empty[i]);
    }
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return vq_fail(e, VQ_E_INPUT, "model option dropout is not supported");
    const json_t *unk = json_object_get(model, "unk_token");
    if (json_is_string(unk)) {
        const json_t *id = json_object_get(vocab, json_string_value(unk));
        if (!id)
            return vq_fail(e, VQ_E_INPUT, "unk_token \"%.80s\" is not in the vocabulary",
                           json_string_value(unk));
        b->unk = (int32_t)json_integer_value(id);
    }
    for (int byte = 0; fallback && byte < 256; byte++)
        if (b->byte_id[byte] < 0)
            return vq_fail(e, VQ_E_INPUT,
                           "model option byte_fallback is not supported (byte 0x%02X has no token)",
                           (unsigned)byte);
    return VQ_OK;
}

vq_status vq_bpe_parse(vq_bpe *b, json_t *model, int64_t size_hint, vq_arena *a, vq_err *e)
{
    const char *type = json_string_value(json_object_get(model, "type"));
    if (type && strcmp(type, "BPE") != 0)
        return vq_fail(e, VQ_E_INPUT, "model type %.40s is not supported; byte-level BPE is", type);
    json_t *vocab = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges");
    if (!json_is_object(vocab)) return vq_fail(e, VQ_E_INPUT, "model has no object \"vocab\"");
    if (!json_is_array(merges)) return vq_fail(e, VQ_E_INPUT, "model has no array \"merges\"");
    memset(b->byte_id, 0xFF, sizeof b->byte_id);
    b->unk = -1;
    VQ_TRY(count_ids(vocab, size_hint, &b->size, e));
    b->tokens = VQ_NEW(a, vq_token, b->size, "vocabulary", e);
    if (!b->tokens) return VQ_E_LIMIT;
    VQ_TRY(parse_vocab(b, vocab, a, e));
    VQ_TRY(parse_merges(b, vocab, merges, a, e));
    VQ_TRY(parse_options(b, model, vocab, e));
    return b->ignore_merges ? index_words(b, a, e) : VQ_OK;
}
