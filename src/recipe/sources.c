/* sources.c -- where calibration samples come from, and how many of them from each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "recipe/recipe_read.h"

#define LEAST_SHARE 1e-6 /* and how far from 1 they may be together */

const char *const vq_kind_texts[] = {"text", "jsonl", "tokens", NULL};

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static vq_calib_source source_of(const char *from, vq_data_kind kind)
{
    if (strcmp(from, "self") == 0) return (vq_calib_source){.kind = VQ_KIND_SELF};
    return (vq_calib_source){.path = from, .kind = ends_in(from, ".jsonl") ? VQ_KIND_JSONL : kind};
}

/* "nan:FILE", "50%:FILE", "FILE:0.5": meant as a share, and a file of that name is nowhere. */
static bool is_meant_as_share(const char *text)
{
    const char *colon = strchr(text, ':');
    char before[4096];
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof before) return false;
    memcpy(before, text, (size_t)(colon - text));
    before[colon - text] = '\0';
    return vq_exists(colon + 1) || strcmp(colon + 1, "self") == 0 || vq_exists(before);
}

vq_status vq_share_read(const char *text, const char **path, double *share, vq_err *e)
{
    const size_t n = strspn(text, "0123456789.eE+-");
    *path = text;
    *share = 0;
    if (vq_exists(text)) return VQ_OK;
    const bool number = n > 0 && text[n] == ':';
    if (!number && !is_meant_as_share(text)) return VQ_OK;
    char *end = NULL;
    const double said = number ? strtod(text, &end) : 0;
    if (!number || end != text + n || !(said >= LEAST_SHARE && said <= 1))
        return vq_fail(e, VQ_E_RECIPE, "%s: a share stands before the ':', a number from %g to 1",
                       text, LEAST_SHARE);
    if (!end[1]) return vq_fail(e, VQ_E_RECIPE, "%s: no file behind the share", text);
    *path = end + 1;
    *share = said;
    return VQ_OK;
}

vq_status vq_source_read(vq_calib_source *s, const char *text, vq_err *e)
{
    const char *from;
    double share;
    VQ_TRY(vq_share_read(text, &from, &share, e));
    *s = source_of(from, VQ_KIND_UNSAID);
    s->share = share;
    return VQ_OK;
}

/* Smallest first, so that it is the same in whatever order they stand. */
static double sum_of(const double *x, int n)
{
    double sum = 0;
    for (double last = 0;;) {
        double next = INFINITY;
        int times = 0;
        for (int i = 0; i < n; i++)
            if (x[i] > last && x[i] < next) next = x[i];
        for (int i = 0; i < n; i++) times += x[i] == next;
        if (times == 0) return sum;
        while (times-- > 0) sum += next;
        last = next;
    }
}

vq_status vq_shares_fill(double *shares, int n, const char *whole, const char *each, vq_err *e)
{
    const double said = sum_of(shares, n);
    int open = 0;
    for (int i = 0; i < n; i++) open += shares[i] == 0;
    if (said > 1 + LEAST_SHARE || (open && said > 1 - LEAST_SHARE) ||
        (!open && said < 1 - LEAST_SHARE))
        return vq_fail(e, VQ_E_RECIPE,
                       "the shares of the %s are %.12g together%s%s%s, and must be 1", whole, said,
                       open ? ", which leaves nothing to the " : "", open ? each : "",
                       open ? " without a share" : "");
    for (int i = 0; i < n; i++)
        if (shares[i] == 0) shares[i] = (1 - said) / open;
    return VQ_OK;
}

vq_status vq_sources_share(const vq_calib_sources *s, double *shares, vq_err *e)
{
    int own = 0;
    for (int i = 0; i < s->n; i++) own += s->list[i].kind == VQ_KIND_SELF;
    if (own > 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "the calibration data name `self` %d times: once, with a share", own);
    for (int i = 0; i < s->n; i++) shares[i] = s->list[i].share;
    return vq_shares_fill(shares, s->n, "calibration data", "sources", e);
}

/* {from: FILE | self, kind?, share?} */
typedef struct source_row {
    const char *from;
    int kind; /* -1: as the recipe says */
    double share;
} source_row;

static vq_status read_share(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    VQ_TRY(vq_read_real(rd, n, f, at));
    if (*(double *)at > 0) return VQ_OK;
    return vq_yaml_fail(rd->e, n, "share: a source needs more than 0 of the samples");
}

static const vq_field source_fields[] = {
    {.key = "from", .read = vq_read_text, .required = true},
    {.key = "kind",
     .read = vq_read_choice,
     .offset = offsetof(source_row, kind),
     .choices = vq_kind_texts},
    {.key = "share", .read = read_share, .offset = offsetof(source_row, share), .min = 0, .max = 1},
    {.key = NULL},
};

static vq_status read_source(vq_reader *rd, const vq_yaml *n, vq_data_kind kind, vq_calib_source *s)
{
    source_row row = {.kind = -1};
    if (n->kind == VQ_YAML_MAP)
        VQ_TRY(vq_read_map(rd, n, "a source", source_fields, &row));
    else
        VQ_TRY(vq_read_scalar(rd, n, &row.from));
    *s = source_of(row.from, row.kind < 0 ? kind : (vq_data_kind)row.kind);
    if (row.kind >= 0 && s->path) s->kind = (vq_data_kind)row.kind;
    s->share = row.share;
    return VQ_OK;
}

static vq_status read_list(vq_reader *rd, const vq_yaml *n, vq_calib_recipe *c)
{
    if (n->count == 0 || n->count > VQ_SOURCES_MAX)
        return vq_yaml_fail(rd->e, n, "data: the list holds %d sources; 1 to %d are possible",
                            n->count, VQ_SOURCES_MAX);
    vq_calib_source *list = VQ_NEW(rd->a, vq_calib_source, n->count, "sources", rd->e);
    double shares[VQ_SOURCES_MAX];
    if (!list) return VQ_E_LIMIT;
    c->sources = (vq_calib_sources){.list = list};
    for (const vq_yaml *one = n->first; one; one = one->next)
        VQ_TRY(read_source(rd, one, c->kind, &list[c->sources.n++]));
    vq_err why;
    if (vq_sources_share(&c->sources, shares, &why) == VQ_OK) return VQ_OK;
    return vq_yaml_fail(rd->e, n, "data: %s", why.text);
}

vq_status vq_recipe_read_data(vq_reader *rd, const vq_yaml *n, const vq_field *f, void *at)
{
    static const char *const words[] = {"none", "self", "required"};
    vq_calib_recipe *c = at;
    const char *text;
    c->data = VQ_DATA_GIVEN;
    if (n->kind == VQ_YAML_LIST) return read_list(rd, n, c);
    VQ_TRY(vq_read_text(rd, n, f, &text));
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        c->data = (vq_data)i;
        return VQ_OK;
    }
    vq_calib_source *one = VQ_NEW(rd->a, vq_calib_source, 1, "source", rd->e);
    if (!one) return VQ_E_LIMIT;
    *one = source_of(text, c->kind);
    c->sources = (vq_calib_sources){one, 1};
    return VQ_OK;
}
