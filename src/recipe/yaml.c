/* yaml.c -- libyaml's events to a tree with lines and columns; everything outside the subset is
 * refused where it stands. */
#include "recipe/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

typedef struct builder {
    const char *file;
    vq_arena *a;
    vq_err *e;
    vq_yaml *open[VQ_YAML_DEPTH]; /* lists and maps not yet closed, outermost first */
    int depth;
    vq_yaml *root;
    const char *key; /* of the map on top, when its value comes next */
    yaml_mark_t key_mark;
} builder;

static vq_status fail_at(vq_err *e, const char *file, int line, int column, const char *fmt,
                         va_list args)
{
    char cause[sizeof((vq_err *)0)->text];
    vsnprintf(cause, sizeof cause, fmt, args);
    if (line == 0) return vq_fail(e, VQ_E_RECIPE, "%s: %s", file, cause);
    return vq_fail(e, VQ_E_RECIPE, "%s:%d:%d: %s", file, line, column, cause);
}

vq_status vq_yaml_fail(vq_err *e, const vq_yaml *n, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const vq_status s = fail_at(e, n->file, n->line, n->column, fmt, args);
    va_end(args);
    return s;
}

vq_status vq_yaml_fail_key(vq_err *e, const vq_yaml *n, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const vq_status s = fail_at(e, n->file, n->key_line, n->key_column, fmt, args);
    va_end(args);
    return s;
}

/* The mark counts from 0. The cause is one of our own sentences. */
static vq_status refuse(const builder *b, yaml_mark_t m, const char *fmt, ...) VQ_PRINTF(3, 4);
static vq_status refuse(const builder *b, yaml_mark_t m, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const vq_status s = fail_at(b->e, b->file, (int)m.line + 1, (int)m.column + 1, fmt, args);
    va_end(args);
    return s;
}

vq_yaml *vq_yaml_child(const vq_yaml *n, const char *key)
{
    if (n->kind != VQ_YAML_MAP) return NULL;
    for (vq_yaml *c = n->first; c; c = c->next)
        if (strcmp(c->key, key) == 0) return c;
    return NULL;
}

void vq_yaml_append(vq_yaml *parent, vq_yaml *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

static vq_status attach(builder *b, vq_yaml *n, yaml_mark_t m)
{
    if (b->depth == 0) {
        b->root = n;
        return VQ_OK;
    }
    vq_yaml *parent = b->open[b->depth - 1];
    if (parent->kind == VQ_YAML_LIST && parent->count == VQ_YAML_ITEMS)
        return refuse(b, m, "a list of more than %d items", VQ_YAML_ITEMS);
    if (parent->kind == VQ_YAML_MAP) {
        n->key = b->key;
        n->key_line = (int)b->key_mark.line + 1;
        n->key_column = (int)b->key_mark.column + 1;
        b->key = NULL;
    }
    vq_yaml_append(parent, n);
    return VQ_OK;
}

static vq_status add_node(builder *b, vq_yaml_kind kind, const char *text, yaml_mark_t m)
{
    vq_yaml *n = VQ_NEW(b->a, vq_yaml, 1, "recipe", b->e);
    if (!n) return VQ_E_LIMIT;
    *n = (vq_yaml){.kind = kind,
                   .file = b->file,
                   .line = (int)m.line + 1,
                   .column = (int)m.column + 1,
                   .text = text};
    VQ_TRY(attach(b, n, m));
    if (kind == VQ_YAML_SCALAR) return VQ_OK;
    if (b->depth == VQ_YAML_DEPTH) return refuse(b, m, "nested more than %d deep", VQ_YAML_DEPTH);
    b->open[b->depth++] = n;
    return VQ_OK;
}

static vq_status add_key(builder *b, const char *text, yaml_mark_t m)
{
    const vq_yaml *map = b->open[b->depth - 1];
    if (map->count == VQ_YAML_KEYS) return refuse(b, m, "a map of more than %d keys", VQ_YAML_KEYS);
    if (vq_yaml_child(map, text)) return refuse(b, m, "key \"%s\" is given twice", text);
    b->key = text;
    b->key_mark = m;
    return VQ_OK;
}

static bool wants_key(const builder *b)
{
    return b->depth > 0 && b->open[b->depth - 1]->kind == VQ_YAML_MAP && !b->key;
}

static vq_status on_scalar(builder *b, const yaml_event_t *ev)
{
    const char *value = (const char *)ev->data.scalar.value;
    if (ev->data.scalar.anchor)
        return refuse(b, ev->start_mark, "anchors are not part of the grammar");
    if (ev->data.scalar.tag) return refuse(b, ev->start_mark, "tags are not part of the grammar");
    if (strlen(value) != ev->data.scalar.length)
        return refuse(b, ev->start_mark, "a NUL character");
    char *text = VQ_ALLOC(b->a, char, ev->data.scalar.length + 1, "recipe", b->e);
    if (!text) return VQ_E_LIMIT;
    memcpy(text, value, ev->data.scalar.length + 1);
    return wants_key(b) ? add_key(b, text, ev->start_mark)
                        : add_node(b, VQ_YAML_SCALAR, text, ev->start_mark);
}

static vq_status on_open(builder *b, vq_yaml_kind kind, const yaml_char_t *anchor,
                         const yaml_char_t *tag, yaml_mark_t m)
{
    if (anchor) return refuse(b, m, "anchors are not part of the grammar");
    if (tag) return refuse(b, m, "tags are not part of the grammar");
    if (wants_key(b)) return refuse(b, m, "a key must be plain text");
    return add_node(b, kind, "", m);
}

static vq_status on_event(builder *b, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->root) return refuse(b, ev->start_mark, "a second document");
        if (ev->data.document_start.tag_directives.start !=
            ev->data.document_start.tag_directives.end)
            return refuse(b, ev->start_mark, "tags are not part of the grammar");
        return VQ_OK;
    case YAML_ALIAS_EVENT:
        return refuse(b, ev->start_mark, "aliases are not part of the grammar");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, ev);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, VQ_YAML_LIST, ev->data.sequence_start.anchor, ev->data.sequence_start.tag,
                       ev->start_mark);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, VQ_YAML_MAP, ev->data.mapping_start.anchor, ev->data.mapping_start.tag,
                       ev->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return VQ_OK;
    default:
        return VQ_OK;
    }
}

static vq_status syntax_error(const builder *b, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return vq_fail(b->e, VQ_E_LIMIT, "%s: no memory to parse it", b->file);
    const char *what = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        return vq_fail(b->e, VQ_E_RECIPE, "%s: byte %zu: %s", b->file, p->problem_offset, what);
    return refuse(b, p->problem_mark, "%s", what);
}

static vq_status build(builder *b, yaml_parser_t *p)
{
    for (bool more = true; more;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(p, &ev)) return syntax_error(b, p);
        const vq_status s = on_event(b, &ev);
        more = ev.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&ev);
        if (s != VQ_OK) return s;
    }
    return VQ_OK;
}

vq_status vq_yaml_parse(const char *file, const char *text, size_t n, vq_arena *a, vq_yaml **root,
                        vq_err *e)
{
    builder b = {.file = file, .a = a, .e = e};
    yaml_parser_t p;
    if (n > VQ_YAML_BYTES)
        return vq_fail(e, VQ_E_RECIPE, "%s: %zu bytes; a recipe has at most %d", file, n,
                       VQ_YAML_BYTES);
    if (!yaml_parser_initialize(&p))
        return vq_fail(e, VQ_E_LIMIT, "%s: no memory to parse it", file);
    yaml_parser_set_input_string(&p, (const unsigned char *)text, n);
    const vq_status s = build(&b, &p);
    yaml_parser_delete(&p);
    if (s != VQ_OK) return s;
    if (!b.root) return vq_fail(e, VQ_E_RECIPE, "%s: empty", file);
    if (b.root->kind != VQ_YAML_MAP)
        return vq_yaml_fail(e, b.root, "the top must be a map of keys");
    *root = b.root;
    return VQ_OK;
}
