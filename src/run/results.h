/* results.h -- what the pipelines found out, as values: the command line, the gate and reports take
 * them from here; src/report makes their JSON. Texts and arrays are in the arena that the caller of
 * the pipeline gave, and stay there when the pipeline is over. test
 * tests/unit/report/test_report.c */
#ifndef VQ_RUN_RESULTS_H
#define VQ_RUN_RESULTS_H

#include "base/num/dtype.h"
#include "calib/coverage.h"
#include "calib/stats/stats_merge.h"
#include "plan/plan_result.h"
#include "plan/recipe_summary.h"
#include "run/manifest.h"

/* ---- quantize ---- */

typedef struct vq_module_error {
    const char *name;
    double
        sqnr_db; /* of the weight against the original, dB; at most 300, which stands for exact */
} vq_module_error;

/* What the time of a run went to. */
typedef enum vq_phase {
    VQ_PHASE_PLAN,
    VQ_PHASE_ROUND,    /* with calibration, transforms, training */
    VQ_PHASE_MANIFEST, /* hashes, files beside the weights */
    VQ_PHASE_VERIFY,   /* reading back what was written */
    VQ_PHASES
} vq_phase;
extern const char *const vq_phase_names[VQ_PHASES];

#define VQ_WORST_MODULES 5
typedef struct vq_quantize_result {
    bool kept; /* also after an error: OUT.run holds what another run with resume goes on with */
    const char *out;             /* folder of the artifact */
    const vq_file_digest *files; /* that it holds, but vq.json */
    size_t nfiles;
    uint64_t bytes_in, bytes_weights,
        bytes_out;          /* weight files of the model and of the artifact; all
                                                  * files of the artifact */
    double bits_per_weight; /* everything stored for the quantized modules, ARC's channels included,
                             * over their own weights; NaN: there are none */
    size_t modules;         /* that were quantized */
    size_t fallbacks;       /* of them: the rounder had to do something else than was asked */
    vq_module_error worst[VQ_WORST_MODULES]; /* lowest SQNR first */
    size_t nworst;
    vq_calibrated calibration;
    const char *finish; /* name of the finishing pass; NULL: none */
    vq_finished finished;
    double phases[VQ_PHASES];                      /* seconds */
    double seconds;                                /* of all */
    size_t peak_bytes;                             /* anonymous memory that was held at once */
    const char *runtimes[VQ_SUMMARY_RUNTIMES + 1]; /* that load the artifact; NULL ends */
    bool runs; /* its forward pass is known: eval and generate can run it */
} vq_quantize_result;

/* ---- calibrate ---- */

/* A source of a mix, over all inputs of linears. Angles in degrees; NaN: there is none. */
typedef struct vq_source_coverage {
    const double *angles;         /* [sources] mean to each */
    double others;                /* mean to all the others together */
    double halves;                /* mean between its own halves: what chance makes */
    const vq_covered *farthest;   /* where the angle to the others is farthest beyond that of the
                                   * halves; NULL: nowhere */
    double farthest_angle;        /* to the others, there */
    int64_t alone;                /* channels that it alone excites */
    const vq_covered *alone_most; /* input with most of them; NULL: none */
} vq_source_coverage;

typedef struct vq_coverage_result {
    const vq_source_coverage *sources; /* as the parts of the calibration */
    int nsources;                      /* 0: there is one source, which covers itself */
    const vq_covered *inputs;          /* first block first */
    int ninputs;
} vq_coverage_result;

typedef struct vq_calibrate_result {
    const char *out;            /* the .vqs file */
    unsigned needs;             /* vq_need bits: what it holds */
    int layers;                 /* blocks of the model */
    char model[VQ_SHA256_TEXT]; /* digest over weights and config (run/origin.h) */
    vq_calibrated calibration;  /* `statistics` stays empty */
    double seconds;
    size_t peak_bytes;
    int unseen_experts;         /* to which no token of the samples went */
    const char *const *sampled; /* recipes, as they were named, that take samples beside the file */
    int nsampled;
    vq_coverage_result coverage;
} vq_calibrate_result;

typedef struct vq_merge_result {
    const char *out;
    unsigned needs;               /* vq_need bits: what it holds */
    const vq_merge_input *inputs; /* in the order in which they were named */
    int ninputs;
    int64_t samples, seqlen; /* of all of them; seqlen tokens each */
} vq_merge_result;

/* ---- verify ---- */

typedef struct vq_failure {
    const char *tensor; /* module or file */
    const char *what;   /* is wrong */
} vq_failure;

typedef struct vq_verify_result {
    size_t tensors;      /* modules checked */
    size_t not_compared; /* of them, with the original: passes changed the weight before it was
                          * rounded */
    const char *isa;     /* level of the kernels that decoded every weight */
    const vq_failure *failures;
    size_t nfailures;   /* 0: the artifact is what vq.json says */
    const char *worst;  /* module whose weights kernels and reference decode most differently; NULL:
                         * they agree bit by bit */
    double worst_error; /* relative to the reference's value */
    double worst_bound; /* what is allowed */
} vq_verify_result;

/* ---- eval ppl ---- */

typedef struct vq_figure {
    double mean;
    double error; /* standard error over windows; NaN: one window has no spread */
} vq_figure;

typedef struct vq_side_result {
    double perplexity;        /* exp of nll.mean */
    vq_figure nll;            /* mean negative log-likelihood, nats per predicted token */
    const double *window_nll; /* [windows], nats per token: what pairs and gates compare */
} vq_side_result;

/* A model on a text. */
typedef struct vq_eval_row {
    const char *path, *text;   /* of the model; the file of text or tokens */
    char data[VQ_SHA256_TEXT]; /* digest of that file */
    int64_t windows, tokens;   /* tokens: predicted, in all windows */
    vq_side_result model, ref;
    bool paired;         /* with a reference: ref and the figures below */
    vq_figure delta_nll; /* model - ref on the same tokens, nats per token */
    vq_figure kl;        /* KL(ref || model), nats per token */
    vq_figure agreement; /* share of tokens with the same most likely token, 0 to 1 */
    const double *window_kl, *window_agreement; /* [windows] */
} vq_eval_row;

typedef struct vq_eval_result {
    const vq_eval_row *rows; /* [models][texts] */
    int models, texts;
    int64_t window; /* tokens of one */
    double seconds;
} vq_eval_result;

/* ---- generate ---- */

typedef struct vq_generate_result {
    const char *text;   /* UTF-8, without special tokens; NULL: the model has no tokenizer */
    const int32_t *ids; /* [count] that were made, without the one that ended the text */
    int64_t count, prompt_tokens;
    const char *stopped;            /* "eos", "length", "context" */
    double prompt_seconds, seconds; /* until the first choice; after it */
} vq_generate_result;

/* ---- tokenize ---- */

typedef struct vq_tokenize_result {
    const int32_t *ids;        /* [count] */
    size_t count, bytes;       /* tokens; bytes of the text */
    const char *text;          /* of decoding, `bytes` long; else NULL */
    const char *const *tokens; /* [count] names in the vocabulary; NULL: not asked for */
    const char *out;           /* where the ids went; NULL */
} vq_tokenize_result;

/* ---- diff ---- */

typedef struct vq_diff_tensor {
    const char *name;           /* as the model has it: MODULE.weight of a quantized linear */
    int64_t shape[VQ_MAX_DIMS]; /* [ndim] in A, or in B where A has none */
    int ndim;
    const char *a, *b; /* how it is stored; NULL: not there */
    double
        error; /* |A - B| / |A| (Frobenius) of the decoded values; NaN: they cannot be compared */
} vq_diff_tensor;

typedef struct vq_diff_row {
    const char *name, *a, *b; /* NULL: not there */
} vq_diff_row;

typedef struct vq_diff_result {
    const vq_diff_tensor
        *tensors; /* that differ: those that cannot be compared, then worst first */
    size_t ntensors;
    size_t same;               /* tensors that are stored alike and equal */
    const vq_diff_row *config; /* values of config.json, "rope_scaling.factor" */
    size_t nconfig;
    const vq_diff_row *files; /* beside the weights: size of those that differ */
    size_t nfiles;
    uint64_t bytes_a, bytes_b; /* weight files */
} vq_diff_result;

/* ---- recipe explain ---- */

#define VQ_EXPLAIN_NAMES 3
typedef struct vq_explained_rule {
    const char *rule, *takes, *scheme, *means; /* "rule 2 (line 14)"; what it matches; "keep" or an
                                                * id; that in words */
    bool optional;
    /* with a model: weights that it decides (2-D), first names, their bytes now and as stored */
    size_t count;
    const char *names[VQ_EXPLAIN_NAMES];
    uint64_t bytes_before, bytes;
} vq_explained_rule;

typedef struct vq_explained_pass {
    const char *name, *doc, *options; /* "alpha=0.5 ..." */
} vq_explained_pass;

typedef struct vq_explain_result {
    const char *name, *about, *path, *format;
    const char *data; /* calibration data, in words */
    const vq_explained_rule *rules;
    size_t nrules;
    const vq_explained_pass *passes;
    size_t npasses;
    bool with_model;
    const char *statistics; /* with a model: what is gathered ("range,hessian") */
    size_t unruled;         /* with a model: weights kept without a rule (routers, layers beyond) */
} vq_explain_result;

/* ---- doctor ---- */

typedef struct vq_doctor_check {
    const char *name;
    bool ok;
    const char *why; /* what is wrong; NULL: nothing */
} vq_doctor_check;

typedef struct vq_doctor_result {
    const char *version, *cpu, *features, *isa, *blas, *libraries; /* "": not known */
    int threads, processors;                       /* that vq uses; that the machine has */
    uint64_t memory, memory_free, page, disk_free; /* bytes; disk: of the current folder */
    const vq_doctor_check *checks;
    size_t nchecks, failed;
    double seconds;
} vq_doctor_result;

/* ---- inspect ---- */

typedef struct vq_stored_tensor {
    const char *name;
    vq_dtype dtype;
    int ndim;
    int64_t shape[VQ_MAX_DIMS];
    uint64_t bytes;
} vq_stored_tensor;

typedef struct vq_count {
    const char *name; /* "F32"; "weight e2m1 ...; input ..." */
    uint64_t count;
} vq_count;

typedef struct vq_role_sum {
    const char *role;
    char stored[16]; /* "BF16"; the grid of quantized linears, "e2m1" */
    uint64_t tensors, parameters, bytes /* with scales */;
} vq_role_sum;

typedef struct vq_model_description {
    bool quantized;           /* an artifact */
    const char *architecture; /* NULL: config.json does not say */
    const char *quant_method; /* of an artifact */
    bool can_run;             /* there is a builder for the architecture */
    const vq_count *schemes;  /* modules of each, in order of appearance; of an artifact */
    size_t nschemes;
    const vq_file_digest *files; /* weight files with their bytes, no digests */
    size_t nfiles;
    const vq_count *dtypes; /* bytes of each, in order of appearance */
    size_t ndtypes;
    const vq_role_sum *roles;
    size_t nroles;
    const vq_stored_tensor *tensors; /* by name */
    size_t ntensors;
} vq_model_description;

/* The diagonal of a sum of outer products; units: those of the sum. */
typedef struct vq_diagonal {
    bool known; /* it was gathered */
    double trace, least, most;
} vq_diagonal;

typedef struct vq_group_description {
    const char *name; /* first module of the linears that share an input */
    int64_t k;        /* channels of the input */
    uint64_t tokens;
    bool has_range;
    double min, max; /* of the input */
    vq_diagonal hessian;
    int64_t dead; /* channels that were always zero; -1: not known */
} vq_group_description;

typedef struct vq_linear_description {
    const char *name;
    vq_diagonal input, output; /* curvature factors [k][k] and [n][n] */
} vq_linear_description;

typedef struct vq_stats_description {
    const char *version, *model, *data; /* vq's; digests of the model and of the token ids */
    const vq_stats_share *parts;        /* that it was merged from */
    int nparts;
    int64_t samples, seqlen;
    unsigned needs; /* vq_need bits: what it holds */
    uint64_t bytes;
    const char *sha256;
    uint64_t seed; /* of the labels that gradients were drawn for; with gradients */
    const vq_group_description *groups;
    size_t ngroups;
    const vq_linear_description *linears;
    size_t nlinears;
} vq_stats_description;

typedef struct vq_inspect_result {
    bool is_statistics; /* which of the two is filled */
    vq_model_description model;
    vq_stats_description statistics;
} vq_inspect_result;

#endif
