/* reporter.h -- how a long job talks with whoever started it: lines, warnings, progress, and the
 * wish to stop. All callbacks may be NULL. Called from the thread that started the job. */
#ifndef VQ_BASE_REPORTER_H
#define VQ_BASE_REPORTER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* What a job expects of its whole work, in seconds of this machine: `before` are done, `step` are
 * under way. follows: what vq_step counts is this step, so it says how much of it is done. */
typedef struct vq_forecast {
    double before, step, all;
    bool follows;
} vq_forecast;

typedef struct vq_reporter {
    void *ctx;
    void (*line)(void *ctx, int level, const char *text); /* level 0 always, 1 -v, 2 -vv */
    void (*warning)(void *ctx, const char *code, const char *where,
                    const char *text); /* code: stable short id */
    void (*progress)(void *ctx, const char *phase, int64_t done, int64_t total);
    const volatile sig_atomic_t *stop; /* nonzero: leave at the next step */
    void (*forecast)(void *ctx, const vq_forecast *f);
} vq_reporter;

void vq_say(const vq_reporter *w, int level, const char *fmt, ...) VQ_PRINTF(3, 4);
void vq_warn(const vq_reporter *w, const char *code, const char *where, const char *fmt, ...)
    VQ_PRINTF(4, 5);

/* vq_step -- report progress and return VQ_E_STOPPED when the user wants to stop. w may be NULL. */
vq_status vq_step(const vq_reporter *w, const char *phase, int64_t done, int64_t total, vq_err *e);

/* vq_expect -- hand a forecast on; another one follows with every step of the job. */
void vq_expect(const vq_reporter *w, const vq_forecast *f);

/* vq_forecast_text -- seconds with no more digits than a forecast can hold: "0.4 s", "25 s", "3 min",
 * into buf; returns it. test tests/unit/base/test_status.c */
const char *vq_forecast_text(double seconds, char buf[32]);
/* vq_forecast_about -- the same as a guess: "about 5 s", "under 0.1 s". */
const char *vq_forecast_about(double seconds, char buf[40]);

/* vq_seconds -- the monotonic clock, for progress and summaries: nothing that an artifact holds
 * depends on it. */
double vq_seconds(void);

#endif
