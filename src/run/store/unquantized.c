/* unquantized.c -- tensors that stay as they are, copied from the model into the artifact. */
#include "run/store/unquantized.h"

#include "base/parallel.h"
#include "load/weights.h"

static bool in_sets(const vq_tensor_set *const *sets, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (vq_tensor_set_find(sets[i], name)) return true;
    return false;
}

vq_status vq_unquantized_declare(const vq_plan *p, const vq_tensor_set *const *skip, int nskip,
                                 vq_tensor_writer *w, int64_t *ids, vq_err *e)
{
    const vq_tensor_set *set = &p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        const vq_tensor *t = set->sorted[i];
        ids[i] = -1;
        if (vq_plan_quantizes(p, t->name) || in_sets(skip, nskip, t->name)) continue;
        const vq_tensor stored = vq_tensor_as_stored(t);
        VQ_TRY(vq_tensor_writer_declare(w, t->name, t->dtype, stored.shape, t->ndim, &ids[i], e));
    }
    return VQ_OK;
}

#define COPY_STEP ((size_t)8 << 20)

vq_status vq_copy_tensor(const vq_tensor *t, vq_tensor_writer *w, int64_t id, vq_err *e)
{
    for (size_t at = 0; at < t->bytes; at += COPY_STEP) {
        const size_t n = t->bytes - at < COPY_STEP ? t->bytes - at : COPY_STEP;
        VQ_TRY(vq_tensor_writer_write(w, id, at, (const char *)t->data + at, n, e));
        vq_mapped_forget((const char *)t->data + at, n);
    }
    return VQ_OK;
}

/* From number `first` of the tensor on. */
static vq_status store_at(vq_tensor_writer *w, int64_t id, vq_dtype t, int64_t first,
                          const float *x, int64_t n, vq_arena *scratch, vq_err *e)
{
    if (t == VQ_F32)
        return vq_tensor_writer_write(w, id, (size_t)first * sizeof *x, x, (size_t)n * sizeof *x,
                                      e);
    const vq_arena_mark mark = vq_arena_here(scratch);
    uint16_t *half = VQ_ALLOC(scratch, uint16_t, n, "tensor as stored", e);
    if (!half) return e->status;
#pragma omp parallel for schedule(static) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++)
        half[i] = t == VQ_F16 ? vq_f32_to_f16(x[i]) : vq_f32_to_bf16(x[i]);
    const vq_status s = vq_tensor_writer_write(w, id, (size_t)first * sizeof *half, half,
                                               (size_t)n * sizeof *half, e);
    vq_arena_rewind(scratch, mark);
    return s;
}

/* Some rows at a time, so that an embedding is not in memory as a whole; of the model, whose pages
 * are forgotten. */
static vq_status check_finite(const vq_kernels *kr, const vq_tensor *t, vq_err *e)
{
    const bool rows = t->ndim == 2 && !t->transposed && t->bytes > COPY_STEP;
    const int64_t width = rows ? (int64_t)t->bytes / t->shape[0] : 0,
                  step = rows ? (int64_t)COPY_STEP / width + 1 : 0;
    if (!rows) return vq_weights_finite(kr, t, e);
    for (int64_t r = 0; r < t->shape[0]; r += step) {
        vq_tensor part = *t;
        part.data = (const char *)t->data + r * width;
        part.shape[0] = t->shape[0] - r < step ? t->shape[0] - r : step;
        if (vq_weights_finite(kr, &part, e) != VQ_OK) return vq_weights_finite(kr, t, e);
        vq_mapped_forget(part.data, (size_t)(part.shape[0] * width));
    }
    return VQ_OK;
}

vq_status vq_store_floats(vq_tensor_writer *w, int64_t id, vq_dtype t, const float *x, int64_t n,
                          vq_arena *scratch, vq_err *e)
{
    return store_at(w, id, t, 0, x, n, scratch, e);
}

/* A coded tensor on its way into the file. */
typedef struct decoding {
    const vq_tensor *tensor;
    vq_tensor_writer *to;
    int64_t id;
} decoding;

static vq_status store_slice(void *ctx, int64_t first, const float *x, int64_t n, vq_err *e)
{
    const decoding *d = ctx;
    return store_at(d->to, d->id, d->tensor->dtype, first, x, n, d->tensor->coded->scratch, e);
}

static vq_status copy_checked(const vq_tensor *t, const vq_kernels *kr, vq_tensor_writer *w,
                              int64_t id, vq_err *e)
{
    decoding d = {.tensor = t, .to = w, .id = id};
    if (t->coded) return vq_weights_slices(kr, t, store_slice, &d, e);
    VQ_TRY(check_finite(kr, t, e));
    return vq_copy_tensor(t, w, id, e);
}

vq_status vq_unquantized_copy(const vq_plan *p, const vq_kernels *kr, vq_tensor_writer *w,
                              const int64_t *ids, vq_err *e)
{
    const vq_tensor_set *set = &p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        if (ids[i] >= 0) VQ_TRY(copy_checked(set->sorted[i], kr, w, ids[i], e));
    }
    return VQ_OK;
}
