/* tokenizer.c -- tokenizer.json: added tokens are cut out, the rest is normalized, cut into words
 * and given to the model, then the template goes around. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "text/steps/added_tokens.h"
#include "text/steps/decode.h"
#include "text/steps/normalize.h"
#include "text/steps/post_process.h"
#include "text/steps/pretokenize.h"
#include "text/utf8.h"
#include "text/words/word_model.h"
#include "json/json_lenient.h"

struct vq_tokenizer {
    vq_arena arena;
    const char *path;
    vq_normalizer normalizer;
    vq_pretokenizer pre;
    vq_word_model model;
    vq_template around;
    vq_decoder decoder;
    vq_added *added;
    size_t nadded;
    vq_added_set raw, normalized; /* looked for before and after normalization */
    vq_token *spoken;             /* [size] what the decoder is given */
    bool *special;                /* [size] */
    const volatile sig_atomic_t *stop;
    double *pool; /* seconds of processor time beyond their own that all texts share */
};

/* So many bytes may be written on the way of a text, all steps together: a Unicode form makes at
 * most 11 of one. */
static size_t growth_limit(size_t n)
{
    return 32 * n + (1 << 22);
}

/* Added tokens are part of the vocabulary too, or extend it: what the vocabulary has keeps its id
 * there, and the others are counted on behind it and each other, whatever ids the file names.
 * source HF tokenizers added_vocabulary.rs add_tokens */
static vq_status join_added(vq_tokenizer *t, int64_t entries, vq_err *e)
{
    vq_vocab *v = &t->model.vocab;
    int64_t last = -1;
    for (size_t i = 0; i < t->nadded; i++) {
        vq_added *k = &t->added[i];
        const int32_t id = vq_vocab_find(v, k->text, k->len);
        k->id = id >= 0 ? id : (int32_t)(last < entries ? entries : last + 1);
        if (id < 0) VQ_TRY(vq_vocab_name(v, k->id, k->text, k->len, &t->arena, e));
        if (k->id > last) last = k->id;
    }
    while (v->size > 0 && !v->tokens[v->size - 1].text) v->size--;
    return VQ_OK;
}

static int64_t count_entries(const json_t *root)
{
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    return (int64_t)(json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab));
}

/* The tokens that are looked for after normalization are looked for in their normalized form. */
static vq_status normalize_added(vq_tokenizer *t, vq_err *e)
{
    vq_effort effort = vq_effort_for(0, NULL, NULL);
    size_t left = growth_limit(0);
    const vq_normal_work w = {.scratch = &t->arena, .effort = &effort, .left = &left};
    for (size_t i = 0; i < t->nadded; i++) {
        vq_added *k = &t->added[i];
        vq_piece p = {.text = (const uint8_t *)k->text, .n = k->len};
        if (k->normalized) VQ_TRY(vq_normalize(&t->normalizer, &w, &p, e));
        if (p.n > VQ_MAX_ADDED_LEN)
            return vq_fail(e, VQ_E_INPUT,
                           "\"%.80s\" has %zu bytes after normalization; at most %d are supported",
                           k->text, p.n, VQ_MAX_ADDED_LEN);
        k->look = (const char *)p.text;
        k->look_len = p.n;
    }
    return VQ_OK;
}

/* The decoder is given the normalized form; special is what reads like the content of a special
 * token. */
static vq_status speak_tokens(vq_tokenizer *t, vq_err *e)
{
    const int64_t size = t->model.vocab.size;
    t->spoken = VQ_ALLOC(&t->arena, vq_token, size, "vocabulary", e);
    t->special = t->spoken ? VQ_NEW(&t->arena, bool, size, "vocabulary", e) : NULL;
    if (!t->special) return VQ_E_LIMIT;
    if (size) memcpy(t->spoken, t->model.vocab.tokens, (size_t)size * sizeof *t->spoken);
    for (size_t i = 0; i < t->nadded; i++) {
        const vq_added *k = &t->added[i];
        const bool changed = k->len != k->look_len || memcmp(k->text, k->look, k->len) != 0;
        t->spoken[k->id] = (vq_token){.text = k->look, .len = k->look_len};
        t->special[k->id] = k->special && !changed;
    }
    return VQ_OK;
}

static vq_status index_added(vq_tokenizer *t, int64_t entries, vq_err *e)
{
    VQ_TRY(join_added(t, entries, e));
    VQ_TRY(normalize_added(t, e));
    VQ_TRY(speak_tokens(t, e));
    VQ_TRY(vq_added_index(&t->raw, t->added, t->nadded, false, &t->arena, e));
    return vq_added_index(&t->normalized, t->added, t->nadded, true, &t->arena, e);
}

#define AT(call, name)                                                                             \
    do {                                                                                           \
        if ((call) != VQ_OK) return vq_at(e, name);                                                \
    } while (0)

static vq_status parse(vq_tokenizer *t, json_t *root, vq_err *e)
{
    const int64_t entries = count_entries(root);
    vq_arena *a = &t->arena;
    AT(vq_normalizer_parse(&t->normalizer, json_object_get(root, "normalizer"), a, e),
       "normalizer");
    AT(vq_pretokenizer_parse(&t->pre, json_object_get(root, "pre_tokenizer"), a, e),
       "pre_tokenizer");
    AT(vq_decoder_parse(&t->decoder, json_object_get(root, "decoder"), a, e), "decoder");
    AT(vq_added_parse(json_object_get(root, "added_tokens"), &t->added, &t->nadded, a, e),
       "added_tokens");
    if (entries + (int64_t)t->nadded > VQ_MAX_TOKENS)
        return vq_fail(e, VQ_E_INPUT, "%lld tokens; at most %d are supported",
                       (long long)entries + (long long)t->nadded, VQ_MAX_TOKENS);
    AT(vq_word_model_parse(&t->model, json_object_get(root, "model"), entries + (int64_t)t->nadded,
                           a, e),
       "model");
    AT(index_added(t, entries, e), "added_tokens");
    AT(vq_template_parse(&t->around, json_object_get(root, "post_processor"), t->model.vocab.size,
                         a, e),
       "post_processor");
    return VQ_OK;
}

static vq_status parse_file(vq_tokenizer *t, const char *path, vq_err *e)
{
    vq_map map;
    VQ_TRY(vq_map_open(&map, path, e));
    json_t *root;
    vq_status s = vq_json_parse_exact((const char *)map.data, map.size, &root, e);
    if (s == VQ_OK) s = parse(t, root, e);
    if (s != VQ_OK) s = vq_at(e, "%s", path);
    json_decref(root);
    vq_map_close(&map);
    return s;
}

vq_status vq_tokenizer_open(vq_tokenizer **t, const char *path, vq_err *e)
{
    *t = calloc(1, sizeof **t);
    if (!*t) return vq_fail(e, VQ_E_LIMIT, "tokenizer: " VQ_NO_MEMORY);
    vq_arena_init(&(*t)->arena, NULL);
    (*t)->pool = VQ_ALLOC(&(*t)->arena, double, 1, "tokenizer", e);
    if ((*t)->pool) *(*t)->pool = VQ_EFFORT_POOL_MS / 1e3;
    (*t)->path = (*t)->pool ? vq_arena_text(&(*t)->arena, e, "%s", path) : NULL;
    const vq_status s = (*t)->path ? parse_file(*t, path, e) : VQ_E_LIMIT;
    if (s == VQ_OK) return VQ_OK;
    vq_tokenizer_free(*t);
    *t = NULL;
    return s;
}

void vq_tokenizer_free(vq_tokenizer *t)
{
    if (!t) return;
    vq_normalizer_done(&t->normalizer);
    vq_pretokenizer_done(&t->pre);
    vq_decoder_done(&t->decoder);
    vq_arena_done(&t->arena);
    free(t);
}

void vq_tokenizer_heed(vq_tokenizer *t, const vq_reporter *w)
{
    t->stop = w ? w->stop : NULL;
}

int64_t vq_tokenizer_adds_bos(const vq_tokenizer *t)
{
    return t->around.nbefore ? t->around.before[0] : -1;
}

int64_t vq_tokenizer_size(const vq_tokenizer *t)
{
    return t->model.vocab.size;
}

/* One encoding under way. */
typedef struct encoding {
    const vq_tokenizer *t;
    vq_word_work work;
    vq_cutter cutter;
    vq_normal_work normal;
    vq_effort effort;
    size_t left;           /* bytes that may be written */
    vq_arena ids, scratch; /* ids only grow; scratch is rewound piece by piece */
} encoding;

static vq_status on_word(void *ctx, const uint8_t *text, size_t n, vq_err *e)
{
    encoding *x = ctx;
    return vq_model_word(&x->t->model, &x->work, text, n, e);
}

/* text after normalization */
static vq_status encode_normalized(encoding *x, vq_piece p, vq_err *e)
{
    vq_added_cursor at = {.search = 0};
    size_t start, end;
    int32_t id;
    while (vq_added_next(&x->t->normalized, p.text, p.n, &at, &start, &end, &id))
        VQ_TRY(id >= 0 ? vq_emit(&x->work, id, e)
                       : vq_cut(&x->cutter, vq_piece_part(p, start, end), e));
    return VQ_OK;
}

static vq_status encode_plain(encoding *x, vq_piece p, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(&x->scratch);
    vq_status s = vq_normalize(&x->t->normalizer, &x->normal, &p, e);
    if (s == VQ_OK) s = encode_normalized(x, p, e);
    vq_arena_rewind(&x->scratch, mark);
    return s;
}

static vq_status emit_all(encoding *x, const int32_t *ids, size_t n, vq_err *e)
{
    for (size_t i = 0; i < n; i++) VQ_TRY(vq_emit(&x->work, ids[i], e));
    return VQ_OK;
}

static vq_status encode_text(encoding *x, const uint8_t *text, size_t n, bool special, vq_err *e)
{
    const vq_template *around = &x->t->around;
    const vq_piece whole = {.text = text, .n = n, .head = n ? vq_char_end(text, n, 0) : 0};
    vq_added_cursor at = {.search = 0};
    size_t start, end;
    int32_t id;
    if (special) VQ_TRY(emit_all(x, around->before, around->nbefore, e));
    while (vq_added_next(&x->t->raw, text, n, &at, &start, &end, &id))
        VQ_TRY(id >= 0 ? vq_emit(&x->work, id, e)
                       : encode_plain(x, vq_piece_part(whole, start, end), e));
    return special ? emit_all(x, around->behind, around->nbehind, e) : VQ_OK;
}

static vq_status copy_ids(const vq_word_work *w, vq_arena *a, int32_t **ids, size_t *n, vq_err *e)
{
    *n = w->count;
    *ids = VQ_ALLOC(a, int32_t, *n, "token ids", e);
    if (!*ids) return VQ_E_LIMIT;
    if (*n) memcpy(*ids, w->ids, *n * sizeof **ids);
    return VQ_OK;
}

/* Its patterns and normalizers have no name but the file's. */
static vq_status name_file(const vq_tokenizer *t, vq_status s, vq_err *e)
{
    return s == VQ_OK || s == VQ_E_STOPPED ? s : vq_at(e, "%s", t->path);
}

vq_status vq_tokenizer_encode(const vq_tokenizer *t, const char *text, size_t len, bool special,
                              vq_arena *a, int32_t **ids, size_t *n, vq_err *e)
{
    VQ_TRY(vq_utf8_check(text, len, "text", e));
    encoding x = {
        .t = t, .effort = vq_effort_for(len, t->stop, t->pool), .left = growth_limit(len)};
    vq_arena_init(&x.ids, a->budget);
    vq_arena_init(&x.scratch, a->budget);
    x.work.arena = &x.ids;
    x.work.effort = &x.effort;
    x.normal = (vq_normal_work){.scratch = &x.scratch, .effort = &x.effort, .left = &x.left};
    vq_status s = vq_cutter_init(&x.cutter, &t->pre, &x.effort, &x.left, &x.scratch, e);
    x.cutter.word = on_word;
    x.cutter.ctx = &x;
    if (s == VQ_OK) s = encode_text(&x, (const uint8_t *)text, len, special, e);
    if (s == VQ_OK) s = copy_ids(&x.work, a, ids, n, e);
    vq_effort_done(&x.effort);
    vq_cutter_done(&x.cutter);
    vq_arena_done(&x.scratch);
    vq_arena_done(&x.ids);
    return name_file(t, s, e);
}

bool vq_tokenizer_knows(const vq_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->model.vocab.size && t->spoken[id].text;
}

const char *vq_tokenizer_token(const vq_tokenizer *t, int32_t id, size_t *len)
{
    *len = t->spoken[id].len;
    return t->spoken[id].text;
}

static vq_status list_tokens(const vq_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                             vq_decode_work *w, vq_err *e)
{
    size_t bytes = 0;
    w->list = VQ_ALLOC(w->arena, vq_token, n, "tokens", e);
    if (!w->list) return VQ_E_LIMIT;
    for (size_t i = 0; i < n; i++) {
        if (!vq_tokenizer_knows(t, ids[i]))
            return vq_fail(e, VQ_E_INPUT, "id %d at place %zu names no token", ids[i], i);
        if (skip_special && t->special[ids[i]]) continue;
        w->list[w->n++] = t->spoken[ids[i]];
        bytes += t->spoken[ids[i]].len + 1;
    }
    w->effort = vq_effort_for(bytes, t->stop, NULL);
    w->limit = growth_limit(bytes);
    return VQ_OK;
}

vq_status vq_tokenizer_decode(const vq_tokenizer *t, const int32_t *ids, size_t n,
                              bool skip_special, vq_arena *a, char **text, size_t *len, vq_err *e)
{
    vq_decode_work w = {.arena = a};
    VQ_TRY(list_tokens(t, ids, n, skip_special, &w, e));
    return name_file(t, vq_decoder_run(&t->decoder, &w, text, len, e), e);
}
