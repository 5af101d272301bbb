/* kept.c -- tensors that stay as they are, and the short way of a plan that needs no statistics:
 * every weight straight into the output. */
#include "base/parallel.h"
#include "load/weights.h"
#include "plan/budget.h"
#include "run/quantize/rounding.h"

static bool in_sets(const vq_st_set *const *sets, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (vq_st_find(sets[i], name)) return true;
    return false;
}

vq_status vq_kept_declare(const vq_plan *p, const vq_st_set *const *skip, int nskip,
                          vq_st_writer *w, int64_t *ids, vq_err *e)
{
    const vq_st_set *set = &p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        const vq_tensor *t = set->sorted[i];
        ids[i] = -1;
        if (vq_plan_quantizes(p, t->name) || in_sets(skip, nskip, t->name)) continue;
        VQ_TRY(vq_st_writer_declare(w, t->name, t->dtype, t->shape, t->ndim, &ids[i], e));
    }
    return VQ_OK;
}

#define COPY_STEP ((size_t)16 << 20)

vq_status vq_copy_tensor(const vq_tensor *t, vq_st_writer *w, int64_t id, vq_err *e)
{
    for (size_t at = 0; at < t->bytes; at += COPY_STEP) {
        const size_t n = t->bytes - at < COPY_STEP ? t->bytes - at : COPY_STEP;
        VQ_TRY(vq_st_writer_write(w, id, at, (const char *)t->data + at, n, e));
        vq_mapped_forget((const char *)t->data + at, n);
    }
    return VQ_OK;
}

vq_status vq_store_floats(vq_st_writer *w, int64_t id, vq_dtype t, const float *x, int64_t n,
                          vq_arena *scratch, vq_err *e)
{
    if (t == VQ_F32) return vq_st_writer_write(w, id, 0, x, (size_t)n * sizeof *x, e);
    const vq_arena_mark mark = vq_arena_here(scratch);
    uint16_t *half = VQ_ALLOC(scratch, uint16_t, n, "tensor as stored", e);
    if (!half) return e->status;
#pragma omp parallel for schedule(static) if (n > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++)
        half[i] = t == VQ_F16 ? vq_f32_to_f16(x[i]) : vq_f32_to_bf16(x[i]);
    const vq_status s = vq_st_writer_write(w, id, 0, half, (size_t)n * sizeof *half, e);
    vq_arena_rewind(scratch, mark);
    return s;
}

vq_status vq_kept_copy(const vq_plan *p, const vq_kernels *kr, vq_st_writer *w, const int64_t *ids,
                       vq_err *e)
{
    const vq_st_set *set = &p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        if (ids[i] < 0) continue;
        VQ_TRY(vq_weights_finite(kr, set->sorted[i], e));
        VQ_TRY(vq_copy_tensor(set->sorted[i], w, ids[i], e));
    }
    return VQ_OK;
}

static vq_status write_all(const vq_rounding *s, vq_st_writer *w, const char *dir, vq_arena *a,
                           vq_err *e)
{
    int64_t *kept = VQ_ALLOC(a, int64_t, s->plan->model->checkpoint.weights.count, "tensors", e);
    if (!kept) return e->status;
    for (int g = 0; g < s->plan->ngroups; g++) VQ_TRY(vq_rounding_add(s, g, e));
    const vq_rounded *r = s->out;
    for (size_t i = 0; i < r->nmodules; i++)
        VQ_TRY(vq_module_declare(s->plan->format, &r->modules[i], w, e));
    VQ_TRY(vq_kept_declare(s->plan, NULL, 0, w, kept, e));
    VQ_TRY(vq_st_writer_open(w, dir, s->plan->recipe->shard, e));
    for (size_t i = 0; i < r->nmodules; i++) {
        VQ_TRY(vq_rounding_module(s, i, w, e));
        VQ_TRY(vq_step(&s->job->reporter, "quantizing", (int64_t)i + 1, (int64_t)r->nmodules, e));
    }
    VQ_TRY(vq_kept_copy(s->plan, &s->job->kernels, w, kept, e));
    const char *const *names;
    size_t n;
    return vq_st_writer_commit(w, &names, &n, e);
}

vq_status vq_rounding_all(vq_rounded *r, const vq_plan *p, const char *dir, const vq_job *job,
                          vq_budget *budget, vq_arena *a, vq_err *e)
{
    vq_arena scratch;
    vq_arena_init(&scratch, budget);
    vq_st_writer *w = NULL;
    const vq_rounding s = {.plan = p,
                           .job = job,
                           .ready = VQ_NEW(a, vq_group_ready, p->ngroups, "plan", e),
                           .out = r,
                           .scratch = &scratch};
    vq_status status = s.ready
                           ? vq_arena_reserve(&scratch, vq_plan_round_bytes(p), "largest weight", e)
                           : e->status;
    if (status == VQ_OK) status = vq_st_writer_new(&w, a, e);
    if (status == VQ_OK) {
        status = write_all(&s, w, dir, a, e);
        vq_st_writer_drop(w);
    }
    vq_arena_done(&scratch);
    return status;
}
