/* model_edits.h -- transforms of scope MODEL: sites from the graph, edits for the whole model, and
 * what changes in the graph itself. test tests/unit/edit/test_model_edits.c */
#ifndef VQ_EDIT_MODEL_EDITS_H
#define VQ_EDIT_MODEL_EDITS_H

#include "edit/edited.h"
#include "quant/model_job.h"

/* Channels of the stream over all layers: sums over the linears that read it. */
typedef struct vq_residual_stats {
    double *absmax, *square; /* [width]; NULL until something that holds them was added */
    int64_t width;
    vq_arena *arena;
} vq_residual_stats;
/* vq_residual_stats_add -- the statistics of a block's groups (vq_graph_groups order): those whose
 * input is the normed stream count. VQ_NEED_RANGE fills absmax, VQ_NEED_HESSIAN square (its
 * diagonal). */
vq_status vq_residual_stats_add(vq_residual_stats *s, const vq_graph *g, int layer,
                                const vq_stats *stats, int nstats, vq_arena *scratch, vq_err *e);

typedef struct vq_model_edits {
    vq_graph
        graph; /* the model's own until a pass changes it: nodes (an untied lm_head), key_orders.
                * Execute this one from then on */
    vq_edits edits; /* of all passes so far, in order */
    bool untied;  /* config: tie_word_embeddings is false, and lm_head.weight is a tensor of its own
                 * (vq_edited_load knows where from) */
    bool ordered; /* config: graph.key_orders must be stored, else the model cannot be run */
    bool streamed; /* the residual stream is another one than that of the stored model */
} vq_model_edits;

/* vq_model_edits_init -- no edits yet; everything made later is in the arena. */
void vq_model_edits_init(vq_model_edits *m, const vq_graph *g, vq_arena *a);

/* vq_model_edits_check -- would the model take this transform after those that were checked before? Reads
 * no tensor and makes no edit; refusals as those of vq_model_edits_pass. test
 * tests/families/test_transforms.sh */
vq_status vq_model_edits_check(vq_model_edits *m, const vq_transform *t, const vq_option_set *o,
                               vq_arena *scratch, vq_err *e);
/* vq_model_edits_pass -- run one transform of scope MODEL after those before it. stream: statistics
 * that the transform needs (t->needs), of the model as it is stored: NULL when it needs none.
 * scratch: another arena than that of the edits. VQ_E_RECIPE: the transform does not fit the model
 * (a size), or statistics of the stream are asked for after a pass that changed it, or a second
 * order of keys. VQ_E_INPUT: an architecture whose stream cannot be changed. */
vq_status vq_model_edits_pass(vq_model_edits *m, const vq_transform *t, const vq_option_set *o,
                              const vq_source *source, const vq_kernels *kernels,
                              const vq_residual_stats *stream, vq_arena *scratch, vq_err *e);

#endif
