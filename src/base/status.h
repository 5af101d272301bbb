/* status.h -- what a call returns, and the one place where its cause is written.
 *
 * The deepest function that sees a problem writes the cause with vq_fail; each caller that knows a
 * name puts it in front with vq_at; only the command line prints. The classes are the exit codes of
 * the program. */
#ifndef VQ_BASE_STATUS_H
#define VQ_BASE_STATUS_H

typedef enum vq_status {
    VQ_OK = 0,
    VQ_E_RECIPE = 2,  /* usage or recipe: the user asked for something that cannot be */
    VQ_E_INPUT = 3,   /* a file or a model is broken, lying or not supported */
    VQ_E_LIMIT = 4,   /* memory, disk or device limit */
    VQ_E_IO = 5,      /* the system refused a read or a write */
    VQ_E_NUMERIC = 6, /* NaN, Inf, singular */
    VQ_E_STOPPED = 7, /* the user asked us to stop */
    VQ_E_BUG = 70     /* a promise of the program itself was broken */
} vq_status;

typedef struct vq_err {
    vq_status status;
    char text[1024]; /* "where > where: cause", NUL-terminated, one line, printable */
} vq_err;

#if defined(__GNUC__)
#define VQ_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define VQ_PRINTF(f, a)
#endif

/* vq_fail -- write the cause into e (control characters become '?', of long text the middle is left out) and return
 * status.
 *   e may be NULL: then only the status is returned.
 *   test tests/unit/base/test_status.c */
vq_status vq_fail(vq_err *e, vq_status status, const char *fmt, ...) VQ_PRINTF(3, 4);

/* vq_refusal -- of a call that the system refused with this errno: VQ_E_LIMIT where memory or space is
 * short, else VQ_E_IO. */
vq_status vq_refusal(int error);
/* vq_why -- what errno says, and for a limit of the system how it is raised; until the next call.
 *   test tests/cli/outputs.sh */
const char *vq_why(int error);

/* vq_at -- put "NAME > " in front of what e says and return e's status. Call it while passing an
 * error up. */
vq_status vq_at(vq_err *e, const char *fmt, ...) VQ_PRINTF(2, 3);

/* VQ_TRY -- pass an error up unchanged. */
#define VQ_TRY(call)                                                                               \
    do {                                                                                           \
        const vq_status try_status = (call);                                                       \
        if (try_status != VQ_OK) return try_status;                                                \
    } while (0)

#endif
