/* tokenizer.c -- tokenizer.json: added tokens are cut out, the rest is normalized, cut into words
 * and merged, then the template goes around. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/nfc.h"
#include "text/post_process.h"
#include "text/pretokenize.h"
#include "text/utf8.h"
#include "json/json_fields.h"

struct vq_tokenizer {
    vq_arena arena;
    vq_bpe bpe;
    vq_added *added;
    size_t nadded;
    vq_added_set raw, normalized; /* looked for before and after normalization */
    bool nfc;
    vq_pretokenizer pre;
    vq_template around;
};

/* null, NFC, or a Sequence of these */
static vq_status parse_normalizer(vq_tokenizer *t, const json_t *o, vq_err *e)
{
    if (!o || json_is_null(o)) return VQ_OK;
    const char *type;
    VQ_TRY(vq_json_text(o, "type", &type, e));
    t->nfc = t->nfc || strcmp(type, "NFC") == 0;
    if (strcmp(type, "NFC") == 0) return VQ_OK;
    const json_t *list = json_object_get(o, "normalizers");
    if (strcmp(type, "Sequence") != 0 || !json_is_array(list))
        return vq_fail(e, VQ_E_INPUT, "type %.40s is not supported; NFC is", type);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *inner;
        VQ_TRY(vq_json_text(json_array_get(list, i), "type", &inner, e));
        if (strcmp(inner, "NFC") != 0)
            return vq_fail(e, VQ_E_INPUT, "type %.40s is not supported; NFC is", inner);
        t->nfc = true;
    }
    return VQ_OK;
}

/* Added tokens are part of the vocabulary too, or extend it; where both name a token they must
 * agree on its id. */
static vq_status join_added(vq_tokenizer *t, json_t *vocab, vq_err *e)
{
    for (size_t i = 0; i < t->nadded; i++) {
        const vq_added *k = &t->added[i];
        const json_t *id = json_object_get(vocab, k->text);
        if (id && json_integer_value(id) != k->id)
            return vq_fail(e, VQ_E_INPUT, "\"%.80s\" has id %d here and %lld in the vocabulary",
                           k->text, k->id, (long long)json_integer_value(id));
        if (!id) VQ_TRY(vq_bpe_set_token(&t->bpe, k->id, k->text, &t->arena, e));
    }
    return VQ_OK;
}

static vq_status size_hint(const vq_tokenizer *t, int64_t *size, vq_err *e)
{
    *size = 0;
    for (size_t i = 0; i < t->nadded; i++) {
        if (t->added[i].id >= VQ_MAX_TOKENS)
            return vq_fail(e, VQ_E_INPUT, "\"%.80s\" has id %d; ids go from 0 to %d",
                           t->added[i].text, t->added[i].id, VQ_MAX_TOKENS - 1);
        if (t->added[i].id >= *size) *size = (int64_t)t->added[i].id + 1;
    }
    return VQ_OK;
}

/* The tokens that are looked for after normalization are looked for in their normalized form. */
static vq_status normalize_added(vq_tokenizer *t, vq_err *e)
{
    for (size_t i = 0; t->nfc && i < t->nadded; i++) {
        vq_added *k = &t->added[i];
        const uint8_t *text;
        if (k->normalized)
            VQ_TRY(vq_nfc((const uint8_t *)k->text, k->len, &text, &k->len, &t->arena, e));
        if (k->normalized) k->text = (const char *)text;
    }
    return VQ_OK;
}

static vq_status parse_added(vq_tokenizer *t, json_t *root, int64_t *size, vq_err *e)
{
    VQ_TRY(
        vq_added_parse(json_object_get(root, "added_tokens"), &t->added, &t->nadded, &t->arena, e));
    return size_hint(t, size, e);
}

static vq_status index_added(vq_tokenizer *t, json_t *root, vq_err *e)
{
    VQ_TRY(join_added(t, json_object_get(json_object_get(root, "model"), "vocab"), e));
    VQ_TRY(normalize_added(t, e));
    VQ_TRY(vq_added_index(&t->raw, t->added, t->nadded, false, &t->arena, e));
    return vq_added_index(&t->normalized, t->added, t->nadded, true, &t->arena, e);
}

#define AT(call, name)                                                                             \
    do {                                                                                           \
        if ((call) != VQ_OK) return vq_at(e, name);                                                \
    } while (0)

static vq_status parse(vq_tokenizer *t, json_t *root, vq_err *e)
{
    int64_t size;
    AT(parse_normalizer(t, json_object_get(root, "normalizer"), e), "normalizer");
    AT(vq_pretokenizer_parse(&t->pre, json_object_get(root, "pre_tokenizer"), e), "pre_tokenizer");
    AT(parse_added(t, root, &size, e), "added_tokens");
    AT(vq_bpe_parse(&t->bpe, json_object_get(root, "model"), size, &t->arena, e), "model");
    AT(index_added(t, root, e), "added_tokens");
    AT(vq_template_parse(&t->around, json_object_get(root, "post_processor"), t->bpe.size,
                         &t->arena, e),
       "post_processor");
    return VQ_OK;
}

static vq_status parse_file(vq_tokenizer *t, const char *path, vq_err *e)
{
    vq_map map;
    VQ_TRY(vq_map_open(&map, path, e));
    json_error_t why;
    json_t *root = json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &why);
    vq_status s =
        root ? parse(t, root, e) : vq_fail(e, VQ_E_INPUT, "line %d: %s", why.line, why.text);
    if (s != VQ_OK) s = vq_at(e, "%s", path);
    json_decref(root);
    vq_map_close(&map);
    return s;
}

vq_status vq_tokenizer_open(vq_tokenizer **t, const char *path, vq_err *e)
{
    *t = calloc(1, sizeof **t);
    if (!*t) return vq_fail(e, VQ_E_LIMIT, "tokenizer: the system has no more memory");
    vq_arena_init(&(*t)->arena, NULL);
    const vq_status s = parse_file(*t, path, e);
    if (s == VQ_OK) return VQ_OK;
    vq_tokenizer_free(*t);
    *t = NULL;
    return s;
}

void vq_tokenizer_free(vq_tokenizer *t)
{
    if (!t) return;
    vq_pretokenizer_done(&t->pre);
    vq_arena_done(&t->arena);
    free(t);
}

int64_t vq_tokenizer_adds_bos(const vq_tokenizer *t)
{
    return t->around.nbefore ? t->around.before[0] : -1;
}

int64_t vq_tokenizer_size(const vq_tokenizer *t)
{
    return t->bpe.size;
}

/* One encoding under way. */
typedef struct encoding {
    const vq_tokenizer *t;
    vq_bpe_work work;
    vq_cutter cutter;
    vq_arena ids, scratch; /* ids only grow; scratch is rewound piece by piece */
} encoding;

static vq_status on_word(void *ctx, const uint8_t *text, size_t n, vq_err *e)
{
    encoding *x = ctx;
    return vq_bpe_word(&x->t->bpe, &x->work, text, n, e);
}

/* text after normalization */
static vq_status encode_normalized(encoding *x, const uint8_t *text, size_t n, vq_err *e)
{
    vq_added_cursor at = {.search = 0};
    size_t start, end;
    int32_t id;
    while (vq_added_next(&x->t->normalized, text, n, &at, &start, &end, &id))
        VQ_TRY(id >= 0 ? vq_bpe_emit(&x->work, id, e)
                       : vq_cut(&x->cutter, text + start, end - start, e));
    return VQ_OK;
}

static vq_status encode_plain(encoding *x, const uint8_t *text, size_t n, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&x->scratch);
    if (x->t->nfc) VQ_TRY(vq_nfc(text, n, &text, &n, &x->scratch, e));
    const vq_status s = encode_normalized(x, text, n, e);
    vq_arena_rewind(&x->scratch, mark);
    return s;
}

static vq_status emit_all(encoding *x, const int32_t *ids, size_t n, vq_err *e)
{
    for (size_t i = 0; i < n; i++) VQ_TRY(vq_bpe_emit(&x->work, ids[i], e));
    return VQ_OK;
}

static vq_status encode_text(encoding *x, const uint8_t *text, size_t n, bool special, vq_err *e)
{
    const vq_template *around = &x->t->around;
    vq_added_cursor at = {.search = 0};
    size_t start, end;
    int32_t id;
    if (special) VQ_TRY(emit_all(x, around->before, around->nbefore, e));
    while (vq_added_next(&x->t->raw, text, n, &at, &start, &end, &id))
        VQ_TRY(id >= 0 ? vq_bpe_emit(&x->work, id, e)
                       : encode_plain(x, text + start, end - start, e));
    return special ? emit_all(x, around->behind, around->nbehind, e) : VQ_OK;
}

vq_status vq_tokenizer_encode(const vq_tokenizer *t, const char *text, size_t len, bool special,
                              vq_arena *a, int32_t **ids, size_t *n, vq_err *e)
{
    VQ_TRY(vq_utf8_check(text, len, "text", e));
    encoding x = {.t = t};
    vq_arena_init(&x.ids, a->budget);
    vq_arena_init(&x.scratch, a->budget);
    x.work.arena = &x.ids;
    vq_status s = vq_cutter_init(&x.cutter, &t->pre, len, &x.scratch, e);
    x.cutter.word = on_word;
    x.cutter.ctx = &x;
    if (s == VQ_OK) s = encode_text(&x, (const uint8_t *)text, len, special, e);
    *n = x.work.count;
    *ids = s == VQ_OK ? VQ_ALLOC(a, int32_t, *n, "token ids", e) : NULL;
    if (s == VQ_OK && !*ids) s = VQ_E_LIMIT;
    if (s == VQ_OK && *n) memcpy(*ids, x.work.ids, *n * sizeof **ids);
    vq_cutter_done(&x.cutter);
    vq_arena_done(&x.scratch);
    vq_arena_done(&x.ids);
    return s;
}

vq_status vq_tokenizer_decode(const vq_tokenizer *t, const int32_t *ids, size_t n, vq_arena *a,
                              char **text, size_t *len, vq_err *e)
{
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= t->bpe.size || !t->bpe.tokens[ids[i]].data)
            return vq_fail(e, VQ_E_INPUT, "id %d at place %zu names no token", ids[i], i);
        *len += t->bpe.tokens[ids[i]].len;
    }
    char *out = *text = VQ_ALLOC(a, char, *len, "decoded text", e);
    if (!out) return VQ_E_LIMIT;
    for (size_t i = 0; i < n; i++) {
        const vq_token *k = &t->bpe.tokens[ids[i]];
        memcpy(out, k->data, k->len);
        out += k->len;
    }
    return VQ_OK;
}
