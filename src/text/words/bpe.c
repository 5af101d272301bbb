/* bpe.c -- merge the pairs of a word in the order of their ranks, lowest and leftmost first, with a
 * heap. */
#include "text/words/bpe.h"

#include <string.h>
#include <utf8proc.h>

#include "text/steps/piece.h"

typedef struct bpe_symbol {
    int32_t id, prev, next; /* neighbours, -1 none; id -1: merged away */
} bpe_symbol;

typedef struct bpe_word {
    const vq_bpe *b;
    bpe_symbol *symbols;
    int32_t count;
    bool unknown;   /* an unknown token waits to be written */
    uint64_t *heap; /* rank << 32 | position of the left symbol */
    size_t heap_count;
} bpe_word;

/* A word of n symbols starts with at most n - 1 pairs in the heap, and each of its at most n - 1
 * merges adds two and takes one: 2n are enough. */
static vq_status make_room(bpe_word *x, vq_word_work *w, size_t n, vq_err *e)
{
    if (n > (size_t)1 << 28) {
        (void)vq_fail(e, VQ_E_LIMIT,
                      "a word of %zu bytes is longer than the 2^28 that are supported", n);
        return VQ_E_LIMIT;
    }
    const size_t room = n * (1 + x->b->prefix_len) + x->b->suffix_len;
    VQ_TRY(vq_word_scratch(w, room * (2 * sizeof *x->heap + sizeof *x->symbols), e));
    x->heap = w->scratch;
    x->symbols = (bpe_symbol *)(void *)(x->heap + 2 * room);
    return VQ_OK;
}

static void heap_push(bpe_word *x, uint64_t key)
{
    size_t i = x->heap_count++;
    for (; i > 0 && key < x->heap[(i - 1) / 2]; i = (i - 1) / 2) x->heap[i] = x->heap[(i - 1) / 2];
    x->heap[i] = key;
}

static uint64_t heap_pop(bpe_word *x)
{
    const uint64_t top = x->heap[0], last = x->heap[--x->heap_count];
    size_t i = 0;
    for (size_t child = 1; child < x->heap_count; child = 2 * i + 1) {
        if (child + 1 < x->heap_count && x->heap[child + 1] < x->heap[child]) child++;
        if (last <= x->heap[child]) break;
        x->heap[i] = x->heap[child];
        i = child;
    }
    x->heap[i] = last;
    return top;
}

static uint32_t rank_of(const vq_bpe *b, int32_t left, int32_t right)
{
    return vq_hash_get(&b->merges, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
}

static void push_pair(bpe_word *x, int32_t left)
{
    if (left < 0 || x->symbols[left].next < 0) return;
    const uint32_t rank = rank_of(x->b, x->symbols[left].id, x->symbols[x->symbols[left].next].id);
    if (rank != VQ_HASH_NONE) heap_push(x, (uint64_t)rank << 32 | (uint32_t)left);
}

static void add_symbol(bpe_word *x, int32_t id)
{
    x->symbols[x->count] = (bpe_symbol){.id = id, .prev = x->count - 1, .next = x->count + 1};
    x->count++;
}

static void add_unknown(bpe_word *x)
{
    if (x->unknown) add_symbol(x, x->b->unk);
    x->unknown = false;
}

/* A character without a token, as its bytes; false: one of them has no token. Unknown tokens that
 * wait stay waiting, as in the library. */
static bool add_bytes(bpe_word *x, const uint8_t *text, size_t n)
{
    if (!x->b->byte_fallback) return false;
    for (size_t i = 0; i < n; i++)
        if (x->b->byte_id[text[i]] < 0) return false;
    for (size_t i = 0; i < n; i++) add_symbol(x, x->b->byte_id[text[i]]);
    return true;
}

static int32_t token_of(const vq_bpe *b, const uint8_t *text, size_t n)
{
    int32_t c = text[0];
    if (c >= 0x80) utf8proc_iterate(text, (utf8proc_ssize_t)n, &c);
    if (c >= 0 && c < VQ_NEAR_CHARS) return b->near[c];
    const uint32_t id = vq_hash_get(&b->far, (uint64_t)c);
    return id == VQ_HASH_NONE ? -1 : (int32_t)id;
}

static void add_char(bpe_word *x, int32_t id, const uint8_t *text, size_t n)
{
    if (id >= 0) {
        add_unknown(x);
        add_symbol(x, id);
    } else if (!add_bytes(x, text, n) &&
               x->b->unk >= 0) { /* without an unknown token it becomes nothing */
        if (!x->b->fuse_unk) add_unknown(x);
        x->unknown = true;
    }
}

/* A character with what is put around it, looked up as a whole. */
static void add_dressed(bpe_word *x, const uint8_t *text, size_t n, bool first, bool last)
{
    const vq_bpe *b = x->b;
    uint8_t dressed[2 * VQ_MAX_AFFIX + 8];
    size_t len = 0;
    if (!first) memcpy(dressed, b->prefix, len = b->prefix_len);
    memcpy(dressed + len, text, n);
    len += n;
    if (last) memcpy(dressed + len, b->suffix, b->suffix_len);
    len += last ? b->suffix_len : 0;
    add_char(x, vq_vocab_find(b->vocab, dressed, len), dressed, len);
}

static void load_symbols(bpe_word *x, const uint8_t *text, size_t n)
{
    const bool plain = x->b->prefix_len + x->b->suffix_len == 0;
    for (size_t at = 0, end; at < n; at = end) {
        end = vq_char_end(text, n, at);
        if (plain)
            add_char(x, token_of(x->b, text + at, end - at), text + at, end - at);
        else
            add_dressed(x, text + at, end - at, at == 0, end == n);
    }
    add_unknown(x);
    if (x->count) x->symbols[x->count - 1].next = -1;
}

/* Does the pair that starts at s still make the same token as when it was queued? */
static bool pair_is_current(const bpe_word *x, int32_t s, uint32_t rank)
{
    const bpe_symbol *left = &x->symbols[s];
    if (left->id < 0 || left->next < 0) return false;
    const uint32_t now = rank_of(x->b, left->id, x->symbols[left->next].id);
    return now != VQ_HASH_NONE && x->b->merged[now] == x->b->merged[rank];
}

static void merge_pair(bpe_word *x, int32_t s, int32_t id)
{
    bpe_symbol *left = &x->symbols[s], *right = &x->symbols[left->next];
    left->id = id;
    left->next = right->next;
    right->id = -1;
    if (left->next >= 0) x->symbols[left->next].prev = s;
}

static void merge_all(bpe_word *x)
{
    for (int32_t i = 0; i + 1 < x->count; i++) push_pair(x, i);
    while (x->heap_count) {
        const uint64_t top = heap_pop(x);
        const int32_t s = (int32_t)(top & UINT32_MAX);
        const uint32_t rank = (uint32_t)(top >> 32);
        if (!pair_is_current(x, s, rank)) continue;
        merge_pair(x, s, x->b->merged[rank]);
        push_pair(x, x->symbols[s].prev);
        push_pair(x, s);
    }
}

vq_status vq_bpe_word(const vq_bpe *b, vq_word_work *w, const uint8_t *text, size_t n, vq_err *e)
{
    const int32_t whole = b->ignore_merges ? vq_vocab_find(b->vocab, text, n) : -1;
    if (whole >= 0) return vq_emit(w, whole, e);
    bpe_word x = {.b = b};
    VQ_TRY(make_room(&x, w, n, e));
    load_symbols(&x, text, n);
    merge_all(&x);
    for (int32_t i = x.count ? 0 : -1; i >= 0; i = x.symbols[i].next)
        VQ_TRY(vq_emit(w, x.symbols[i].id, e));
    return VQ_OK;
}
