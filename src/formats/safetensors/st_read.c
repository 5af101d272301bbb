/* st_read.c -- open one safetensors file: everything that it says about itself is checked before a
 * byte of data is believed. */
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors/safetensors.h"
#include "json/json_walk.h"

#define HEADER_MAX 100000000u /* the limit of the reference reader */

typedef struct st_parse {
    const uint8_t *data; /* behind the header */
    size_t data_size;
    size_t count, name_bytes; /* gathered by the first walk; the second takes from name_bytes */
    vq_tensor *tensors;       /* filled by the second */
    char *names;
    size_t made;
    bool metadata;      /* seen in this walk */
    size_t metadata_at; /* byte of the header at which its object begins */
    vq_arena *arena;
} st_parse;

static bool is_metadata(const char *key)
{
    return strcmp(key, "__metadata__") == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts names; the first that comes twice, or NULL. */
static const char *first_twice(const char **names, size_t n)
{
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) return names[i];
    }
    return NULL;
}

/* Two walks over a mapped file may differ when someone writes to it meanwhile: the second stays
 * inside what the first measured. */
static vq_status changed(vq_err *e)
{
    return vq_fail(e, VQ_E_INPUT, "the file changed while it was read");
}

typedef struct st_keys {
    size_t count, bytes;
    size_t count_max, bytes_max; /* of the second walk */
    char *pool;                  /* NULL while counting */
    const char **keys;
} st_keys;

static vq_status metadata_pair(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    st_keys *k = ctx;
    json_t *v;
    VQ_TRY(vq_json_value(w, &v, e));
    const bool text = json_is_string(v);
    json_decref(v);
    if (!text) return vq_fail(e, VQ_E_INPUT, "__metadata__: %s is not a string", key);
    if (k->pool && (k->count == k->count_max || len >= k->bytes_max - k->bytes)) return changed(e);
    if (k->pool) k->keys[k->count] = memcpy(k->pool + k->bytes, key, len + 1);
    k->count++;
    k->bytes += len + 1;
    return VQ_OK;
}

/* __metadata__ maps strings to strings; it is walked twice to see a key that comes twice. */
static vq_status check_metadata(st_parse *p, vq_json_walk *w, vq_err *e)
{
    if (p->metadata) return vq_fail(e, VQ_E_INPUT, "__metadata__ comes twice");
    p->metadata = true;
    vq_arena *a = p->arena;
    st_keys k = {0};
    const size_t start = w->at;
    p->metadata_at = start;
    VQ_TRY(vq_json_object(w, metadata_pair, &k, e));
    const vq_arena_mark mark = vq_arena_here(a);
    k.keys = VQ_ALLOC(a, const char *, k.count, "keys of __metadata__", e);
    k.pool = k.keys ? VQ_ALLOC(a, char, k.bytes, "keys of __metadata__", e) : NULL;
    vq_status s = k.pool ? VQ_OK : VQ_E_LIMIT;
    if (s == VQ_OK) {
        w->at = start;
        k.count_max = k.count;
        k.bytes_max = k.bytes;
        k.count = k.bytes = 0;
        s = vq_json_object(w, metadata_pair, &k, e);
    }
    const char *twice = s == VQ_OK ? first_twice(k.keys, k.count) : NULL;
    if (twice) s = vq_fail(e, VQ_E_INPUT, "__metadata__: key %s comes twice", twice);
    vq_arena_rewind(a, mark);
    return s;
}

static vq_status count_entry(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    st_parse *p = ctx;
    if (is_metadata(key)) return check_metadata(p, w, e);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f) {
            return vq_fail(e, VQ_E_INPUT, "tensor name \"%s\" holds a control character", key);
        }
    }
    json_t *v;
    VQ_TRY(vq_json_value(w, &v, e));
    json_decref(v);
    p->count++;
    p->name_bytes += len + 1;
    return VQ_OK;
}

static vq_status read_shape(const json_t *entry, vq_tensor *t, vq_err *e)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) return vq_fail(e, VQ_E_INPUT, "%s: no shape", t->name);
    if (json_array_size(shape) > VQ_MAX_DIMS) {
        return vq_fail(e, VQ_E_INPUT, "%s: %zu dimensions; at most %d are supported", t->name,
                       json_array_size(shape), VQ_MAX_DIMS);
    }
    t->ndim = (int)json_array_size(shape);
    for (int i = 0; i < t->ndim; i++) {
        const json_t *d = json_array_get(shape, (size_t)i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return vq_fail(e, VQ_E_INPUT, "%s: a size in shape is not a whole number", t->name);
        t->shape[i] = json_integer_value(d);
    }
    return VQ_OK;
}

static vq_status read_offsets(const json_t *entry, const st_parse *p, vq_tensor *t, vq_err *e)
{
    const json_t *span = json_object_get(entry, "data_offsets"), *b = json_array_get(span, 0),
                 *z = json_array_get(span, 1);
    if (json_array_size(span) != 2 || !json_is_integer(b) || !json_is_integer(z) ||
        json_integer_value(b) < 0 || json_integer_value(z) < 0) {
        return vq_fail(e, VQ_E_INPUT, "%s: data_offsets are not two whole numbers", t->name);
    }
    const uint64_t begin = (uint64_t)json_integer_value(b), end = (uint64_t)json_integer_value(z);
    if (end < begin) return vq_fail(e, VQ_E_INPUT, "%s: data ends before it begins", t->name);
    if (end > p->data_size) {
        return vq_fail(e, VQ_E_INPUT,
                       "%s: data ends at byte %llu but the file holds %zu bytes of data: truncated "
                       "download? fetch it again",
                       t->name, (unsigned long long)end, p->data_size);
    }
    size_t bytes;
    const vq_status sized = vq_tensor_bytes(t->dtype, t->shape, t->ndim, &bytes, e);
    if (sized != VQ_OK) (void)vq_at(e, "%s", t->name);
    VQ_TRY(sized);
    if (bytes != end - begin) {
        char shape[160];
        return vq_fail(
            e, VQ_E_INPUT, "%s: %s of shape %s takes %zu bytes but its offsets span %llu", t->name,
            vq_dtype_name(t->dtype), vq_shape_text(t->shape, t->ndim, shape, sizeof shape), bytes,
            (unsigned long long)(end - begin));
    }
    t->data = p->data + begin;
    t->bytes = bytes;
    return VQ_OK;
}

static vq_status read_tensor(const json_t *entry, const st_parse *p, vq_tensor *t, vq_err *e)
{
    if (!json_is_object(entry))
        return vq_fail(e, VQ_E_INPUT, "%s: its entry is not an object", t->name);
    const json_t *dtype = json_object_get(entry, "dtype");
    if (!json_is_string(dtype)) return vq_fail(e, VQ_E_INPUT, "%s: no dtype", t->name);
    t->dtype = vq_dtype_find(json_string_value(dtype), json_string_length(dtype));
    if (t->dtype == VQ_DTYPES)
        return vq_fail(e, VQ_E_INPUT, "%s: unknown dtype %s", t->name, json_string_value(dtype));
    VQ_TRY(read_shape(entry, t, e));
    return read_offsets(entry, p, t, e);
}

static vq_status store_entry(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    st_parse *p = ctx;
    if (is_metadata(key)) return check_metadata(p, w, e);
    if (p->made == p->count || len >= p->name_bytes) return changed(e);
    vq_tensor *t = &p->tensors[p->made++];
    memset(t, 0, sizeof *t);
    t->name = memcpy(p->names, key, len + 1);
    p->names += len + 1;
    p->name_bytes -= len + 1;
    json_t *v;
    VQ_TRY(vq_json_value(w, &v, e));
    const vq_status s = read_tensor(v, p, t, e);
    json_decref(v);
    return s;
}

static vq_status walk_header(const vq_json_walk *header, vq_json_member member, st_parse *p,
                             vq_err *e)
{
    vq_json_walk w = *header;
    p->metadata = false;
    if (w.len == 0 || w.text[0] != '{')
        return vq_fail(e, VQ_E_INPUT,
                       "the header does not start with '{': not a safetensors file?");
    VQ_TRY(vq_json_object(&w, member, p, e));
    while (w.at < w.len && w.text[w.at] == ' ') w.at++;
    return w.at == w.len
               ? VQ_OK
               : vq_fail(e, VQ_E_INPUT, "header byte %zu: only spaces may follow the closing brace",
                         w.at);
}

static int by_place(const void *a, const void *b)
{
    const vq_tensor *x = a, *y = b;
    if (x->data != y->data) return (const uint8_t *)x->data < (const uint8_t *)y->data ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* In order of offset the spans must follow each other without hole or overlap, from the start of
 * the data to the end of the file. */
static vq_status check_spans(const st_parse *p, vq_err *e)
{
    qsort(p->tensors, p->count, sizeof *p->tensors, by_place);
    size_t end = 0;
    for (size_t i = 0; i < p->count; i++) {
        const vq_tensor *t = &p->tensors[i];
        const size_t begin = (size_t)((const uint8_t *)t->data - p->data);
        if (begin != end) {
            return vq_fail(
                e, VQ_E_INPUT,
                "%s: data begins at byte %zu, but the data before it ends at %zu: the tensors %s",
                t->name, begin, end, begin < end ? "overlap" : "leave a hole");
        }
        end += t->bytes;
    }
    if (end == p->data_size) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%zu bytes follow the last tensor: damaged file? fetch it again",
                   p->data_size - end);
}

static vq_status check_names(const st_parse *p, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(p->arena);
    const char **names = VQ_ALLOC(p->arena, const char *, p->count, "tensor names", e);
    if (!names) return VQ_E_LIMIT;
    for (size_t i = 0; i < p->count; i++) names[i] = p->tensors[i].name;
    const char *twice = first_twice(names, p->count);
    const vq_status s =
        twice ? vq_fail(e, VQ_E_INPUT, "%s: this tensor comes twice in the header", twice) : VQ_OK;
    vq_arena_rewind(p->arena, mark);
    return s;
}

static vq_status header_length(const vq_map *m, size_t *n, vq_err *e)
{
    if (m->size < 8) {
        return vq_fail(
            e, VQ_E_INPUT,
            "%zu bytes are too few for a safetensors file: truncated download? fetch it again",
            m->size);
    }
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= (uint64_t)m->data[i] << (8 * i);
    if (v > HEADER_MAX) {
        return vq_fail(e, VQ_E_INPUT,
                       "header says %llu bytes, more than the %u that the format allows: not a "
                       "safetensors file?",
                       (unsigned long long)v, HEADER_MAX);
    }
    if (v > m->size - 8) {
        return vq_fail(
            e, VQ_E_INPUT,
            "header says %llu bytes but the file has %zu: truncated download? fetch it again",
            (unsigned long long)v, m->size);
    }
    *n = (size_t)v;
    return VQ_OK;
}

static vq_status parse(vq_st_file *f, vq_arena *a, vq_err *e)
{
    size_t n = 0;
    VQ_TRY(header_length(&f->map, &n, e));
    f->header_bytes = 8 + n;
    const vq_json_walk header = {(const char *)f->map.data + 8, n, 0};
    st_parse p = {.data = f->map.data + f->header_bytes,
                  .data_size = f->map.size - f->header_bytes,
                  .arena = a};
    VQ_TRY(walk_header(&header, count_entry, &p, e));
    f->tensors = p.tensors = VQ_ALLOC(a, vq_tensor, p.count, "tensor list", e);
    p.names = p.tensors ? VQ_ALLOC(a, char, p.name_bytes, "tensor names", e) : NULL;
    if (!p.names) return VQ_E_LIMIT;
    VQ_TRY(walk_header(&header, store_entry, &p, e));
    if (p.made != p.count) return changed(e);
    f->count = p.count;
    f->metadata_at = p.metadata ? 8 + p.metadata_at : 0;
    VQ_TRY(check_names(&p, e));
    return check_spans(&p, e);
}

typedef struct st_lookup {
    const char *key;
    const char *text; /* NULL until found */
    vq_arena *arena;
} st_lookup;

static vq_status look_at_pair(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    st_lookup *l = ctx;
    json_t *v;
    (void)len;
    VQ_TRY(vq_json_value(w, &v, e));
    vq_status s = VQ_OK;
    if (strcmp(key, l->key) == 0 && json_is_string(v)) {
        l->text = vq_arena_text(l->arena, e, "%s", json_string_value(v));
        s = l->text ? VQ_OK : VQ_E_LIMIT;
    }
    json_decref(v);
    return s;
}

vq_status vq_st_metadata(const vq_st_file *f, const char *key, const char **text, vq_arena *a,
                         vq_err *e)
{
    *text = NULL;
    if (!f->metadata_at) return VQ_OK;
    st_lookup l = {.key = key, .arena = a};
    vq_json_walk w = {(const char *)f->map.data + 8, f->header_bytes - 8, f->metadata_at - 8};
    VQ_TRY(vq_json_object(&w, look_at_pair, &l, e));
    *text = l.text;
    return VQ_OK;
}

vq_status vq_st_open(vq_st_file *f, const char *path, vq_arena *a, vq_err *e)
{
    *f = (vq_st_file){0};
    f->path = vq_arena_text(a, e, "%s", path);
    if (!f->path) return VQ_E_LIMIT;
    VQ_TRY(vq_map_open(&f->map, path, e));
    const vq_status s = parse(f, a, e);
    if (s == VQ_OK) return s;
    (void)vq_at(e, "%s", path);
    vq_st_close(f);
    return s;
}

void vq_st_close(vq_st_file *f)
{
    if (f->map.data) vq_map_close(&f->map);
    *f = (vq_st_file){0};
}
