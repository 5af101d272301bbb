/* diff_tensors.c -- names of both sides merged, each pair decoded and compared. */
#include "run/diff/diff_tensors.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/model_row.h"
#include "load/weights.h"

/* What a model has under a name: a linear, stored in whatever way, or a tensor as it stands. */
typedef struct item {
    const char *name;
    const vq_tensor *tensor; /* NULL: a quantized linear, its weight */
    char *module;            /* of the linear */
} item;

typedef struct side {
    const vq_model *model;
    item *items; /* by name */
    size_t n;
} side;

/* One tensor in full: [n][k] f32. */
typedef struct values {
    float *x;
    int64_t n, k;
} values;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const item *)a)->name, ((const item *)b)->name);
}

/* Is the tensor one of those that store a quantized linear? Its bias is the model's own. */
static bool stores_linear(const char *tensor, const char *const *names, const bool *quantized,
                          size_t n)
{
    const char *dot = strrchr(tensor, '.');
    if (!dot || strcmp(dot, ".bias") == 0) return false;
    const size_t len = (size_t)(dot - tensor);
    for (size_t lo = 0, hi = n; lo < hi;) {
        const size_t mid = (lo + hi) / 2;
        const int c = strncmp(tensor, names[mid], len);
        const bool same = c == 0 && !names[mid][len];
        if (same) return quantized[mid];
        if (c < 0 || (c == 0 && names[mid][len]))
            hi = mid;
        else
            lo = mid + 1;
    }
    return false;
}

static vq_status add_linear(side *s, const char *module, vq_arena *a, vq_err *e)
{
    char *name = vq_arena_text(a, e, "%s.weight", module);
    char *copy = name ? vq_arena_text(a, e, "%s", module) : NULL;
    if (!copy) return e->status;
    s->items[s->n++] = (item){.name = name, .module = copy};
    return VQ_OK;
}

static vq_status list_items(side *s, const vq_model *m, vq_arena *a, vq_err *e)
{
    const vq_tensor_set *set = &m->checkpoint.weights;
    const char *const *names;
    const bool *quantized;
    size_t n;
    VQ_TRY(vq_checkpoint_modules(&m->checkpoint, a, &names, &quantized, &n, e));
    *s = (side){.model = m, .items = VQ_ALLOC(a, item, n + set->count, "names of tensors", e)};
    if (!s->items) return e->status;
    for (size_t i = 0; i < n; i++)
        if (quantized[i]) VQ_TRY(add_linear(s, names[i], a, e));
    for (size_t i = 0; i < set->count; i++)
        if (!stores_linear(set->sorted[i]->name, names, quantized, n))
            s->items[s->n++] = (item){.name = set->sorted[i]->name, .tensor = set->sorted[i]};
    qsort(s->items, s->n, sizeof *s->items, by_name);
    return VQ_OK;
}

static vq_status find_linear(const side *s, const item *i, vq_linear *l, vq_err *e)
{
    const vq_source *source = &s->model->checkpoint.source;
    return source->linear(source->self, i->module, 0, 0, l, e);
}

/* How a tensor is stored, and its shape as the model has it. */
typedef struct description {
    char way[384], text[128]; /* of the shape */
    int64_t shape[VQ_MAX_DIMS];
    int ndim;
} description;

static vq_status describe(const side *s, const item *i, description *d, vq_err *e)
{
    vq_linear l;
    if (i->tensor) {
        (void)snprintf(d->way, sizeof d->way, "%s", vq_dtype_name(i->tensor->dtype));
        d->ndim = i->tensor->ndim;
        memcpy(d->shape, i->tensor->shape, sizeof d->shape);
    } else {
        VQ_TRY(find_linear(s, i, &l, e));
        vq_linear_text(&l, d->way, sizeof d->way);
        d->ndim = 2;
        d->shape[0] = l.n;
        d->shape[1] = l.k;
    }
    (void)vq_shape_text(d->shape, d->ndim, d->text, sizeof d->text);
    return VQ_OK;
}

/* Shapes are told where they differ. */
static vq_status describe_pair(const side *a, const item *ia, const side *b, const item *ib,
                               vq_diff_tensor *row, vq_arena *out, vq_err *e)
{
    description x = {0}, y = {0};
    if (ia) VQ_TRY(describe(a, ia, &x, e));
    if (ib) VQ_TRY(describe(b, ib, &y, e));
    const bool shapes = ia && ib && strcmp(x.text, y.text) != 0;
    row->ndim = ia ? x.ndim : y.ndim;
    memcpy(row->shape, ia ? x.shape : y.shape, sizeof row->shape);
    if (ia)
        row->a = vq_arena_text(out, e, "%s%s%s", x.way, shapes ? " " : "", shapes ? x.text : "");
    if (ib)
        row->b = vq_arena_text(out, e, "%s%s%s", y.way, shapes ? " " : "", shapes ? y.text : "");
    return (!ia || row->a) && (!ib || row->b) ? VQ_OK : e->status;
}

static vq_status decode_linear(const side *s, const item *i, const vq_kernels *kr, values *v,
                               vq_arena *a, vq_err *e)
{
    const vq_source *source = &s->model->checkpoint.source;
    vq_linear l;
    vq_qtensor q;
    VQ_TRY(find_linear(s, i, &l, e));
    v->x = VQ_ALLOC(a, float, l.n *l.k, "decoded weight", e);
    float *stored = v->x ? VQ_ALLOC(a, float, l.n *l.k_stored, "decoded weight", e) : NULL;
    if (!stored) return e->status;
    VQ_TRY(source->rows(source->self, &l, 0, l.n, &q, a, e));
    vq_decode_rows(kr, &q, stored, q.cols);
    for (int64_t r = 0; r < l.n; r++) vq_model_row(kr, &l, stored + r * q.cols, v->x + r * l.k);
    v->n = l.n;
    v->k = l.k;
    return vq_weights_check(kr, i->name, 0, v->n, v->k, v->x, e);
}

/* *known false: its type has no values to compare. */
static vq_status decode(const side *s, const item *i, const vq_kernels *kr, values *v, bool *known,
                        vq_arena *a, vq_err *e)
{
    *known = true;
    if (!i->tensor) return decode_linear(s, i, kr, v, a, e);
    v->n = i->tensor->ndim > 0 ? i->tensor->shape[0] : 1;
    v->k = v->n > 0 ? vq_tensor_numel(i->tensor) / v->n : 0;
    v->x = VQ_ALLOC(a, float, v->n * v->k, "tensor", e);
    if (!v->x) return e->status;
    vq_err why;
    const vq_status status = vq_to_f32(i->tensor, 0, v->n * v->k, v->x, &why);
    *known = status == VQ_OK;
    return *known ? vq_weights_check(kr, i->name, 0, v->n, v->k, v->x, e) : VQ_OK;
}

static double error_of(const values *a, const values *b)
{
    double signal = 0, noise = 0;
    for (int64_t i = 0; i < a->n * a->k; i++) {
        const double x = (double)a->x[i], d = x - (double)b->x[i];
        signal += x * x;
        noise += d * d;
    }
    return noise == 0 ? 0 : sqrt(noise / signal); /* of zeros: inf */
}

static bool same_bytes(const vq_tensor *a, const vq_tensor *b)
{
    return a && b && a->dtype == b->dtype && a->bytes == b->bytes &&
           a->transposed == b->transposed &&
           (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0);
}

static vq_status compare(const side *a, const item *ia, const side *b, const item *ib,
                         const vq_kernels *kr, double *error, vq_arena *scratch, vq_err *e)
{
    values x, y;
    bool known_x, known_y;
    *error = NAN;
    VQ_TRY(decode(a, ia, kr, &x, &known_x, scratch, e));
    VQ_TRY(decode(b, ib, kr, &y, &known_y, scratch, e));
    if (known_x && known_y && x.n == y.n && x.k == y.k) *error = error_of(&x, &y);
    return VQ_OK;
}

static vq_status add_pair(const side *a, const item *ia, const side *b, const item *ib,
                          const vq_job *job, vq_diff_result *r, vq_diff_tensor *row,
                          vq_arena *scratch, vq_arena *out, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(scratch);
    assert(ia || ib);
    *row = (vq_diff_tensor){.name = vq_arena_text(out, e, "%s", ia ? ia->name : ib->name),
                            .error = NAN};
    if (!row->name) return e->status;
    VQ_TRY(describe_pair(a, ia, b, ib, row, out, e));
    const bool alike = ia && ib && strcmp(row->a, row->b) == 0;
    if (alike && same_bytes(ia->tensor, ib->tensor))
        row->error = 0;
    else if (ia && ib)
        VQ_TRY(compare(a, ia, b, ib, &job->kernels, &row->error, scratch, e));
    vq_arena_rewind(scratch, mark);
    const bool same = alike && row->error == 0;
    r->same += same;
    r->ntensors += !same;
    return VQ_OK;
}

/* What cannot be compared comes first, then the largest error. */
static int worst_first(const void *a, const void *b)
{
    const vq_diff_tensor *x = a, *y = b;
    if (isnan(x->error) != isnan(y->error)) return isnan(x->error) ? -1 : 1;
    if (!isnan(x->error) && x->error != y->error) return x->error > y->error ? -1 : 1;
    return strcmp(x->name, y->name);
}

vq_status vq_diff_tensors(const vq_job *job, const vq_model *ma, const vq_model *mb,
                          vq_diff_result *r, vq_arena *scratch, vq_arena *out, vq_err *e)
{
    side a, b;
    VQ_TRY(list_items(&a, ma, scratch, e));
    VQ_TRY(list_items(&b, mb, scratch, e));
    const size_t all = a.n + b.n;
    vq_diff_tensor *rows = VQ_ALLOC(out, vq_diff_tensor, all, "tensors that differ", e);
    if (!rows) return e->status;
    r->same = r->ntensors = 0;
    for (size_t i = 0, j = 0; i < a.n || j < b.n;) {
        const int c = i == a.n ? 1 : j == b.n ? -1 : strcmp(a.items[i].name, b.items[j].name);
        const item *ia = c <= 0 ? &a.items[i++] : NULL, *ib = c >= 0 ? &b.items[j++] : NULL;
        VQ_TRY(add_pair(&a, ia, &b, ib, job, r, &rows[r->ntensors], scratch, out, e));
        VQ_TRY(vq_step(&job->reporter, "comparing", (int64_t)(i + j), (int64_t)all, e));
    }
    qsort(rows, r->ntensors, sizeof *rows, worst_first);
    r->tensors = rows;
    return VQ_OK;
}
