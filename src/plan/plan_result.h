/* plan_result.h -- what `vq plan` found out, apart from the plan's own life. test
 * tests/unit/plan/test_run_plan.c, tests/unit/report/test_report.c */
#ifndef VQ_PLAN_PLAN_RESULT_H
#define VQ_PLAN_PLAN_RESULT_H

#include "plan/cost/cost.h"
#include "plan/sample_set.h"

/* A 2-D weight and what would happen to it. */
typedef struct vq_planned_tensor {
    const char *name;   /* module, without ".weight" */
    const char *role;   /* "attn.q" */
    const char *scheme; /* its id; "keep": it stays as it is */
    const char *rule;   /* text of the recipe's rule that decided, or why none did */
    int64_t shape[2];   /* [n][k] */
    uint64_t bytes;     /* as stored; without ARC's channels, which calibration decides */
} vq_planned_tensor;

typedef struct vq_plan_result {
    const vq_planned_tensor *tensors; /* by name */
    size_t ntensors;
    double
        bits_per_weight; /* of the quantized weights without ARC's channels; NaN: there are none */
    double bits_per_weight_most; /* with as many channels as the passes may append */
    uint64_t bytes, bytes_most;  /* of all weights as they would be stored, likewise */
    uint64_t disk, disk_work;    /* bytes of all files of the artifact at most; of those that it is
                                  * made from, until it is whole */
    uint64_t peak_bytes;         /* anonymous memory that a run holds at most */
    uint64_t outside_bytes;      /* of them in no arena: JSON, tables, stacks, the program's data */
    const char *out;             /* folder of the artifact when no other one is named */
    int64_t samples, seqlen;     /* calibration samples of seqlen tokens each; samples 0: none */
    uint64_t seed;               /* of the samples */
    bool own_text;               /* the model writes them itself, or some of them */
    const vq_sample_part *sources; /* where they come from, and how many from each */
    int nsources;
    bool fits;                /* within the memory limit of the job */
    double seconds;           /* expected, of all stages together */
    double stages[VQ_STAGES]; /* seconds, each with all threads */
} vq_plan_result;

/* vq_plan_tell -- what p says of every tensor, and sizes; what its run costs stays zero. Texts are
 * copied into a. */
vq_status vq_plan_tell(const vq_plan *p, vq_plan_result *r, vq_arena *a, vq_err *e);
/* vq_plan_tell_time -- seconds and stages of r for that work of its run: measures what this machine
 * does in a fraction of a second. VQ_E_LIMIT. */
vq_status vq_plan_tell_time(const vq_plan *p, const vq_job *job, const vq_cost work[VQ_STAGES],
                            vq_plan_result *r, vq_err *e);

#endif
