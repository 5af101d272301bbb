/* fields.c -- generic readers of typed fields. */
#include "recipe/fields.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

vq_status vq_unknown(vq_reader *rd, const vq_yaml *n, const char *what, const char *const *known,
                     int nknown)
{
    const char *near = vq_nearest(n->text, known, nknown);
    if (near)
        return vq_yaml_fail(rd->e, n, "unknown %s \"%s\"; did you mean \"%s\"?", what, n->text,
                            near);
    return vq_yaml_fail(rd->e, n, "unknown %s \"%s\"", what, n->text);
}

static vq_status unknown_key(vq_reader *rd, const vq_yaml *n, const char *what,
                             const vq_field *fields)
{
    const char *known[32];
    int count = 0;
    for (; count < 32 && fields[count].key; count++) known[count] = fields[count].key;
    const char *near = vq_nearest(n->key, known, count);
    if (near)
        return vq_yaml_fail_key(rd->e, n, "unknown key \"%s\"; did you mean \"%s\"?", n->key, near);
    return vq_yaml_fail_key(rd->e, n, "unknown key \"%s\" in %s", n->key, what);
}

static vq_status check_keys(vq_reader *rd, const vq_yaml *n, const char *what,
                            const vq_field *fields)
{
    for (const vq_yaml *c = n->first; c; c = c->next) {
        const vq_field *f = fields;
        while (f->key && strcmp(f->key, c->key) != 0) f++;
        if (!f->key) return unknown_key(rd, c, what, fields);
        if (!f->read)
            return vq_yaml_fail_key(rd->e, c, "\"%s\" is not supported by this version", c->key);
    }
    return VQ_OK;
}

vq_status vq_read_map(vq_reader *rd, const vq_yaml *n, const char *what, const vq_field *fields,
                      void *object)
{
    if (n->kind != VQ_YAML_MAP) return vq_yaml_fail(rd->e, n, "%s must be a map of keys", what);
    VQ_TRY(check_keys(rd, n, what, fields));
    for (const vq_field *f = fields; f->key; f++) {
        const vq_yaml *c = vq_yaml_child(n, f->key);
        if (c)
            VQ_TRY(f->read(rd, c, f, (char *)object + f->offset));
        else if (f->required)
            return vq_yaml_fail(rd->e, n, "%s needs the key \"%s\"", what, f->key);
    }
    return VQ_OK;
}

vq_status vq_read_scalar(vq_reader *rd, const vq_yaml *n, const char **text)
{
    *text = n->text;
    if (n->kind != VQ_YAML_SCALAR)
        return vq_yaml_fail(rd->e, n, "%s must be a single value", n->key ? n->key : "an item");
    if (!n->text[0]) return vq_yaml_fail(rd->e, n, "%s is empty", n->key ? n->key : "an item");
    return VQ_OK;
}

vq_status vq_read_text(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    (void)f;
    return vq_read_scalar(rd, n, (const char **)at);
}

static int choice_index(const char *const *choices, const char *text)
{
    for (int i = 0; choices && choices[i]; i++)
        if (strcmp(choices[i], text) == 0) return i;
    return -1;
}

static vq_status unknown_choice(vq_reader *rd, const vq_yaml *n, const vq_field *f)
{
    char list[256] = "";
    size_t at = 0;
    int count = 0;
    for (; f->choices[count]; count++)
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", count ? ", " : "",
                                   f->choices[count]);
    if (vq_nearest(n->text, f->choices, count) || at >= sizeof list)
        return vq_unknown(rd, n, f->key, f->choices, count);
    return vq_yaml_fail(rd->e, n, "unknown %s \"%s\": one of %s", f->key, n->text, list);
}

vq_status vq_read_choice(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *text;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    const int i = choice_index(f->choices, text);
    if (i >= 0) {
        memcpy(at, &i, sizeof i);
        return VQ_OK;
    }
    if (choice_index(f->later, text) >= 0)
        return vq_yaml_fail(rd->e, n, "%s: %s is not supported by this version", f->key, text);
    return unknown_choice(rd, n, f);
}

vq_status vq_read_int(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *text;
    char *end;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    errno = 0;
    const long long x = strtoll(text, &end, 10);
    if (*end || end == text)
        return vq_yaml_fail(rd->e, n, "%s: \"%s\" is not a whole number", f->key, text);
    if (errno || (double)x < f->min || (double)x > f->max)
        return vq_yaml_fail(rd->e, n, "%s: %s is not within %.0f ... %.0f", f->key, text, f->min,
                            f->max);
    *(int64_t *)at = x;
    return VQ_OK;
}

vq_status vq_read_real(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *text;
    char *end;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    const double x = strtod(text, &end);
    if (*end || end == text || isnan(x))
        return vq_yaml_fail(rd->e, n, "%s: \"%s\" is not a number", f->key, text);
    if (x < f->min || x > f->max)
        return vq_yaml_fail(rd->e, n, "%s: %s is not within %g ... %g", f->key, text, f->min,
                            f->max);
    *(double *)at = x;
    return VQ_OK;
}

vq_status vq_read_bool(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    const char *text;
    VQ_TRY(vq_read_scalar(rd, n, &text));
    *(bool *)at = strcmp(text, "true") == 0;
    if (!*(bool *)at && strcmp(text, "false") != 0)
        return vq_yaml_fail(rd->e, n, "%s: \"%s\" is neither true nor false", f->key, text);
    return VQ_OK;
}
