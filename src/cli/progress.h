/* progress.h -- what a long job says on stderr: lines, warnings, a bar with rate and time left, or
 * plain or JSON lines. test tests/cli/progress.sh */
#ifndef VQ_CLI_PROGRESS_H
#define VQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reporter.h"
#include "cli/opts.h"

typedef enum vq_progress_mode {
    VQ_PROGRESS_NONE,
    VQ_PROGRESS_PLAIN,
    VQ_PROGRESS_TTY,
    VQ_PROGRESS_JSON
} vq_progress_mode;

typedef struct vq_progress {
    vq_progress_mode mode;
    bool color;
    int level;      /* -1 quiet, 0, 1 -v, 2 -vv */
    bool bar;       /* a bar is on the line */
    char phase[48]; /* "" before the first */
    int64_t done, total;
    int64_t view;        /* last `done` of a JSON line */
    double began, drawn; /* seconds: start of the phase; last drawing or plain line, 0 before it */
    double
        last; /* the latest step of any phase: where a phase begins that first reports some work as
               * done */
    double started;       /* seconds: when the program did */
    vq_forecast forecast; /* of the whole job; all 0: there is none */
    double job_began;     /* when the first forecast came */
    double share;         /* of the whole job that is done, as it was shown */
} vq_progress;

/* vq_progress_init -- mode from --progress, stderr, TERM and NO_COLOR; level from -q and -v. */
void vq_progress_init(vq_progress *p, const vq_args *a);
/* vq_progress_step -- the callback of vq_reporter.progress: ctx is the vq_progress. */
void vq_progress_step(void *ctx, const char *phase, int64_t done, int64_t total);
/* vq_progress_forecast -- the callback of vq_reporter.forecast: from now on the bar and the time left
 * are those of the whole job. */
void vq_progress_forecast(void *ctx, const vq_forecast *f);
/* vq_progress_line / _warning -- lines of the job; they never break a bar. On a terminal lines break
 * at words; those of _command, to be pasted, never do. */
void vq_progress_line(vq_progress *p, int level, const char *text);
void vq_progress_command(vq_progress *p, const char *text);
void vq_progress_warning(vq_progress *p, const char *code, const char *where, const char *text);
/* vq_progress_end -- the bar goes: nothing of it stays on the terminal. */
void vq_progress_end(vq_progress *p);
/* vq_progress_error -- the one line that says why the program ends. */
void vq_progress_error(vq_progress *p, const char *text);

#endif
