/* block_stats.c -- where the statistics of a block come from: a file made before, a sweep over the
 * block, or both. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "calib/unseen.h"
#include "plan/budget.h"
#include "run/origin.h"
#include "run/quantize/block_work.h"

static const char *layer_path(const vq_work *w, int layer, vq_arena *a, vq_err *e)
{
    return vq_arena_text(a, e, "%s/layer-%04d.vqs", w->j->work, layer);
}

static vq_status save_layer(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e)
{
    vq_work *w = ctx;
    (void)nstats;
    const vq_arena_mark mark = vq_arena_here(&w->layer);
    const char *path = layer_path(w, layer, &w->layer, e);
    vq_stats *const list[] = {(vq_stats *)(uintptr_t)stats};
    vq_status s = path ? vq_run_state_keep(&w->state, e) : e->status;
    if (s == VQ_OK) s = vq_stats_save(path, &w->origin, w->graph, layer, 1, list, &w->layer, e);
    vq_arena_rewind(&w->layer, mark);
    return s == VQ_OK ? vq_step(&w->j->job->reporter, "gradients", w->graph->layers - layer,
                                w->graph->layers, e)
                      : s;
}

/* Blocks from the last one down whose file is there: a stopped run continues below them. */
static int layers_left(vq_work *w, vq_err *e)
{
    int left = w->graph->layers;
    for (; left > 0; left--) {
        const char *path = layer_path(w, left - 1, &w->layer, e);
        if (!path || !vq_exists(path)) break;
    }
    return left;
}

vq_status vq_work_gradients(vq_work *w, vq_err *e)
{
    const int left = layers_left(w, e);
    if (left == 0) return VQ_OK;
    if (left < w->graph->layers)
        vq_say(&w->j->job->reporter, 0, "resuming the gradients below layer %d", left);
    w->origin = vq_origin_of(w->plan, &w->samples.samples, w->j->model_sha);
    const vq_stats_sink sink = {.ctx = w, .layer = save_layer};
    const vq_calib_options o =
        vq_calibration_options(w->plan, w->j->job, w->plan->needs, w->j->work);
    return vq_calib_gradients(&w->original_exec, &w->samples.samples, &o,
                              w->plan->recipe->calib.seed, left, &sink, &w->j->job->reporter,
                              &w->scratch, e);
}

/* The curvature of the original model beside the statistics of the inputs as they are now. */
static void add_curvature(vq_stats *to, const vq_stats *from)
{
    to->linears = from->linears;
    to->nlinears = from->nlinears;
    to->gathered |= from->gathered & VQ_NEED_GRADIENT;
}

static vq_status open_file(vq_work *w, int layer, vq_err *e)
{
    if (w->j->statistics) return VQ_OK; /* one file for all blocks, open since the start */
    const char *path = layer_path(w, layer, &w->layer, e);
    if (!path) return e->status;
    VQ_TRY(vq_stats_load(&w->file, path, w->graph, &w->layer, e));
    w->file_open = true;
    return VQ_OK;
}

vq_status vq_work_stats(vq_work *w, int layer, vq_err *e)
{
    w->nstats = vq_graph_groups_in(w->groups, w->ngroups, layer);
    w->stats = VQ_NEW(&w->layer, vq_stats, w->nstats, "statistics", e);
    if (!w->stats) return e->status;
    if (w->from_file) VQ_TRY(open_file(w, layer, e));
    for (int i = 0; w->from_file && i < w->nstats; i++) w->stats[i] = w->file.stats[layer][i];
    if (!w->gathers) {
        vq_unseen_warn(&w->j->job->reporter, layer, w->stats, w->nstats);
        return VQ_OK;
    }
    vq_stats *swept = VQ_NEW(&w->layer, vq_stats, w->nstats, "statistics", e);
    if (!swept) return e->status;
    VQ_TRY(vq_work_moves(w) ? vq_calib_block(w->calib, layer, swept, w->nstats, &w->layer, e)
                            : vq_calib_gather(w->calib, layer, swept, w->nstats, &w->layer, e));
    for (int i = 0; i < w->nstats; i++) {
        if (w->from_file) add_curvature(&swept[i], &w->stats[i]);
        w->stats[i] = swept[i];
    }
    vq_unseen_warn(&w->j->job->reporter, layer, w->stats, w->nstats);
    return VQ_OK;
}

void vq_work_release(vq_work *w)
{
    vq_rounding_keep(&w->kept, -1);
    if (w->file_open && !w->j->statistics) {
        vq_stats_close(&w->file);
        w->file_open = false;
    }
}

vq_status vq_work_check_statistics(const vq_work *w, vq_err *e)
{
    vq_stats_origin want = vq_origin_of(w->plan, NULL, w->j->model_sha);
    if (w->plan->recipe->calib.propagate_quantized)
        want.needs &= VQ_NEED_GRADIENT; /* the rest is swept anew */
    return vq_stats_check_origin(&w->file.origin, &want, false, w->j->statistics, e);
}
