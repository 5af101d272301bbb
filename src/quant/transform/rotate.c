/* rotate.c -- rotations that cancel inside the model: R1 on the residual stream, R2 between values
 * and outputs of each head. The norms' weights go into the linears behind them first, for a
 * rotation does not commute with them. source SpinQuant's R1 and R2 without learning */
#include <stdlib.h>
#include <string.h>

#include "base/num/hadamard_matrix.h"
#include "quant/model_job.h"

static int64_t largest_power(int64_t n)
{
    return n & -n;
}

/* 0: none */
static int64_t stream_block(const vq_option_set *o, int64_t width)
{
    const char *r1 = vq_option_get(o, "r1")->s;
    return strcmp(r1, "none") == 0 ? 0 : strcmp(r1, "full") == 0 ? width : strtoll(r1, NULL, 10);
}

static bool changes_stream(const vq_option_set *o)
{
    return stream_block(o, 1) > 0;
}

static vq_status check_stream(const vq_model_job *job, vq_err *e)
{
    const int64_t width = job->stream->width, most = largest_power(width),
                  block = stream_block(job->options, width);
    if (block == 0) return VQ_OK;
    VQ_TRY(vq_need_stream(job, e));
    if (most % block == 0 || (block == width && vq_hadamard_core(width) > 0)) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "r1: %s does not rotate a hidden size of %lld: Hadamard blocks up to %lld do",
                   vq_option_get(job->options, "r1")->s, (long long)width, (long long)most);
}

static vq_status check_heads(const vq_model_job *job, vq_err *e)
{
    if (job->nheads == 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "r2 needs attention over values that linears make and linears read, and "
                       "this model has none: set r2: false");
    for (int i = 0; i < job->nheads; i++)
        if (largest_power(job->heads[i].head_dim) != job->heads[i].head_dim)
            return vq_fail(e, VQ_E_RECIPE,
                           "r2 needs heads of a power of two channels, not %lld: set r2: false",
                           (long long)job->heads[i].head_dim);
    return VQ_OK;
}

static vq_status takes_model(const vq_model_job *job, vq_err *e)
{
    const bool r2 = vq_option_get(job->options, "r2")->b;
    VQ_TRY(check_stream(job, e));
    if (r2) return check_heads(job, e);
    return changes_stream(job->options)
               ? VQ_OK
               : vq_fail(e, VQ_E_RECIPE,
                         "r1: none and r2: false leave nothing to rotate: leave the pass out");
}

/* Gives tied readers of the embedding (lm_head) a matrix of their own. So far they were the
 * embedding, so the edits that it got so far are repeated on their weights. */
static vq_status untie(vq_model_job *job, vq_err *e)
{
    const int before = job->edits->count;
    for (int i = 0; i < job->stream->nreaders; i++) {
        if (!job->stream->readers[i].tied) continue;
        job->untie = true;
        for (int j = 0; j < before; j++) {
            const vq_edit d = job->edits->list[j];
            if (strcmp(d.tensor, job->stream->embedding) == 0)
                VQ_TRY(vq_add_edit(job->edits, job->stream->readers[i].module, "weight", d, e));
        }
    }
    return VQ_OK;
}

/* The norm's weight as it stands and ones, kept with the edits. */
static vq_status norm_values(vq_model_job *job, const char *norm, float **weight, float **ones,
                             vq_err *e)
{
    int64_t rows, cols;
    const int64_t width = job->stream->width;
    const vq_arena_mark mark = vq_arena_here(job->scratch);
    float *w;
    *weight = VQ_ALLOC(job->edits->arena, float, 2 * width, "norms", e);
    if (!*weight) return VQ_E_LIMIT;
    *ones = *weight + width;
    VQ_TRY(job->load(job->ctx, norm, &w, &rows, &cols, e));
    if (rows * cols != width)
        return vq_fail(e, VQ_E_INPUT, "%s holds %lld numbers, not %lld", norm,
                       (long long)(rows * cols), (long long)width);
    memcpy(*weight, w, (size_t)width * sizeof *w);
    for (int64_t i = 0; i < width; i++) (*ones)[i] = 1;
    vq_arena_rewind(job->scratch, mark);
    return VQ_OK;
}

static vq_status fold_norm(vq_model_job *job, const char *norm, vq_err *e)
{
    const vq_residual_site *s = job->stream;
    float *weight, *ones;
    VQ_TRY(norm_values(job, norm, &weight, &ones, e));
    const vq_edit columns = {
        .kind = VQ_EDIT_SCALE, .side = VQ_EDIT_COLS, .scale = weight, .n = s->width};
    for (int i = 0; i < s->nreaders; i++)
        if (s->readers[i].norm && strcmp(s->readers[i].norm, norm) == 0)
            VQ_TRY(vq_add_edit(job->edits, s->readers[i].module, "weight", columns, e));
    const vq_edit set = {.kind = VQ_EDIT_SET, .side = VQ_EDIT_ROWS, .scale = ones, .n = s->width};
    return vq_add_edit(job->edits, norm, NULL, set, e);
}

static vq_status rotate_stream(vq_model_job *job, int64_t block, vq_err *e)
{
    const vq_residual_site *s = job->stream;
    vq_edit d = {.kind = VQ_EDIT_HADAMARD, .side = VQ_EDIT_COLS, .block = block, .n = s->width};
    VQ_TRY(untie(job, e));
    for (int i = 0; i < s->nnorms; i++) VQ_TRY(fold_norm(job, s->norms[i], e));
    VQ_TRY(vq_add_edit(job->edits, s->embedding, NULL, d, e));
    for (int i = 0; i < s->nreaders; i++)
        VQ_TRY(vq_add_edit(job->edits, s->readers[i].module, "weight", d, e));
    for (int i = 0; i < s->nwriters; i++)
        VQ_TRY(vq_add_row_edit(job->edits, s->writers[i].module, d, e));
    return VQ_OK;
}

static vq_status rotate_heads(vq_model_job *job, const vq_heads_site *h, vq_err *e)
{
    vq_edit d = {.kind = VQ_EDIT_HADAMARD, .block = h->head_dim, .n = h->kv_heads * h->head_dim};
    VQ_TRY(vq_add_range_edit(job->edits, h->v, h->v_rows, d, e));
    d.side = VQ_EDIT_COLS;
    d.n = h->heads * h->head_dim;
    for (int i = 0; i < h->noutputs; i++)
        VQ_TRY(vq_add_edit(job->edits, h->outputs[i], "weight", d, e));
    return VQ_OK;
}

static vq_status run(vq_model_job *job, vq_err *e)
{
    const bool r2 = vq_option_get(job->options, "r2")->b;
    const int64_t block = stream_block(job->options, job->stream->width);
    if (block > 0) VQ_TRY(rotate_stream(job, block, e));
    for (int i = 0; r2 && i < job->nheads; i++) VQ_TRY(rotate_heads(job, &job->heads[i], e));
    return VQ_OK;
}

static const vq_option options[] = {
    {"r1", VQ_OPT_CHOICE, "full", 0, 0, "full|none|16|32|64|128|256|512|1024",
     "Hadamard rotation of the residual stream: over the whole hidden size (a power of two, or "
     "that times 12, 20, 28, 36, ...), or in "
     "blocks that divide it; norms are folded "
     "into the linears behind them, and a tied lm_head becomes a matrix of its own"},
    {"r2", VQ_OPT_BOOL, "true", 0, 0, NULL,
     "Hadamard rotation of the values inside each head, undone by the output projection"},
    {.name = NULL},
};

const vq_transform vq_transform_rotate = {
    .name = "rotate",
    .doc = "rotations of the residual stream and of the values of each head, folded into the "
           "weights: no cost at run time",
    .source = "SpinQuant's R1 and R2, arXiv 2405.16406, with fixed Hadamard matrices as in "
              "llm-compressor 0.14",
    .options = options,
    .folds = true,
    .unties = true,
    .scope = VQ_SCOPE_MODEL,
    .takes_model = takes_model,
    .changes_stream = changes_stream,
    .run_model = run,
};
