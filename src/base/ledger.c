/* ledger.c -- entries are only added: "+NAME" is vq's from here on, "-NAME" no more; a zero byte ends
 * each, for names may have line ends. */
#include "base/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] = "vq.made/1"; /* the first entry */

static struct ledger {
    const char *folder; /* NULL: no list is open */
    int fd;
    char *text; /* what the file holds */
    size_t n, room;
} list;

static vq_status cannot_write(vq_err *e)
{
    return vq_fail(e, vq_refusal(errno), "%s: cannot write the list of its files: %s", list.folder,
                   vq_why(errno));
}

static vq_status make_room(size_t n, vq_err *e)
{
    if (list.n + n <= list.room) return VQ_OK;
    const size_t room = 2 * (list.n + n);
    char *text = realloc(list.text, room);
    if (!text)
        return vq_fail(e, VQ_E_LIMIT, "%s: no memory for the list of its files", list.folder);
    list.text = text;
    list.room = room;
    return VQ_OK;
}

/* What was not written whole is no entry, and overwritten by the next one. */
static vq_status append(const char *sign, const char *name, vq_err *e)
{
    const size_t n = strlen(sign) + strlen(name) + 1;
    VQ_TRY(make_room(n, e));
    char *at = list.text + list.n;
    (void)stpcpy(stpcpy(at, sign), name);
    for (size_t done = 0; done < n;) {
        const ssize_t put = pwrite(list.fd, at + done, n - done, (off_t)(list.n + done));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return cannot_write(e);
        done += (size_t)put;
    }
    list.n += n;
    return VQ_OK;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Of "folder/name" the name; NULL: it lies elsewhere, or there is no list. */
static const char *name_of(const char *path)
{
    const size_t n = list.folder ? strlen(list.folder) : 0;
    return n && strncmp(path, list.folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

bool vq_ledger_has(const char *path)
{
    const char *name = name_of(path);
    bool has = false;
    for (size_t at = 0; name && at < list.n; at += strlen(list.text + at) + 1)
        if (list.text[at] && strcmp(list.text + at + 1, name) == 0) has = list.text[at] == '+';
    return has;
}

vq_status vq_ledger_check(const char *path, vq_err *e)
{
    if (!name_of(path) || vq_ledger_has(path) || !is_there(path)) return VQ_OK;
    return vq_fail(e, VQ_E_IO,
                   "%s: vq did not write it, and makes the output in this folder; move it out",
                   path);
}

vq_status vq_ledger_add(const char *path, vq_err *e)
{
    const char *name = name_of(path);
    VQ_TRY(vq_ledger_check(path, e));
    if (!name || vq_ledger_has(path)) return VQ_OK;
    VQ_TRY(append("+", name, e));
    return fdatasync(list.fd) == 0 ? VQ_OK : cannot_write(e);
}

void vq_ledger_forget(const char *path)
{
    vq_err unsaid; /* a name too many is of a file that is not there */
    if (vq_ledger_has(path)) (void)append("-", name_of(path), &unsaid);
}

/* As far as it is whole: a kill, or a full disk, may have cut the last entry. */
static vq_status read_list(vq_err *e)
{
    struct stat st;
    if (fstat(list.fd, &st) != 0)
        return vq_fail(e, VQ_E_IO, "%s: cannot read the list of its files: %s", list.folder,
                       vq_why(errno));
    VQ_TRY(make_room((size_t)st.st_size, e));
    while (list.n < (size_t)st.st_size) {
        const ssize_t got =
            pread(list.fd, list.text + list.n, (size_t)st.st_size - list.n, (off_t)list.n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return vq_fail(e, VQ_E_IO, "%s: cannot read the list of its files: %s", list.folder,
                           got ? vq_why(errno) : "it was cut short");
        list.n += (size_t)got;
    }
    while (list.n && list.text[list.n - 1]) list.n--;
    return VQ_OK;
}

/* Files that were never made, or are gone: another one of this name is not vq's. */
static vq_status forget_missing(vq_err *e)
{
    for (size_t at = 0, end = list.n; at < end; at += strlen(list.text + at) + 1) {
        char path[8192];
        if (list.text[at] != '+') continue; /* nor has one without a sign a name */
        const int n = snprintf(path, sizeof path, "%s/%s", list.folder, list.text + at + 1);
        if (n < 0 || (size_t)n >= sizeof path) continue;
        if (vq_ledger_has(path) && !is_there(path)) VQ_TRY(append("-", name_of(path), e));
    }
    return VQ_OK;
}

static vq_status open_list(const char *name, vq_err *e)
{
    struct stat st;
    VQ_TRY(read_list(e));
    if (list.n >= sizeof header && strcmp(list.text, header) == 0) return forget_missing(e);
    if (fstat(list.fd, &st) == 0 && st.st_size == 0) return append("", header, e);
    return vq_fail(
        e, VQ_E_RECIPE,
        "%s/%s: vq did not make it, and works in this folder; move it, or choose another "
        "name with -o",
        list.folder, name);
}

vq_status vq_ledger_open(const char *folder, const char *name, int fd, vq_err *e)
{
    list = (struct ledger){.folder = folder, .fd = fd};
    const vq_status s = open_list(name, e);
    if (s != VQ_OK) vq_ledger_close();
    return s;
}

void vq_ledger_close(void)
{
    free(list.text);
    list = (struct ledger){.fd = -1};
}
