/* cut.c -- a piece goes down the list of cuts; what one makes of it goes to the next, and from the
 * last to the model. */
#include <string.h>

#include "text/steps/byte_alphabet.h"
#include "text/steps/pretokenize.h"
#include "text/steps/sink.h"

vq_status vq_cutter_init(vq_cutter *c, const vq_pretokenizer *p, vq_effort *effort, size_t *left,
                         vq_arena *scratch, vq_err *e)
{
    *c = (vq_cutter){.p = p, .scratch = scratch, .effort = effort, .left = left};
    for (int i = 0; i < p->count; i++)
        VQ_TRY(vq_pattern_start(&p->split[i].pattern, &c->work[i], effort, e));
    return VQ_OK;
}

void vq_cutter_done(vq_cutter *c)
{
    for (int i = 0; i < VQ_MAX_STEPS; i++) vq_pattern_stop(&c->work[i]);
}

static vq_status cut_level(vq_cutter *c, int level, vq_piece p, vq_err *e)
{
    if (p.n == 0) return VQ_OK;
    VQ_TRY(vq_effort_spend(c->effort, 16, e));
    if (level == c->p->count) return c->word(c->ctx, p.text, p.n, e);
    return c->p->split[level].run(c, level, p, e);
}

vq_status vq_cut_on(vq_cutter *c, int level, vq_piece p, vq_err *e)
{
    return cut_level(c, level + 1, p, e);
}

vq_status vq_cut(vq_cutter *c, vq_piece p, vq_err *e)
{
    return cut_level(c, 0, p, e);
}

/* The stretch that may still grow, and whether it is a match. */
typedef struct stretch {
    vq_piece whole;
    size_t start, end;
    bool match, held;
} stretch;

static vq_status let_go(vq_cutter *c, int level, stretch *s, vq_err *e)
{
    if (!s->held) return VQ_OK;
    s->held = false;
    return vq_cut_on(c, level, vq_piece_part(s->whole, s->start, s->end), e);
}

/* Does a segment join the stretch before it, and does the stretch end there? */
static bool joins(vq_behavior b, const stretch *s, bool match, bool *ends)
{
    *ends = b != VQ_CONTIGUOUS;
    if (!s->held) return false;
    switch (b) {
    case VQ_WITH_PREVIOUS:
        return match && !s->match;
    case VQ_WITH_NEXT:
        return !match && s->match;
    case VQ_CONTIGUOUS:
        return match == s->match;
    default:
        return false;
    }
}

static vq_status take(vq_cutter *c, int level, stretch *s, size_t start, size_t end, bool match,
                      vq_err *e)
{
    const vq_behavior b = c->p->split[level].behavior;
    bool ends;
    if (joins(b, s, match, &ends)) {
        s->end = end;
        return ends ? let_go(c, level, s, e) : VQ_OK;
    }
    VQ_TRY(let_go(c, level, s, e));
    s->start = start;
    s->end = end;
    s->match = match;
    s->held = b != VQ_REMOVED || !match;
    return VQ_OK;
}

vq_status vq_cut_pattern(vq_cutter *c, int level, vq_piece p, vq_err *e)
{
    const vq_split *k = &c->p->split[level];
    vq_segments segments = vq_segments_of(&k->pattern, &c->work[level], p.text, p.n);
    stretch s = {.whole = p};
    for (;;) {
        bool more, match;
        size_t start, end;
        VQ_TRY(vq_segments_next(&segments, &more, &start, &end, &match, e));
        if (!more) return let_go(c, level, &s, e);
        VQ_TRY(take(c, level, &s, start, end, match != k->invert, e));
    }
}

/* Hand on what was written into the sink, and give the memory back. */
static vq_status hand_on(vq_cutter *c, int level, const vq_sink *s, vq_arena_mark mark,
                         vq_status written, vq_err *e)
{
    const vq_piece p = {.text = s->data, .n = s->n, .head = s->head};
    *c->left -= s->n;
    const vq_status status = written == VQ_OK ? vq_cut_on(c, level, p, e) : written;
    vq_arena_rewind(c->scratch, mark);
    return status;
}

static vq_status prefixed(vq_sink *s, vq_piece p, const char *prefix, size_t n, vq_err *e)
{
    VQ_TRY(vq_sink_put(s, prefix, n, e));
    s->head = p.head ? n + p.head : 0;
    return vq_sink_put(s, p.text, p.n, e);
}

vq_status vq_cut_space_in_front(vq_cutter *c, int level, vq_piece p, vq_err *e)
{
    if (p.text[0] == ' ') return vq_cut_on(c, level, p, e);
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    vq_sink s = {.arena = c->scratch, .limit = *c->left};
    const vq_status written = prefixed(&s, p, " ", 1, e);
    return hand_on(c, level, &s, mark, written, e);
}

static vq_status mark_spaces(const vq_split *k, vq_piece p, vq_sink *s, vq_err *e)
{
    const bool starts =
        p.text[0] == ' ' || (p.n >= k->mark_len && memcmp(p.text, k->mark, k->mark_len) == 0);
    const bool wanted =
        k->prepend == VQ_SPACE_ALWAYS || (k->prepend == VQ_SPACE_FIRST && p.head > 0);
    if (wanted && !starts) VQ_TRY(vq_sink_put(s, k->mark, k->mark_len, e));
    for (size_t at = 0; at < p.n;) {
        const uint8_t *space = memchr(p.text + at, ' ', p.n - at);
        const size_t end = space ? (size_t)(space - p.text) : p.n;
        if (at < p.head) s->head = s->n + (p.head < end ? p.head : end) - at;
        VQ_TRY(vq_sink_put(s, p.text + at, end - at, e));
        if (space) VQ_TRY(vq_sink_put(s, k->mark, k->mark_len, e));
        if (space && end < p.head) s->head = s->n;
        at = end + (space != NULL);
    }
    return VQ_OK;
}

vq_status vq_cut_mark_spaces(vq_cutter *c, int level, vq_piece p, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    vq_sink s = {.arena = c->scratch, .limit = *c->left};
    const vq_status written = mark_spaces(&c->p->split[level], p, &s, e);
    return hand_on(c, level, &s, mark, written, e);
}

/* Every byte as a letter of its alphabet: at most two bytes for one. */
vq_status vq_cut_to_letters(vq_cutter *c, int level, vq_piece p, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    uint8_t *letters = VQ_ALLOC(c->scratch, uint8_t, 2 * p.n, "text in the byte alphabet", e);
    vq_piece out = {.text = letters};
    if (!letters) return VQ_E_LIMIT;
    if (2 * p.n > *c->left)
        return vq_fail(e, VQ_E_LIMIT, "the text grows far beyond its size in the byte alphabet");
    *c->left -= 2 * p.n;
    for (size_t i = 0; i < p.n; i++) {
        out.n += vq_byte_letter(p.text[i], letters + out.n);
        if (i < p.head) out.head = out.n;
    }
    const vq_status s = vq_cut_on(c, level, out, e);
    vq_arena_rewind(c->scratch, mark);
    return s;
}
