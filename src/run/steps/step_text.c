/* step_text.c -- the calibration samples: from a file, or written by the model itself, and kept for a
 * resumed run. */
#include "plan/cost/budget.h"
#include "plan/own/own_text.h"
#include "plan/samples.h"
#include "run/block/run_scope.h"
#include "run/origin.h"
#include "run/store/own_ids.h"

/* What the stopped run wrote; whether it was the same text is found with its data's digest. */
static vq_status find_own(const vq_run *r, const int32_t **own, vq_err *e)
{
    const vq_run_request *q = r->request;
    const int64_t n = r->schedule->own_text * vq_sample_tokens(r->plan);
    *own = NULL;
    if (!q->resume || !n) return VQ_OK;
    VQ_TRY(vq_own_ids_read(q->work, (size_t)n, own, r->arena, e));
    if (*own)
        vq_say(&r->job->reporter, 0,
               "calibrating on %lld x %lld tokens that the model wrote itself before",
               (long long)r->schedule->own_text, (long long)vq_sample_tokens(r->plan));
    return VQ_OK;
}

static vq_status run(vq_run *r, vq_block *b, vq_err *e)
{
    (void)b;
    char ids[VQ_SHA256_TEXT];
    const int32_t *before;
    VQ_TRY(find_own(r, &before, e));
    VQ_TRY(vq_samples_find(&r->samples, r->plan, r->request->data, &r->models.current, before,
                           r->job, r->arena, e));
    const vq_samples *s = &r->samples.samples;
    if (r->samples.own && !before)
        VQ_TRY(vq_own_ids_write(r->request->work, r->samples.own,
                                (size_t)(r->samples.own_samples * s->length), &r->scratch, e));
    *r->calibrated = vq_origin_calibrated(&r->samples);
    vq_origin_samples(s, ids);
    return vq_made_note(r->request->made_from, VQ_MADE_DATA, ids, r->arena, e);
}

/* The texts of all samples are written together, token by token. */
static vq_step_bytes bytes(const vq_schedule *s, const vq_job *job, int layer)
{
    (void)layer;
    if (!s->own_text) return (vq_step_bytes){0};
    const vq_exec x = vq_model_exec(s->plan->model, job, NULL, false);
    const vq_self_texts t = vq_own_texts(s->plan, s->own_text);
    const vq_batch b = {.sequences = vq_calib_self_batch(x.graph, &t, &job->budget),
                        .length = 1,
                        .position = t.length - 1};
    return (vq_step_bytes){.most = vq_calib_self_bytes(x.graph, &t, &job->budget) +
                                   vq_packed_bytes(s->plan, job) + vq_exec_bytes(&x, &b)};
}

static void cost(const vq_schedule *s, const vq_job *job, int layer, vq_cost cost[VQ_STAGES])
{
    (void)layer;
    if (!s->own_text) return;
    const vq_self_texts t = vq_own_texts(s->plan, s->own_text);
    const int64_t most = vq_calib_self_batch(&s->plan->model->graph, &t, &job->budget),
                  batches = (t.count + most - 1) / most;
    const vq_pass_shape shape = {.graph = &s->plan->model->graph,
                                 .tokens = (double)(t.count * t.length),
                                 .batches = (double)(t.length * batches),
                                 .keys = (double)t.length / 2};
    for (int i = 0; i < shape.graph->layers; i++)
        vq_cost_add_block(&cost[VQ_STAGE_TEXT], &shape, i);
    vq_cost_add_head(&cost[VQ_STAGE_TEXT], &shape, 1);
}

const vq_step_kind vq_step_text = {
    .name = "text",
    .doc = "calibration samples, from data or from the model itself",
    .run = run,
    .bytes = bytes,
    .cost = cost,
};
