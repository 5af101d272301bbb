/* pattern.c -- literal patterns are searched by memory, others by PCRE2. */
#include "text/steps/pattern.h"

#include <string.h>

#include "base/memory.h"
#include "text/steps/piece.h"

vq_pattern vq_pattern_text(const char *literal, size_t len)
{
    return (vq_pattern){.literal = literal, .len = len};
}

vq_status vq_pattern_regex(vq_pattern *p, const char *regex, vq_err *e)
{
    *p = (vq_pattern){.literal = NULL};
    return vq_regex_compile(regex, &p->re, e);
}

vq_status vq_pattern_parse(vq_pattern *p, const json_t *o, vq_arena *a, vq_err *e)
{
    *p = (vq_pattern){.literal = NULL};
    const json_t *pattern = json_object_get(o, "pattern"),
                 *literal = json_object_get(pattern, "String");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    if (!regex == !json_is_string(literal))
        return vq_fail(e, VQ_E_INPUT,
                       "\"pattern\" is neither {\"Regex\": text} nor {\"String\": text}");
    if (regex) return vq_regex_compile(regex, &p->re, e);
    if (json_string_length(literal) == 0) return vq_fail(e, VQ_E_INPUT, "\"pattern\" is empty");
    p->literal = vq_arena_text(a, e, "%s", json_string_value(literal));
    p->len = json_string_length(literal);
    return p->literal ? VQ_OK : VQ_E_LIMIT;
}

void vq_pattern_done(vq_pattern *p)
{
    pcre2_code_free(p->re);
    p->re = NULL;
}

vq_status vq_pattern_start(const vq_pattern *p, vq_regex_work *w, vq_effort *effort, vq_err *e)
{
    *w = (vq_regex_work){.effort = effort};
    if (!p->re) return VQ_OK;
    w->data = pcre2_match_data_create_from_pattern(p->re, NULL);
    w->context = pcre2_match_context_create(NULL);
    if (!w->data || !w->context) return vq_fail(e, VQ_E_LIMIT, "regular expression: " VQ_NO_MEMORY);
    pcre2_set_heap_limit(w->context, 256 << 10); /* KiB */
    return VQ_OK;
}

void vq_pattern_stop(vq_regex_work *w)
{
    pcre2_match_data_free(w->data);
    pcre2_match_context_free(w->context);
    *w = (vq_regex_work){.data = NULL};
}

vq_segments vq_segments_of(const vq_pattern *p, vq_regex_work *work, const uint8_t *text, size_t n)
{
    return (vq_segments){.p = p, .work = work, .text = text, .n = n};
}

static vq_status find(vq_segments *s, bool *found, vq_err *e)
{
    const vq_pattern *p = s->p;
    if (!p->literal)
        return vq_regex_find(p->re, s->work, s->text, s->n, s->from, found, &s->start, &s->end, e);
    const uint8_t *at = p->len == 1 ? memchr(s->text + s->from, *p->literal, s->n - s->from)
                                    : memmem(s->text + s->from, s->n - s->from, p->literal, p->len);
    *found = at != NULL;
    if (at) s->start = (size_t)(at - s->text), s->end = s->start + p->len;
    return VQ_OK;
}

/* The next match that counts into start, end, held; over when there is none. */
static vq_status search(vq_segments *s, vq_err *e)
{
    while (s->from <= s->n) {
        VQ_TRY(find(s, &s->held, e));
        if (!s->held) break;
        if (s->start < s->done || s->end < s->start)
            return vq_fail(e, VQ_E_INPUT, "regular expression matches backwards at byte %zu",
                           s->start);
        const bool again = s->start == s->end && s->last == s->end + 1;
        s->from = again ? vq_char_end(s->text, s->n, s->from) : s->end;
        if (again) continue;
        s->last = s->end + 1;
        return VQ_OK;
    }
    s->held = false;
    s->over = true;
    return VQ_OK;
}

vq_status vq_segments_next(vq_segments *s, bool *more, size_t *start, size_t *end, bool *match,
                           vq_err *e)
{
    if (!s->held && !s->over) VQ_TRY(search(s, e));
    const size_t gap_end = s->held ? s->start : s->n;
    *match = s->held && s->done == s->start;
    *more = s->held || s->done < s->n;
    *start = s->done;
    *end = *match ? s->end : gap_end;
    s->done = *end;
    if (*match) s->held = false;
    return VQ_OK;
}
