/* file.c -- outputs that appear whole. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ledger.h"
#include "base/lock.h"

static vq_status part_path(const vq_out *o, char *buf, size_t len, vq_err *e)
{
    if ((size_t)snprintf(buf, len, "%s.part", o->path) >= len)
        return vq_fail(e, VQ_E_IO, "%s: the path is too long", o->path);
    return VQ_OK;
}

/* Files under construction: what goes when the process has to end where it stands. */
static vq_out *under_way;

static void end(vq_out *o)
{
    vq_out **at = &under_way;
    while (*at && *at != o) at = &(*at)->next;
    if (*at) *at = o->next;
    (void)close(o->fd);
    o->fd = -1;
}

static vq_status write_error(const char *path, int error, uint64_t size, vq_err *e)
{
    if (error == EFBIG)
        return vq_fail(e, VQ_E_LIMIT,
                       "%s: a file of %llu bytes may not be written here: %s; raise ulimit -f or "
                       "choose a folder on another file system with -o",
                       path, (unsigned long long)size, vq_why(error));
    if (error == ENOSPC || error == EDQUOT)
        return vq_fail(
            e, VQ_E_LIMIT,
            "%s: no space for %llu bytes: %s; free some or choose another folder with -o", path,
            (unsigned long long)size, vq_why(error));
    return vq_fail(e, vq_refusal(error), "%s: cannot write: %s", path, vq_why(error));
}

vq_status vq_out_open(vq_out *o, const char *path, uint64_t size, vq_err *e)
{
    o->fd = -1;
    char part[sizeof o->path + 8];
    if ((size_t)snprintf(o->path, sizeof o->path, "%s", path) >= sizeof o->path)
        return vq_fail(e, VQ_E_IO, "%.200s...: the path is too long", path);
    VQ_TRY(part_path(o, part, sizeof part, e));
    VQ_TRY(vq_ledger_check(path, e));
    VQ_TRY(vq_ledger_add(part, e));
    VQ_TRY(vq_lock_open(part, &o->fd, e));
    o->next = under_way;
    under_way = o;
    int error = ftruncate(o->fd, 0) == 0 ? 0 : errno;
    if (error == 0 && size) error = posix_fallocate(o->fd, 0, (off_t)size);
    if (error == 0 || error == EOPNOTSUPP || error == EINVAL) return VQ_OK;
    vq_out_drop(o);
    return write_error(path, error, size, e);
}

vq_status vq_out_write(vq_out *o, uint64_t offset, const void *data, size_t n, vq_err *e)
{
    const char *p = data;
    while (n > 0) {
        const ssize_t done = pwrite(o->fd, p, n, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return write_error(o->path, done < 0 ? errno : ENOSPC, n, e);
        p += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    return VQ_OK;
}

/* In a folder with a list only what is on it is replaced. */
static vq_status take_name(const char *part, const char *path, vq_err *e)
{
    const bool replaces = vq_exists(path);
    VQ_TRY(vq_ledger_add(path, e));
    const vq_status s = replaces ? vq_rename(part, path, e) : vq_rename_new(part, path, e);
    if (s == VQ_OK) vq_ledger_forget(part);
    if (s != VQ_OK && !replaces) vq_ledger_forget(path);
    return s;
}

vq_status vq_out_commit(vq_out *o, vq_err *e)
{
    char part[sizeof o->path + 8];
    VQ_TRY(part_path(o, part, sizeof part, e));
    VQ_TRY(vq_maps_check(e));
    if (fsync(o->fd) != 0) return write_error(o->path, errno, 0, e);
    VQ_TRY(take_name(part, o->path, e));
    end(o); /* not before: the lock would go, and another process would write the file meanwhile */
    return VQ_OK;
}

void vq_out_drop(vq_out *o)
{
    if (o->fd < 0) return;
    char part[sizeof o->path + 8];
    if (part_path(o, part, sizeof part, NULL) == VQ_OK) {
        (void)unlink(part);
        vq_ledger_forget(part);
    }
    end(o);
}

void vq_outs_abandon(void)
{
    while (under_way) vq_out_drop(under_way);
}

vq_status vq_write_file(const char *path, const void *data, size_t n, vq_err *e)
{
    vq_out out;
    VQ_TRY(vq_out_open(&out, path, n, e));
    vq_status s = vq_out_write(&out, 0, data, n, e);
    if (s == VQ_OK) s = vq_out_commit(&out, e);
    vq_out_drop(&out);
    return s;
}
