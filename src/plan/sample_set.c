/* sample_set.c -- how long a calibration sample is. */
#include "plan/sample_set.h"

int64_t vq_sample_tokens(const vq_plan *p)
{
    const int64_t len = p->recipe->calib.seqlen, max = p->model->graph.max_position;
    return max > 0 && len > max ? max : len;
}

/* A sample is one sequence from position 0 on: the model must know every position. */
vq_status vq_samples_check(const vq_plan *p, vq_err *e)
{
    const vq_calib_recipe *r = &p->recipe->calib;
    const int64_t max = p->model->graph.max_position;
    if (max <= 0 || r->seqlen <= max) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: calib.seqlen is %lld, and the context of the model %lld tokens: --set "
                   "calib.seqlen=%lld",
                   p->recipe->path, (long long)r->seqlen, (long long)max, (long long)max);
}
