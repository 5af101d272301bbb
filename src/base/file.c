/* file.c -- mapped inputs, outputs that appear whole, folders. */
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

#include "base/lock.h"

static const uint8_t nothing[1];

vq_status vq_map_open(vq_map *m, const char *path, vq_err *e)
{
    *m = (vq_map){.data = nothing};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return vq_fail(e, VQ_E_INPUT, "%s: no such file", path);
    if (fd < 0) return vq_fail(e, VQ_E_IO, "%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    vq_status s = VQ_OK;
    if (fstat(fd, &st) != 0)
        s = vq_fail(e, VQ_E_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        s = vq_fail(e, VQ_E_INPUT, "%s: not a regular file", path);
    else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            s = vq_fail(e, VQ_E_IO, "%s: cannot map: %s", path, strerror(errno));
        else
            *m = (vq_map){.data = p, .size = (size_t)st.st_size};
    }
    (void)close(fd);
    return s;
}

void vq_map_close(vq_map *m)
{
    if (m->size) (void)munmap((void *)(uintptr_t)m->data, m->size);
    *m = (vq_map){.data = nothing};
}

void vq_map_forget(const vq_map *m)
{
    vq_mapped_forget(m->data, m->size);
}

/* Whole pages only: what shares its first or last page with a neighbour leaves it there. */
void vq_mapped_forget(const void *data, size_t n)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
                    from = ((uintptr_t)data + page - 1) / page * page,
                    to = ((uintptr_t)data + n) / page * page;
    if (to > from) (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

static vq_status part_path(const vq_out *o, char *buf, size_t len, vq_err *e)
{
    if ((size_t)snprintf(buf, len, "%s.part", o->path) >= len)
        return vq_fail(e, VQ_E_IO, "%s: the path is too long", o->path);
    return VQ_OK;
}

static vq_status write_error(const char *path, int error, uint64_t size, vq_err *e)
{
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return vq_fail(
            e, VQ_E_LIMIT,
            "%s: no space for %llu bytes: %s; free some or choose another folder with -o", path,
            (unsigned long long)size, strerror(error));
    return vq_fail(e, VQ_E_IO, "%s: cannot write: %s", path, strerror(error));
}

vq_status vq_out_open(vq_out *o, const char *path, uint64_t size, vq_err *e)
{
    o->fd = -1;
    char part[sizeof o->path + 8];
    if ((size_t)snprintf(o->path, sizeof o->path, "%s", path) >= sizeof o->path)
        return vq_fail(e, VQ_E_IO, "%.200s...: the path is too long", path);
    VQ_TRY(part_path(o, part, sizeof part, e));
    VQ_TRY(vq_lock_open(part, &o->fd, e));
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

vq_status vq_out_commit(vq_out *o, vq_err *e)
{
    char part[sizeof o->path + 8];
    VQ_TRY(part_path(o, part, sizeof part, e));
    if (fsync(o->fd) != 0) return write_error(o->path, errno, 0, e);
    (void)close(o->fd);
    o->fd = -1;
    vq_status s = vq_rename(part, o->path, e);
    if (s != VQ_OK) (void)unlink(part);
    return s;
}

void vq_out_drop(vq_out *o)
{
    if (o->fd < 0) return;
    char part[sizeof o->path + 8];
    (void)close(o->fd);
    o->fd = -1;
    if (part_path(o, part, sizeof part, NULL) == VQ_OK) (void)unlink(part);
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

vq_status vq_copy_file(const char *from, const char *to, vq_err *e)
{
    vq_map m;
    VQ_TRY(vq_map_open(&m, from, e));
    const vq_status s = vq_write_file(to, m.data, m.size, e);
    vq_map_close(&m);
    return s;
}
