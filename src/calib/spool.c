/* spool.c -- the file has no name from the start, so that it goes with the process whatever
 * happens. */
#include "calib/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static vq_status open_unnamed(int *fd, const char *folder, vq_arena *a, vq_err *e)
{
    char *path = vq_arena_text(a, e, "%s/vq-spool-XXXXXX", folder);
    if (!path) return e->status;
    *fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) return VQ_OK;
    *fd = mkostemp(path, O_CLOEXEC); /* on file systems without such files */
    if (*fd < 0)
        return vq_fail(e, VQ_E_IO, "%s: cannot make a file for activations: %s", folder,
                       vq_why(errno));
    (void)unlink(path);
    return VQ_OK;
}

static vq_status reserve(int fd, size_t bytes, const char *folder, vq_err *e)
{
    const int why = posix_fallocate(fd, 0, (off_t)bytes);
    if (why == 0) return VQ_OK;
    const vq_status s = why == ENOSPC || why == EFBIG || why == EDQUOT ? VQ_E_LIMIT : VQ_E_IO;
    return vq_fail(e, s, "%s: %zu bytes for activations: %s", folder, bytes, vq_why(why));
}

vq_status vq_spool_open(vq_spool *s, size_t count, size_t limit, const char *folder, vq_arena *a,
                        vq_err *e)
{
    *s = (vq_spool){.fd = -1};
    if (count <= limit / sizeof(float)) {
        s->memory = VQ_ALLOC(a, float, count, "activations between blocks", e);
        return s->memory ? VQ_OK : e->status;
    }
    VQ_TRY(open_unnamed(&s->fd, folder, a, e));
    const vq_status status = reserve(s->fd, count * sizeof(float), folder, e);
    if (status != VQ_OK) vq_spool_close(s);
    return status;
}

void vq_spool_close(vq_spool *s)
{
    if (s->fd >= 0) (void)close(s->fd);
    s->fd = -1;
    s->memory = NULL;
}

vq_status vq_spool_take(const vq_spool *s, size_t first, size_t n, float *buffer, float **out,
                        vq_err *e)
{
    *out = s->memory ? s->memory + first : buffer;
    for (size_t done = 0; !s->memory && done < n * sizeof(float);) {
        const ssize_t got = pread(s->fd, (char *)buffer + done, n * sizeof(float) - done,
                                  (off_t)(first * sizeof(float) + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return vq_fail(e, VQ_E_IO, "activations cannot be read back: %s",
                           got ? vq_why(errno) : "file cut short");
        done += (size_t)got;
    }
    return VQ_OK;
}

vq_status vq_spool_give(const vq_spool *s, size_t first, size_t n, const float *x, vq_err *e)
{
    if (s->memory && x != s->memory + first) memcpy(s->memory + first, x, n * sizeof *x);
    for (size_t done = 0; !s->memory && done < n * sizeof(float);) {
        const ssize_t put = pwrite(s->fd, (const char *)x + done, n * sizeof(float) - done,
                                   (off_t)(first * sizeof(float) + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0)
            return vq_fail(e, errno == ENOSPC ? VQ_E_LIMIT : VQ_E_IO,
                           "activations cannot be written: %s", vq_why(errno));
        done += (size_t)put;
    }
    return VQ_OK;
}
