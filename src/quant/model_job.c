/* model_job.c -- edits by module name: what transforms of a whole model share. */
#include "quant/model_job.h"

vq_status vq_add_edit(vq_edits *s, const char *name, const char *suffix, vq_edit d, vq_err *e)
{
    d.tensor = suffix ? vq_arena_text(s->arena, e, "%s.%s", name, suffix) : name;
    return d.tensor ? vq_edits_add(s, &d, e) : VQ_E_LIMIT;
}

vq_status vq_add_row_edit(vq_edits *s, const char *module, vq_edit d, vq_err *e)
{
    d.side = VQ_EDIT_ROWS;
    VQ_TRY(vq_add_edit(s, module, "weight", d, e));
    return vq_add_edit(s, module, "bias", d, e);
}

vq_status vq_add_range_edit(vq_edits *s, const char *module, vq_row_range rows, vq_edit d,
                            vq_err *e)
{
    d.first = rows.first;
    d.of = rows.of;
    return vq_add_row_edit(s, module, d, e);
}

vq_status vq_need_stream(const vq_model_job *job, vq_err *e)
{
    return job->no_stream ? vq_fail(e, VQ_E_INPUT, "%s", job->no_stream) : VQ_OK;
}
