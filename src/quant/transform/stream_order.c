/* stream_order.c -- one order of channels for the whole residual stream: alike channels share
 * blocks in every linear that reads it. Every norm, sum and linear along it follows, so the model
 * computes the same. source spec 4.4 */
#include "quant/model_job.h"

static vq_status make_order(vq_model_job *job, int32_t **order, vq_err *e)
{
    const vq_residual_site *s = job->stream;
    const double *by = vq_option_is(job->options, "by", "hessian") ? s->square : s->absmax;
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    if (!by) return vq_fail(e, VQ_E_BUG, "stream_order without statistics of the stream");
    *order = VQ_ALLOC(job->edits->arena, int32_t, s->width, "order of the stream", e);
    float *keys = *order ? VQ_ALLOC(job->scratch, float, s->width, "order of the stream", e) : NULL;
    if (!keys) return VQ_E_LIMIT;
    for (int64_t i = 0; i < s->width; i++) keys[i] = (float)by[i];
    VQ_TRY(vq_arc_order(keys, s->width, *order, job->scratch, e));
    vq_arena_rewind(job->scratch, mark);
    return VQ_OK;
}

static vq_status run(vq_model_job *job, vq_err *e)
{
    const vq_residual_site *s = job->stream;
    int32_t *order = NULL;
    VQ_TRY(make_order(job, &order, e));
    vq_edit d = {.kind = VQ_EDIT_GATHER, .side = VQ_EDIT_COLS, .order = order, .n = s->width};
    VQ_TRY(vq_add_edit(job->edits, s->embedding, NULL, d, e));
    for (int i = 0; i < s->nreaders; i++)
        if (!s->readers[i].tied)
            VQ_TRY(vq_add_edit(job->edits, s->readers[i].module, "weight", d, e));
    for (int i = 0; i < s->nwriters; i++)
        VQ_TRY(vq_add_row_edit(job->edits, s->writers[i].module, d, e));
    d.side = VQ_EDIT_ROWS;
    for (int i = 0; i < s->nnorms; i++) VQ_TRY(vq_add_edit(job->edits, s->norms[i], NULL, d, e));
    return VQ_OK;
}

static bool always(const vq_option_set *o)
{
    (void)o;
    return true;
}

static unsigned needs(const vq_option_set *o)
{
    return vq_option_is(o, "by", "hessian") ? VQ_NEED_HESSIAN : VQ_NEED_RANGE;
}

static const vq_option options[] = {
    {"by", VQ_OPT_CHOICE, "absmax", 0, 0, "absmax|hessian",
     "channels ascend by the sum over all linears that read the stream of their largest magnitude, "
     "or of their squares"},
    {.name = NULL},
};

const vq_transform vq_transform_stream_order = {
    .name = "stream_order",
    .doc = "one order of the residual stream's channels, folded into every weight along it: blocks "
           "hold channels alike, at no cost",
    .source = "arXiv 2403.20137, carried over to the residual stream",
    .options = options,
    .folds = true,
    .scope = VQ_SCOPE_MODEL,
    .needs = needs,
    .takes_model = vq_need_stream,
    .changes_stream = always,
    .run_model = run,
};
