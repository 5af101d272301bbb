/* folders.h -- where an output, an artifact's folder or one file, is made (OUT.run) and how it takes
 * its final name. One run at a time works on an output, and nothing goes but what vq made.
 * test tests/cli/outputs.sh, tests/cli/output_files.sh */
#ifndef VQ_RUN_QUANTIZE_FOLDERS_H
#define VQ_RUN_QUANTIZE_FOLDERS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/reporter.h"

/* Of outputs that are one file: what it is called in messages, and did vq make the one that is there?
 * Only such a one is replaced. */
typedef struct vq_file_kind {
    const char *name;
    bool (*made)(const void *ctx, const vq_map *m);
    const void *ctx;
} vq_file_kind;

typedef struct vq_folders_request {
    const char *const *inputs; /* the model first, then whatever is read; NULL: not given */
    size_t ninputs;
    const char *recipe; /* its name */
    const char *out;    /* NULL: MODEL.RECIPE beside the model, of a model in a cache of downloads
                         * NAME.RECIPE in the current folder */
    const vq_file_kind *kind; /* OUT is such a file; borrowed until drop. NULL: it is a folder */
    bool force, resume;
} vq_folders_request;

typedef struct vq_folders {
    const char *out;  /* final folder */
    bool cached;      /* the model lies in a cache: out is in the current folder instead */
    const char *run;  /* OUT.run while working: state and finished parts, which can be resumed */
    const char *work; /* OUT.run/artifact: becomes OUT */
    const char *file; /* of a kind: OUT.run/artifact/NAME, which becomes OUT; NULL: a folder */
    const vq_file_kind *kind;
    bool force;
    bool resumes; /* a stopped run is there and goes on; false: from the start */
    int lock;     /* of OUT.run; -1: not open */
} vq_folders;

/* vq_folders_name -- only what they are called; of q->inputs the model is looked at. Texts from a. */
vq_status vq_folders_name(vq_folders *o, const vq_folders_request *q, vq_arena *a, vq_err *e);
/* vq_folders_open -- names the folders and makes those to work in; texts from a.
 *   VQ_E_RECIPE: OUT exists, is not empty and there is no --force, or it holds what its vq.json does
 *   not list or lists with other bytes, or vq did not make the file; a file system is mounted there;
 *   it lies in an input or an input in it; OUT.run is not vq's or holds something else, another
 *   process works in it, or it holds a stopped run and neither resume nor force says what to do with
 *   it; nothing to resume. */
vq_status vq_folders_open(vq_folders *o, const vq_folders_request *q, vq_arena *a, vq_err *e);
/* vq_folders_check -- VQ_E_IO, naming it: somebody put a file into the artifact while it was made. */
vq_status vq_folders_check(const vq_folders *o, vq_arena *a, vq_err *e);
/* vq_folders_commit -- the artifact takes its name in one step; with force what was there is in its
 * place then. */
vq_status vq_folders_commit(const vq_folders *o, vq_arena *a, vq_err *e);
/* vq_folders_clean -- removes what vq made in OUT.run, and ends the lock; harmless twice. VQ_E_IO,
 * naming it: something else is there, and stays. */
vq_status vq_folders_clean(vq_folders *o, vq_err *e);
/* vq_folders_close -- clean and drop, of an output that is a file: it has its name, or nothing has; what stays
 * in OUT.run is warned of (run-folder-left). */
void vq_folders_close(vq_folders *o, const vq_reporter *w);
/* vq_folders_drop -- the same unless a run is there that can be resumed; harmless after clean. */
void vq_folders_drop(vq_folders *o);

/* vq_folders_abandon -- vq_folders_drop when the process ends from inside a library. */
void vq_folders_abandon(void);

#endif
