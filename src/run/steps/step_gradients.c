/* step_gradients.c -- the sweep forwards and back over the original model: statistics of every block
 * into OUT.run/layer-0000.vqs ..., from the last block to the first. */
#include "base/file.h"
#include "plan/cost/budget.h"
#include "run/block/block_scope.h"
#include "run/origin.h"

typedef struct sink {
    vq_run *run;
    vq_block *block;
} sink;

static vq_status save_layer(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    vq_run *r = ((sink *)ctx)->run;
    vq_arena *a = &((sink *)ctx)->block->arena;
    const int layers = r->models.graph->layers;
    (void)nstats;
    const vq_arena_mark mark = vq_arena_here(a);
    const char *path = vq_run_layer_file(r, layer, a, e);
    vq_stats *const list[] = {(vq_stats *)(uintptr_t)stats};
    vq_status s = path ? vq_run_state_save(&r->state, e) : e->status;
    if (s == VQ_OK)
        s = vq_stats_save(path, &r->statistics.origin, r->models.graph, layer, 1, list, a, e);
    vq_arena_rewind(a, mark);
    vq_tensor_set_forget(&r->plan->model->checkpoint.weights);
    return s == VQ_OK ? vq_step(&r->job->reporter, "gradients", 2 * layers - layer, 2 * layers, e)
                      : s;
}

/* Files are written from the last block down: a stopped run continues below the lowest one. */
static int layers_left(const vq_run *r, vq_arena *a, vq_err *e)
{
    int left = r->models.graph->layers;
    for (; left > 0; left--) {
        const char *path = vq_run_layer_file(r, left - 1, a, e);
        if (!path || !vq_exists(path)) break;
    }
    return left;
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    const int left = layers_left(r, &b->arena, e);
    const vq_samples *samples = &r->samples.samples;
    if (left == 0) return VQ_OK;
    if (left < r->models.graph->layers)
        vq_say(&r->job->reporter, 0, "resuming the gradients below layer %d", left);
    r->statistics.origin = vq_origin_of(r->plan, samples, r->request->model_sha);
    sink to = {.run = r, .block = b};
    const vq_stats_sink files = {.ctx = &to, .layer = save_layer};
    const vq_calib_options o =
        vq_calibration_options(r->plan, r->job, r->plan->needs, r->request->work);
    return vq_calib_gradients(&r->models.original, samples, &o, r->plan->recipe->calib.seed, left,
                              &files, &r->job->reporter, &r->scratch, e);
}

/* Activations of all blocks, and beside them the larger of: a block's backward pass with its
 * statistics, or the head's backward pass. */
static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    const vq_plan *p = s->plan;
    const vq_exec x = vq_model_exec(p->model, job, NULL, false);
    const vq_batch b = vq_calibration_batch(p);
    const vq_head_loss loss = {.target = VQ_HEAD_SAMPLED};
    const uint64_t block = vq_exec_backward_bytes(&x, &b) + vq_statistics_bytes(p, p->needs),
                   head = vq_exec_head_backward_bytes(&x, &loss, b.sequences * b.length);
    return (vq_step_bytes){.most = vq_activation_bytes(p, job, p->needs) +
                                   (block > head ? block : head)};
}

/* Passes over the bytes of the statistics: hashed when written, hashed when read, searched for NaN.
 */
enum { TIMES_READ = 3 };

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    (void)layer;
    const vq_plan *p = s->plan;
    const vq_pass_shape shape = vq_sweep_shape(p, job, p->needs);
    const double stored = (double)vq_statistics_bytes(p, p->needs);
    vq_cost *c = &cost[VQ_STAGE_GRADIENTS];
    for (int i = 0; i < shape.graph->layers; i++) {
        vq_cost_add_block(c, &shape, i);
        vq_cost_add_block_back(c, &shape, i);
        vq_cost_add_observers(c, shape.graph, i, shape.tokens, p->needs);
        c->hashed += TIMES_READ * stored;
    }
    vq_cost_add_head(c, &shape, 2);
}

const vq_step_kind vq_step_gradients = {
    .name = "gradients",
    .doc = "a sweep forwards and back over the original model, its statistics to files",
    .run = run,
    .bytes = bytes,
    .cost = cost,
};
