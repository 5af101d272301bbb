/* bpe.c -- merge the pairs of a word in the order of their ranks, lowest and leftmost first, with a
 * heap. */
#include "text/bpe.h"

#include <string.h>

vq_status vq_bpe_emit(vq_bpe_work *w, int32_t id, vq_err *e)
{
    if (w->count == w->room) {
        const size_t room = w->room ? 2 * w->room : 1024;
        int32_t *ids = VQ_ALLOC(w->arena, int32_t, room, "token ids", e);
        if (!ids) return VQ_E_LIMIT;
        if (w->count) memcpy(ids, w->ids, w->count * sizeof *ids);
        w->ids = ids;
        w->room = room;
    }
    w->ids[w->count++] = id;
    return VQ_OK;
}

/* A word of n symbols starts with at most n - 1 pairs in the heap, and each of its at most n - 1
 * merges adds two and takes one: 2n are enough. */
static vq_status make_room(vq_bpe_work *w, size_t n, vq_err *e)
{
    if (n <= w->word_room) return VQ_OK;
    if (n > INT32_MAX / 2)
        return vq_fail(e, VQ_E_LIMIT,
                       "a word of %zu bytes is longer than the 2^30 that are supported", n);
    const size_t room = n < 64 ? 64 : 2 * n;
    w->symbols = VQ_ALLOC(w->arena, vq_bpe_symbol, room, "symbols of a long word", e);
    w->heap =
        w->symbols ? VQ_ALLOC(w->arena, uint64_t, 2 * room, "merges of a long word", e) : NULL;
    if (!w->heap) return VQ_E_LIMIT;
    w->word_room = room;
    return VQ_OK;
}

static void heap_push(vq_bpe_work *w, uint64_t key)
{
    size_t i = w->heap_count++;
    for (; i > 0 && key < w->heap[(i - 1) / 2]; i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = key;
}

static uint64_t heap_pop(vq_bpe_work *w)
{
    const uint64_t top = w->heap[0], last = w->heap[--w->heap_count];
    size_t i = 0;
    for (size_t child = 1; child < w->heap_count; child = 2 * i + 1) {
        if (child + 1 < w->heap_count && w->heap[child + 1] < w->heap[child]) child++;
        if (last <= w->heap[child]) break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static uint32_t rank_of(const vq_bpe *b, int32_t left, int32_t right)
{
    return vq_hash_get(&b->merges, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
}

static void push_pair(const vq_bpe *b, vq_bpe_work *w, int32_t left)
{
    if (left < 0 || w->symbols[left].next < 0) return;
    const uint32_t rank = rank_of(b, w->symbols[left].id, w->symbols[w->symbols[left].next].id);
    if (rank != VQ_HASH_NONE) heap_push(w, (uint64_t)rank << 32 | (uint32_t)left);
}

/* One symbol per byte. A byte without a token becomes the unknown token (runs of them one, with
 * fuse_unk) or, as in the library, nothing. */
static int32_t load_symbols(const vq_bpe *b, vq_bpe_work *w, const uint8_t *text, size_t n)
{
    int32_t count = 0;
    bool unknown = false;
    for (size_t i = 0; i < n; i++) {
        const int32_t id = b->byte_id[text[i]];
        const bool fused = id < 0 && unknown && b->fuse_unk;
        unknown = id < 0;
        if (fused || (unknown && b->unk < 0)) continue;
        w->symbols[count] =
            (vq_bpe_symbol){.id = unknown ? b->unk : id, .prev = count - 1, .next = count + 1};
        count++;
    }
    if (count) w->symbols[count - 1].next = -1;
    return count;
}

/* Does the pair that starts at s still make the same token as when it was queued? */
static bool pair_is_current(const vq_bpe *b, const vq_bpe_work *w, int32_t s, uint32_t rank)
{
    const vq_bpe_symbol *left = &w->symbols[s];
    if (left->id < 0 || left->next < 0) return false;
    const uint32_t now = rank_of(b, left->id, w->symbols[left->next].id);
    return now != VQ_HASH_NONE && b->merged[now] == b->merged[rank];
}

static void merge_pair(vq_bpe_work *w, int32_t s, int32_t id)
{
    vq_bpe_symbol *left = &w->symbols[s], *right = &w->symbols[left->next];
    left->id = id;
    left->next = right->next;
    right->id = -1;
    if (left->next >= 0) w->symbols[left->next].prev = s;
}

static bool whole_word(const vq_bpe *b, const uint8_t *text, size_t n, int32_t *id)
{
    for (uint64_t seed = 0;; seed++) {
        const uint32_t found = vq_hash_get(&b->words, vq_hash_bytes(text, n, seed));
        if (found == VQ_HASH_NONE) return false;
        *id = (int32_t)found;
        if (b->tokens[found].len == n && memcmp(b->tokens[found].data, text, n) == 0) return true;
    }
}

vq_status vq_bpe_word(const vq_bpe *b, vq_bpe_work *w, const uint8_t *text, size_t n, vq_err *e)
{
    int32_t whole;
    if (b->ignore_merges && whole_word(b, text, n, &whole)) return vq_bpe_emit(w, whole, e);
    VQ_TRY(make_room(w, n, e));
    const int32_t count = load_symbols(b, w, text, n);
    w->heap_count = 0;
    for (int32_t i = 0; i + 1 < count; i++) push_pair(b, w, i);
    while (w->heap_count) {
        const uint64_t top = heap_pop(w);
        const int32_t s = (int32_t)(top & UINT32_MAX);
        const uint32_t rank = (uint32_t)(top >> 32);
        if (!pair_is_current(b, w, s, rank)) continue;
        merge_pair(w, s, b->merged[rank]);
        push_pair(b, w, w->symbols[s].prev);
        push_pair(b, w, s);
    }
    for (int32_t i = count ? 0 : -1; i >= 0; i = w->symbols[i].next)
        VQ_TRY(vq_bpe_emit(w, w->symbols[i].id, e));
    return VQ_OK;
}
