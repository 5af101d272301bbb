/* decode.c -- which decoders there are; the list of tokens goes through them one after the other.
 */
#include "text/steps/decode.h"

#include <string.h>
#include <utf8proc.h>

#include "text/steps/byte_alphabet.h"
#include "text/steps/piece.h"
#include "json/json_fields.h"

typedef struct vq_decode_kind decode_kind;

struct vq_decode_kind {
    const char *type;
    vq_status (*parse)(vq_decode_step *k, json_t *o, vq_arena *a, vq_err *e); /* NULL: no options */
    vq_status (*run)(const vq_decode_step *k, vq_decode_work *w,
                     vq_err *e); /* NULL: token by token */
    vq_status (*each)(const vq_decode_step *k, vq_decode_work *w, size_t i,
                      vq_err *e); /* i: which token */
};

static vq_sink new_sink(const vq_decode_work *w)
{
    return (vq_sink){.arena = w->arena, .limit = w->limit};
}

static vq_token token_of(vq_decode_work *w, const vq_sink *s)
{
    w->limit -= s->n;
    return (vq_token){.text = s->n ? (const char *)s->data : "", .len = s->n};
}

static vq_status parse_text(vq_decode_step *k, const json_t *o, const char *name, vq_arena *a,
                            vq_err *e)
{
    const char *text;
    VQ_TRY(vq_json_text(o, name, &text, e));
    k->content_len = strlen(text);
    k->content = vq_arena_text(a, e, "%s", text);
    return k->content ? VQ_OK : VQ_E_LIMIT;
}

static vq_status parse_char(vq_decode_step *k, const json_t *o, const char *name, vq_arena *a,
                            vq_err *e)
{
    VQ_TRY(parse_text(k, o, name, a, e));
    if (k->content_len &&
        vq_char_end((const uint8_t *)k->content, k->content_len, 0) == k->content_len)
        return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "\"%s\" is not one character", name);
}

static vq_status parse_replace(vq_decode_step *k, json_t *o, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_pattern_parse(&k->pattern, o, a, e));
    return parse_text(k, o, "content", a, e);
}

static vq_status replace_in(const vq_decode_step *k, vq_segments *s, vq_sink *out, vq_err *e)
{
    for (;;) {
        bool more, match;
        size_t start, end;
        VQ_TRY(vq_segments_next(s, &more, &start, &end, &match, e));
        if (!more) return VQ_OK;
        VQ_TRY(match ? vq_sink_put(out, k->content, k->content_len, e)
                     : vq_sink_put(out, s->text + start, end - start, e));
    }
}

static vq_status replace_each(const vq_decode_step *k, vq_decode_work *w, vq_regex_work *work,
                              vq_err *e)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->list[i].len == 0) continue;
        vq_sink out = new_sink(w);
        vq_segments s =
            vq_segments_of(&k->pattern, work, (const uint8_t *)w->list[i].text, w->list[i].len);
        VQ_TRY(replace_in(k, &s, &out, e));
        w->list[i] = token_of(w, &out);
    }
    return VQ_OK;
}

static vq_status run_replace(const vq_decode_step *k, vq_decode_work *w, vq_err *e)
{
    vq_regex_work work;
    vq_status s = vq_pattern_start(&k->pattern, &work, &w->effort, e);
    if (s == VQ_OK) s = replace_each(k, w, &work, e);
    vq_pattern_stop(&work);
    return s;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of a token <0xHH>, -1 when it is none. */
static int byte_of(const vq_token *t)
{
    if (t->len != 6 || memcmp(t->text, "<0x", 3) != 0 || t->text[5] != '>') return -1;
    const int high = hex(t->text[3]), low = hex(t->text[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* A run of byte tokens becomes one token when it is UTF-8, else a U+FFFD for each. */
static void join_bytes(vq_decode_work *w, size_t *to, uint8_t *bytes, size_t n)
{
    bool utf8 = true;
    for (size_t at = 0; utf8 && at < n;) {
        utf8proc_int32_t c;
        const utf8proc_ssize_t step = utf8proc_iterate(bytes + at, (utf8proc_ssize_t)(n - at), &c);
        utf8 = step > 0;
        at += utf8 ? (size_t)step : 0;
    }
    if (utf8 && n) w->list[(*to)++] = (vq_token){.text = (const char *)bytes, .len = n};
    for (size_t i = 0; !utf8 && i < n; i++)
        w->list[(*to)++] = (vq_token){.text = "\xEF\xBF\xBD", .len = 3};
}

static vq_status run_byte_fallback(const vq_decode_step *k, vq_decode_work *w, vq_err *e)
{
    (void)k;
    uint8_t *bytes = VQ_ALLOC(w->arena, uint8_t, w->n, "bytes of tokens", e);
    if (!bytes) return VQ_E_LIMIT;
    size_t to = 0, run = 0;
    for (size_t i = 0; i < w->n; i++) {
        const vq_token t = w->list[i];
        const int byte = byte_of(&t);
        if (byte >= 0) {
            bytes[run++] = (uint8_t)byte;
            continue;
        }
        join_bytes(w, &to, bytes, run);
        bytes += run;
        run = 0;
        w->list[to++] = t;
    }
    join_bytes(w, &to, bytes, run);
    w->n = to;
    return VQ_OK;
}

static vq_status join(const vq_decode_work *w, const char *between, vq_sink *out, vq_err *e)
{
    for (size_t i = 0; i < w->n; i++) {
        if (i) VQ_TRY(vq_sink_put(out, between, strlen(between), e));
        VQ_TRY(vq_sink_put(out, w->list[i].text, w->list[i].len, e));
    }
    return VQ_OK;
}

/* All tokens become one. */
static void become(vq_decode_work *w, const vq_sink *s)
{
    if (w->n) w->list[0] = token_of(w, s);
    w->n = w->n > 0;
}

static vq_status run_fuse(const vq_decode_step *k, vq_decode_work *w, vq_err *e)
{
    (void)k;
    vq_sink out = new_sink(w);
    VQ_TRY(join(w, "", &out, e));
    become(w, &out);
    return VQ_OK;
}

static vq_status parse_count(const json_t *o, const char *name, size_t *n, vq_err *e)
{
    const json_t *v = json_object_get(o, name);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return vq_fail(e, VQ_E_INPUT, "\"%s\" is not a count", name);
    *n = (size_t)json_integer_value(v);
    return VQ_OK;
}

static vq_status parse_strip(vq_decode_step *k, json_t *o, vq_arena *a, vq_err *e)
{
    VQ_TRY(parse_char(k, o, "content", a, e));
    VQ_TRY(parse_count(o, "start", &k->start, e));
    return parse_count(o, "stop", &k->stop, e);
}

static vq_status strip(const vq_decode_step *k, vq_decode_work *w, size_t i, vq_err *e)
{
    (void)e;
    vq_token *t = &w->list[i];
    const size_t n = k->content_len;
    for (size_t cut = 0; cut < k->start && t->len >= n && memcmp(t->text, k->content, n) == 0;
         cut++) {
        t->text += n;
        t->len -= n;
    }
    for (size_t cut = 0;
         cut < k->stop && t->len >= n && memcmp(t->text + t->len - n, k->content, n) == 0; cut++)
        t->len -= n;
    return VQ_OK;
}

static vq_status parse_metaspace(vq_decode_step *k, json_t *o, vq_arena *a, vq_err *e)
{
    const char *scheme = "always";
    bool prefix;
    VQ_TRY(parse_char(k, o, "replacement", a, e));
    if (json_object_get(o, "prepend_scheme")) VQ_TRY(vq_json_text(o, "prepend_scheme", &scheme, e));
    VQ_TRY(vq_json_flag(o, "add_prefix_space", true, &prefix, e));
    k->first_bare = strcmp(scheme, "never") != 0;
    k->pattern = vq_pattern_text(k->content, k->content_len);
    return prefix || !k->first_bare
               ? VQ_OK
               : vq_fail(e, VQ_E_INPUT,
                         "\"add_prefix_space\" false contradicts prepend_scheme %.20s", scheme);
}

static vq_status metaspace(const vq_decode_step *k, vq_decode_work *w, size_t i, vq_err *e)
{
    const bool bare = i == 0 && k->first_bare;
    const vq_decode_step with = {.content = bare ? "" : " ", .content_len = !bare};
    vq_sink out = new_sink(w);
    vq_segments s =
        vq_segments_of(&k->pattern, NULL, (const uint8_t *)w->list[i].text, w->list[i].len);
    VQ_TRY(replace_in(&with, &s, &out, e));
    w->list[i] = token_of(w, &out);
    return VQ_OK;
}

static vq_status parse_suffix(vq_decode_step *k, json_t *o, vq_arena *a, vq_err *e)
{
    VQ_TRY(parse_text(k, o, "suffix", a, e));
    k->pattern = vq_pattern_text(k->content, k->content_len);
    return k->content_len ? VQ_OK : vq_fail(e, VQ_E_INPUT, "\"suffix\" is empty");
}

static vq_status end_of_word(const vq_decode_step *k, vq_decode_work *w, size_t i, vq_err *e)
{
    const bool last = i + 1 == w->n;
    const vq_decode_step with = {.content = last ? "" : " ", .content_len = !last};
    vq_sink out = new_sink(w);
    vq_segments s =
        vq_segments_of(&k->pattern, NULL, (const uint8_t *)w->list[i].text, w->list[i].len);
    VQ_TRY(replace_in(&with, &s, &out, e));
    w->list[i] = token_of(w, &out);
    return VQ_OK;
}

/* A token with a character that is none of the alphabet stands for its own bytes. */
static vq_status from_letters(const vq_token *t, vq_sink *out, vq_err *e)
{
    const size_t before = out->n;
    for (size_t at = 0; at < t->len;) {
        utf8proc_int32_t c;
        at += (size_t)utf8proc_iterate((const uint8_t *)t->text + at,
                                       (utf8proc_ssize_t)(t->len - at), &c);
        const int byte = vq_letter_byte(c);
        if (byte < 0) {
            out->n = before;
            return vq_sink_put(out, t->text, t->len, e);
        }
        VQ_TRY(vq_sink_put(out, &(uint8_t){(uint8_t)byte}, 1, e));
    }
    return VQ_OK;
}

static vq_status run_byte_level(const vq_decode_step *k, vq_decode_work *w, vq_err *e)
{
    (void)k;
    vq_sink bytes = new_sink(w), out = new_sink(w);
    for (size_t i = 0; i < w->n; i++) VQ_TRY(from_letters(&w->list[i], &bytes, e));
    VQ_TRY(vq_utf8_lossy(bytes.data, bytes.n, &out, e));
    become(w, &out);
    return VQ_OK;
}

static const decode_kind kinds[] = {
    {"BPEDecoder", parse_suffix, NULL, end_of_word},
    {"ByteFallback", NULL, run_byte_fallback, NULL},
    {"ByteLevel", NULL, run_byte_level, NULL},
    {"Fuse", NULL, run_fuse, NULL},
    {"Metaspace", parse_metaspace, NULL, metaspace},
    {"Replace", parse_replace, run_replace, NULL},
    {"Strip", parse_strip, NULL, strip},
};

typedef struct decode_parser {
    vq_decoder *d;
    vq_arena *a;
} decode_parser;

static vq_status visit(void *ctx, json_t *o, const char *type, vq_err *e)
{
    const decode_parser *p = ctx;
    const void *row;
    VQ_TRY(vq_kind_find(type, kinds, sizeof kinds / sizeof *kinds, sizeof *kinds, &row, e));
    if (p->d->count == VQ_MAX_STEPS)
        return vq_fail(e, VQ_E_INPUT, "more than %d decoders", VQ_MAX_STEPS);
    vq_decode_step *k = &p->d->step[p->d->count++];
    k->kind = row;
    return k->kind->parse ? k->kind->parse(k, o, p->a, e) : VQ_OK;
}

vq_status vq_decoder_parse(vq_decoder *d, json_t *o, vq_arena *a, vq_err *e)
{
    decode_parser p = {.d = d, .a = a};
    d->missing = !o || json_is_null(o);
    return vq_kind_each(o, "decoders", visit, &p, e);
}

void vq_decoder_done(vq_decoder *d)
{
    for (int i = 0; i < d->count; i++) vq_pattern_done(&d->step[i].pattern);
}

static vq_status run_step(const vq_decode_step *k, vq_decode_work *w, vq_err *e)
{
    if (k->kind->run) return k->kind->run(k, w, e);
    for (size_t i = 0; i < w->n; i++) VQ_TRY(k->kind->each(k, w, i, e));
    return VQ_OK;
}

vq_status vq_decoder_run(const vq_decoder *d, vq_decode_work *w, char **text, size_t *len,
                         vq_err *e)
{
    for (int i = 0; i < d->count; i++) VQ_TRY(run_step(&d->step[i], w, e));
    vq_sink out = new_sink(w);
    VQ_TRY(join(w, d->missing ? " " : "", &out, e));
    VQ_TRY(vq_sink_put(&out, "", 1, e)); /* never NULL, and a C string for those who print it */
    *text = (char *)out.data;
    *len = out.n - 1;
    return VQ_OK;
}
