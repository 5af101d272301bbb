/* jinja_lex.c -- a chat template as tokens; where white space goes is decided here. */
#include <string.h>

#include "jinja/jinja.h"

typedef struct lexer {
    const char *s; /* lines end with \n */
    size_t n, at;
    int line;
    vq_jtoken *tokens;
    size_t count;
    vq_arena *a;
    vq_err *e;
} lexer;

static char ahead(const lexer *x, size_t by)
{
    return x->at + by < x->n ? x->s[x->at + by] : '\0';
}

static void move(lexer *x, size_t to)
{
    for (; x->at < to; x->at++) x->line += x->s[x->at] == '\n';
}

static size_t space_at(const lexer *x, size_t at)
{
    int32_t c;
    const size_t n = at < x->n ? vq_jchar(x->s + at, x->n - at, &c) : 0;
    return n && vq_jspace(c) ? n : 0;
}

static void skip_space(lexer *x)
{
    for (size_t n = space_at(x, x->at); n; n = space_at(x, x->at)) move(x, x->at + n);
}

/* There is room for a token per byte and the last one. */
static void emit(lexer *x, vq_jtoken_kind kind, const char *s, size_t n)
{
    x->tokens[x->count++] = (vq_jtoken){.kind = kind, .line = x->line, .s = s, .n = n};
}

static vq_status emit_copy(lexer *x, vq_jtoken_kind kind, size_t n)
{
    char *text = VQ_ALLOC(x->a, char, n + 1, "chat template", x->e);
    if (!text) return VQ_E_LIMIT;
    memcpy(text, x->s + x->at, n);
    text[n] = '\0';
    emit(x, kind, text, n);
    move(x, x->at + n);
    return VQ_OK;
}

static bool tag_at(const lexer *x, size_t at)
{
    return x->s[at] == '{' && at + 1 < x->n &&
           (x->s[at + 1] == '{' || x->s[at + 1] == '%' || x->s[at + 1] == '#');
}

/* The text before a block that stands alone on its line so far ends where that line begins. */
static size_t before_block(const lexer *x, size_t from, size_t to)
{
    size_t line = to;
    while (line > from && x->s[line - 1] != '\n') line--;
    if (line == from && from > 0 && x->s[from - 1] != '\n') return to;
    for (size_t at = line, n; at < to; at += n)
        if ((n = space_at(x, at)) == 0) return to;
    return line;
}

static size_t before_minus(const lexer *x, size_t from, size_t to)
{
    const vq_jvalue kept = vq_jtext(x->s + from, to - from),
                    stripped = vq_jstrip(kept, false, true);
    return from + stripped.text.n;
}

/* What stands before a tag, as far as its sign leaves it. */
static void put_data(lexer *x, size_t tag)
{
    size_t end = tag;
    if (tag < x->n) {
        const char sign = tag + 2 < x->n ? x->s[tag + 2] : '\0';
        if (sign == '-')
            end = before_minus(x, x->at, tag);
        else if (sign != '+' && x->s[tag + 1] != '{')
            end = before_block(x, x->at, tag);
    }
    if (end > x->at) emit(x, VQ_JT_DATA, x->s + x->at, end - x->at);
    move(x, tag);
}

static void lex_data(lexer *x)
{
    size_t tag = x->at;
    while (tag < x->n && !tag_at(x, tag)) tag++;
    put_data(x, tag);
}

/* The end of a tag: "-%}" takes all white space behind it, "%}" a line's end, "+%}" nothing. mark:
 * '%', '#' or '}'. */
static bool lex_end(lexer *x, char mark)
{
    const char sign = ahead(x, 0);
    const size_t signs = sign == '-' || (sign == '+' && mark != '}') ? 1 : 0;
    if (ahead(x, signs) != mark || ahead(x, signs + 1) != '}') return false;
    move(x, x->at + signs + 2);
    if (sign == '-')
        skip_space(x);
    else if (!signs && mark != '}' && ahead(x, 0) == '\n')
        move(x, x->at + 1);
    return true;
}

static vq_status lex_comment(lexer *x)
{
    const int line = x->line;
    for (; x->at < x->n; move(x, x->at + 1))
        if (lex_end(x, '#')) return VQ_OK;
    return vq_fail(x->e, VQ_E_INPUT, "line %d: the comment has no end", line);
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)(first[n] | c);
    return n;
}

/* \xHH, \uHHHH, \UHHHHHHHH (most digits, all needed), \OOO (1 to most digits): false when it names
 * no character. */
static bool read_code(const char *s, size_t n, size_t *at, unsigned base, size_t most, uint32_t *c)
{
    size_t digits = 0;
    *c = 0;
    for (; digits < most && *at < n; digits++, ++*at) {
        const char *hex = "0123456789abcdef",
                   lower = (char)(s[*at] >= 'A' && s[*at] <= 'F' ? s[*at] + 32 : s[*at]);
        const char *digit = lower ? strchr(hex, lower) : NULL;
        if (!digit || digit >= hex + base) break;
        *c = *c * base + (uint32_t)(digit - hex);
    }
    return (base == 8 || digits == most) && *c <= 0x10ffff && (*c < 0xd800 || *c > 0xdfff);
}

/* What a backslash and the letter behind it stand for; at: behind the letter. 0: no bytes,
 * SIZE_MAX: broken. */
static size_t unescape(const char *s, size_t n, size_t *at, char *out)
{
    static const char letters[] = "ntr\\'\"abfv\n", means[] = "\n\t\r\\'\"\a\b\f\v";
    const char c = s[(*at)++];
    const char *simple = c ? strchr(letters, c) : NULL;
    uint32_t code;
    if (simple && c == '\n') return 0;
    if (simple) {
        out[0] = means[simple - letters];
        return 1;
    }
    if (c >= '0' && c <= '7') {
        --*at;
        return read_code(s, n, at, 8, 3, &code) ? put_utf8(out, code) : SIZE_MAX;
    }
    if (c == 'x' || c == 'u' || c == 'U')
        return read_code(s, n, at, 16,
                         c == 'x'   ? 2
                         : c == 'u' ? 4
                                    : 8,
                         &code)
                   ? put_utf8(out, code)
                   : SIZE_MAX;
    if (c == 'N') return SIZE_MAX;
    out[0] = '\\';
    out[1] = c;
    return 2;
}

static vq_status lex_string(lexer *x)
{
    const char quote = x->s[x->at];
    const char *s = x->s + x->at + 1;
    size_t n = 0, len = 0;
    const size_t left = x->n - x->at - 1;
    while (n < left && s[n] != quote) n += s[n] == '\\' ? 2 : 1;
    if (n >= left) return vq_fail(x->e, VQ_E_INPUT, "line %d: the string has no end", x->line);
    char *text = VQ_ALLOC(x->a, char, n + 1, "chat template", x->e);
    if (!text) return VQ_E_LIMIT;
    for (size_t at = 0; at < n;) {
        if (s[at] != '\\') {
            text[len++] = s[at++];
            continue;
        }
        at++;
        const size_t bytes = unescape(s, n, &at, text + len);
        if (bytes == SIZE_MAX)
            return vq_fail(x->e, VQ_E_INPUT, "line %d: a \\ in the string names no character",
                           x->line);
        len += bytes;
    }
    text[len] = '\0';
    emit(x, VQ_JT_STRING, text, len);
    move(x, x->at + n + 2);
    return VQ_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t digits_at(const lexer *x, size_t by)
{
    size_t n = 0;
    while (is_digit(ahead(x, by + n))) n++;
    return n;
}

/* 12, 1.5, 2e3: a point behind a point (a.0.1) begins no fraction. */
static vq_status lex_number(lexer *x)
{
    const bool member = x->at > 0 && x->s[x->at - 1] == '.';
    const size_t whole = digits_at(x, 0);
    size_t n = whole;
    if (!member && ahead(x, n) == '.' && is_digit(ahead(x, n + 1))) n += 1 + digits_at(x, n + 1);
    if (!member && (ahead(x, n) == 'e' || ahead(x, n) == 'E')) {
        const size_t sign = ahead(x, n + 1) == '+' || ahead(x, n + 1) == '-' ? 1 : 0;
        if (is_digit(ahead(x, n + 1 + sign))) n += 1 + sign + digits_at(x, n + 1 + sign);
    }
    if (is_name(ahead(x, n)) || (whole > 1 && x->s[x->at] == '0'))
        return vq_fail(x->e, VQ_E_INPUT, "line %d: numbers are written in plain decimal digits",
                       x->line);
    return emit_copy(x, n > whole ? VQ_JT_REAL : VQ_JT_INT, n);
}

static vq_status lex_operator(lexer *x)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="},
                             one[] = "+-/*%~[](){}><=.:|,;";
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (ahead(x, 0) == two[i][0] && ahead(x, 1) == two[i][1])
            return emit_copy(x, VQ_JT_OPERATOR, 2);
    const char c = ahead(x, 0);
    if (c && strchr(one, c)) return emit_copy(x, VQ_JT_OPERATOR, 1);
    if (c < ' ' || c > '~')
        return vq_fail(x->e, VQ_E_INPUT, "line %d: byte 0x%02x inside a tag", x->line,
                       (unsigned)(unsigned char)c);
    return vq_fail(x->e, VQ_E_INPUT, "line %d: \"%c\" inside a tag", x->line, c);
}

static vq_status lex_part(lexer *x)
{
    const char c = ahead(x, 0);
    if (c == '\'' || c == '"') return lex_string(x);
    if (is_digit(c)) return lex_number(x);
    if (!is_name(c)) return lex_operator(x);
    size_t n = 0;
    while (is_name(ahead(x, n))) n++;
    if (n > VQ_J_NAME)
        return vq_fail(x->e, VQ_E_INPUT, "line %d: a name of %zu bytes is too long (at most %d)",
                       x->line, n, VQ_J_NAME);
    return emit_copy(x, VQ_JT_NAME, n);
}

/* The inside of {{ }} or {% %} up to its end, which is none inside of brackets. mark: '}' or '%'.
 */
static vq_status lex_tag(lexer *x, char mark)
{
    const int line = x->line;
    int brackets = 0;
    for (;;) {
        skip_space(x);
        if (x->at == x->n) return vq_fail(x->e, VQ_E_INPUT, "line %d: the tag has no end", line);
        const int here = x->line;
        if (brackets == 0 && lex_end(x, mark)) {
            emit(x, mark == '%' ? VQ_JT_BLOCK_END : VQ_JT_OUTPUT_END, "", 0);
            x->tokens[x->count - 1].line = here;
            return VQ_OK;
        }
        VQ_TRY(lex_part(x));
        const vq_jtoken *last = &x->tokens[x->count - 1];
        if (last->kind != VQ_JT_OPERATOR || last->n != 1) continue;
        brackets += strchr("([{", last->s[0]) ? 1 : strchr(")]}", last->s[0]) ? -1 : 0;
        if (brackets < 0)
            return vq_fail(x->e, VQ_E_INPUT, "line %d: \"%s\" closes nothing", x->line, last->s);
    }
}

/* Where the {% of a tag at `at` goes on behind its name; 0: it has another name, or arguments. */
static size_t named_tag(const lexer *x, size_t at, const char *name)
{
    const size_t n = strlen(name);
    if (at + 2 > x->n || memcmp(x->s + at, "{%", 2) != 0) return 0;
    at += 2;
    if (at < x->n && (x->s[at] == '-' || x->s[at] == '+')) at++;
    for (size_t space; (space = space_at(x, at)) != 0;) at += space;
    if (at + n > x->n || memcmp(x->s + at, name, n) != 0) return 0;
    at += n;
    for (size_t space; (space = space_at(x, at)) != 0;) at += space;
    const bool minus = at < x->n && (x->s[at] == '-' || x->s[at] == '+');
    return at + minus + 2 <= x->n && memcmp(x->s + at + minus, "%}", 2) == 0 ? at : 0;
}

/* {% raw %} and what stands before {% endraw %}; the line's end behind the first tag stays. */
static vq_status lex_raw(lexer *x, size_t inside)
{
    const int line = x->line;
    const bool minus = x->s[inside] == '-';
    move(x, inside + (minus ? 3 : 2));
    if (minus) skip_space(x);
    size_t tag = x->at, end = 0;
    while (tag < x->n && (end = named_tag(x, tag, "endraw")) == 0) tag++;
    if (tag == x->n)
        return vq_fail(x->e, VQ_E_INPUT, "line %d: the block has no {%% endraw %%}", line);
    put_data(x, tag);
    move(x, end);
    (void)lex_end(x, '%');
    return VQ_OK;
}

static vq_status lex_all(lexer *x)
{
    while (x->at < x->n) {
        lex_data(x);
        if (x->at == x->n) break;
        const char kind = x->s[x->at + 1], sign = ahead(x, 2);
        const size_t raw = named_tag(x, x->at, "raw");
        if (raw && x->s[raw] != '+') {
            VQ_TRY(lex_raw(x, raw));
            continue;
        }
        if (kind != '#') emit(x, kind == '{' ? VQ_JT_OUTPUT_BEGIN : VQ_JT_BLOCK_BEGIN, "", 0);
        move(x, x->at + 2);
        if (kind != '#' && (sign == '-' || sign == '+')) move(x, x->at + 1);
        VQ_TRY(kind == '#' ? lex_comment(x) : lex_tag(x, kind == '{' ? '}' : '%'));
    }
    emit(x, VQ_JT_END, "", 0);
    return VQ_OK;
}

/* \r\n and \r become \n; one \n at the very end goes. */
static size_t join_lines(char *out, const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n') continue;
        out[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    return n && out[n - 1] == '\n' ? n - 1 : n;
}

vq_status vq_jlex(const char *text, size_t len, vq_arena *a, vq_jtoken **tokens, vq_err *e)
{
    if (len > VQ_J_SOURCE)
        return vq_fail(e, VQ_E_INPUT, "%zu bytes are too many (at most %d)", len, VQ_J_SOURCE);
    char *s = VQ_ALLOC(a, char, len + 1, "chat template", e);
    lexer x = {.s = s, .line = 1, .a = a, .e = e};
    x.tokens = s ? VQ_ALLOC(a, vq_jtoken, len + 2, "chat template", e) : NULL;
    if (!x.tokens) return VQ_E_LIMIT;
    x.n = join_lines(s, text, len);
    *tokens = x.tokens;
    return lex_all(&x);
}
