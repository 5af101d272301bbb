/* lock.c -- advisory locks of whole files: the system knows whose they are, and drops them with
 * their process. */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 }; /* a file that goes away each time that it is opened */

/* The one who had the lock may have renamed or removed the file meanwhile. */
static bool still_named(int fd, const char *path)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* true: *owner has the lock; 0: nobody any more. */
static bool is_taken(int fd, int *owner)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *owner = 0;
    if (fcntl(fd, F_SETLK, &whole) == 0 || (errno != EACCES && errno != EAGAIN)) return false;
    if (fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK) *owner = whole.l_pid;
    return true;
}

vq_status vq_lock_open(const char *path, int *fd, vq_err *e)
{
    for (int i = 0; i < TRIES; i++) {
        int owner;
        *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (*fd < 0)
            return vq_fail(e, vq_refusal(errno), "%s: cannot open: %s", path, vq_why(errno));
        const bool taken = is_taken(*fd, &owner);
        if (!taken && still_named(*fd, path)) return VQ_OK;
        (void)close(*fd);
        *fd = -1;
        if (taken && owner)
            return vq_fail(e, VQ_E_RECIPE,
                           "%s: process %d is at work on it; wait for its end, or choose another "
                           "name with -o",
                           path, owner);
    }
    return vq_fail(e, VQ_E_IO, "%s: is removed again and again by another process", path);
}
