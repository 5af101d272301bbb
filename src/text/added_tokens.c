/* added_tokens.c -- find added tokens in text, leftmost first and then longest, as one walk down a
 * tree of bytes per position. */
#include "text/added_tokens.h"

#include <string.h>
#include <utf8proc.h>

#include "json/json_fields.h"

static vq_status parse_one(const json_t *o, vq_added *t, vq_arena *a, vq_err *e)
{
    const char *text;
    VQ_TRY(vq_json_text(o, "content", &text, e));
    const json_t *id = json_object_get(o, "id");
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
        return vq_fail(e, VQ_E_INPUT, "\"%.80s\" has no id of 0 or more", text);
    t->len = strlen(text);
    if (t->len > VQ_MAX_ADDED_LEN)
        return vq_fail(e, VQ_E_INPUT, "\"%.80s...\" has %zu bytes; at most %d are supported", text,
                       t->len, VQ_MAX_ADDED_LEN);
    t->id = (int32_t)json_integer_value(id);
    t->text = vq_arena_text(a, e, "%s", text);
    if (!t->text) return VQ_E_LIMIT;
    bool special = false;
    VQ_TRY(vq_json_flag(o, "special", false, &special, e));
    VQ_TRY(vq_json_flag(o, "single_word", false, &t->single_word, e));
    VQ_TRY(vq_json_flag(o, "lstrip", false, &t->lstrip, e));
    VQ_TRY(vq_json_flag(o, "rstrip", false, &t->rstrip, e));
    return vq_json_flag(o, "normalized", !special, &t->normalized, e);
}

vq_status vq_added_parse(const json_t *array, vq_added **list, size_t *n, vq_arena *a, vq_err *e)
{
    *n = 0;
    if (array && !json_is_null(array) && !json_is_array(array))
        return vq_fail(e, VQ_E_INPUT, "\"added_tokens\" is not an array");
    const size_t count = json_array_size(array);
    *list = VQ_NEW(a, vq_added, count, "added tokens", e);
    if (!*list) return VQ_E_LIMIT;
    for (size_t i = 0; i < count; i++) {
        const vq_status s = parse_one(json_array_get(array, i), &(*list)[*n], a, e);
        if (s != VQ_OK) return vq_at(e, "added token %zu", i);
        *n += (*list)[*n].len > 0; /* the library passes over empty ones */
    }
    return VQ_OK;
}

static vq_status insert(vq_added_set *s, int32_t index, uint32_t *nodes, vq_err *e)
{
    const vq_added *t = &s->list[index];
    uint32_t node = 0;
    for (size_t i = 0; i < t->len; i++) {
        const uint64_t edge = (uint64_t)node << 8 | (uint8_t)t->text[i];
        node = vq_hash_get(&s->edges, edge);
        if (node != VQ_HASH_NONE) continue;
        node = (*nodes)++;
        vq_hash_put(&s->edges, edge, node);
    }
    if (s->found[node] >= 0)
        return vq_fail(e, VQ_E_INPUT, "\"%.*s\" is there twice", (int)(t->len < 80 ? t->len : 80),
                       t->text);
    s->found[node] = index;
    s->first[(uint8_t)t->text[0]] = true;
    return VQ_OK;
}

vq_status vq_added_index(vq_added_set *s, const vq_added *list, size_t n, bool normalized,
                         vq_arena *a, vq_err *e)
{
    *s = (vq_added_set){.list = list};
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += list[i].normalized == normalized ? list[i].len : 0;
    VQ_TRY(vq_hash_init(&s->edges, bytes, "added tokens", a, e));
    s->found = VQ_ALLOC(a, int32_t, bytes + 1, "added tokens", e);
    if (!s->found) return VQ_E_LIMIT;
    memset(s->found, 0xFF, (bytes + 1) * sizeof *s->found);
    uint32_t nodes = 1;
    for (size_t i = 0; i < n; i++)
        if (list[i].normalized == normalized) VQ_TRY(insert(s, (int32_t)i, &nodes, e));
    return VQ_OK;
}

/* index of the longest token that begins at p, -1 none */
static int32_t longest(const vq_added_set *s, const uint8_t *p, const uint8_t *stop)
{
    int32_t best = -1;
    uint32_t node = 0;
    while (p < stop) {
        node = vq_hash_get(&s->edges, (uint64_t)node << 8 | *p++);
        if (node == VQ_HASH_NONE) break;
        if (s->found[node] >= 0) best = s->found[node];
    }
    return best;
}

/* White_Space of Unicode, the \s of the library's regular expressions */
static bool is_space(int32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

/* \w of those expressions: letters, marks, digits, connectors, joiners, and the circled and squared
 * letters that Unicode calls alphabetic symbols */
static bool is_word(int32_t c)
{
    const utf8proc_category_t k = utf8proc_category(c);
    if ((k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC ||
        c == 0x200C || c == 0x200D)
        return true;
    return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
           (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

static size_t char_before(const uint8_t *text, size_t at, int32_t *c)
{
    size_t from = at - 1;
    while (from > 0 && (text[from] & 0xC0) == 0x80) from--;
    utf8proc_iterate(text + from, (utf8proc_ssize_t)(at - from), c);
    return from;
}

static bool stands_alone(const uint8_t *text, size_t len, size_t start, size_t end)
{
    int32_t before = ' ', after = ' ';
    if (start > 0) char_before(text, start, &before);
    if (end < len) utf8proc_iterate(text + end, (utf8proc_ssize_t)(len - end), &after);
    return !is_word(before) && !is_word(after);
}

static size_t strip_left(const uint8_t *text, size_t start, size_t limit)
{
    while (start > limit) {
        int32_t c;
        const size_t before = char_before(text, start, &c);
        if (!is_space(c)) break;
        start = before;
    }
    return start;
}

static size_t strip_right(const uint8_t *text, size_t len, size_t end)
{
    while (end < len) {
        int32_t c;
        const utf8proc_ssize_t step =
            utf8proc_iterate(text + end, (utf8proc_ssize_t)(len - end), &c);
        if (!is_space(c)) break;
        end += (size_t)step;
    }
    return end;
}

/* The next token that counts: its index and the stripped place [*start, *end); false when there is
 * none. */
static bool find_token(const vq_added_set *s, const uint8_t *text, size_t len, vq_added_cursor *at,
                       size_t *start, size_t *end, int32_t *index)
{
    while (at->search < len) {
        const size_t here = at->search;
        *index = s->first[text[here]] ? longest(s, text + here, text + len) : -1;
        at->search += *index < 0 ? 1 : s->list[*index].len;
        if (*index < 0) continue;
        const vq_added *t = &s->list[*index];
        if (t->single_word && !stands_alone(text, len, here, here + t->len)) continue;
        *start = t->lstrip ? strip_left(text, here, at->plain) : here;
        *end = t->rstrip ? strip_right(text, len, here + t->len) : here + t->len;
        return true;
    }
    return false;
}

bool vq_added_next(const vq_added_set *s, const uint8_t *text, size_t len, vq_added_cursor *at,
                   size_t *start, size_t *end, int32_t *id)
{
    int32_t index = at->held - 1;
    if (index >= 0) { /* the token behind the plain piece of the last call */
        *start = at->plain;
        *end = at->held_end;
        at->held = 0;
    } else if (find_token(s, text, len, at, start, end, &index)) {
        if (at->plain < *start) {
            at->held = index + 1;
            at->held_end = *end;
            *end = *start;
            *start = at->plain;
            at->plain = *end;
            *id = -1;
            return true;
        }
    } else {
        *start = at->plain;
        *end = len;
        *id = -1;
        at->plain = len;
        return *start < len;
    }
    at->plain = *end;
    *id = s->list[index].id;
    return true;
}
