/* pretokenize.c -- a list of cuts, each by a regular expression, applied to the pieces of the one
 * before. */
#include "text/pretokenize.h"

#include <string.h>

#include "json/json_fields.h"

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static vq_status add(vq_pretokenizer *p, bool prefix_space, const char *pattern, bool literal,
                     vq_err *e)
{
    if (p->count == VQ_MAX_SPLITS)
        return vq_fail(e, VQ_E_INPUT, "more than %d pre-tokenizers", VQ_MAX_SPLITS);
    p->split[p->count].prefix_space = prefix_space;
    if (pattern) VQ_TRY(vq_regex_compile(pattern, literal, &p->split[p->count].re, e));
    p->count++;
    return VQ_OK;
}

static vq_status parse_byte_level(vq_pretokenizer *p, const json_t *o, vq_err *e)
{
    bool prefix, regex;
    VQ_TRY(vq_json_flag(o, "add_prefix_space", true, &prefix, e));
    VQ_TRY(vq_json_flag(o, "use_regex", true, &regex, e));
    return add(p, prefix, regex ? gpt2_pattern : NULL, false, e);
}

static vq_status parse_split(vq_pretokenizer *p, const json_t *o, vq_err *e)
{
    const char *behavior;
    VQ_TRY(vq_json_text(o, "behavior", &behavior, e));
    if (strcmp(behavior, "Isolated") != 0)
        return vq_fail(e, VQ_E_INPUT, "behavior %.40s is not supported; Isolated is", behavior);
    const json_t *pattern = json_object_get(o, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex")),
               *literal = json_string_value(json_object_get(pattern, "String"));
    if (!regex == !literal)
        return vq_fail(e, VQ_E_INPUT,
                       "\"pattern\" is neither {\"Regex\": text} nor {\"String\": text}");
    return add(p, false, regex ? regex : literal, !regex, e);
}

static vq_status parse_digits(vq_pretokenizer *p, const json_t *o, vq_err *e)
{
    bool individual;
    VQ_TRY(vq_json_flag(o, "individual_digits", false, &individual, e));
    return add(p, false, individual ? "\\p{N}" : "\\p{N}+", false, e);
}

static vq_status parse_one(vq_pretokenizer *p, const json_t *o, vq_err *e)
{
    static const struct {
        const char *type;
        vq_status (*parse)(vq_pretokenizer *, const json_t *, vq_err *);
    } known[] = {{"ByteLevel", parse_byte_level}, {"Split", parse_split}, {"Digits", parse_digits}};
    const char *type;
    VQ_TRY(vq_json_text(o, "type", &type, e));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i].type) != 0) continue;
        return known[i].parse(p, o, e) == VQ_OK ? VQ_OK : vq_at(e, "%s", type);
    }
    return vq_fail(e, VQ_E_INPUT, "type %.40s is not supported", type);
}

static bool is_type(const json_t *o, const char *name)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    return type && strcmp(type, name) == 0;
}

/* ByteLevel rewrites the text in its alphabet, so it comes last, and without it the model is not
 * byte-level. */
vq_status vq_pretokenizer_parse(vq_pretokenizer *p, const json_t *o, vq_err *e)
{
    const bool sequence = is_type(o, "Sequence");
    const json_t *list = sequence ? json_object_get(o, "pretokenizers") : NULL;
    if (sequence && !json_is_array(list))
        return vq_fail(e, VQ_E_INPUT, "Sequence has no array \"pretokenizers\"");
    const size_t n = sequence ? json_array_size(list) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = sequence ? json_array_get(list, i) : o;
        if (is_type(one, "ByteLevel") != (i + 1 == n))
            return vq_fail(e, VQ_E_INPUT,
                           "only byte-level tokenizers are supported: one ByteLevel, as the last "
                           "pre-tokenizer");
        VQ_TRY(parse_one(p, one, e));
    }
    return n ? VQ_OK
             : vq_fail(e, VQ_E_INPUT, "empty Sequence; only byte-level tokenizers are supported");
}

void vq_pretokenizer_done(vq_pretokenizer *p)
{
    for (int i = 0; i < VQ_MAX_SPLITS; i++) {
        pcre2_code_free(p->split[i].re);
        p->split[i].re = NULL;
    }
}

/* Ordinary patterns take a few steps per byte; the rest is room for odd ones on short texts. */
vq_status vq_cutter_init(vq_cutter *c, const vq_pretokenizer *p, size_t n, vq_arena *scratch,
                         vq_err *e)
{
    *c = (vq_cutter){.p = p, .scratch = scratch, .steps = 256 * (uint64_t)n + (UINT64_C(1) << 26)};
    for (int i = 0; i < p->count; i++) {
        vq_regex_work *w = &c->work[i];
        w->steps = &c->steps;
        if (!p->split[i].re) continue;
        w->data = pcre2_match_data_create_from_pattern(p->split[i].re, NULL);
        w->context = pcre2_match_context_create(NULL);
        if (!w->data || !w->context)
            return vq_fail(e, VQ_E_LIMIT, "regular expression: the system has no more memory");
        pcre2_set_heap_limit(w->context, 256 << 10); /* KiB */
    }
    return VQ_OK;
}

void vq_cutter_done(vq_cutter *c)
{
    for (int i = 0; i < VQ_MAX_SPLITS; i++) {
        pcre2_match_data_free(c->work[i].data);
        pcre2_match_context_free(c->work[i].context);
    }
}

static vq_status cut_level(vq_cutter *c, int level, const uint8_t *text, size_t n, vq_err *e);

static size_t behind_char(const uint8_t *text, size_t n, size_t at)
{
    do at++;
    while (at < n && (text[at] & 0xC0) == 0x80);
    return at;
}

/* Hand on the matches and what lies between them. Empty matches cut too; the search goes on one
 * character behind them. */
static vq_status cut_pieces(vq_cutter *c, int level, const uint8_t *text, size_t n, vq_err *e)
{
    size_t done = 0, from = 0;
    while (from <= n) {
        bool found;
        size_t start, end;
        VQ_TRY(vq_regex_find(c->p->split[level].re, &c->work[level], text, n, from, &found, &start,
                             &end, e));
        if (!found) break;
        if (start < done || end < start)
            return vq_fail(e, VQ_E_INPUT, "regular expression matches backwards at byte %zu",
                           start);
        VQ_TRY(cut_level(c, level + 1, text + done, start - done, e));
        VQ_TRY(cut_level(c, level + 1, text + start, end - start, e));
        done = end;
        from = end > start ? end : behind_char(text, n, end);
    }
    return cut_level(c, level + 1, text + done, n - done, e);
}

static vq_status with_space(vq_cutter *c, int level, const uint8_t *text, size_t n, vq_err *e);

static vq_status cut_level(vq_cutter *c, int level, const uint8_t *text, size_t n, vq_err *e)
{
    if (n == 0) return VQ_OK;
    if (level == c->p->count) return c->word(c->ctx, text, n, e);
    if (c->p->split[level].prefix_space && text[0] != ' ') return with_space(c, level, text, n, e);
    return c->p->split[level].re ? cut_pieces(c, level, text, n, e)
                                 : cut_level(c, level + 1, text, n, e);
}

static vq_status with_space(vq_cutter *c, int level, const uint8_t *text, size_t n, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(c->scratch);
    uint8_t *copy = VQ_ALLOC(c->scratch, uint8_t, n + 1, "text with a space in front", e);
    if (!copy) return VQ_E_LIMIT;
    copy[0] = ' ';
    memcpy(copy + 1, text, n);
    const vq_status s = cut_level(c, level, copy, n + 1, e);
    vq_arena_rewind(c->scratch, mark);
    return s;
}

vq_status vq_cut(vq_cutter *c, const uint8_t *text, size_t n, vq_err *e)
{
    return cut_level(c, 0, text, n, e);
}
