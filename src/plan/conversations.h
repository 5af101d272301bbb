/* conversations.h -- calibration samples from JSON lines: {"text": ...} or {"messages": [{"role",
 * "content"}, ...]}, which goes through the chat template of the model. test
 * tests/cli/json_lines.sh, tests/cli/bad_data.sh */
#ifndef VQ_PLAN_CONVERSATIONS_H
#define VQ_PLAN_CONVERSATIONS_H

#include "calib/sweep_options.h"
#include "plan/plan.h"

/* How much of a file was used. */
typedef struct vq_conversations {
    size_t lines, used; /* in the file, and read */
    int64_t tokens;     /* of the lines that were read */
} vq_conversations;

/* vq_conversations_pack -- s brings count and length; gets ids [count][length] from a, and the count
 * that was filled; sha256: of the file. Each sample begins where a line begins; lines follow each other
 * until it is full, and what the last one has left over is dropped. Lines come in the order of the
 * file (select: first) or shuffled by the seed; those behind the last sample are not read.
 * VQ_E_INPUT "PATH:LINE > cause": a line that is broken, holds neither key, needs a template that
 * the model lacks, is refused by it, or gives an id outside the vocabulary.
 * VQ_E_STOPPED when w says so. */
vq_status vq_conversations_pack(vq_samples *s, const vq_plan *p, const char *path,
                                const vq_reporter *w, vq_conversations *out,
                                char sha256[VQ_SHA256_TEXT], vq_arena *a, vq_err *e);

#endif
