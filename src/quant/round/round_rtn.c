/* round_rtn.c -- round to nearest: scales from each group's range, every element on its own. */
#include "quant/rounder.h"

static vq_status run(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    return vq_quantize_rows(job->kernels, q, w, job->global_scale, job->arith, &job->signal,
                            &job->noise, e);
}

static const vq_option options[] = {{.name = NULL}};

const vq_rounder vq_round_rtn = {
    .name = "rtn",
    .doc = "round to nearest; scales from the range of each group",
    .source = "OCP MX v1.0; compressed-tensors 0.20 calculate_qparams",
    .options = options,
    .run = run,
};
