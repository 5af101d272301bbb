/* round_all.c -- the short way of a plan that needs no statistics: every weight straight into the
 * output. */
#include "formats/layouts/module_store.h"
#include "plan/cost/budget.h"
#include "run/store/rounding.h"
#include "run/store/unquantized.h"

static vq_status write_all(const vq_rounding *s, vq_tensor_writer *w, const char *dir, vq_arena *a,
                           vq_err *e)
{
    int64_t *ids = VQ_ALLOC(a, int64_t, s->plan->model->checkpoint.weights.count, "tensors", e);
    if (!ids) return e->status;
    for (int g = 0; g < s->plan->ngroups; g++) VQ_TRY(vq_rounding_add(s, g, e));
    const vq_rounded *r = s->out;
    for (size_t i = 0; i < r->nmodules; i++)
        VQ_TRY(vq_module_declare(s->plan->target, &r->modules[i], w, e));
    VQ_TRY(vq_unquantized_declare(s->plan, NULL, 0, w, ids, e));
    VQ_TRY(vq_tensor_writer_begin(w, dir, s->plan->recipe->shard, e));
    VQ_TRY(vq_step(&s->job->reporter, "quantizing", 0, (int64_t)r->nmodules, e));
    for (size_t i = 0; i < r->nmodules; i++) {
        VQ_TRY(vq_rounding_module(s, i, w, e));
        VQ_TRY(vq_step(&s->job->reporter, "quantizing", (int64_t)i + 1, (int64_t)r->nmodules, e));
    }
    VQ_TRY(vq_unquantized_copy(s->plan, &s->job->kernels, w, ids, e));
    return vq_tensor_writer_commit(w, NULL, NULL, e);
}

vq_status vq_rounding_all(vq_rounded *r, const vq_plan *p, const char *dir, const vq_job *job,
                          vq_budget *budget, vq_arena *a, vq_err *e)
{
    vq_arena scratch;
    vq_arena_init(&scratch, budget);
    vq_tensor_writer *w = NULL;
    const vq_rounding s = {.plan = p,
                           .job = job,
                           .inputs = VQ_NEW(a, vq_group_input, p->ngroups, "plan", e),
                           .out = r,
                           .scratch = &scratch};
    vq_status status = s.inputs
                           ? vq_arena_reserve(&scratch, vq_plan_round_bytes(p), "largest weight", e)
                           : e->status;
    if (status == VQ_OK) status = vq_tensor_writer_new(&w, p->target->container, a, e);
    if (status == VQ_OK) {
        status = write_all(&s, w, dir, a, e);
        vq_tensor_writer_drop(w);
    }
    vq_arena_done(&scratch);
    return status;
}
