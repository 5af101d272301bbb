/* normalize.c -- which normalizers there are; a text goes through them one after the other. */
#include "text/steps/normalize.h"

#include <string.h>
#include <utf8proc.h>

#include "text/steps/code_points.h"
#include "json/json_fields.h"

typedef struct vq_normal_kind normal_kind;

struct vq_normal_kind {
    const char *type;
    vq_status (*parse)(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a,
                       vq_err *e); /* NULL: no options */
    vq_status (*run)(const vq_normal_step *k, const vq_normal_work *w, vq_piece in, vq_sink *out,
                     vq_err *e);
    vq_status (*each)(int32_t c, vq_sink *out, vq_err *e); /* for run_chars */
    vq_form form;                                          /* for run_form */
};

static vq_status run_chars(const vq_normal_step *k, const vq_normal_work *w, vq_piece in,
                           vq_sink *out, vq_err *e)
{
    for (size_t at = 0; at < in.n;) {
        utf8proc_int32_t c;
        const bool head = at < in.head;
        VQ_TRY(vq_effort_spend(w->effort, 16, e));
        at += (size_t)utf8proc_iterate(in.text + at, (utf8proc_ssize_t)(in.n - at), &c);
        VQ_TRY(k->kind->each(c, out, e));
        if (head) out->head = out->n;
    }
    return VQ_OK;
}

static vq_status run_form(const vq_normal_step *k, const vq_normal_work *w, vq_piece in,
                          vq_sink *out, vq_err *e)
{
    VQ_TRY(vq_normal_form(k->kind->form, &in, w->scratch, e));
    out->head = in.head;
    return vq_sink_put(out, in.text, in.n, e);
}

static vq_status parse_text(const json_t *o, const char *name, vq_normal_step *k, vq_arena *a,
                            vq_err *e)
{
    const char *text;
    VQ_TRY(vq_json_text(o, name, &text, e));
    k->content_len = strlen(text);
    k->content = vq_arena_text(a, e, "%s", text);
    return k->content ? VQ_OK : VQ_E_LIMIT;
}

static vq_status parse_prepend(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a,
                               vq_err *e)
{
    (void)n;
    return parse_text(o, "prepend", k, a, e);
}

static vq_status run_prepend(const vq_normal_step *k, const vq_normal_work *w, vq_piece in,
                             vq_sink *out, vq_err *e)
{
    (void)w;
    VQ_TRY(vq_sink_put(out, k->content, k->content_len, e));
    out->head = in.head ? out->n + in.head : 0;
    return vq_sink_put(out, in.text, in.n, e);
}

static vq_status parse_replace(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a,
                               vq_err *e)
{
    (void)n;
    VQ_TRY(vq_pattern_parse(&k->pattern, o, a, e));
    return parse_text(o, "content", k, a, e);
}

static vq_status replace_all(const vq_normal_step *k, vq_segments *s, size_t head, vq_sink *out,
                             vq_err *e)
{
    for (;;) {
        bool more, match;
        size_t start, end;
        VQ_TRY(vq_effort_spend(s->work->effort, 16, e));
        VQ_TRY(vq_segments_next(s, &more, &start, &end, &match, e));
        if (!more) return VQ_OK;
        VQ_TRY(match ? vq_sink_put(out, k->content, k->content_len, e)
                     : vq_sink_put(out, s->text + start, end - start, e));
        if (head > 0 && end <= head)
            out->head = out->n;
        else if (start < head && !match)
            out->head = out->n - (end - head);
    }
}

static vq_status run_replace(const vq_normal_step *k, const vq_normal_work *w, vq_piece in,
                             vq_sink *out, vq_err *e)
{
    vq_regex_work work;
    vq_status s = vq_pattern_start(&k->pattern, &work, w->effort, e);
    vq_segments segments = vq_segments_of(&k->pattern, &work, in.text, in.n);
    if (s == VQ_OK) s = replace_all(k, &segments, in.head, out, e);
    vq_pattern_stop(&work);
    return s;
}

static vq_status parse_strip(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a, vq_err *e)
{
    (void)n, (void)a;
    VQ_TRY(vq_json_flag(o, "strip_left", false, &k->left, e));
    return vq_json_flag(o, "strip_right", false, &k->right, e);
}

static vq_status run_strip(const vq_normal_step *k, const vq_normal_work *w, vq_piece in,
                           vq_sink *out, vq_err *e)
{
    (void)w;
    size_t start = 0, end = 0; /* end: of the last character that is no space */
    bool inside = !k->left;
    for (size_t at = 0; at < in.n;) {
        utf8proc_int32_t c;
        const size_t here = at;
        at += (size_t)utf8proc_iterate(in.text + at, (utf8proc_ssize_t)(in.n - at), &c);
        if (vq_is_space(c)) continue;
        if (!inside) start = here;
        inside = true;
        end = at;
    }
    if (!k->right && inside) end = in.n;
    if (end <= start) return VQ_OK;
    out->head = in.head > start ? in.head - start : 0;
    return vq_sink_put(out, in.text + start, end - start, e);
}

static vq_status parse_charsmap(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a,
                                vq_err *e)
{
    const char *base64;
    (void)n;
    VQ_TRY(vq_json_text(o, "precompiled_charsmap", &base64, e));
    return vq_charsmap_parse(&k->map, base64, a, e);
}

/* Replace one unit of text; *done: the map has it. */
static vq_status map_unit(const vq_charsmap *m, const uint8_t *text, size_t n, vq_sink *out,
                          bool *done, vq_err *e)
{
    const uint8_t *to;
    size_t len;
    VQ_TRY(vq_charsmap_find(m, text, n, done, &to, &len, e));
    return *done ? vq_sink_put(out, to, len, e) : VQ_OK;
}

static vq_status map_cluster(const vq_charsmap *m, const uint8_t *text, size_t n, bool head,
                             vq_sink *out, vq_err *e)
{
    bool done = false;
    const size_t before = out->n, one = vq_char_end(text, n, 0);
    if (n < 6) VQ_TRY(map_unit(m, text, n, out, &done, e));
    if (head && done) /* the first character of several becomes the first, one alone becomes all */
        out->head = one < n && out->n > before ? vq_char_end(out->data, out->n, before) : out->n;
    for (size_t at = 0, end; !done && at < n; at = end) {
        bool mapped;
        end = vq_char_end(text, n, at);
        VQ_TRY(map_unit(m, text + at, end - at, out, &mapped, e));
        if (!mapped) VQ_TRY(vq_sink_put(out, text + at, end - at, e));
        if (head && out->head == 0) out->head = out->n;
    }
    return VQ_OK;
}

static size_t cluster_end(vq_piece in, size_t at)
{
    utf8proc_int32_t before, after, state = 0;
    at += (size_t)utf8proc_iterate(in.text + at, (utf8proc_ssize_t)(in.n - at), &before);
    while (at < in.n) {
        const utf8proc_ssize_t step =
            utf8proc_iterate(in.text + at, (utf8proc_ssize_t)(in.n - at), &after);
        if (utf8proc_grapheme_break_stateful(before, after, &state)) break;
        before = after;
        at += (size_t)step;
    }
    return at;
}

/* As in the library: clusters of less than 6 bytes as a whole, others by character; the shortest
 * key of the map that they begin with replaces all of it. What vanishes at the very start leaves
 * its place to what follows. */
static vq_status run_charsmap(const vq_normal_step *k, const vq_normal_work *w, vq_piece in,
                              vq_sink *out, vq_err *e)
{
    for (size_t at = 0, end; at < in.n; at = end) {
        end = cluster_end(in, at);
        VQ_TRY(vq_effort_spend(w->effort, 16 * (end - at), e));
        VQ_TRY(map_cluster(&k->map, in.text + at, end - at, in.head > 0 && out->n == 0, out, e));
    }
    return VQ_OK;
}

static vq_status parse_bert(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a, vq_err *e);

static const normal_kind kinds[] = {
    {"NFC", NULL, run_form, NULL, VQ_NFC},
    {"NFD", NULL, run_form, NULL, VQ_NFD},
    {"NFKC", NULL, run_form, NULL, VQ_NFKC},
    {"NFKD", NULL, run_form, NULL, VQ_NFKD},
    {"Prepend", parse_prepend, run_prepend, NULL, VQ_NFD},
    {"Replace", parse_replace, run_replace, NULL, VQ_NFD},
    {"Strip", parse_strip, run_strip, NULL, VQ_NFD},
    {"StripAccents", NULL, run_chars, vq_char_no_mark, VQ_NFD},
    {"Lowercase", NULL, run_chars, vq_char_lower, VQ_NFD},
    {"Nmt", NULL, run_chars, vq_char_nmt, VQ_NFD},
    {"ByteLevel", NULL, run_chars, vq_char_bytes, VQ_NFD},
    {"Precompiled", parse_charsmap, run_charsmap, NULL, VQ_NFD},
    {"BertNormalizer", parse_bert, NULL, NULL, VQ_NFD}, /* takes the place of several */
};
static const normal_kind clean = {"clean_text", NULL, run_chars, vq_char_clean, VQ_NFD};
static const normal_kind chinese = {"handle_chinese_chars", NULL, run_chars, vq_char_chinese,
                                    VQ_NFD};
static const normal_kind nfd = {"NFD", NULL, run_form, NULL, VQ_NFD};
static const normal_kind accents = {"strip_accents", NULL, run_chars, vq_char_no_accent, VQ_NFD};
static const normal_kind lower = {"lowercase", NULL, run_chars, vq_char_lower, VQ_NFD};

static vq_status add(vq_normalizer *n, const normal_kind *kind, vq_err *e)
{
    if (n->count == VQ_MAX_STEPS)
        return vq_fail(e, VQ_E_INPUT, "more than %d normalizers", VQ_MAX_STEPS);
    n->step[n->count++] = (vq_normal_step){.kind = kind};
    return VQ_OK;
}

static vq_status parse_bert(vq_normalizer *n, vq_normal_step *k, json_t *o, vq_arena *a, vq_err *e)
{
    (void)k, (void)a;
    bool clean_text, chinese_chars, strip, lowercase;
    VQ_TRY(vq_json_flag(o, "clean_text", true, &clean_text, e));
    VQ_TRY(vq_json_flag(o, "handle_chinese_chars", true, &chinese_chars, e));
    VQ_TRY(vq_json_flag(o, "lowercase", true, &lowercase, e));
    VQ_TRY(vq_json_flag(o, "strip_accents", lowercase, &strip, e));
    n->count--; /* the row itself does nothing */
    if (clean_text) VQ_TRY(add(n, &clean, e));
    if (chinese_chars) VQ_TRY(add(n, &chinese, e));
    if (strip) VQ_TRY(add(n, &nfd, e));
    if (strip) VQ_TRY(add(n, &accents, e));
    return lowercase ? add(n, &lower, e) : VQ_OK;
}

typedef struct normal_parser {
    vq_normalizer *n;
    vq_arena *a;
} normal_parser;

static vq_status visit(void *ctx, json_t *o, const char *type, vq_err *e)
{
    const normal_parser *p = ctx;
    const void *row;
    VQ_TRY(vq_kind_find(type, kinds, sizeof kinds / sizeof *kinds, sizeof *kinds, &row, e));
    VQ_TRY(add(p->n, row, e));
    vq_normal_step *k = &p->n->step[p->n->count - 1];
    return k->kind->parse ? k->kind->parse(p->n, k, o, p->a, e) : VQ_OK;
}

vq_status vq_normalizer_parse(vq_normalizer *n, json_t *o, vq_arena *a, vq_err *e)
{
    normal_parser p = {.n = n, .a = a};
    return vq_kind_each(o, "normalizers", visit, &p, e);
}

void vq_normalizer_done(vq_normalizer *n)
{
    for (int i = 0; i < n->count; i++) vq_pattern_done(&n->step[i].pattern);
}

vq_status vq_normalize(const vq_normalizer *n, const vq_normal_work *w, vq_piece *p, vq_err *e)
{
    for (int i = 0; i < n->count && p->n > 0; i++) {
        vq_sink out = {.arena = w->scratch, .limit = *w->left};
        VQ_TRY(vq_effort_spend(w->effort, 16 * p->n, e));
        VQ_TRY(n->step[i].kind->run(&n->step[i], w, *p, &out, e));
        *w->left -= out.n;
        *p = (vq_piece){.text = out.n ? out.data : p->text, .n = out.n, .head = out.head};
    }
    return VQ_OK;
}
