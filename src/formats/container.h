/* container.h -- named tensors in files, whatever the file format: what stands between packers and
 * safetensors, so that another file format is one more vq_container. Everything that reads or
 * writes weights of a model goes through the two handles below; only the container knows its files.
 * test tests/unit/formats/test_container.c, tests/golden/test_golden_ct.c (a second one:
 * memory_container.h)
 */
#ifndef VQ_FORMATS_CONTAINER_H
#define VQ_FORMATS_CONTAINER_H

#include "base/arena.h"
#include "base/file.h"
#include "base/num/dtype.h"

typedef struct vq_container vq_container;

/* A file of an opened set: for names, sizes and digests; nobody but the container parses it. */
typedef struct vq_tensor_file {
    const char *path;
    vq_map map; /* borrowed until the set is closed */
} vq_tensor_file;

/* The reading side: everything that was found, sorted by name. A set that nobody opened (container
 * NULL) is a list of tensors that its maker owns. */
typedef struct vq_tensor_set {
    const vq_container *container;
    void *self;         /* of the container */
    vq_tensor **sorted; /* all tensors by name (bytes); their data is borrowed until close */
    size_t count;
    const vq_tensor_file *files; /* in the order of the container */
    size_t nfiles;
} vq_tensor_set;

/* The writing side, from the arena that it was made in. */
typedef struct vq_tensor_writer {
    const vq_container *container;
    void *self; /* of the container */
} vq_tensor_writer;

/* A file format. Functions get the handle's self; what they promise stands at the vq_tensor_set_*
 * and vq_tensor_writer_* functions, which callers use. */
struct vq_container {
    const char *name; /* "safetensors" */
    const char *file; /* what a folder's only file is called */
    bool fallback;    /* opens what no container claims, so that its messages are the last word */
    /* claims -- is PATH (a file or a folder) for this container? Looks, and fails never. NULL for
     * the fallback. */
    bool (*claims)(const char *path);
    /* open -- fill sorted, count, files, nfiles and self; nothing is left open on failure. */
    vq_status (*open)(vq_tensor_set *s, const char *path, vq_arena *a, vq_err *e);
    void (*close)(void *self);
    vq_status (*create)(void **self, vq_arena *a, vq_err *e);
    vq_status (*declare)(void *self, const char *name, vq_dtype t, const int64_t *shape, int ndim,
                         int64_t *id, vq_err *e);
    vq_status (*begin)(void *self, const char *dir, uint64_t shard_bytes, vq_err *e);
    vq_status (*write)(void *self, int64_t id, uint64_t at, const void *data, size_t n, vq_err *e);
    vq_status (*commit)(void *self, const char *const **names, size_t *n, vq_err *e);
    void (*drop)(void *self);
};

/* vq_tensor_set_open -- every tensor of PATH (a file, or a folder that holds files of c), checked,
 * data mapped. Arrays and names from the arena. VQ_E_INPUT: missing or broken; the set is closed.
 */
vq_status vq_tensor_set_open(vq_tensor_set *s, const vq_container *c, const char *path, vq_arena *a,
                             vq_err *e);
/* vq_tensor_set_close -- harmless twice, and on a set that nobody opened. */
void vq_tensor_set_close(vq_tensor_set *s);
/* vq_tensor_set_find -- the tensor of this name, borrowed; NULL when absent. Thread-safe. */
const vq_tensor *vq_tensor_set_find(const vq_tensor_set *s, const char *name);
/* vq_tensor_set_member -- find "MODULE.SUFFIX"; NULL when absent. Thread-safe. */
const vq_tensor *vq_tensor_set_member(const vq_tensor_set *s, const char *module,
                                      const char *suffix);
/* vq_tensor_set_sort -- put `sorted` into the order that find needs. For whoever fills a set. */
void vq_tensor_set_sort(vq_tensor_set *s);
/* vq_tensor_set_forget -- pages read so far need not stay in memory (vq_map_forget). */
void vq_tensor_set_forget(const vq_tensor_set *s);

/* vq_tensor_writer_new -- the steps of a writer: declare every tensor, begin, write in any order,
 * commit; drop in the end whatever happened. */
vq_status vq_tensor_writer_new(vq_tensor_writer **w, const vq_container *c, vq_arena *a, vq_err *e);
/* declare -- name is copied; the tensor's handle into *id. VQ_E_BUG: after begin. VQ_E_INPUT: a
 * shape that overflows or has partial bytes. */
vq_status vq_tensor_writer_declare(vq_tensor_writer *w, const char *name, vq_dtype t,
                                   const int64_t *shape, int ndim, int64_t *id, vq_err *e);
/* begin -- lay out and reserve files of at most shard_bytes (0: one file) in DIR, which exists.
 * VQ_E_BUG: a name was declared twice. VQ_E_LIMIT: no space; nothing is left. */
vq_status vq_tensor_writer_begin(vq_tensor_writer *w, const char *dir, uint64_t shard_bytes,
                                 vq_err *e);
/* write -- n bytes at byte `at` of the tensor. Thread-safe. VQ_E_BUG: they do not fit. */
vq_status vq_tensor_writer_write(vq_tensor_writer *w, int64_t id, uint64_t at, const void *data,
                                 size_t n, vq_err *e);
/* commit -- the files take their final names. names/n (NULL: not wanted): the files made, owned by
 * the arena. VQ_E_BUG: a tensor was not written whole. */
vq_status vq_tensor_writer_commit(vq_tensor_writer *w, const char *const **names, size_t *n,
                                  vq_err *e);
/* drop -- removes what is unfinished; harmless after commit and on NULL. */
void vq_tensor_writer_drop(vq_tensor_writer *w);

#endif
