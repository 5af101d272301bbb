/* reporter.h -- how a long job talks with whoever started it: lines, warnings, progress, and the
 * wish to stop. All callbacks may be NULL. Called from the thread that started the job. */
#ifndef VQ_BASE_REPORTER_H
#define VQ_BASE_REPORTER_H

#include <signal.h>
#include <stdint.h>

#include "base/status.h"

typedef struct vq_reporter {
    void *ctx;
    void (*line)(void *ctx, int level, const char *text); /* level 0 always, 1 -v, 2 -vv */
    void (*warning)(void *ctx, const char *code, const char *where,
                    const char *text); /* code: stable short id */
    void (*progress)(void *ctx, const char *phase, int64_t done, int64_t total);
    const volatile sig_atomic_t *stop; /* nonzero: leave at the next step */
} vq_reporter;

void vq_say(const vq_reporter *w, int level, const char *fmt, ...) VQ_PRINTF(3, 4);
void vq_warn(const vq_reporter *w, const char *code, const char *where, const char *fmt, ...)
    VQ_PRINTF(4, 5);

/* vq_step -- report progress and return VQ_E_STOPPED when the user wants to stop. w may be NULL. */
vq_status vq_step(const vq_reporter *w, const char *phase, int64_t done, int64_t total, vq_err *e);

/* vq_seconds -- the monotonic clock, for progress and summaries: nothing that an artifact holds
 * depends on it. */
double vq_seconds(void);

#endif
