/* folders.c -- OUT and OUT.run: whose they are, and who works in them. Nothing goes but what vq made. */
#include "run/quantize/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ledger.h"
#include "base/lock.h"
#include "base/memory.h"
#include "run/manifest.h"
#include "run/quantize/own_files.h"
#include "run/store/run_state.h"

/* The one that this process works in: what a sudden end leaves is removed. */
static vq_folders *at_work;

static vq_status say_foreign(const char *path, vq_err *e)
{
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: vq did not make it, and works in this folder; move it, or choose another "
                   "name with -o",
                   path);
}

/* A link, or a folder without vq's list, is somebody's. */
static vq_status check_run(const char *run, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    if (!vq_exists(run)) return VQ_OK;
    if (vq_is_link(run) || !vq_is_dir(run))
        return vq_fail(e, VQ_E_RECIPE,
                       "%s is in the way, and vq did not make it; move it, or choose another name "
                       "with -o",
                       run);
    VQ_TRY(vq_list_dir(run, a, &names, &n, e));
    if (n == 0 || vq_lists(names, n, VQ_RUN_LOCK)) return VQ_OK;
    const char *first = vq_join(a, run, names[0], e);
    return first ? say_foreign(first, e) : e->status;
}

/* What somebody put into a folder of vq's, of which only vq's own may go; with the lock, for another
 * process's files come and go. */
static vq_status check_own(const vq_folders *o, vq_arena *a, vq_err *e)
{
    const char *path;
    VQ_TRY(vq_ledger_open(o->run, VQ_RUN_LOCK, o->lock, e));
    VQ_TRY(vq_own_foreign(o->run, "", &path, a, e));
    return path ? say_foreign(path, e) : VQ_OK;
}

/* --force replaces an artifact that holds what its vq.json lists, or folders without a file. */
static vq_status check_replaceable(const char *out, vq_arena *a, vq_err *e)
{
    vq_manifest m = {0};
    bool intact;
    const char *const *names;
    size_t n;
    const char *why = "vq did not write it";
    if (!vq_is_link(out) && vq_is_dir(out)) {
        VQ_TRY(vq_list_tree(out, a, &names, &n, e));
        if (n == 0) return VQ_OK;
        const vq_status read = vq_lists(names, n, VQ_MANIFEST_NAME)
                                   ? vq_manifest_read(out, &m, &intact, a, e)
                                   : VQ_E_INPUT;
        if (read != VQ_OK && read != VQ_E_INPUT) return read;
        const bool known = read == VQ_OK;
        size_t i = 0;
        while (known && i < n &&
               (strcmp(names[i], VQ_MANIFEST_NAME) == 0 || vq_manifest_file_named(&m, names[i])))
            i++;
        if (known && i == n) return VQ_OK;
        if (known) why = vq_arena_text(a, e, "its vq.json does not list %s", names[i]);
        if (!why) return e->status;
    }
    return vq_fail(e, VQ_E_RECIPE,
                   "%s exists already and %s; --force replaces only what vq wrote: move it, or "
                   "choose another folder with -o",
                   out, why);
}

/* An edit of a listed file is somebody's, as a file of their own is. Reads the whole artifact: once
 * before the work, once before it makes room. */
static vq_status check_unchanged(const vq_folders *o, vq_arena *a, vq_err *e)
{
    vq_manifest m;
    bool intact;
    const char *changed = VQ_MANIFEST_NAME;
    const char *path = vq_join(a, o->out, VQ_MANIFEST_NAME, e);
    if (!path) return e->status;
    if (!o->force || o->kind || !vq_exists(path)) return VQ_OK;
    VQ_TRY(vq_manifest_read(o->out, &m, &intact, a, e));
    if (intact) VQ_TRY(vq_manifest_changed(o->out, &m, &changed, a, e));
    if (!changed) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s/%s was changed after vq wrote it; --force replaces only what vq wrote: move "
                   "or remove %s, or choose another folder with -o",
                   o->out, changed, o->out);
}

/* A folder without anything is taken by renaming over it, which the system does only while it is
 * empty. */
static vq_status is_empty(const char *out, bool *empty, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n = 1;
    if (!vq_is_link(out) && vq_is_dir(out)) VQ_TRY(vq_list_dir(out, a, &names, &n, e));
    *empty = n == 0;
    return VQ_OK;
}

/* Nothing can be renamed over where a file system, or a volume of a container, is mounted. */
static bool is_mounted(const char *path)
{
    struct statx x;
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &x) == 0 &&
           x.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* A file that cannot be read is not vq's; without memory nobody can tell. */
static vq_status is_of_kind(const vq_file_kind *k, const char *path, bool *made, vq_err *e)
{
    vq_map m;
    const vq_status s = vq_map_open(&m, path, e);
    *made = s == VQ_OK && k->made(k->ctx, &m);
    if (s == VQ_OK) vq_map_close(&m);
    return s == VQ_E_LIMIT ? s : VQ_OK;
}

/* Of an output that is one file. */
static vq_status check_file(const vq_folders *o, vq_err *e)
{
    bool made;
    if (vq_is_dir(o->out) && !vq_is_link(o->out))
        return vq_fail(e, VQ_E_RECIPE, "%s is a folder; name a file with -o", o->out);
    if (!vq_is_file(o->out))
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s exists already and is no regular file (a link, a pipe, a device); choose "
            "another name with -o",
            o->out);
    VQ_TRY(is_of_kind(o->kind, o->out, &made, e));
    if (!made)
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s exists already and is not %s; --force replaces nothing else: move it, or "
            "choose another name with -o",
            o->out, o->kind->name);
    if (o->force) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s exists already; remove it, choose another name with -o, or replace it "
                   "with --force",
                   o->out);
}

static vq_status check_free(const vq_folders *o, bool resume, vq_arena *a, vq_err *e)
{
    const char *out = o->out;
    bool empty = false;
    if (!vq_exists(out)) return VQ_OK;
    if (o->kind) return check_file(o, e);
    if (is_mounted(out))
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: a file system is mounted there, so it cannot be replaced; choose a "
                       "folder inside it with -o",
                       out);
    VQ_TRY(is_empty(out, &empty, a, e));
    if (empty) return VQ_OK;
    VQ_TRY(check_replaceable(out, a, e)); /* what --force would refuse, it is not advised for */
    if (o->force) return VQ_OK;
    if (resume)
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s exists already: the run was finished, or another one made it. Look at it "
            "with vq verify; %s.run can be removed then",
            out, out);
    return vq_fail(e, VQ_E_RECIPE,
                   "%s exists already; remove it, choose another folder with -o, or, unless a file "
                   "in it was edited, replace it with --force",
                   out);
}

/* Is b a, or inside it? */
static bool holds(const char *a, const char *b)
{
    const size_t n = strcmp(a, "/") == 0 ? 0 : strlen(a);
    return strncmp(a, b, n) == 0 && (b[n] == '/' || b[n] == '\0');
}

/* What is read must not be what is written, nor inside it, nor around it. A recipe may be a name; what
 * is missing is said where it is read. */
static vq_status check_inputs(const vq_folders *o, const vq_folders_request *q, vq_arena *a,
                              vq_err *e)
{
    const char *const *inputs = q->inputs;
    const char *out = vq_real_path(o->out, a, e),
               *run = out ? vq_arena_text(a, e, "%s.run", out) : NULL;
    if (!run) return e->status;
    for (size_t i = 0; i < q->ninputs; i++) {
        if (!inputs[i] || !vq_exists(inputs[i])) continue;
        const char *in = vq_real_path(inputs[i], a, e);
        if (!in) return e->status;
        if (holds(out, in) || holds(in, out) || holds(run, in))
            return vq_fail(e, VQ_E_RECIPE,
                           "the output %s and the input %s lie in each other; choose another "
                           "%s with -o",
                           o->out, inputs[i], o->kind ? "name" : "folder");
    }
    return VQ_OK;
}

/* All of OUT.run but the lock; the state first, for without parts it says what is not so. */
static vq_status empty_run(const vq_folders *o, vq_arena *a, vq_err *e)
{
    const char *state = vq_join(a, o->run, VQ_RUN_STATE, e);
    if (!state) return e->status;
    if (vq_ledger_has(state)) VQ_TRY(vq_remove(state, e));
    vq_ledger_forget(state);
    return vq_own_remove(o->run, "", a, e);
}

/* Work that is finished in part is not thrown away by a repeated command. Without a state there is
 * nothing to go on with, and nothing that says what the run was made from. */
static vq_status open_work(vq_folders *o, bool resume, vq_arena *a, vq_err *e)
{
    const bool stopped = vq_run_state_exists(o->run, a);
    if (resume && !stopped)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: there is no stopped run to resume; start without --resume", o->run);
    o->resumes = resume;
    if (stopped && o->kind)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s holds a stopped run of vq quantize; choose another name with -o",
                       o->run);
    if (!resume && stopped && !o->force)
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s holds a stopped run; continue it with --resume, or start anew with --force",
            o->run);
    VQ_TRY(o->resumes ? vq_own_remove(o->run, vq_base_name(o->work), a, e) : empty_run(o, a, e));
    return vq_make_dir(o->work, e);
}

static vq_status make_run(const vq_folders *o, const vq_folders_request *q, vq_err *e)
{
    vq_err why;
    if (vq_make_dir(o->run, &why) == VQ_OK) return VQ_OK;
    return vq_fail(e, why.status, "%s%s", why.text, q->out ? "" : "; name another output with -o");
}

static void let_go(vq_folders *o)
{
    if (o->lock < 0) return;
    vq_ledger_close();
    (void)close(o->lock);
    o->lock = -1;
}

/* Nothing was done yet. lock: of a folder that was made for this, which goes without being read. */
static vq_status leave(vq_folders *o, const char *lock, vq_status s)
{
    if (lock) {
        (void)rmdir(o->work);
        (void)unlink(lock);
        (void)rmdir(o->run);
    }
    let_go(o);
    return s;
}

vq_status vq_folders_open(vq_folders *o, const vq_folders_request *q, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_folders_name(o, q, a, e));
    VQ_TRY(check_inputs(o, q, a, e));
    VQ_TRY(check_free(o, q->resume, a, e));
    VQ_TRY(check_run(o->run, a, e));
    const char *lock = vq_join(a, o->run, VQ_RUN_LOCK, e);
    if (!lock) return e->status;
    const bool fresh = !vq_exists(o->run);
    VQ_TRY(make_run(o, q, e));
    vq_status s = vq_lock_open(lock, &o->lock, e);
    if (s == VQ_E_LIMIT || s == VQ_E_IO) (void)rmdir(o->run); /* another one's is not empty */
    VQ_TRY(s);
    s = check_own(o, a, e);
    if (s != VQ_OK) return leave(o, fresh ? lock : NULL, s);
    s = check_free(o, q->resume, a, e); /* who had the lock before made it, maybe */
    if (s == VQ_OK) s = check_unchanged(o, a, e);
    if (s == VQ_OK) s = open_work(o, q->resume, a, e);
    if (s != VQ_OK && fresh) return leave(o, lock, s);
    at_work = o;
    if (s != VQ_OK) vq_folders_drop(o);
    return s;
}

vq_status vq_folders_check(const vq_folders *o, vq_arena *a, vq_err *e)
{
    const char *path;
    VQ_TRY(vq_own_foreign(o->run, vq_base_name(o->work), &path, a, e));
    return path ? vq_ledger_check(path, e) : VQ_OK;
}

/* What was there goes from OUT.run then, and in between it may be aside. */
static vq_status exchange(const vq_folders *o, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_own_list(o->run, "artifact", o->out, a, e));
    VQ_TRY(vq_own_list(o->run, "artifact.aside", o->out, a, e));
    return vq_exchange(o->work, o->out, e);
}

vq_status vq_folders_commit(const vq_folders *o, vq_arena *a, vq_err *e)
{
    VQ_TRY(vq_maps_check(e));
    VQ_TRY(vq_memory_check(e));
    VQ_TRY(check_free(o, false, a, e));
    VQ_TRY(check_unchanged(o, a, e));
    VQ_TRY(vq_folders_check(o, a, e));
    if (o->file) return (o->force ? vq_rename : vq_rename_new)(o->file, o->out, e);
    bool free = true; /* without force only what is nothing, or empty, makes room */
    if (o->force && vq_exists(o->out)) VQ_TRY(is_empty(o->out, &free, a, e));
    return free ? vq_rename(o->work, o->out, e) : exchange(o, a, e);
}

vq_status vq_folders_clean(vq_folders *o, vq_err *e)
{
    if (o->lock < 0) return VQ_OK;
    vq_arena a; /* without the budget, of which there may be nothing left */
    vq_arena_init(&a, NULL);
    const char *lock = vq_join(&a, o->run, VQ_RUN_LOCK, e), *path = NULL;
    vq_status s = lock ? empty_run(o, &a, e) : VQ_E_LIMIT;
    if (s == VQ_OK) s = vq_own_foreign(o->run, "", &path, &a, e);
    if (s == VQ_OK) s = vq_remove(lock, e);
    if (s == VQ_OK && path)
        s = vq_fail(e, VQ_E_IO, "%s: vq did not make it, and leaves it there", path);
    vq_arena_done(&a);
    /* somebody may have put something in */
    if (s == VQ_OK && rmdir(o->run) != 0)
        s = vq_fail(e, VQ_E_IO, "%s: cannot remove: %s", o->run, vq_why(errno));
    let_go(o);
    return s;
}

/* Is something left that can be resumed? */
static bool is_kept(const vq_folders *o)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    const bool kept = vq_run_state_exists(o->run, &a);
    vq_arena_done(&a);
    return kept;
}

void vq_folders_drop(vq_folders *o)
{
    vq_err unsaid; /* why the run ends is said already */
    at_work = NULL;
    if (o->lock >= 0 && !is_kept(o)) (void)vq_folders_clean(o, &unsaid);
    let_go(o);
}

void vq_folders_close(vq_folders *o, const vq_reporter *w)
{
    vq_err why;
    if (vq_folders_clean(o, &why) != VQ_OK) vq_warn(w, "run-folder-left", o->run, "%s", why.text);
    vq_folders_drop(o);
}

void vq_folders_abandon(void)
{
    if (at_work) vq_folders_drop(at_work);
}
