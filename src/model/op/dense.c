/* dense.c -- dense tensors to f32 with the kernels of this machine, after checking that they hold
 * what the graph expects. */
#include "model/op/dense.h"
#include "base/parallel.h"

#include <stdio.h>
#include <string.h>

enum { STRIP = 16 /* rows of a transposed matrix that are read together */ };

static bool has_kernel(vq_dtype t)
{
    return t == VQ_BF16 || t == VQ_F16 || t == VQ_F32;
}

static void convert_row(const vq_kernels *kr, const vq_tensor *t, int64_t row, int64_t cols,
                        float *out)
{
    const size_t n = (size_t)cols, size = (size_t)vq_dtype_bits(t->dtype) / 8;
    const unsigned char *from = (const unsigned char *)t->data + (size_t)row * n * size;
    if (t->dtype == VQ_BF16)
        kr->bf16_to_f32(from, out, n);
    else if (t->dtype == VQ_F16)
        kr->f16_to_f32(from, out, n);
    else
        memcpy(out, from, n * sizeof *out);
}

/* Columns of the stored matrix a strip at a time: a cache line of each stored row serves the whole
 * strip. cols: stored rows. */
static void convert_strip(const vq_kernels *kr, const vq_tensor *stored, int64_t r0, int64_t n,
                          float *out)
{
    const int64_t rows = stored->shape[1], cols = stored->shape[0];
    const size_t size = (size_t)vq_dtype_bits(stored->dtype) / 8;
    float strip[STRIP];
    for (int64_t c = 0; c < cols; c++) {
        vq_tensor part = *stored;
        part.data = (const unsigned char *)stored->data + (size_t)(c * rows + r0) * size;
        convert_row(kr, &part, 0, n, strip);
        for (int64_t r = 0; r < n; r++) out[r * cols + c] = strip[r];
    }
}

static void convert_columns(const vq_kernels *kr, const vq_tensor *t, int64_t r0, int64_t count,
                            float *out)
{
    const vq_tensor stored = vq_tensor_as_stored(t);
    const int64_t cols = stored.shape[0];
#pragma omp parallel for schedule(static) if (count * cols > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < count; r += STRIP)
        convert_strip(kr, &stored, r0 + r, count - r < STRIP ? count - r : STRIP, out + r * cols);
}

vq_status vq_dense_rows(const vq_kernels *kr, const vq_tensor *t, int64_t r0, int64_t count,
                        int64_t cols, float *out, vq_err *e)
{
    if (t->coded) return t->coded->rows(t->coded->self, r0, count, out, e);
    if (!has_kernel(t->dtype)) return vq_to_f32(t, r0 * cols, count * cols, out, e);
    if (t->transposed) {
        convert_columns(kr, t, r0, count, out);
        return VQ_OK;
    }
#pragma omp parallel for schedule(static) if (count * cols > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < count; r++) convert_row(kr, t, r0 + r, cols, out + r * cols);
    return VQ_OK;
}

vq_status vq_dense_gather(const vq_kernels *kr, const vq_tensor *t, const int32_t *rows,
                          int64_t count, int64_t cols, float *out, vq_err *e)
{
    for (int64_t i = 0; t->coded && i < count; i++)
        VQ_TRY(t->coded->rows(t->coded->self, rows[i], 1, out + i * cols, e));
    if (t->coded) return VQ_OK;
    if (!has_kernel(t->dtype) || t->transposed) {
        for (int64_t i = 0; i < count; i++)
            VQ_TRY(vq_to_f32(t, rows[i] * cols, cols, out + i * cols, e));
        return VQ_OK;
    }
#pragma omp parallel for schedule(static) if (count * cols > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < count; i++) convert_row(kr, t, rows[i], cols, out + i * cols);
    return VQ_OK;
}

vq_status vq_dense_vector(const vq_exec *x, const vq_tensor *t, int64_t n, float **out, vq_err *e)
{
    if (vq_tensor_numel(t) != n)
        return vq_fail(e, VQ_E_INPUT, "%s holds %lld numbers; the model needs %lld", t->name,
                       (long long)vq_tensor_numel(t), (long long)n);
    float *v = VQ_ALLOC(x->arena, float, n, t->name, e);
    if (!v) return e->status;
    *out = v;
    return vq_dense_rows(x->kernels, t, 0, 1, n, v, e);
}

vq_status vq_embedding_table(const vq_exec *x, const vq_node *n, vq_tensor *out, vq_err *e)
{
    char name[256], text[128];
    (void)snprintf(name, sizeof name, "%s.weight", n->name);
    VQ_TRY(x->source->tensor(x->source->self, name, out, e));
    if (out->ndim == 2 && out->shape[0] == n->in_width && out->shape[1] == n->width) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s has shape %s; the model needs [%lld, %lld]", name,
                   vq_shape_text(out->shape, out->ndim, text, sizeof text), (long long)n->in_width,
                   (long long)n->width);
}
