/* overlay.c -- a source in front of another one: entries by name, and the rows of quantized
 * matrices held in memory. */
#include "edit/overlay.h"

#include <stdio.h>
#include <string.h>

typedef enum entry_kind { ENTRY_DENSE, ENTRY_HADAMARD, ENTRY_QUANTIZED } entry_kind;

struct vq_overlay_entry {
    entry_kind kind;
    const char *name; /* tensor (DENSE) or module */
    vq_tensor dense;
    int64_t hadamard;
    const vq_linear *linear;
    const vq_qtensor *q;
};

/* Is `name` the module followed by the suffix? */
static bool is_name(const char *name, const char *module, const char *suffix)
{
    const size_t n = strlen(module);
    return strncmp(name, module, n) == 0 && strcmp(name + n, suffix) == 0;
}

static vq_overlay_entry *find(const vq_overlay *o, entry_kind kind, const char *module,
                              const char *suffix)
{
    for (int i = 0; i < o->count; i++)
        if (o->entries[i].kind == kind && is_name(o->entries[i].name, module, suffix))
            return &o->entries[i];
    return NULL;
}

static vq_status get_tensor(void *self, const char *name, vq_tensor *out, vq_err *e)
{
    const vq_overlay *o = self;
    const vq_overlay_entry *entry = find(o, ENTRY_DENSE, name, "");
    if (!entry) return o->below->tensor(o->below->self, name, out, e);
    *out = entry->dense;
    return VQ_OK;
}

static bool has_tensor(void *self, const char *name)
{
    const vq_overlay *o = self;
    return find(o, ENTRY_DENSE, name, "") || o->below->has(o->below->self, name);
}

/* A linear with a replaced weight has the bias of below, when there is one. */
static vq_status bias_below(const vq_overlay *o, const char *module, vq_linear *out, vq_err *e)
{
    char bias[1024];
    if ((size_t)snprintf(bias, sizeof bias, "%s.bias", module) >= sizeof bias)
        return VQ_OK; /* no file has such a name */
    return o->below->has(o->below->self, bias)
               ? o->below->tensor(o->below->self, bias, &out->bias, e)
               : VQ_OK;
}

static vq_status dense_linear(const vq_overlay *o, const char *module,
                              const vq_overlay_entry *weight, vq_linear *out, vq_err *e)
{
    const vq_tensor *t = &weight->dense;
    if (t->ndim != 2)
        return vq_fail(e, VQ_E_BUG, "%s: a replaced weight needs two dimensions", weight->name);
    *out = (vq_linear){
        .name = module, .n = t->shape[0], .k = t->shape[1], .k_stored = t->shape[1], .dense = *t};
    return bias_below(o, module, out, e);
}

static vq_status get_linear(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                            vq_err *e)
{
    const vq_overlay *o = self;
    const vq_overlay_entry *quantized = find(o, ENTRY_QUANTIZED, module, ""),
                           *weight = find(o, ENTRY_DENSE, module, ".weight");
    const vq_overlay_entry *bias = find(o, ENTRY_DENSE, module, ".bias"),
                           *hadamard = find(o, ENTRY_HADAMARD, module, "");
    if (quantized) {
        *out = *quantized->linear;
        if (!out->bias.data) VQ_TRY(bias_below(o, module, out, e));
    } else if (weight)
        VQ_TRY(dense_linear(o, module, weight, out, e));
    else
        VQ_TRY(o->below->linear(o->below->self, module, n, k, out, e));
    if (bias) out->bias = bias->dense;
    if (hadamard && !quantized) out->hadamard = hadamard->hadamard;
    if ((n == 0 || out->n == n) && (k == 0 || out->k == k)) return VQ_OK;
    return vq_fail(e, VQ_E_BUG, "%s: a weight of [%lld, %lld] in place of [%lld, %lld]", module,
                   (long long)out->n, (long long)out->k, (long long)n, (long long)k);
}

/* A view of rows [r0, r0 + count): nothing is copied. */
static vq_status view_rows(const vq_qtensor *q, int64_t r0, int64_t count, vq_qtensor *out,
                           vq_err *e)
{
    const bool one = q->num.group.kind == VQ_PER_TENSOR;
    int64_t group_rows, group_cols;
    vq_group_size(&q->num, q->rows, q->cols, &group_rows, &group_cols);
    if (r0 < 0 || count < 1 || count > q->rows - r0 || (!one && r0 % group_rows))
        return vq_fail(e, VQ_E_BUG, "rows %lld to %lld of %lld", (long long)r0,
                       (long long)(r0 + count), (long long)q->rows);
    const int64_t first = one ? 0 : r0 / group_rows * q->per_row;
    *out = *q;
    out->rows = count;
    out->groups = one ? q->groups : (count + group_rows - 1) / group_rows * q->per_row;
    if (q->codes) out->codes = q->codes + r0 * q->cols;
    if (q->codes16) out->codes16 = q->codes16 + r0 * q->cols;
    out->scale = q->scale + first;
    if (q->zero) out->zero = q->zero + first;
    return VQ_OK;
}

static vq_status get_rows(void *self, const vq_linear *l, int64_t r0, int64_t count,
                          vq_qtensor *out, vq_arena *a, vq_err *e)
{
    const vq_overlay *o = self;
    const vq_overlay_entry *entry = find(o, ENTRY_QUANTIZED, l->name, "");
    if (!entry) return o->below->rows(o->below->self, l, r0, count, out, a, e);
    return view_rows(entry->q, r0, count, out, e) == VQ_OK ? VQ_OK : vq_at(e, "%s", l->name);
}

vq_status vq_overlay_init(vq_overlay *o, const vq_source *below, int room, vq_arena *a, vq_err *e)
{
    *o = (vq_overlay){.below = below, .room = room, .arena = a};
    o->source = (vq_source){
        .self = o, .tensor = get_tensor, .has = has_tensor, .linear = get_linear, .rows = get_rows};
    o->entries = VQ_NEW(a, vq_overlay_entry, room, "replaced tensors", e);
    return o->entries ? VQ_OK : VQ_E_LIMIT;
}

/* The entry of that kind and name, new if there was none. */
static vq_status put(vq_overlay *o, const vq_overlay_entry *new, vq_err *e)
{
    vq_overlay_entry *entry = find(o, new->kind, new->name, "");
    if (!entry && o->count == o->room)
        return vq_fail(e, VQ_E_BUG, "%s: more than %d replaced tensors", new->name, o->room);
    if (!entry) entry = &o->entries[o->count++];
    *entry = *new;
    return VQ_OK;
}

/* The linear whose weight this tensor is stops being quantized. */
static void drop_quantized(vq_overlay *o, const char *tensor)
{
    for (int i = 0; i < o->count; i++)
        if (o->entries[i].kind == ENTRY_QUANTIZED && is_name(tensor, o->entries[i].name, ".weight"))
            o->entries[i--] = o->entries[--o->count];
}

vq_status vq_overlay_dense(vq_overlay *o, const char *name, const float *w, const int64_t *shape,
                           int ndim, vq_err *e)
{
    vq_overlay_entry entry = {.kind = ENTRY_DENSE,
                              .name = name,
                              .dense = {.name = name, .dtype = VQ_F32, .ndim = ndim, .data = w}};
    for (int i = 0; i < ndim; i++) entry.dense.shape[i] = shape[i];
    VQ_TRY(vq_tensor_bytes(VQ_F32, shape, ndim, &entry.dense.bytes, e));
    drop_quantized(o, name);
    return put(o, &entry, e);
}

vq_status vq_overlay_hadamard(vq_overlay *o, const char *module, int64_t block, vq_err *e)
{
    return put(o, &(vq_overlay_entry){.kind = ENTRY_HADAMARD, .name = module, .hadamard = block},
               e);
}

vq_status vq_overlay_quantized(vq_overlay *o, const vq_linear *l, const vq_qtensor *q, vq_err *e)
{
    return put(
        o, &(vq_overlay_entry){.kind = ENTRY_QUANTIZED, .name = l->name, .linear = l, .q = q}, e);
}

const float *vq_overlay_values(const vq_overlay *o, int i, vq_tensor *t)
{
    if (o->entries[i].kind != ENTRY_DENSE) return NULL;
    *t = o->entries[i].dense;
    return t->data;
}

void vq_overlay_clear(vq_overlay *o)
{
    o->count = 0;
}
