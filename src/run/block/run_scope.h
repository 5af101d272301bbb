/* run_scope.h -- what a step is handed: the run, which lasts until the end, and the block under
 * work, which is emptied when the next one comes. */
#ifndef VQ_RUN_BLOCK_RUN_SCOPE_H
#define VQ_RUN_BLOCK_RUN_SCOPE_H

#include "calib/calibrate.h"
#include "calib/stats/stats_file.h"
#include "edit/edited_source.h"
#include "edit/overlay.h"
#include "model/walk/groups.h"
#include "plan/model_passes.h"
#include "plan/sample_set.h"
#include "run/manifest.h"
#include "run/schedule/schedule.h"
#include "run/store/rounding.h"
#include "run/store/run_state.h"
#include "run/store/written.h"

/* What the caller asks for; all borrowed. */
typedef struct vq_run_request {
    const vq_plan *plan;
    const vq_job *job;
    vq_budget *budget;
    const char *dir;        /* where the final files go */
    const char *work;       /* OUT.run: finished sections, state, statistics, spool; the caller
                             * removes it in the end */
    vq_calib_sources data;  /* n 0: as the recipe says */
    const char *statistics; /* .vqs made before; NULL: gather */
    bool resume;
    const char *model_sha;   /* of origin.h */
    vq_made_from *made_from; /* fields that a resumed run must share; those of data and statistics
                              * are added */
} vq_run_request;

/* The model before anything is rounded, and as it is by now. */
typedef struct vq_run_models {
    const vq_graph
        *graph; /* NULL: no builder. The model's, or that of `edits` once it has changed */
    vq_linear_group *groups;
    int ngroups;
    vq_model_edits edits;    /* of transforms of scope MODEL, which all blocks share */
    vq_edited_source edited; /* the stored model with these edits alone */
    vq_exec original;        /* over `edited` (or the stored model), in f32: what gradients, checks
                               * and training go by */
    vq_exec current;         /* over the block's overlay; below it what was written (propagate:
                               * quantized) or the stored model */
} vq_run_models;

/* Activations of the samples in front of the block under work. */
typedef struct vq_run_activations {
    vq_calib *current;  /* by models.current; NULL: no step sweeps */
    vq_calib *original; /* by models.original, beside quantized ones, for training; else NULL */
} vq_run_activations;

/* The statistics file that is open: the user's for all blocks, or the block's own. */
typedef struct vq_run_statistics {
    vq_stats_file file;
    bool open;
    vq_stats_origin origin; /* of the files that the gradients step writes */
} vq_run_statistics;

struct vq_run {
    const vq_run_request *request;
    vq_schedule *schedule;
    const vq_plan *plan;
    const vq_job *job;
    vq_arena *arena;  /* until the end */
    vq_arena scratch; /* given back by each step */
    vq_sample_set samples;
    vq_calibrated *calibrated; /* out */
    vq_run_models models;
    vq_run_activations activations;
    vq_run_statistics statistics;
    vq_written written;
    vq_run_state state;
    vq_rounding rounding; /* its `out` is what the run has made */
    vq_rounding_cache cache;
    const vq_tensor_set
        *tuned; /* tensors of the finishing pass, instead of those written; NULL: none */
};

struct vq_block {
    int layer;          /* VQ_OUTSIDE: what lies outside of blocks; VQ_WHOLE_RUN: none */
    vq_arena arena;     /* until the next block */
    vq_edits edits;     /* those of models.edits and the block's own */
    vq_overlay overlay; /* its tensors as edited, in front of what lies below */
    vq_arena values;    /* of the overlay */
    vq_stats *stats;    /* [nstats] of its groups, in vq_graph_groups order */
    int nstats;
    vq_group_input *inputs; /* [plan.ngroups]; those of its groups are set */
};

#endif
