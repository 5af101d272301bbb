/* regex_dialect.c -- translate what differs (\s, scripts), refuse what cannot be translated, search
 * within a budget. */
#include "text/steps/regex_dialect.h"

#include <string.h>

typedef struct pattern_walk {
    const char *at; /* next character of the pattern */
    char *out;      /* translated so far */
    size_t len;
    bool in_class;
} pattern_walk;

static vq_status refuse(const char *at, size_t n, vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT, "regular expression: \"%.*s\" is not supported", (int)n, at);
}

static vq_status put(pattern_walk *w, const char *text, size_t n, vq_err *e)
{
    if (w->len + n >= VQ_MAX_PATTERN)
        return vq_fail(e, VQ_E_INPUT, "regular expression: longer than %d bytes", VQ_MAX_PATTERN);
    memcpy(w->out + w->len, text, n);
    w->len += n;
    return VQ_OK;
}

static vq_status copy(pattern_walk *w, size_t n, vq_err *e)
{
    VQ_TRY(put(w, w->at, n, e));
    w->at += n;
    return VQ_OK;
}

static bool is_binary_property(const char *name, size_t n)
{
    static const char *const known[] = {"Alphabetic", "White_Space", "Lowercase", "Uppercase"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == n && memcmp(known[i], name, n) == 0) return true;
    return false;
}

/* \p{Han} means the script; PCRE2 would add the characters that the script shares with others.
 * General categories have one or two letters. */
static vq_status property(pattern_walk *w, vq_err *e)
{
    const char *name = w->at + 3, *close = w->at[2] == '{' ? strchr(name, '}') : NULL;
    if (!close) return refuse(w->at, 3, e);
    const size_t n = (size_t)(close - name);
    const bool script = n > 2 && *name != '^' && !is_binary_property(name, n);
    VQ_TRY(copy(w, 3, e));
    if (script) VQ_TRY(put(w, "sc:", 3, e));
    return copy(w, (size_t)(close + 1 - name), e);
}

/* \s is White_Space; PCRE2's own \s also takes U+180E. Letters outside the table mean different
 * things or reach outside the subset. */
static vq_status escape(pattern_walk *w, vq_err *e)
{
    static const struct {
        char letter;
        const char *means;
    } table[] = {{'s', "\\p{White_Space}"},
                 {'S', "\\P{White_Space}"},
                 {'d', "\\p{Nd}"},
                 {'D', "\\P{Nd}"},
                 {'r', "\\r"},
                 {'n', "\\n"},
                 {'t', "\\t"},
                 {'A', "\\A"},
                 {'z', "\\z"},
                 {'f', "\\f"}};
    const char c = w->at[1];
    if (c == 'p' || c == 'P') return property(w, e);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].letter != c) continue;
        w->at += 2;
        return put(w, table[i].means, strlen(table[i].means), e);
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || c == 0 ? refuse(w->at, 2, e) : copy(w, 2, e);
}

/* Groups: (, (?:, (?i:, (?=, (?!, (?<=, (?<!, (?>. */
static vq_status group(pattern_walk *w, vq_err *e)
{
    static const char *const known[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    if (w->at[1] == '*') return refuse(w->at, 2, e);
    if (w->at[1] != '?') return copy(w, 1, e);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(w->at, known[i], strlen(known[i])) == 0) return copy(w, strlen(known[i]), e);
    return refuse(w->at, 4, e);
}

/* What only one engine understands, or both in their own way: nested and intersected classes, {,n},
 * {n}+ and {n}?. */
static const char *differs(const pattern_walk *w)
{
    static const char *const inside[] = {"[", "&&"}, *const outside[] = {"{,", "}+", "}?"};
    const char *const *list = w->in_class ? inside : outside;
    const size_t n =
        w->in_class ? sizeof inside / sizeof *inside : sizeof outside / sizeof *outside;
    for (size_t i = 0; i < n; i++)
        if (strncmp(w->at, list[i], strlen(list[i])) == 0) return list[i];
    return NULL;
}

static vq_status translate(pattern_walk *w, vq_err *e)
{
    while (*w->at) {
        const char *bad = differs(w);
        if (bad) return refuse(w->at, strlen(bad) + 1, e);
        if (*w->at == '\\') {
            VQ_TRY(escape(w, e));
        } else if (*w->at == '(' && !w->in_class) {
            VQ_TRY(group(w, e));
        } else if (*w->at == '[') { /* not inside a class: that is refused above */
            w->in_class = true;
            VQ_TRY(copy(w, w->at[1] == '^' ? 2 : 1, e));
            if (*w->at == ']') return refuse(w->at - 1, 2, e);
        } else {
            w->in_class = w->in_class && *w->at != ']';
            VQ_TRY(copy(w, 1, e));
        }
    }
    return VQ_OK;
}

vq_status vq_regex_compile(const char *pattern, pcre2_code **re, vq_err *e)
{
    char text[VQ_MAX_PATTERN];
    pattern_walk w = {.at = pattern, .out = text};
    *re = NULL;
    if (!*pattern) return vq_fail(e, VQ_E_INPUT, "regular expression: empty");
    VQ_TRY(translate(&w, e));
    const uint32_t options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT;
    int code;
    PCRE2_SIZE at;
    *re = pcre2_compile((PCRE2_SPTR)text, w.len, options, &code, &at, NULL);
    if (*re) return VQ_OK;
    PCRE2_UCHAR why[128];
    pcre2_get_error_message(code, why, sizeof why);
    return vq_fail(e, VQ_E_INPUT, "regular expression \"%.80s\": %s", pattern, (const char *)why);
}

/* PCRE2 counts steps anew at each place where a match may begin. So a search goes by chunks of such
 * places, with a few steps for each; only where these do not do it goes place by place, with eight
 * times as many steps again and again, which are then taken from the budget of the whole text. */
enum { CHUNK = 4096, FEW_STEPS = 64 };

/* What one step may read is the whole rest of the text: the longer it is, the fewer places go
 * without a look at the clock. */
static size_t chunk_of(size_t left)
{
    const size_t places = ((size_t)1 << 27) / (left ? left : 1);
    return places < 1 ? 1 : places < CHUNK ? places : CHUNK;
}

static int try_from(const pcre2_code *re, vq_regex_work *w, const uint8_t *text, size_t len,
                    size_t from, size_t last, uint64_t steps)
{
    pcre2_set_match_limit(w->context, (uint32_t)steps);
    pcre2_set_offset_limit(w->context, last);
    return pcre2_match(re, text, len, from,
                       PCRE2_NO_UTF_CHECK | (from == last ? PCRE2_ANCHORED : 0), w->data,
                       w->context);
}

static vq_status try_place(const pcre2_code *re, vq_regex_work *w, const uint8_t *text, size_t len,
                           size_t at, int *rc, vq_err *e)
{
    for (uint64_t steps = FEW_STEPS;; steps *= 8) {
        *rc = try_from(re, w, text, len, at, at, steps);
        if (*rc != PCRE2_ERROR_MATCHLIMIT) return VQ_OK;
        if (w->effort->steps < 8 * steps || 8 * steps > UINT32_MAX)
            return vq_fail(e, VQ_E_INPUT, "regular expression takes too many steps at byte %zu",
                           at);
        w->effort->steps -= 8 * steps;
        VQ_TRY(vq_effort_spend(w->effort, 8 * steps + (len - at) / 8, e));
    }
}

static size_t next_place(const uint8_t *text, size_t len, size_t at)
{
    do at++;
    while (at < len && (text[at] & 0xC0) == 0x80);
    return at;
}

static vq_status search(const pcre2_code *re, vq_regex_work *w, const uint8_t *text, size_t len,
                        size_t from, int *rc, vq_err *e)
{
    *rc = PCRE2_ERROR_NOMATCH;
    while (from <= len && *rc == PCRE2_ERROR_NOMATCH) {
        const size_t left = len - from, chunk = chunk_of(left),
                     end = left > chunk ? next_place(text, len, from + chunk) : len + 1;
        *rc = try_from(re, w, text, len, from, end - 1, FEW_STEPS);
        if (*rc == PCRE2_ERROR_MATCHLIMIT) {
            *rc = PCRE2_ERROR_NOMATCH;
            for (; from < end && *rc == PCRE2_ERROR_NOMATCH; from = next_place(text, len, from))
                VQ_TRY(try_place(re, w, text, len, from, rc, e));
        }
        VQ_TRY(vq_effort_spend(w->effort, chunk * (left / 8 + 1), e));
        from = end;
    }
    return VQ_OK;
}

vq_status vq_regex_find(const pcre2_code *re, vq_regex_work *w, const uint8_t *text, size_t len,
                        size_t from, bool *found, size_t *start, size_t *end, vq_err *e)
{
    int rc;
    VQ_TRY(vq_effort_spend(w->effort, (len - from) / 8, e));
    VQ_TRY(search(re, w, text, len, from, &rc, e));
    *found = rc >= 0;
    if (rc == PCRE2_ERROR_NOMATCH) return VQ_OK;
    if (rc == PCRE2_ERROR_NOMEMORY || rc == PCRE2_ERROR_HEAPLIMIT)
        return vq_fail(e, VQ_E_LIMIT, "regular expression needs too much memory at byte %zu", from);
    if (rc < 0)
        return vq_fail(e, VQ_E_INPUT, "regular expression fails at byte %zu (PCRE2 error %d)", from,
                       rc);
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(w->data);
    *start = v[0];
    *end = v[1];
    return VQ_OK;
}
