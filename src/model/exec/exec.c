/* exec.c -- the parts of a model, one call each: embedding, block, head. */
#include "model/exec/exec.h"

#include "model/exec/finite.h"
#include "model/exec/frame.h"

vq_status vq_exec_embed(const vq_exec *x, const vq_batch *b, const int32_t *ids, float *h,
                        vq_err *e)
{
    const vq_frame_job job = {.batch = b, .part = 0, .ids = ids, .out = h};
    return vq_frame_run(x, &job, e);
}

vq_status vq_exec_block(const vq_exec *x, const vq_batch *b, int layer, float *h, vq_err *e)
{
    const vq_frame_job job = {.batch = b, .part = 1 + layer, .in = h, .out = h};
    const int64_t width = x->graph->nodes[x->graph->parts[1 + layer].carry[0]].width;
    vq_status status = vq_frame_run(x, &job, e);
    if (status == VQ_OK) status = vq_check_finite(x, b, h, width, "output", e);
    return status == VQ_OK ? VQ_OK : vq_at(e, "layer %d", layer);
}

vq_status vq_exec_head(const vq_exec *x, const float *h, int64_t rows, float *out, vq_err *e)
{
    const vq_batch b = {.sequences = 1, .length = rows};
    const vq_frame_job job = {.batch = &b, .part = 1 + x->graph->layers, .in = h, .out = out};
    return vq_frame_run(x, &job, e) == VQ_OK ? VQ_OK : vq_at(e, "head");
}

size_t vq_exec_bytes(const vq_exec *x, const vq_batch *b)
{
    size_t most = 0;
    for (int layer = 0; layer < x->graph->layers; layer++) {
        const size_t bytes = vq_frame_bytes(x, b, 1 + layer);
        if (bytes > most) most = bytes;
    }
    return most;
}
