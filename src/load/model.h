/* model.h -- an opened checkpoint with its graph: what every pipeline starts from. test
 * tests/unit/plan/test_run_plan.c */
#ifndef VQ_LOAD_MODEL_H
#define VQ_LOAD_MODEL_H

#include "formats/folder/checkpoint.h"
#include "load/dequantized.h"
#include "load/job.h"
#include "model/arch/arch_table.h"
#include "model/exec/exec.h"
#include "text/tokenizer.h"

typedef struct vq_model {
    vq_checkpoint checkpoint;
    const vq_arch *arch;       /* NULL: no builder for this architecture */
    vq_graph graph;            /* when arch is known */
    const char *without_graph; /* why a known architecture has no graph here; NULL */
    bool untied; /* the head is stored and differs from the embedding that config.json ties it to */
    vq_dtype dtype;             /* of the largest dense weight: the model's own type */
    vq_dequantized dequantized; /* of vq_model_open_dense: what is decoded where it is read */
} vq_model;

/* vq_model_open -- PATH as for vq_checkpoint_open; builds the graph when there is a builder. Close
 * with vq_model_close. */
vq_status vq_model_open(vq_model *m, const char *path, vq_arena *a, vq_err *e);
/* vq_model_open_dense -- the same, and what is stored quantized is shown as the dense weights that
 * it decodes to (load/dequantized.h). job is borrowed until the model is closed. */
vq_status vq_model_open_dense(vq_model *m, const char *path, vq_job *job, vq_arena *a, vq_err *e);
void vq_model_close(vq_model *m);
/* vq_model_warn -- where the weights and config.json say different things: which one is taken; that
 * the model is dequantized. */
void vq_model_warn(const vq_model *m, const vq_reporter *w);
/* vq_model_need_graph -- VQ_E_INPUT that names the architecture and what is missing, when there is
 * no graph. `what`: "vq eval ppl". */
vq_status vq_model_need_graph(const vq_model *m, const char *what, vq_err *e);
/* vq_model_check -- every tensor of the graph is there, with the type and shape that config.json
 * asks for; VQ_E_INPUT names the first one that is not. Reads no data; true of any model without a
 * graph. test tests/cli/bad_models.sh */
vq_status vq_model_check(const vq_model *m, vq_err *e);
/* vq_model_blame -- after a run whose figures were not finite (`status` VQ_E_NUMERIC, why in e): a NaN
 * or infinity among the weights is the cause, wherever it showed, so VQ_E_INPUT names it. Otherwise
 * `status`. Reads all weights. */
vq_status vq_model_blame(const vq_model *m, const vq_kernels *kr, vq_status status, vq_err *e);
/* vq_model_exec -- an executor over the model's own source; scratch in `a`. */
vq_exec vq_model_exec(const vq_model *m, const vq_job *job, vq_arena *a, bool quantize_inputs);

/* vq_model_tokenizer -- tokenizer.json beside the model; free it. */
vq_status vq_model_tokenizer(const vq_model *m, vq_tokenizer **t, vq_arena *a, vq_err *e);
/* vq_model_first_token -- what its own text begins with: BOS, else the first token that ends one,
 * else 0. */
int64_t vq_model_first_token(const vq_model *m);
/* vq_model_check_ids -- VQ_E_INPUT names the first id outside the vocabulary. */
vq_status vq_model_check_ids(const vq_model *m, const int32_t *ids, size_t n, vq_err *e);

/* Token ids of a text or of an int32 file, mapped or encoded. */
typedef struct vq_ids {
    const int32_t *ids;
    size_t count;
    int64_t bos; /* of a text: what its tokenizer puts first, -1 nothing; not among them */
    char sha256[VQ_SHA256_TEXT]; /* of the file */
} vq_ids;
/* vq_model_ids -- PATH holds text (tokenizer.json beside the model) or, with tokens, little-endian
 * int32 ids. VQ_E_STOPPED when w says so. VQ_E_INPUT: an id outside the vocabulary, an odd size,
 * text that is not UTF-8. */
vq_status vq_model_ids(const vq_model *m, const char *path, bool tokens, const vq_reporter *w,
                       vq_ids *out, vq_arena *a, vq_err *e);

#endif
