/* st_layout.c -- shards, offsets, headers and the index of a checkpoint to be written (see
 * st_layout.h). */
#include "formats/safetensors/st_layout.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

/* Text is made twice by the same code: once without memory to measure it, once into memory of that
 * size. */
typedef struct st_text {
    char *at; /* NULL while measuring */
    size_t bytes, room;
    bool refused; /* a name was not UTF-8 */
} st_text;

static void put(st_text *t, const char *fmt, ...) VQ_PRINTF(2, 3);
static void put(st_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n =
        vsnprintf(t->at ? t->at + t->bytes : NULL, t->at ? t->room - t->bytes : 0, fmt, args);
    va_end(args);
    if (n > 0) t->bytes += (size_t)n;
}

static void put_quoted(st_text *t, const char *name)
{
    json_t *s = json_string(name);
    const size_t n = s ? json_dumpb(s, t->at ? t->at + t->bytes : NULL,
                                    t->at ? t->room - t->bytes : 0, JSON_ENCODE_ANY)
                       : 0;
    if (n == 0) t->refused = true;
    t->bytes += n;
    json_decref(s);
}

static vq_status check_text(const st_text *t, vq_err *e)
{
    return t->refused
               ? vq_fail(e, VQ_E_INPUT, "a name is not UTF-8, or no memory is left to write it")
               : VQ_OK;
}

static void notes_text(st_text *t, const vq_st_head *head)
{
    put(t, "{\"__metadata__\":{\"format\":\"pt\"");
    for (size_t i = 0; head && i < head->count; i++) {
        put(t, ",");
        put_quoted(t, head->notes[i].key);
        put(t, ":");
        put_quoted(t, head->notes[i].text);
    }
    put(t, "}");
}

static void header_text(st_text *t, const vq_st_slot *slots, const vq_st_shard *s,
                        const vq_st_head *head)
{
    uint64_t at = 0;
    notes_text(t, head);
    for (size_t i = 0; i < s->count; i++) {
        const vq_tensor *x = &slots[s->slots[i]].tensor;
        put(t, ",");
        put_quoted(t, x->name);
        put(t, ":{\"dtype\":\"%s\",\"shape\":[", vq_dtype_name(x->dtype));
        for (int d = 0; d < x->ndim; d++) put(t, d ? ",%lld" : "%lld", (long long)x->shape[d]);
        put(t, "],\"data_offsets\":[%llu,", (unsigned long long)at);
        at += x->bytes;
        put(t, "%llu]}", (unsigned long long)at);
    }
    put(t, "}");
}

vq_status vq_st_lay_header(vq_st_shard *s, const vq_st_slot *slots, const vq_st_head *head,
                           vq_arena *a, vq_err *e)
{
    st_text t = {0};
    header_text(&t, slots, s, head);
    VQ_TRY(check_text(&t, e));
    s->header_bytes = (8 + t.bytes + ALIGN - 1) / ALIGN * ALIGN;
    s->header = VQ_ALLOC(a, char, s->header_bytes + 1, "header of a safetensors file", e);
    if (!s->header) return VQ_E_LIMIT;
    memset(s->header, ' ', s->header_bytes);
    for (int i = 0; i < 8; i++)
        s->header[i] = (char)((uint64_t)(s->header_bytes - 8) >> (8 * i) & 0xff);
    t = (st_text){.at = s->header + 8, .room = t.bytes + 1};
    header_text(&t, slots, s, head);
    VQ_TRY(check_text(&t, e));
    s->header[8 + t.bytes] =
        s->header_bytes > 8 + t.bytes ? ' ' : '\0'; /* over the NUL that printing left */
    return VQ_OK;
}

static void index_text(st_text *t, const vq_st_layout *l, const vq_st_slot *slots,
                       const size_t *sorted, size_t n)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) total += slots[i].tensor.bytes;
    put(t, "{\n  \"metadata\": {\n    \"total_size\": %llu\n  },\n  \"weight_map\": {",
        (unsigned long long)total);
    for (size_t i = 0; i < n; i++) {
        const vq_st_slot *x = &slots[sorted[i]];
        put(t, i ? ",\n    " : "\n    ");
        put_quoted(t, x->tensor.name);
        put(t, ": \"%s\"", l->shards[x->shard].name);
    }
    put(t, "\n  }\n}\n");
}

static vq_status make_index(vq_st_layout *l, const vq_st_slot *slots, const size_t *sorted,
                            size_t n, vq_arena *a, vq_err *e)
{
    st_text t = {0};
    index_text(&t, l, slots, sorted, n);
    VQ_TRY(check_text(&t, e));
    l->index = VQ_ALLOC(a, char, t.bytes + 1, "index of the shards", e);
    if (!l->index) return VQ_E_LIMIT;
    t = (st_text){.at = l->index, .room = t.bytes + 1};
    index_text(&t, l, slots, sorted, n);
    l->index_bytes = t.bytes;
    return check_text(&t, e);
}

static int by_name(const void *a, const void *b, void *slots)
{
    const vq_st_slot *x = slots;
    return strcmp(x[*(const size_t *)a].tensor.name, x[*(const size_t *)b].tensor.name);
}

/* Wide elements first: then every tensor begins at a multiple of its element size. */
static int by_width(const void *a, const void *b, void *slots)
{
    const vq_st_slot *x = slots;
    const size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const int wide = vq_dtype_bits(x[j].tensor.dtype) - vq_dtype_bits(x[i].tensor.dtype);
    return wide ? wide : (i > j) - (i < j);
}

static vq_status sort_names(const size_t **sorted, vq_st_slot *slots, size_t n, vq_arena *a,
                            vq_err *e)
{
    size_t *order = VQ_ALLOC(a, size_t, n, "order of tensors", e);
    *sorted = order;
    if (!order) return VQ_E_LIMIT;
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, by_name, slots);
    for (size_t i = 1; i < n; i++) {
        const char *name = slots[order[i]].tensor.name;
        if (strcmp(slots[order[i - 1]].tensor.name, name) == 0)
            return vq_fail(e, VQ_E_BUG, "%s: this tensor was declared twice", name);
    }
    return VQ_OK;
}

static size_t assign_shards(vq_st_slot *slots, size_t n, uint64_t limit)
{
    size_t shard = 0;
    uint64_t filled = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t bytes = slots[i].tensor.bytes;
        if (limit && filled && bytes > limit - (filled < limit ? filled : limit)) {
            shard++;
            filled = 0;
        }
        slots[i].shard = shard;
        filled += bytes;
    }
    return shard + 1;
}

static vq_status lay_out_shard(vq_st_layout *l, size_t k, vq_st_slot *slots, const vq_st_head *head,
                               vq_arena *a, vq_err *e)
{
    vq_st_shard *s = &l->shards[k];
    qsort_r(s->slots, s->count, sizeof *s->slots, by_width, slots);
    s->name = l->nshards == 1
                  ? vq_arena_text(a, e, "%s", head && head->name ? head->name : "model.safetensors")
                  : vq_arena_text(a, e, "model-%05zu-of-%05zu.safetensors", k + 1, l->nshards);
    if (!s->name) return VQ_E_LIMIT;
    VQ_TRY(vq_st_lay_header(s, slots, head, a, e));
    s->bytes = s->header_bytes;
    for (size_t i = 0; i < s->count; i++) {
        slots[s->slots[i]].at = s->bytes;
        s->bytes += slots[s->slots[i]].tensor.bytes;
    }
    l->total += s->bytes;
    return VQ_OK;
}

vq_status vq_st_lay_out(vq_st_layout *l, vq_st_slot *slots, size_t n, uint64_t shard_bytes,
                        const vq_st_head *head, vq_arena *a, vq_err *e)
{
    *l = (vq_st_layout){.nshards = assign_shards(slots, n, shard_bytes)};
    const size_t *sorted = NULL;
    VQ_TRY(sort_names(&sorted, slots, n, a, e));
    l->shards = VQ_NEW(a, vq_st_shard, l->nshards, "shards", e);
    size_t *order = l->shards ? VQ_ALLOC(a, size_t, n, "order of tensors", e) : NULL;
    if (!order) return VQ_E_LIMIT;
    l->shards[0].slots = order;      /* also when there is no tensor */
    for (size_t i = 0; i < n; i++) { /* a shard is a run of slots */
        vq_st_shard *s = &l->shards[slots[i].shard];
        if (s->count == 0) s->slots = order + i;
        s->slots[s->count++] = i;
    }
    for (size_t k = 0; k < l->nshards; k++) VQ_TRY(lay_out_shard(l, k, slots, head, a, e));
    if (l->nshards > 1) VQ_TRY(make_index(l, slots, sorted, n, a, e));
    l->total += l->index_bytes;
    return VQ_OK;
}
