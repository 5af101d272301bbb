/* kind.c -- find the row of a named part, walk Sequences. */
#include "text/steps/kind.h"

#include <stdio.h>
#include <string.h>

#include "json/json_fields.h"

#define MAX_DEPTH 8

static const char *name_of(const void *rows, size_t i, size_t stride)
{
    const char *name;
    memcpy(&name, (const char *)rows + i * stride, sizeof name);
    return name;
}

static vq_status unknown(const char *type, const void *rows, size_t count, size_t stride, vq_err *e)
{
    char known[512] = "";
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(known);
        snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", name_of(rows, i, stride));
    }
    return vq_fail(e, VQ_E_INPUT, "type %.40s is not supported; known are %s", type, known);
}

vq_status vq_kind_find(const char *type, const void *rows, size_t count, size_t stride,
                       const void **row, vq_err *e)
{
    for (size_t i = 0; i < count; i++) {
        *row = (const char *)rows + i * stride;
        if (strcmp(type, name_of(rows, i, stride)) == 0) return VQ_OK;
    }
    return unknown(type, rows, count, stride, e);
}

typedef struct part_walk {
    const char *list;
    vq_kind_visit visit;
    void *ctx;
} part_walk;

static vq_status each(const part_walk *w, json_t *part, int depth, vq_err *e)
{
    const char *type;
    VQ_TRY(vq_json_text(part, "type", &type, e));
    if (strcmp(type, "Sequence") != 0) {
        const vq_status s = w->visit(w->ctx, part, type, e);
        return s == VQ_OK ? s : vq_at(e, "%.40s", type);
    }
    json_t *members = json_object_get(part, w->list);
    if (!json_is_array(members))
        return vq_fail(e, VQ_E_INPUT, "Sequence has no array \"%s\"", w->list);
    if (depth == MAX_DEPTH)
        return vq_fail(e, VQ_E_INPUT, "Sequences in Sequences, more than %d deep", MAX_DEPTH);
    for (size_t i = 0; i < json_array_size(members); i++)
        VQ_TRY(each(w, json_array_get(members, i), depth + 1, e));
    return VQ_OK;
}

vq_status vq_kind_each(json_t *part, const char *list, vq_kind_visit visit, void *ctx, vq_err *e)
{
    if (!part || json_is_null(part)) return VQ_OK;
    const part_walk w = {.list = list, .visit = visit, .ctx = ctx};
    return each(&w, part, 0, e);
}
