/* pretokenize.c -- which pre-tokenizers there are: each is one to three cuts. */
#include "text/steps/pretokenize.h"

#include <string.h>

#include "json/json_fields.h"

#define WORD                                                                                       \
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\xE2\x80\x8C\xE2\x80\x8D" /* the \w of the library's       \
                                                                     regular expressions */

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* A new cut at the end of the list; NULL: there are too many. */
static vq_split *add(vq_pretokenizer *p, vq_status (*run)(vq_cutter *, int, vq_piece, vq_err *),
                     vq_err *e)
{
    if (p->count == VQ_MAX_STEPS) {
        (void)vq_fail(e, VQ_E_INPUT, "more than %d cuts", VQ_MAX_STEPS);
        return NULL;
    }
    vq_split *k = &p->split[p->count++];
    k->run = run;
    return k;
}

static vq_status add_regex(vq_pretokenizer *p, const char *regex, vq_behavior behavior, bool invert,
                           vq_err *e)
{
    vq_split *k = add(p, vq_cut_pattern, e);
    if (!k) return VQ_E_INPUT;
    k->behavior = behavior;
    k->invert = invert;
    return vq_pattern_regex(&k->pattern, regex, e);
}

static vq_status parse_byte_level(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    bool prefix, regex;
    (void)a;
    VQ_TRY(vq_json_flag(o, "add_prefix_space", true, &prefix, e));
    VQ_TRY(vq_json_flag(o, "use_regex", true, &regex, e));
    if (prefix && !add(p, vq_cut_space_in_front, e)) return VQ_E_INPUT;
    if (regex) VQ_TRY(add_regex(p, gpt2_pattern, VQ_ISOLATED, false, e));
    return add(p, vq_cut_to_letters, e) ? VQ_OK : VQ_E_INPUT;
}

static vq_status parse_behavior(const json_t *o, const char *def, vq_behavior *behavior, vq_err *e)
{
    static const struct behavior_name {
        const char *name;
        vq_behavior behavior;
    } known[] = {{"Removed", VQ_REMOVED},
                 {"Isolated", VQ_ISOLATED},
                 {"MergedWithPrevious", VQ_WITH_PREVIOUS},
                 {"MergedWithNext", VQ_WITH_NEXT},
                 {"Contiguous", VQ_CONTIGUOUS}};
    const char *name = def;
    const void *row = known;
    if (!def || json_object_get(o, "behavior")) VQ_TRY(vq_json_text(o, "behavior", &name, e));
    if (vq_kind_find(name, known, sizeof known / sizeof *known, sizeof *known, &row, e) != VQ_OK)
        return vq_at(e, "behavior");
    *behavior = ((const struct behavior_name *)row)->behavior;
    return VQ_OK;
}

static vq_status parse_split(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    vq_split *k = add(p, vq_cut_pattern, e);
    if (!k) return VQ_E_INPUT;
    VQ_TRY(parse_behavior(o, NULL, &k->behavior, e));
    VQ_TRY(vq_json_flag(o, "invert", false, &k->invert, e));
    return vq_pattern_parse(&k->pattern, o, a, e);
}

static vq_status parse_digits(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    bool individual;
    (void)a;
    VQ_TRY(vq_json_flag(o, "individual_digits", false, &individual, e));
    return add_regex(p, individual ? "\\p{N}" : "\\p{N}+", VQ_ISOLATED, false, e);
}

static vq_status parse_punctuation(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    vq_behavior behavior = VQ_ISOLATED;
    (void)a;
    VQ_TRY(parse_behavior(o, "Isolated", &behavior, e));
    return add_regex(p, "[\\p{P}$+<=>^`|~]", behavior, false, e);
}

static vq_status parse_whitespace(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    (void)o, (void)a;
    return add_regex(p, "[" WORD "]+|[^" WORD "\\s]+", VQ_REMOVED, true, e);
}

static vq_status parse_whitespace_split(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    (void)o, (void)a;
    return add_regex(p, "\\s", VQ_REMOVED, false, e);
}

static vq_status parse_prepend(const json_t *o, vq_prepend *prepend, vq_err *e)
{
    static const char *const names[] = {"always", "first", "never"};
    bool prefix;
    const char *scheme = "always";
    const void *row = names;
    if (json_object_get(o, "prepend_scheme")) VQ_TRY(vq_json_text(o, "prepend_scheme", &scheme, e));
    if (vq_kind_find(scheme, names, 3, sizeof *names, &row, e) != VQ_OK)
        return vq_at(e, "prepend_scheme");
    *prepend = (vq_prepend)((const char *const *)row - names);
    VQ_TRY(vq_json_flag(o, "add_prefix_space", true, &prefix, e));
    if (prefix || *prepend == VQ_SPACE_NEVER) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "\"add_prefix_space\" false contradicts prepend_scheme %s",
                   scheme);
}

static vq_status parse_metaspace(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    bool split;
    const char *mark;
    (void)a;
    VQ_TRY(vq_json_text(o, "replacement", &mark, e));
    VQ_TRY(vq_json_flag(o, "split", true, &split, e));
    vq_split *k = add(p, vq_cut_mark_spaces, e);
    if (!k) return VQ_E_INPUT;
    VQ_TRY(parse_prepend(o, &k->prepend, e));
    k->mark_len = strlen(mark);
    if (k->mark_len == 0 || vq_char_end((const uint8_t *)mark, k->mark_len, 0) != k->mark_len)
        return vq_fail(e, VQ_E_INPUT, "\"replacement\" is not one character");
    memcpy(k->mark, mark, k->mark_len);
    if (!split) return VQ_OK;
    vq_split *cut = add(p, vq_cut_pattern, e);
    if (!cut) return VQ_E_INPUT;
    cut->behavior = VQ_WITH_NEXT;
    cut->pattern = vq_pattern_text(k->mark, k->mark_len);
    return VQ_OK;
}

static const struct split_kind {
    const char *type;
    vq_status (*parse)(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e);
} kinds[] = {
    {"ByteLevel", parse_byte_level},
    {"Digits", parse_digits},
    {"Metaspace", parse_metaspace},
    {"Punctuation", parse_punctuation},
    {"Split", parse_split},
    {"Whitespace", parse_whitespace},
    {"WhitespaceSplit", parse_whitespace_split},
};

typedef struct split_parser {
    vq_pretokenizer *p;
    vq_arena *a;
} split_parser;

static vq_status visit(void *ctx, json_t *o, const char *type, vq_err *e)
{
    const split_parser *s = ctx;
    const void *row;
    VQ_TRY(vq_kind_find(type, kinds, sizeof kinds / sizeof *kinds, sizeof *kinds, &row, e));
    return ((const struct split_kind *)row)->parse(s->p, o, s->a, e);
}

vq_status vq_pretokenizer_parse(vq_pretokenizer *p, json_t *o, vq_arena *a, vq_err *e)
{
    split_parser s = {.p = p, .a = a};
    return vq_kind_each(o, "pretokenizers", visit, &s, e);
}

void vq_pretokenizer_done(vq_pretokenizer *p)
{
    for (int i = 0; i < p->count; i++) vq_pattern_done(&p->split[i].pattern);
}
