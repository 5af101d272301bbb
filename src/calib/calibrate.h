/* calibrate.h -- sweeps over the samples, block by block, that gather the statistics a recipe's
 * passes need.
 *
 * Forward: gather shows the current activations to a block and fills the statistics of its groups;
 * advance replaces them by the block's outputs. Between the two the caller may change what exec's
 * source holds (transforms, quantized weights): then later blocks see the quantized inputs.
 * Backward: one sweep forward that keeps every block's input, then block by block from the last to
 * the first. Activations live in a spool: in memory up to the limit, in an unlinked file beyond it.
 * test tests/unit/calib/test_calibrate.c, tests/unit/calib/test_gradients.c */
#ifndef VQ_CALIB_CALIBRATE_H
#define VQ_CALIB_CALIBRATE_H

#include "base/exchange/stats.h"
#include "base/reporter.h"
#include "calib/sweep_options.h"
#include "model/op/context.h"

typedef struct vq_calib vq_calib;
/* vq_calib_begin -- embeds the samples. x, s and what they point at are borrowed until
 * vq_calib_end; x->hook is not called. Memory from a.
 *   VQ_E_INPUT: an id outside the vocabulary. VQ_E_LIMIT: no memory or disk space for the spool. */
vq_status vq_calib_begin(vq_calib **c, const vq_exec *x, const vq_samples *s,
                         const vq_calib_options *o, const vq_reporter *w, vq_arena *a, vq_err *e);
/* vq_calib_gather -- run block `layer` on the current activations, which stay, and fill stats: one
 * entry per group of the block in vq_graph_groups order; arrays from `out`. Same statistics for
 * every thread count and spool. VQ_E_NUMERIC: a non-finite input, with layer, linear and sample.
 * VQ_E_STOPPED between batches when the reporter says so. */
vq_status vq_calib_gather(vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out,
                          vq_err *e);
/* vq_calib_advance -- the activations become the outputs of block `layer`: those that are there
 * ahead, else the block is run. Blocks in order, each once: VQ_E_BUG out of turn. VQ_E_NUMERIC and
 * VQ_E_STOPPED as gather; VQ_E_IO, VQ_E_LIMIT: the spool. */
vq_status vq_calib_advance(vq_calib *c, int layer, vq_err *e);
/* vq_calib_block -- gather and advance in one run of the block, for a source that does not change
 * in between. With `ahead` the outputs are there then and the activations stay until advance.
 * Errors of both. */
vq_status vq_calib_block(vq_calib *c, int layer, vq_stats *stats, int nstats, vq_arena *out,
                         vq_err *e);
/* vq_calib_look_ahead -- with `ahead`: the outputs of block `layer` beside its inputs, unless they
 * are there. Errors of advance. */
vq_status vq_calib_look_ahead(vq_calib *c, int layer, vq_err *e);
/* vq_calib_batches, vq_calib_batch -- the current activations, batch by batch: shape, and h
 * [sequences][length][hidden], a copy or the spool's own memory (read only; valid until the next
 * call). For passes that try a block out (awq, learned). VQ_E_IO: the spool cannot be read. */
int64_t vq_calib_batches(const vq_calib *c);
vq_status vq_calib_batch(vq_calib *c, int64_t i, vq_batch *shape, const float **h, vq_err *e);
/* vq_calib_batch_ahead -- the same of the outputs that are there ahead. VQ_E_BUG: they are not. */
vq_status vq_calib_batch_ahead(vq_calib *c, int64_t i, vq_batch *shape, const float **h, vq_err *e);
/* vq_calib_end -- close the spool; c may be NULL. */
void vq_calib_end(vq_calib *c);

/* What receives the statistics of one layer; arrays are valid during the call. */
typedef struct vq_stats_sink {
    void *ctx;
    vq_status (*layer)(void *ctx, int layer, const vq_stats *stats, int nstats, vq_err *e);
} vq_stats_sink;
/* vq_calib_forward -- statistics of o->needs (forward ones) of every block, in order, for a source
 * that does not change in between. Memory: one block's statistics and the spool; a is given back.
 */
vq_status vq_calib_forward(const vq_exec *x, const vq_samples *s, const vq_calib_options *o,
                           const vq_stats_sink *sink, const vq_reporter *w, vq_arena *a, vq_err *e);
/* vq_calib_gradients -- statistics of o->needs (forward ones and VQ_NEED_GRADIENT) of every block
 * below `layers_left`, from the last to the first. Loss: labels sampled from the model's own
 * softmax with vq_rng_unit(seed, token index), summed over tokens.
 *   layers_left: blocks [layers_left, layers) were done before a stop and are only passed through;
 *   graph->layers for all of them.
 * Memory: one block's statistics and one batch's values; the spool takes (layers + 1) x tokens x
 * hidden floats. Same statistics for every thread count and spool. VQ_E_STOPPED between batches
 * when the reporter says so; what the sink got stays good.
 *   source spec 6.6; arXiv 2505.07004, 2505.22988 */
vq_status vq_calib_gradients(const vq_exec *x, const vq_samples *s, const vq_calib_options *o,
                             uint64_t seed, int layers_left, const vq_stats_sink *sink,
                             const vq_reporter *w, vq_arena *a, vq_err *e);

#endif
