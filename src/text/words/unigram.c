/* unigram.c -- Viterbi over the bytes of a word, scores in f64 and summed in the library's order,
 * the first of equal paths wins. */
#include "text/words/unigram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/steps/piece.h"
#include "json/json_fields.h"

/* The library's JSON reader rounds twice: the digits to a double, then the quotient by a power of
 * ten. Paths that differ in the order of equal pieces are decided by the last bit, so a score has
 * to be read as it reads it. Files have the shortest digits that give the value. */
static double as_library_reads(double x)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) { /* zeros behind shorter ones change nothing */
        snprintf(text, sizeof text, "%.*e", digits - 1, fabs(x));
        if (strtod(text, NULL) == fabs(x)) break;
    }
    uint64_t significand = 0;
    int exponent = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p == '.') continue;
        significand = 10 * significand + (uint64_t)(*p - '0');
        exponent -= p > text; /* behind the point */
    }
    exponent += (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    double f = (double)significand;
    for (; exponent < -308; exponent += 308) f /= 1e308;
    f = exponent < 0 ? f / pow(10, -exponent) : f * pow(10, exponent);
    return copysign(f, x);
}

static vq_status parse_scores(vq_unigram *u, json_t *vocab, vq_arena *a, vq_err *e)
{
    const size_t n = json_array_size(vocab);
    double least = INFINITY;
    u->score = VQ_ALLOC(a, double, n, "scores", e);
    if (!u->score) return VQ_E_LIMIT;
    for (size_t i = 0; i < n; i++) {
        const json_t *score = json_array_get(json_array_get(vocab, i), 1);
        if (!json_is_number(score))
            return vq_fail(e, VQ_E_INPUT, "the score of token %zu is not a number", i);
        u->score[i] = json_is_real(score) ? as_library_reads(json_real_value(score))
                                          : json_number_value(score);
        if (!isfinite(u->score[i]))
            return vq_fail(e, VQ_E_INPUT, "the score of token %zu is out of range", i);
        least = u->score[i] < least ? u->score[i] : least;
    }
    u->unk_score = least - 10;
    return VQ_OK;
}

/* Of two pieces with one text the later counts. */
static vq_status fill_trie(vq_trie *t, const vq_vocab *v, vq_arena *a, vq_err *e)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < v->size; i++) {
        bytes += v->tokens[i].len;
        if (v->tokens[i].len > VQ_MAX_PIECE)
            return vq_fail(e, VQ_E_INPUT, "token %lld has %zu bytes; at most %d are supported",
                           (long long)i, v->tokens[i].len, VQ_MAX_PIECE);
    }
    VQ_TRY(vq_trie_init(t, bytes, "pieces", a, e));
    for (int64_t i = 0; i < v->size; i++) {
        const vq_token *k = &v->tokens[i];
        if (k->len > 0) (void)vq_trie_put(t, k->text, k->len, (int32_t)i);
    }
    return VQ_OK;
}

/* Pieces share most of their bytes: a tree without the spare room is a tenth of the size and stays
 * in the caches. */
static vq_status index_pieces(vq_unigram *u, vq_arena *a, vq_err *e)
{
    vq_trie wide;
    vq_arena scratch;
    vq_arena_init(&scratch, a->budget);
    vq_status s = fill_trie(&wide, u->vocab, &scratch, e);
    if (s == VQ_OK) s = vq_trie_copy(&u->pieces, &wide, "pieces", a, e);
    vq_arena_done(&scratch);
    return s;
}

vq_status vq_unigram_parse(vq_unigram *u, json_t *model, const vq_vocab *vocab, vq_arena *a,
                           vq_err *e)
{
    json_t *pieces = json_object_get(model, "vocab");
    const json_t *unk = json_object_get(model, "unk_id");
    const json_int_t id = json_is_integer(unk) ? json_integer_value(unk) : -1;
    if (unk && !json_is_null(unk) && (id < 0 || id >= (json_int_t)json_array_size(pieces)))
        return vq_fail(e, VQ_E_INPUT, "\"unk_id\" is not an id of the vocabulary");
    u->unk = (int32_t)id;
    u->vocab = vocab;
    vq_vocab_bytes(vocab, u->byte_id);
    VQ_TRY(vq_json_flag(model, "byte_fallback", false, &u->byte_fallback, e));
    VQ_TRY(parse_scores(u, pieces, a, e));
    return index_pieces(u, a, e);
}

typedef struct path_end {
    double score;  /* of the best path that ends here */
    int64_t start; /* of its last piece, -1: no path ends here */
    int32_t id;    /* of its last piece */
} path_end;

static void offer(path_end *to, double score, size_t start, int32_t id)
{
    if (to->start >= 0 && !(score > to->score)) return;
    *to = (path_end){.score = score, .start = (int64_t)start, .id = id};
}

/* Pieces that begin at `at`, and the unknown token when none is the one character there. */
static vq_status extend(const vq_unigram *u, vq_word_work *w, path_end *ends, const uint8_t *text,
                        size_t n, size_t at, vq_err *e)
{
    const size_t one = vq_char_end(text, n, at);
    const double so_far = at ? ends[at].score : 0;
    bool single = false;
    uint32_t node = 0;
    size_t end = at;
    while (end < n && (node = vq_trie_step(&u->pieces, node, text[end])) != VQ_HASH_NONE) {
        const int32_t id = u->pieces.value[node];
        end++;
        if (id < 0) continue;
        offer(&ends[end], u->score[id] + so_far, at, id);
        single = single || end == one;
    }
    if (w->effort) VQ_TRY(vq_effort_spend(w->effort, 16 * (end - at + 1), e));
    if (single) return VQ_OK;
    const double score = u->unk_score + so_far;
    if (u->unk < 0 && (ends[one].start < 0 || score > ends[one].score))
        return vq_fail(e, VQ_E_INPUT,
                       "a character has no token and the model no unknown token (unk_id)");
    offer(&ends[one], score, at, u->unk);
    return VQ_OK;
}

/* Leave of the best path, backwards, one entry per token at its end: neighbouring unknown pieces
 * are one token. */
static void trace(const vq_unigram *u, path_end *ends, size_t n)
{
    bool fusing = false;
    size_t last = n;
    for (size_t at = n; at > 0;) {
        const path_end step = ends[at];
        const bool unknown = u->unk >= 0 && step.id == u->unk;
        if (!unknown || !fusing) last = at;
        fusing = unknown;
        at = (size_t)step.start;
        ends[last].start = step.start;
    }
}

static vq_status emit_piece(const vq_unigram *u, vq_word_work *w, const uint8_t *text, size_t n,
                            int32_t id, vq_err *e)
{
    if (id != u->unk) return vq_emit(w, id, e);
    const int32_t known =
        vq_vocab_find(u->vocab, text, n); /* unknown pieces together may be one after all */
    bool fallback = known < 0 && u->byte_fallback;
    for (size_t i = 0; fallback && i < n; i++) fallback = u->byte_id[text[i]] >= 0;
    for (size_t i = 0; fallback && i < n; i++) VQ_TRY(vq_emit(w, u->byte_id[text[i]], e));
    return fallback ? VQ_OK : vq_emit(w, known >= 0 ? known : u->unk, e);
}

/* Emit the pieces that trace() left, first to last. */
static vq_status emit_path(const vq_unigram *u, vq_word_work *w, path_end *ends, size_t n,
                           const uint8_t *text, vq_err *e)
{
    for (size_t at = n, start; at > 0;
         at = start) { /* scores are done with: they hold where a token ends */
        start = (size_t)ends[at].start;
        ends[start].score = (double)at;
    }
    for (size_t at = 0, end; at < n; at = end) {
        end = (size_t)ends[at].score;
        VQ_TRY(emit_piece(u, w, text + at, end - at, ends[end].id, e));
    }
    return VQ_OK;
}

vq_status vq_unigram_word(const vq_unigram *u, vq_word_work *w, const uint8_t *text, size_t n,
                          vq_err *e)
{
    if (n > (size_t)1 << 28)
        return vq_fail(e, VQ_E_LIMIT,
                       "a word of %zu bytes is longer than the 2^28 that are supported", n);
    VQ_TRY(vq_word_scratch(w, (n + 1) * sizeof(path_end), e));
    path_end *ends = w->scratch;
    for (size_t i = 0; i <= n; i++) ends[i].start = -1;
    for (size_t at = 0; at < n; at = vq_char_end(text, n, at))
        VQ_TRY(extend(u, w, ends, text, n, at, e));
    trace(u, ends, n);
    return emit_path(u, w, ends, n, text, e);
}
