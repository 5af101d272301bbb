/* added_tokens.c -- find added tokens in text, leftmost first and then longest, as one walk down a
 * tree of bytes per position. */
#include "text/steps/added_tokens.h"

#include <string.h>
#include <utf8proc.h>

#include "text/steps/code_points.h"
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
    t->look = t->text;
    t->look_len = t->len;
    VQ_TRY(vq_json_flag(o, "special", false, &t->special, e));
    VQ_TRY(vq_json_flag(o, "single_word", false, &t->single_word, e));
    VQ_TRY(vq_json_flag(o, "lstrip", false, &t->lstrip, e));
    VQ_TRY(vq_json_flag(o, "rstrip", false, &t->rstrip, e));
    return vq_json_flag(o, "normalized", !t->special, &t->normalized, e);
}

/* Listed again, a token stays in its place, the later listing says how it is looked for, and it is
 * special when any of them says so: as the library has it. */
static void list_again(vq_added *t, const vq_added *again)
{
    const bool special = t->special || again->special;
    *t = *again;
    t->special = special;
}

static size_t content_bytes(const json_t *array)
{
    const json_t *o;
    size_t i, n = 0;
    json_array_foreach(array, i, o) n += json_string_length(json_object_get(o, "content"));
    return n;
}

vq_status vq_added_parse(const json_t *array, vq_added **list, size_t *n, vq_arena *a, vq_err *e)
{
    *n = 0;
    if (array && !json_is_null(array) && !json_is_array(array))
        return vq_fail(e, VQ_E_INPUT, "\"added_tokens\" is not an array");
    const size_t count = json_array_size(array);
    *list = VQ_NEW(a, vq_added, count, "added tokens", e);
    vq_trie known;
    if (!*list) return VQ_E_LIMIT;
    VQ_TRY(vq_trie_init(&known, content_bytes(array), "added tokens", a, e));
    for (size_t i = 0; i < count; i++) {
        vq_added *t = &(*list)[*n];
        const vq_status s = parse_one(json_array_get(array, i), t, a, e);
        if (s != VQ_OK) return vq_at(e, "added token %zu", i);
        if (t->len == 0) continue; /* the library passes over empty ones */
        const int32_t before = vq_trie_put(&known, t->text, t->len, (int32_t)*n);
        if (before < 0) {
            ++*n;
            continue;
        }
        (void)vq_trie_put(&known, t->text, t->len, before);
        list_again(&(*list)[before], t);
    }
    return VQ_OK;
}

vq_status vq_added_index(vq_added_set *s, const vq_added *list, size_t n, bool normalized,
                         vq_arena *a, vq_err *e)
{
    s->list = list;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += list[i].normalized == normalized ? list[i].look_len : 0;
    VQ_TRY(vq_trie_init(&s->trie, bytes, "added tokens", a, e));
    for (size_t i = 0; i < n; i++) {
        const vq_added *t = &list[i];
        if (t->normalized != normalized) continue;
        const int len = (int)(t->look_len < 80 ? t->look_len : 80);
        if (t->look_len == 0)
            return vq_fail(e, VQ_E_INPUT, "nothing is left of \"%.80s\" by normalization", t->text);
        if (vq_trie_put(&s->trie, t->look, t->look_len, (int32_t)i) >= 0)
            return vq_fail(e, VQ_E_INPUT, "\"%.*s\" is there twice", len, t->look);
    }
    return VQ_OK;
}

/* index of the longest token that begins at p, -1 none */
static int32_t longest(const vq_added_set *s, const uint8_t *p, const uint8_t *stop)
{
    int32_t best = -1;
    uint32_t node = 0;
    while (p < stop && (node = vq_trie_step(&s->trie, node, *p++)) != VQ_HASH_NONE)
        if (s->trie.value[node] >= 0) best = s->trie.value[node];
    return best;
}

/* \w of the library's regular expressions: letters, marks, digits, connectors, joiners, and the
 * circled and squared letters that Unicode calls alphabetic symbols */
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
        if (!vq_is_space(c)) break;
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
        if (!vq_is_space(c)) break;
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
        *index = s->trie.first[text[here]] ? longest(s, text + here, text + len) : -1;
        at->search += *index < 0 ? 1 : s->list[*index].look_len;
        if (*index < 0) continue;
        const vq_added *t = &s->list[*index];
        if (t->single_word && !stands_alone(text, len, here, here + t->look_len)) continue;
        *start = t->lstrip ? strip_left(text, here, at->plain) : here;
        *end = t->rstrip ? strip_right(text, len, here + t->look_len) : here + t->look_len;
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
