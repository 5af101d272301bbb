/* folder.c -- names, folders and renames (declared in file.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"

bool vq_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool vq_is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

bool vq_is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

vq_status vq_make_dir(const char *path, vq_err *e)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && vq_is_dir(path))) return VQ_OK;
    return vq_fail(e, vq_refusal(errno), "%s: cannot make the folder: %s", path, vq_why(errno));
}

/* Renames survive a power cut only once the folder that holds them is synced. */
static void sync_parent(const char *path)
{
    char dir[4096];
    if ((size_t)snprintf(dir, sizeof dir, "%s", path) >= sizeof dir) return;
    char *slash = strrchr(dir, '/');
    if (slash) slash[slash == dir ? 1 : 0] = '\0';
    const int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    (void)close(fd);
}

vq_status vq_rename(const char *from, const char *to, vq_err *e)
{
    if (rename(from, to) != 0)
        return vq_fail(e, VQ_E_IO, "%s: cannot rename to %s: %s", from, to, vq_why(errno));
    sync_parent(to);
    return VQ_OK;
}

vq_status vq_rename_new(const char *from, const char *to, vq_err *e)
{
    const bool done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
    if (!done && errno != EEXIST) return vq_rename(from, to, e); /* a system that cannot, too */
    if (!done)
        return vq_fail(e, VQ_E_IO, "%s: vq did not write it, and it came meanwhile; move it", to);
    sync_parent(to);
    return VQ_OK;
}

vq_status vq_exchange(const char *a, const char *b, vq_err *e)
{
    char aside[4096];
    if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0) {
        sync_parent(a);
        sync_parent(b);
        return VQ_OK;
    }
    if ((size_t)snprintf(aside, sizeof aside, "%s.aside", a) >= sizeof aside)
        return vq_fail(e, VQ_E_IO, "%s: the path is too long", a);
    VQ_TRY(vq_rename(b, aside, e));
    const vq_status s = vq_rename(a, b, e);
    if (s == VQ_OK) return vq_rename(aside, a, e);
    (void)vq_rename(aside, b, NULL);
    return s;
}

/* The folder that path lies in, without links; to be freed. */
static char *real_parent(const char *path, vq_err *e)
{
    char dir[4096] = ".";
    const size_t n = (size_t)(vq_base_name(path) - path);
    if (n >= sizeof dir) errno = ENAMETOOLONG;
    if (n && n < sizeof dir) *(char *)mempcpy(dir, path, n) = '\0';
    char *real = n < sizeof dir ? realpath(dir, NULL) : NULL;
    if (real) return real;
    if (errno == ENOMEM)
        (void)vq_fail(e, VQ_E_LIMIT, "%s: no memory for the path", path);
    else
        (void)vq_fail(e, VQ_E_IO, "%s: the folder that it would be in: %s", path, vq_why(errno));
    return NULL;
}

const char *vq_real_path(const char *path, vq_arena *a, vq_err *e)
{
    const char *name = NULL;
    char *found = realpath(path, NULL);
    if (!found) {
        name = vq_base_name(path);
        found = real_parent(path, e);
    }
    if (!found) return NULL;
    const char *real = name ? vq_join(a, found, name, e) : vq_arena_text(a, e, "%s", found);
    free(found);
    return real;
}

vq_status vq_check_space(const char *dir, uint64_t bytes, vq_err *e)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0) return VQ_OK; /* opening the files will say what is wrong */
    const uint64_t have = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (have >= bytes) return VQ_OK;
    return vq_fail(
        e, VQ_E_LIMIT,
        "%s: %llu bytes are needed and %llu are free: make space or choose another folder", dir,
        (unsigned long long)bytes, (unsigned long long)have);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_entry(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static size_t count_entries(DIR *dir)
{
    size_t n = 0;
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) n += is_entry(d);
    rewinddir(dir);
    return n;
}

vq_status vq_list_dir(const char *path, vq_arena *a, const char *const **names, size_t *n,
                      vq_err *e)
{
    DIR *dir = opendir(path);
    if (!dir)
        return vq_fail(e, errno == ENOENT ? VQ_E_INPUT : vq_refusal(errno),
                       "%s: cannot read the folder: %s", path, vq_why(errno));
    const size_t room = count_entries(dir);
    const char **list = VQ_NEW(a, const char *, room, "folder listing", e);
    size_t count = 0;
    for (const struct dirent *d = list ? readdir(dir) : NULL; d && count < room; d = readdir(dir)) {
        if (!is_entry(d)) continue;
        list[count] = vq_arena_text(a, e, "%s", d->d_name);
        if (!list[count]) break;
        count++;
    }
    (void)closedir(dir);
    if (!list || (count < room && e && e->status != VQ_OK)) return e ? e->status : VQ_E_LIMIT;
    if (count) qsort(list, count, sizeof *list, by_bytes);
    *names = list;
    *n = count;
    return VQ_OK;
}

typedef struct tree {
    vq_arena *arena;
    const char *root;
    const char **names;
    size_t count, room;
} tree;
enum { DEEPEST = 16 };

static vq_status add_name(tree *t, const char *name, vq_err *e)
{
    if (t->count == t->room) {
        const char **more =
            vq_arena_more(t->arena, t->names, &t->room, sizeof *more, "folder listing", e);
        if (!more) return e->status;
        t->names = more;
    }
    t->names[t->count++] = name;
    return VQ_OK;
}

/* inside: the folder below the root, "" for the root. */
static vq_status add_folder(tree *t, const char *inside, int depth, vq_err *e)
{
    const char *const *names, *path = *inside ? vq_join(t->arena, t->root, inside, e) : t->root;
    size_t n = 0;
    if (!path) return e->status;
    if (depth > DEEPEST)
        return vq_fail(e, VQ_E_INPUT, "%s: folders in each other, more than %d", path, DEEPEST);
    VQ_TRY(vq_list_dir(path, t->arena, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        const char *full = vq_join(t->arena, path, names[i], e),
                   *name = *inside ? vq_join(t->arena, inside, names[i], e) : names[i];
        if (!full || !name) return e->status;
        VQ_TRY(vq_is_dir(full) && !vq_is_link(full) ? add_folder(t, name, depth + 1, e)
                                                    : add_name(t, name, e));
    }
    return VQ_OK;
}

vq_status vq_list_tree(const char *path, vq_arena *a, const char *const **names, size_t *n,
                       vq_err *e)
{
    tree t = {.arena = a, .root = path};
    VQ_TRY(add_folder(&t, "", 0, e));
    if (t.count) qsort(t.names, t.count, sizeof *t.names, by_bytes);
    *names = t.names;
    *n = t.count;
    return VQ_OK;
}

static vq_status remove_entries(DIR *dir, const char *path, vq_err *e)
{
    char entry[4096];
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (!is_entry(d)) continue;
        if ((size_t)snprintf(entry, sizeof entry, "%s/%s", path, d->d_name) >= sizeof entry)
            return vq_fail(e, VQ_E_IO, "%s/%s: the path is too long", path, d->d_name);
        VQ_TRY(vq_remove(entry, e));
    }
    return VQ_OK;
}

vq_status vq_remove(const char *path, vq_err *e)
{
    struct stat st;
    if (lstat(path, &st) != 0) return VQ_OK;
    const bool is_dir = S_ISDIR(st.st_mode);
    DIR *dir = is_dir ? opendir(path) : NULL;
    if (is_dir && !dir)
        return vq_fail(e, vq_refusal(errno), "%s: cannot remove: %s", path, vq_why(errno));
    const vq_status s = dir ? remove_entries(dir, path, e) : VQ_OK;
    if (dir) (void)closedir(dir);
    if (s != VQ_OK || (is_dir ? rmdir(path) : unlink(path)) == 0 || errno == ENOENT) return s;
    return vq_fail(e, vq_refusal(errno), "%s: cannot remove: %s", path, vq_why(errno));
}

char *vq_join(vq_arena *a, const char *dir, const char *name, vq_err *e)
{
    const size_t n = strlen(dir);
    return vq_arena_text(a, e, n && dir[n - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

const char *vq_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool vq_ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

bool vq_lists(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}
