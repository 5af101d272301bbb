/* dequantized.c -- stored modules seen as dense weights. */
#include "load/dequantized.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/layouts/module_map.h"
#include "load/model_row.h"

enum { SLICE_FLOATS = 1 << 20 };

/* One weight that is decoded where it is read: self of a vq_coded. */
typedef struct decoded {
    vq_coded coded;
    vq_tensor tensor;
    const vq_stored_module *modules; /* one, or all matrices of the stack */
    const vq_kernels *kernels;
} decoded;

static int64_t rows_together(const vq_linear *l)
{
    const vq_group_shape *g = &l->scheme.weight.group;
    return g->kind == VQ_PER_BLOCK && g->rows > 1 ? g->rows : 1;
}

static int64_t slice_rows(const vq_linear *l)
{
    const int64_t step = rows_together(l), rows = SLICE_FLOATS / l->k_stored;
    const int64_t whole = (rows > 1 ? rows + step - 1 : step) / step * step;
    return whole < step ? step : whole < l->n ? whole : l->n;
}

/* Rows [r0, r0 + n) of the module within one slice of stored rows that begins at `at`. */
static vq_status decode_slice(const decoded *d, const vq_stored_module *s, int64_t at, int64_t r0,
                              int64_t n, float *out, vq_err *e)
{
    const vq_linear *l = &s->linear;
    const int64_t step = rows_together(l), last = (r0 + n + step - 1) / step * step,
                  count = (last < l->n ? last : l->n) - at;
    vq_arena *a = d->coded.scratch;
    vq_qtensor q;
    VQ_TRY(vq_stored_rows(s, at, count, &q, a, e));
    if (at == r0 && count == n && !l->arc_order && !l->hadamard) {
        vq_decode_rows(d->kernels, &q, out, l->k);
        return VQ_OK;
    }
    float *x = VQ_ALLOC(a, float, count * l->k_stored, "decoded rows", e);
    if (!x) return e->status;
    vq_decode_rows(d->kernels, &q, x, l->k_stored);
    for (int64_t r = 0; r < n; r++)
        vq_model_row(d->kernels, l, x + (r0 - at + r) * l->k_stored, out + r * l->k);
    return VQ_OK;
}

static vq_status decode_rows(const decoded *d, const vq_stored_module *s, int64_t r0, int64_t n,
                             float *out, vq_err *e)
{
    const vq_linear *l = &s->linear;
    const int64_t step = slice_rows(l);
    const vq_arena_mark mark = vq_arena_here(d->coded.scratch);
    for (int64_t at = r0 / step * step; at < r0 + n; at += step) {
        const int64_t from = at > r0 ? at : r0, end = at + step < r0 + n ? at + step : r0 + n,
                      begin = from / rows_together(l) * rows_together(l);
        const vq_status status =
            decode_slice(d, s, begin, from, end - from, out + (from - r0) * l->k, e);
        vq_arena_rewind(d->coded.scratch, mark);
        if (status != VQ_OK) return status;
    }
    return VQ_OK;
}

static vq_status rows_of_module(void *self, int64_t r0, int64_t n, float *out, vq_err *e)
{
    const decoded *d = self;
    return decode_rows(d, d->modules, r0, n, out, e);
}

/* Row r of a stack is column r mod k of a matrix: the matrix is decoded whole and turned. */
static vq_status rows_of_stack(void *self, int64_t r0, int64_t n, float *out, vq_err *e)
{
    const decoded *d = self;
    const vq_linear *l = &d->modules->linear;
    const vq_arena_mark mark = vq_arena_here(d->coded.scratch);
    float *x = VQ_ALLOC(d->coded.scratch, float, l->n * l->k, "matrix of a stack", e);
    vq_status s = x ? VQ_OK : e->status;
    for (int64_t at = r0, done = -1; at < r0 + n && s == VQ_OK; at++) {
        if (at / l->k != done) s = decode_rows(d, d->modules + at / l->k, 0, l->n, x, e);
        done = at / l->k;
        for (int64_t i = 0; i < l->n && s == VQ_OK; i++)
            out[(at - r0) * l->n + i] = x[i * l->k + at % l->k];
    }
    vq_arena_rewind(d->coded.scratch, mark);
    return s;
}

/* Few bits times a power of two are a bf16. */
static vq_dtype shown_as(const vq_num *n)
{
    return n->scale == VQ_SCALE_E8M0 && n->grid.kind == VQ_GRID_FLOAT && n->grid.bits <= 6 ? VQ_BF16
                                                                                           : VQ_F32;
}

static int64_t matrices_from(const vq_module_map *m, size_t i)
{
    const char *stack = m->modules[i].stack;
    int64_t n = 1;
    while (stack && i + (size_t)n < m->count && m->modules[i + (size_t)n].stack == stack) n++;
    return n;
}

static vq_status show(decoded *d, const vq_stored_module *s, int64_t matrices, vq_dequantized *of,
                      const vq_job *job, vq_arena *a, vq_err *e)
{
    const vq_linear *l = &s->linear;
    const bool stack = s->stack != NULL;
    *d = (decoded){.modules = s, .kernels = &job->kernels};
    d->coded = (vq_coded){.self = d,
                          .rows = stack ? rows_of_stack : rows_of_module,
                          .step = stack ? l->k : slice_rows(l),
                          .scratch = &of->scratch};
    d->tensor = (vq_tensor){
        .dtype = shown_as(&l->scheme.weight), .ndim = stack ? 3 : 2, .coded = &d->coded};
    const int64_t of_stack[] = {matrices, l->k, l->n}, of_module[] = {l->n, l->k};
    memcpy(d->tensor.shape, stack ? of_stack : of_module,
           stack ? sizeof of_stack : sizeof of_module);
    d->tensor.name = stack ? s->stack : vq_arena_text(a, e, "%s.weight", l->name);
    if (!d->tensor.name) return e->status;
    return vq_tensor_bytes(d->tensor.dtype, d->tensor.shape, d->tensor.ndim, &d->tensor.bytes, e);
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t) * (const void *const *)a,
                    y = (uintptr_t) * (const void *const *)b;
    return (x > y) - (x < y);
}

/* Where the data of every tensor of a module lies: matrices of a stack begin with those of the
 * tensor that they are views of. */
static size_t stored_data(const vq_module_map *m, const void **list)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++)
        for (int j = 0; j < VQ_LAYOUT_FIELDS; j++)
            if (m->modules[i].tensors[j]) list[n++] = m->modules[i].tensors[j]->data;
    qsort(list, n, sizeof *list, by_address);
    return n;
}

static bool is_stored(const vq_tensor *t, const void *const *list, size_t n)
{
    return n && t->bytes && bsearch(&t->data, list, n, sizeof *list, by_address);
}

/* The list of tensors anew: weights instead of what they are decoded from. */
static vq_status replace(vq_checkpoint *c, decoded *list, size_t n, vq_arena *a, vq_err *e)
{
    vq_tensor_set *set = &c->weights;
    const vq_module_map *m = c->modules;
    vq_tensor **sorted = VQ_ALLOC(a, vq_tensor *, set->count + n, "tensor list", e);
    const void **data =
        sorted ? VQ_ALLOC(a, const void *, m->count *VQ_LAYOUT_FIELDS, "tensor list", e) : NULL;
    if (!data) return e->status;
    const size_t stored = stored_data(m, data);
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        if (!is_stored(set->sorted[i], data, stored)) sorted[count++] = set->sorted[i];
    for (size_t i = 0; i < n; i++) sorted[count++] = &list[i].tensor;
    set->sorted = sorted;
    set->count = count;
    vq_tensor_set_sort(set);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return vq_fail(e, VQ_E_INPUT, "%s is stored dense and quantized", sorted[i]->name);
    return VQ_OK;
}

/* An order of key channels says how rope is meant, which a dense model cannot. */
static vq_status check_dense(const vq_checkpoint *c, vq_err *e)
{
    for (size_t i = 0; i < c->weights.count; i++)
        if (strcmp(vq_suffix_of(c->weights.sorted[i]->name), "key_order") == 0)
            return vq_fail(e, VQ_E_INPUT,
                           "%s: the keys of this artifact are in an order of their own (ksort); "
                           "quantize the model that it was made from",
                           c->weights.sorted[i]->name);
    return VQ_OK;
}

static const char *describe(const vq_module_map *m, const char *method, vq_arena *a, vq_err *e)
{
    char number[128];
    const vq_num *first = &m->modules[0].linear.scheme.weight;
    bool one = true;
    for (size_t i = 1; i < m->count && one; i++)
        one = vq_num_equal(first, &m->modules[i].linear.scheme.weight);
    return one ? vq_arena_text(a, e, "%s: %s", method, vq_num_text(first, number, sizeof number))
               : vq_arena_text(a, e, "%s: several schemes", method);
}

vq_status vq_dequantize(vq_dequantized *d, vq_checkpoint *c, vq_job *job, vq_arena *a, vq_err *e)
{
    const vq_module_map *m = c->modules;
    *d = (vq_dequantized){0};
    if (!m) return VQ_OK;
    VQ_TRY(check_dense(c, e));
    vq_arena_init(&d->scratch, &job->budget);
    decoded *list = VQ_NEW(a, decoded, m->count, "dequantized weights", e);
    size_t n = 0;
    if (!list) return e->status;
    for (size_t i = 0; i < m->count;) {
        const int64_t matrices = matrices_from(m, i);
        VQ_TRY(show(&list[n++], &m->modules[i], matrices, d, job, a, e));
        i += (size_t)matrices;
    }
    VQ_TRY(replace(c, list, n, a, e));
    d->weights = m->count;
    d->method = c->target->name;
    d->what = describe(m, d->method, a, e);
    if (!d->what) return e->status;
    c->modules = NULL;
    c->target = NULL;
    c->config.quantized = false;
    return VQ_OK;
}

void vq_dequantize_done(vq_dequantized *d)
{
    if (d->scratch.budget) vq_arena_done(&d->scratch);
    *d = (vq_dequantized){0};
}

/* Codes, scales and floats of a slice, and the slice as it is asked for. */
uint64_t vq_dequantize_bytes(const vq_checkpoint *c)
{
    uint64_t most = 0;
    for (size_t i = 0; i < c->weights.count; i++) {
        const vq_tensor *t = c->weights.sorted[i];
        if (!t->coded) continue;
        const uint64_t floats = (uint64_t)(t->coded->step * t->shape[t->ndim - 1]);
        const uint64_t bytes = floats * (2 * sizeof(float) + sizeof(uint16_t) + 1);
        if (bytes > most) most = bytes;
    }
    return most;
}
