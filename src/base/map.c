/* map.c -- mapped inputs, and what happens when somebody changes them meanwhile (declared in file.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

static const uint8_t nothing[1];

struct vq_watch {
    vq_watch *next;
    const uint8_t *data; /* NULL: a folder */
    size_t size;
    struct stat then;
    bool may_change; /* it is no input: that it did is noted here alone */
    bool closed;     /* kept for the next that opens it, for as long as its folder is watched */
    atomic_bool changed;
    char path[];
};

/* Mapped files. The signal handler only reads the list. */
static vq_watch *_Atomic watched;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool broken;
static char broken_path[1024];
static const char *what_happened;

static void note(vq_watch *w, const char *what)
{
    atomic_store(&w->changed, true);
    if (w->may_change || atomic_exchange(&broken, true)) return;
    (void)strncpy(broken_path, w->path, sizeof broken_path - 1);
    what_happened = what;
}

static const char changed[] = "the file changed";

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Written to in place since it was mapped? Another file under the name is none of our business: what
 * was mapped is as it was. */
static void look(vq_watch *w)
{
    struct stat now;
    if (w->closed || stat(w->path, &now) != 0) return;
    if (!w->data && !is_same_file(&now, &w->then)) note(w, "the folder was replaced");
    if (w->data && is_same_file(&now, &w->then) && !is_unchanged(&now, &w->then)) note(w, changed);
}

/* What was read of this file before, if its readers are to see one and the same. */
static vq_watch *input_of(const char *path)
{
    for (vq_watch *w = watched; w; w = w->next)
        if (w->data && !w->may_change && strcmp(w->path, path) == 0) return w;
    return NULL;
}

static bool is_in_watched_folder(const char *path)
{
    const size_t n = (size_t)(vq_base_name(path) - path);
    for (const vq_watch *w = watched; w; w = w->next)
        if (!w->data && !w->closed && n == strlen(w->path) + 1 &&
            strncmp(w->path, path, n - 1) == 0)
            return true;
    return false;
}

/* st NULL: there is nothing under the name. */
static bool is_as_before(const char *path, const struct stat *st)
{
    (void)pthread_mutex_lock(&changing);
    vq_watch *w = is_in_watched_folder(path) ? input_of(path) : NULL;
    const bool same = !w || (st && is_same_file(st, &w->then) && is_unchanged(st, &w->then));
    if (!same)
        note(w, !st                          ? "the file was removed"
                : is_same_file(st, &w->then) ? changed
                                             : "the file was replaced");
    (void)pthread_mutex_unlock(&changing);
    return same;
}

bool vq_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 || !is_as_before(path, NULL);
}

static vq_watch *watch(const uint8_t *data, size_t size, const struct stat *st, const char *path)
{
    vq_watch *w = vq_memory_alloc(sizeof *w + strlen(path) + 1);
    if (!w) return NULL;
    *w = (vq_watch){.data = data, .size = size, .then = *st};
    memcpy(w->path, path, strlen(path) + 1);
    (void)pthread_mutex_lock(&changing);
    w->next = watched;
    watched = w;
    (void)pthread_mutex_unlock(&changing);
    return w;
}

vq_watch *vq_folder_watch(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? watch(NULL, 0, &st, path) : NULL;
}

/* Frees what is closed and of no use: what may change, and of this path, or (NULL) of folders that
 * nobody watches. The path is of none that is closed. */
static void drop_closed(const char *path)
{
    for (vq_watch *w = watched, *before = NULL, *next; w; w = next) {
        next = w->next;
        if (!w->closed || (w->data && !w->may_change &&
                           (path ? strcmp(w->path, path) != 0 : is_in_watched_folder(w->path)))) {
            before = w;
            continue;
        }
        if (before)
            before->next = next;
        else
            watched = next;
        free(w);
    }
}

void vq_unwatch(vq_watch *w)
{
    if (!w) return;
    look(w);
    (void)pthread_mutex_lock(&changing);
    if (w->data) drop_closed(w->path);
    w->closed = true;
    w->size = 0;
    drop_closed(NULL);
    (void)pthread_mutex_unlock(&changing);
}

static vq_status map_file(vq_map *m, int fd, const char *path, vq_err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return vq_fail(e, vq_refusal(errno), "%s: %s", path, vq_why(errno));
    if (!S_ISREG(st.st_mode)) return vq_fail(e, VQ_E_INPUT, "%s: not a regular file", path);
    if (!is_as_before(path, &st)) return vq_maps_check(e);
    void *p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                         : (void *)(uintptr_t)nothing;
    if (p == MAP_FAILED && errno == ENOMEM)
        return vq_fail(e, VQ_E_LIMIT,
                       "%s: no address space for its %lld bytes; raise the limit (ulimit -v)", path,
                       (long long)st.st_size);
    if (p == MAP_FAILED)
        return vq_fail(e, vq_refusal(errno), "%s: cannot map: %s", path, vq_why(errno));
    *m = (vq_map){.data = p, .size = (size_t)st.st_size};
    m->watch = watch(m->data, m->size, &st, path);
    if (m->watch) return VQ_OK;
    vq_map_close(m);
    return vq_fail(e, VQ_E_LIMIT, "%s: " VQ_NO_MEMORY, path);
}

vq_status vq_map_open(vq_map *m, const char *path, vq_err *e)
{
    *m = (vq_map){.data = nothing};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return is_as_before(path, NULL) ? vq_fail(e, VQ_E_INPUT, "%s: no such file", path)
                                        : vq_maps_check(e);
    if (fd < 0) return vq_fail(e, vq_refusal(errno), "%s: cannot open: %s", path, vq_why(errno));
    const vq_status s = map_file(m, fd, path, e);
    (void)close(fd);
    return s;
}

void vq_map_close(vq_map *m)
{
    vq_unwatch(m->watch);
    if (m->size) (void)munmap((void *)(uintptr_t)m->data, m->size);
    *m = (vq_map){.data = nothing};
}

void vq_map_may_change(vq_map *m)
{
    m->watch->may_change = true;
}

bool vq_map_changed(const vq_map *m)
{
    look(m->watch);
    return atomic_load(&m->watch->changed);
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

/* Zeros from the page at `at` to the end of its map; false: no map of ours. */
static bool replace(uintptr_t at)
{
    const uintptr_t page = at - at % (uintptr_t)sysconf(_SC_PAGESIZE);
    for (vq_watch *w = watched; w; w = w->next) {
        const uintptr_t begin = (uintptr_t)w->data;
        if (at < begin || at - begin >= w->size) continue;
        note(w, changed);
        return mmap((void *)page, w->size - (page - begin), PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    }
    return false;
}

/* The read is done again on return; without new pages it ends the process as it would have. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    const int saved = errno;
    if (!replace((uintptr_t)info->si_addr)) (void)signal(number, SIG_DFL);
    errno = saved;
}

void vq_maps_guard(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, NULL);
}

bool vq_maps_broken(void)
{
    return atomic_load(&broken);
}

vq_status vq_maps_check(vq_err *e)
{
    (void)pthread_mutex_lock(&changing);
    for (vq_watch *w = watched; w; w = w->next) look(w);
    (void)pthread_mutex_unlock(&changing);
    if (!vq_maps_broken()) return VQ_OK;
    return vq_fail(e, VQ_E_IO, "%s: %s while it was read; run again when nothing writes to it",
                   broken_path, what_happened);
}
