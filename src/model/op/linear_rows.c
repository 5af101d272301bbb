/* linear_rows.c -- weight rows decoded to f32, slice by slice, and the product with them. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/act_quant.h"
#include "model/op/dense.h"
#include "model/op/linear.h"

/* Weights decoded at a time: enough rows to keep a GEMM busy, few enough that a large layer does
 * not double the memory of a run. */
enum { SLICE_FLOATS = 4 << 20, SLICE_MIN_ROWS = 256 };

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Rows whose scales are stored together: a slice starts at a multiple. */
static int64_t rows_together(const vq_linear *l)
{
    if (!l->quantized || l->scheme.weight.group.kind != VQ_PER_BLOCK) return 1;
    return l->scheme.weight.group.rows > 1 ? l->scheme.weight.group.rows : 1;
}

static int64_t slice_rows(const vq_linear *l)
{
    const int64_t rows =
        SLICE_FLOATS / l->k_stored > SLICE_MIN_ROWS ? SLICE_FLOATS / l->k_stored : SLICE_MIN_ROWS;
    const int64_t step = rows_together(l);
    return min_of(l->n, (rows + step - 1) / step * step);
}

/* An ARC weight for inputs as they come: column order[i] of out is stored column i of the ordered
 * part; the copies for the residuals fall away. */
static void undo_arc(const vq_linear *l, const float *stored, int64_t rows, float *out)
{
    const int64_t block = vq_arc_block(&l->scheme);
#pragma omp parallel for schedule(static) if (rows * l->k_stored > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) {
        const float *from = stored + r * l->k_stored;
        float *to = out + r * l->k;
        for (int64_t i = 0; i < l->k; i++)
            to[l->arc_order[i]] = from[vq_arc_column(i, l->k, l->arc_s, block)];
    }
}

/* Loaders that decompress get weights in the type of their scales: an evaluation of the weights
 * alone measures those. */
static void round_like_loaders(const vq_exec *x, const vq_linear *l, float *w, int64_t n)
{
    if (x->quantize_inputs || l->scheme.weight.scale != VQ_SCALE_BF16) return;
#pragma omp parallel for schedule(static) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++) w[i] = vq_bf16_to_f32(vq_f32_to_bf16(w[i]));
}

/* plain: [rows][k] for inputs as they come, whatever was stored; else [rows][k_stored] */
static vq_status decode_quantized(const vq_exec *x, const vq_linear *l, int64_t r0, int64_t rows,
                                  bool plain, float *out, vq_err *e)
{
    vq_qtensor q;
    VQ_TRY(x->source->rows(x->source->self, l, r0, rows, &q, x->arena, e));
    if (!l->arc_order || !plain) {
        vq_decode_rows(x->kernels, &q, out, l->k_stored);
        round_like_loaders(x, l, out, rows * l->k_stored);
        return VQ_OK;
    }
    float *stored = VQ_ALLOC(x->arena, float, rows * l->k_stored, "decoded weight", e);
    if (!stored) return e->status;
    vq_decode_rows(x->kernels, &q, stored, l->k_stored);
    undo_arc(l, stored, rows, out);
    return VQ_OK;
}

static void add_bias(const vq_kernels *kr, const float *bias, float *out, int64_t m, int64_t n,
                     int64_t ld)
{
#pragma omp parallel for schedule(static) if (m * n > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < m; t++) kr->add(out + t * ld, bias, (size_t)n);
}

/* Of the stored rows [r0, r0 + rows) the `want` ones from row `skip` on. */
typedef struct slice {
    int64_t r0, rows, skip, want;
} slice;

/* Does the weight meet the input's own channels, or what coding made of them? */
static bool is_plain(const vq_exec *x, const vq_linear *l)
{
    return !(x->quantize_inputs && l->quantized && l->scheme.has_act);
}

static vq_status decode_slice(const vq_exec *x, const vq_linear *l, const slice *s, bool plain,
                              float **w, vq_err *e)
{
    const int64_t k = plain ? l->k : l->k_stored;
    *w = VQ_ALLOC(x->arena, float, s->rows *k, "decoded weight", e);
    if (!*w) return e->status;
    if (l->quantized) return decode_quantized(x, l, s->r0, s->rows, plain, *w, e);
    return vq_dense_rows(x->kernels, &l->dense, s->r0, s->rows, k, *w, e);
}

/* Rows of a weight that meets a product of bf16 as it is stored; NULL: it has to be decoded. */
static const void *as_stored(const vq_exec *x, const vq_linear *l, int64_t r0)
{
    const vq_tensor *t = &l->dense;
    if (!x->kernels->bf16 || x->kernels->strict || l->quantized || t->coded || t->transposed ||
        t->dtype != VQ_BF16)
        return NULL;
    return (const unsigned char *)t->data + r0 * l->k * (int64_t)sizeof(uint16_t);
}

static vq_status apply_slice(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                             const slice *s, float *out, int64_t ld, vq_err *e)
{
    const bool plain = is_plain(x, l);
    const int64_t k = plain ? l->k : l->k_stored;
    const void *stored = as_stored(x, l, s->r0 + s->skip);
    if (stored) {
        vq_gemm_nt_stored(x->kernels, m, s->want, k, in, k, stored, out, ld);
        return VQ_OK;
    }
    float *w;
    VQ_TRY(decode_slice(x, l, s, plain, &w, e));
    vq_gemm_nt(x->kernels, m, s->want, k, in, k, w + s->skip * k, k, out, ld);
    return VQ_OK;
}

/* The slice from row `at` on: whole groups of rows are decoded, wanted rows lie in [r0, end). */
static slice slice_at(const vq_linear *l, int64_t at, int64_t r0, int64_t end)
{
    const int64_t step = rows_together(l),
                  stored_end = min_of(l->n, (end + step - 1) / step * step);
    slice s = {
        .r0 = at, .rows = min_of(slice_rows(l), stored_end - at), .skip = at < r0 ? r0 - at : 0};
    s.want = min_of(s.rows, end - at) - s.skip;
    return s;
}

vq_status vq_linear_rows(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                         int64_t r0, int64_t count, float *out, int64_t ld, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const int64_t step = rows_together(l), end = m > 0 ? r0 + count : r0;
    for (int64_t at = r0 / step * step; at < end; at += slice_rows(l)) {
        const slice s = slice_at(l, at, r0, end);
        const vq_status status = apply_slice(x, l, in, m, &s, out + (s.r0 + s.skip - r0), ld, e);
        vq_arena_rewind(x->arena, mark);
        if (status != VQ_OK) return status;
    }
    if (!l->bias.data) return VQ_OK;
    float *bias = NULL;
    VQ_TRY(vq_dense_vector(x, &l->bias, l->n, &bias, e));
    add_bias(x->kernels, bias + r0, out, m, count, ld);
    vq_arena_rewind(x->arena, mark);
    return VQ_OK;
}

static vq_status back_slice(const vq_exec *x, const vq_linear *l, const float *g, int64_t m,
                            const slice *s, float *dx, vq_err *e)
{
    const bool plain = is_plain(x, l);
    const int64_t k = plain ? l->k : l->k_stored;
    float *w;
    VQ_TRY(decode_slice(x, l, s, plain, &w, e));
    (s->r0 == 0 ? vq_gemm_nn : vq_gemm_nn_add)(x->kernels, m, k, s->rows, g + s->r0, l->n, w, k, dx,
                                               k);
    return VQ_OK;
}

vq_status vq_linear_rows_back(const vq_exec *x, const vq_linear *l, const float *g, int64_t m,
                              float *dx, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    for (int64_t at = 0; m > 0 && at < l->n; at += slice_rows(l)) {
        const slice s = slice_at(l, at, 0, l->n);
        const vq_status status = back_slice(x, l, g, m, &s, dx, e);
        vq_arena_rewind(x->arena, mark);
        if (status != VQ_OK) return status;
    }
    return VQ_OK;
}

vq_status vq_linear_back(const vq_exec *x, const vq_linear *l, const float *g, int64_t m, float *dx,
                         vq_err *e)
{
    vq_quantize q;
    if (!vq_quantize_of(x, l, &q)) return vq_linear_rows_back(x, l, g, m, dx, e);
    const vq_arena_mark mark = vq_arena_here(x->arena);
    float *met = VQ_ALLOC(x->arena, float, m *q.k_out, "gradient of an input", e);
    vq_status s = met ? vq_linear_rows_back(x, l, g, m, met, e) : e->status;
    if (s == VQ_OK) vq_quantize_back(x, &q, met, m, dx);
    vq_arena_rewind(x->arena, mark);
    return s;
}

static size_t slice_bytes(const vq_linear *l, bool plain)
{
    const size_t rows = (size_t)slice_rows(l), stored = (size_t)l->k_stored;
    size_t bytes = rows * stored * sizeof(float);
    if (!l->quantized) return bytes;
    const size_t codes = l->scheme.weight.grid.bits > 8 ? sizeof(uint16_t) : sizeof(uint8_t);
    bytes += rows * stored * codes + (l->arc_order && plain ? rows * stored * sizeof(float) : 0);
    int64_t per_row = 1, groups = 0;
    if (vq_group_count(&l->scheme.weight, (int64_t)rows, l->k_stored, &per_row, &groups, NULL) !=
        VQ_OK)
        return bytes;
    return bytes + (size_t)groups * (sizeof(float) + sizeof(int16_t));
}

size_t vq_linear_scratch(const vq_exec *x, const vq_linear *l)
{
    return l->k_stored ? slice_bytes(l, is_plain(x, l)) : 0;
}

size_t vq_linear_back_scratch(const vq_exec *x, const vq_linear *l, int64_t m)
{
    vq_quantize q;
    const size_t met = vq_quantize_of(x, l, &q) ? (size_t)(m * q.k_out) * sizeof(float) : 0;
    return met + vq_linear_scratch(x, l);
}
