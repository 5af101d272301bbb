/* model_blame.c -- which weight is behind figures that are not finite (declared in model.h). */
#include <math.h>

#include "load/model.h"
#include "load/weights.h"

enum { SLAB_ELEMENTS = 1 << 20 };

/* Rows that are decoded at a time: whole blocks of scales. */
static int64_t slab_rows(const vq_linear *l)
{
    const vq_group_shape *g = &l->scheme.weight.group;
    const int64_t unit = g->kind == VQ_PER_BLOCK && g->rows > 1 ? g->rows : 1;
    const int64_t rows = SLAB_ELEMENTS / (l->k_stored > 0 ? l->k_stored : 1) / unit * unit;
    return g->kind == VQ_PER_TENSOR ? l->n : rows > 0 ? rows : unit;
}

static vq_status check_input_scales(const vq_linear *l, vq_err *e)
{
    if (isfinite(l->act_scale) && isfinite(l->act_global_scale.value)) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: the scale of its input is NaN or infinite; the model is broken: fetch it "
                   "again",
                   l->name);
}

static vq_status check_linear(const vq_source *s, const vq_kernels *kr, const char *module,
                              vq_arena *a, vq_err *e)
{
    vq_linear l;
    VQ_TRY(s->linear(s->self, module, 0, 0, &l, e));
    VQ_TRY(check_input_scales(&l, e));
    const char *name = vq_arena_text(a, e, "%s.weight", module);
    if (!name) return e->status;
    const int64_t step = slab_rows(&l);
    for (int64_t r = 0; r < l.n; r += step) {
        const vq_arena_mark mark = vq_arena_here(a);
        const int64_t rows = l.n - r < step ? l.n - r : step;
        float *x = VQ_ALLOC(a, float, rows *l.k_stored, "decoded weight", e);
        vq_qtensor q;
        if (!x) return e->status;
        VQ_TRY(s->rows(s->self, &l, r, rows, &q, a, e));
        vq_decode_rows(kr, &q, x, q.cols);
        VQ_TRY(vq_weights_check(kr, name, r, rows, l.k_stored, x, e));
        vq_arena_rewind(a, mark);
    }
    return VQ_OK;
}

static vq_status check_all(const vq_model *m, const vq_kernels *kr, vq_arena *a, vq_err *e)
{
    const vq_tensor_set *set = &m->checkpoint.weights;
    const char *const *names;
    const bool *quantized;
    size_t n;
    for (size_t i = 0; i < set->count; i++) VQ_TRY(vq_weights_finite(kr, set->sorted[i], e));
    VQ_TRY(vq_checkpoint_modules(&m->checkpoint, a, &names, &quantized, &n, e));
    for (size_t i = 0; i < n; i++)
        if (quantized[i]) VQ_TRY(check_linear(&m->checkpoint.source, kr, names[i], a, e));
    return VQ_OK;
}

vq_status vq_model_blame(const vq_model *m, const vq_kernels *kr, vq_status status, vq_err *e)
{
    if (status != VQ_E_NUMERIC) return status;
    vq_arena a; /* without the budget, of which there may be nothing left */
    vq_err cause;
    const vq_err seen = *e;
    vq_arena_init(&a, NULL);
    const vq_status s = check_all(m, kr, &a, &cause);
    vq_arena_done(&a);
    if (s != VQ_E_INPUT) return status;
    return vq_fail(e, VQ_E_INPUT, "%.400s (seen in %.400s)", cause.text, seen.text);
}
