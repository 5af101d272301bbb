/* envelope.h -- the one object that --json prints: result or error, with the inputs and warnings of
 * the run; and the events of --progress json. Contract: docs/cli.md. test
 * tests/unit/report/test_report.c,
 * tests/cli/envelope.sh */
#ifndef VQ_REPORT_ENVELOPE_H
#define VQ_REPORT_ENVELOPE_H

#include "json/json_make.h"

typedef struct vq_envelope {
    const char *command;
    json_t *inputs, *warnings; /* arrays, owned */
    vq_json_maker maker;       /* of both: whether anything of them was lost */
} vq_envelope;

/* vq_envelope_begin -- once, before any JSON value: memory that is refused to them is noted. */
void vq_envelope_begin(void);
void vq_envelope_init(vq_envelope *v, const char *command);
void vq_envelope_done(vq_envelope *v);
/* vq_envelope_input -- a file that was read; sha256 NULL: only its header. */
void vq_envelope_input(vq_envelope *v, const char *path, const char *sha256);
void vq_envelope_warning(vq_envelope *v, const char *code, const char *where, const char *text);
/* vq_envelope_text -- one line of JSON; free it with free(). error NULL: none; result NULL: null;
 * both are borrowed. VQ_E_LIMIT: no memory, also for what was added before. */
vq_status vq_envelope_text(const vq_envelope *v, int exit_code, const char *error, json_t *result,
                           char **text, vq_err *e);

/* vq_event_* -- a line of --progress json; free it with free(). NULL: no memory, the event is not
 * told. */
char *vq_event_progress(const char *phase, int64_t done, int64_t total, double seconds);
char *vq_event_text(const char *event, const char *text); /* "line", "error" */
char *vq_event_warning(const char *code, const char *where, const char *text);

#endif
