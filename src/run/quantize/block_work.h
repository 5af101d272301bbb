/* block_work.h -- the block under work: what the files of the pipeline (blocks.c, block_stats.c,
 * block_passes.c) share. */
#ifndef VQ_RUN_QUANTIZE_BLOCK_WORK_H
#define VQ_RUN_QUANTIZE_BLOCK_WORK_H

#include "calib/stats/stats_file.h"
#include "edit/edited_source.h"
#include "edit/overlay.h"
#include "plan/model_passes.h"
#include "run/quantize/blocks.h"
#include "run/quantize/parts.h"
#include "run/quantize/run_state.h"
#include "model/walk/groups.h"

typedef struct vq_work {
    const vq_blocks_job *j;
    const vq_plan *plan;
    const vq_graph *graph; /* NULL: no builder for this architecture */
    vq_arena *run;         /* until the end */
    vq_arena layer;        /* until the next block */
    vq_arena scratch;
    vq_linear_group *groups; /* of the graph */
    int ngroups;
    vq_sample_set samples;
    vq_parts parts;
    vq_overlay overlay;               /* over the parts (quantized propagation) or the model */
    vq_arena view;                    /* values of the overlay */
    vq_exec exec;                     /* over the overlay */
    vq_calib *calib;                  /* NULL: no sweep is needed */
    vq_edited_source original_source; /* the model with the edits of scope MODEL alone, in f32 */
    vq_exec original_exec;            /* over it: what gradients, checks and training go by */
    vq_calib
        *original; /* activations of the original model beside quantized ones, for training; else
                   * NULL: calib's, ahead */
    vq_model_edits
        model; /* transforms of scope MODEL: the graph and the edits that all blocks share */
    vq_stats_file file;     /* statistics made before the blocks */
    vq_stats_origin origin; /* of those that the sweep before the blocks writes */
    bool from_file, file_open, gathers;
    vq_edits edits;  /* those of the model and the block's own */
    vq_stats *stats; /* [nstats] of the block's groups */
    int nstats;
    vq_group_ready *ready; /* [plan.ngroups] */
    vq_rounding rounding;
    vq_rounding_kept kept; /* of it */
    vq_run_state state;
} vq_work;

/* vq_work_moves -- does the run of a block that gathers its statistics also give the activations
 * behind it? Where the next block sees what the block as it was gives. */
bool vq_work_moves(const vq_work *w);

/* vq_work_group -- the linears of a group of the plan; NULL: outside of the graph.
 * vq_work_quantizes -- is this linear quantized? */
const vq_linear_group *vq_work_group(const vq_work *w, const vq_plan_group *g);
bool vq_work_quantizes(const vq_work *w, int linear);
/* vq_work_edited -- the stored model with the edits so far. */
vq_edited vq_work_edited(const vq_work *w);

/* vq_work_show -- the overlay shows every tensor of a part that an edit touches, as it will be
 * stored; layer -1: of what lies outside of the blocks. A weight that will be quantized is rounded
 * to the model's type for this view only: vq_rounding_weight starts from its f32 values. */
vq_status vq_work_show(vq_work *w, int layer, vq_err *e);
/* vq_work_show_exact -- the same as f32 has it. */
vq_status vq_work_show_exact(vq_work *w, int layer, vq_err *e);

/* vq_work_gradients -- the sweep before the blocks that writes OUT.run/layer-0000.vqs ...; layers
 * that are there already stay. */
vq_status vq_work_gradients(vq_work *w, vq_err *e);
/* vq_work_stats -- statistics of the block's groups into w->stats: from the file, from a sweep, or
 * both. */
vq_status vq_work_stats(vq_work *w, int layer, vq_err *e);
/* vq_work_check_statistics -- the user's file was made from this model and holds what the plan
 * needs; VQ_E_INPUT. */
vq_status vq_work_check_statistics(const vq_work *w, vq_err *e);
/* vq_work_release -- the statistics of the block are not needed any more. */
void vq_work_release(vq_work *w);

/* vq_work_transform -- the recipe's transforms over the groups of a block: edits, maps of the
 * runtime, mapped statistics into w->ready. */
vq_status vq_work_transform(vq_work *w, int layer, vq_err *e);

/* vq_work_check -- the block as edited so far, in f32, still computes what it did: on some tokens
 * of the samples, or on a made-up input when there are none. VQ_E_NUMERIC names pass and layer;
 * checks.function: warn makes it a warning. Leaves the overlay as vq_work_show does. */
vq_status vq_work_check(vq_work *w, int layer, const char *pass, vq_err *e);

/* vq_work_learn -- modules [first, nmodules) of a block rounded, trained together, packed (rounders
 * with `block`). */
vq_status vq_work_learn(vq_work *w, int layer, size_t first, vq_tensor_writer *writer, vq_err *e);

/* vq_work_finish -- the finishing pass over what was written: the tensors that it changes into
 * *instead (NULL without such a pass), SQNR and result into the rounding's out. The sweeps end. */
vq_status vq_work_finish(vq_work *w, const vq_tensor_set **instead, vq_err *e);

#endif
