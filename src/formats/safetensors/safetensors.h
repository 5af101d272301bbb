/* safetensors.h -- reader (files are hostile) and writer (sharded, aligned, atomic) of the
 * safetensors format. The reader refuses everything the reference
 * reader refuses. test tests/unit/formats/test_safetensors.c */
#ifndef VQ_FORMATS_SAFETENSORS_SAFETENSORS_H
#define VQ_FORMATS_SAFETENSORS_SAFETENSORS_H

#include "base/arena.h"
#include "base/file.h"
#include "base/num/dtype.h"

typedef struct vq_st_file {
    vq_map map;
    const char *path;
    vq_tensor *tensors; /* in order of offset */
    size_t count;
    size_t header_bytes; /* 8 + header length */
    size_t metadata_at;  /* byte of the file at which the object of __metadata__ begins; 0: there is
                      * none */
} vq_st_file;

/* vq_st_open -- map and validate one file. VQ_E_INPUT with what is wrong and where; arrays and
 * names from the arena. */
vq_status vq_st_open(vq_st_file *f, const char *path, vq_arena *a, vq_err *e);
void vq_st_close(vq_st_file *f);
/* vq_st_metadata -- the text of a key of __metadata__, from the arena; *text NULL when there is
 * none. */
vq_status vq_st_metadata(const vq_st_file *f, const char *key, const char **text, vq_arena *a,
                         vq_err *e);

/* The writer: declare every tensor, open, write in any order, commit. Shards of at most shard_bytes
 * (0: one file); inside a shard tensors are ordered by element size descending, then by
 * declaration, so that each is aligned. File names model.safetensors, or
 * model-00001-of-0000N.safetensors and model.safetensors.index.json. Files are DIR/NAME.part until
 * commit. */
typedef struct vq_st_writer vq_st_writer;
vq_status vq_st_writer_new(vq_st_writer **w, vq_arena *a, vq_err *e);
/* declare -- name is copied. Returns the tensor's handle in *id. VQ_E_BUG: after open. VQ_E_INPUT:
 * a shape that overflows or has partial bytes. */
vq_status vq_st_writer_declare(vq_st_writer *w, const char *name, vq_dtype t, const int64_t *shape,
                               int ndim, int64_t *id, vq_err *e);
/* name -- of the file when there is one shard, without folder (default model.safetensors); before
 * open. */
vq_status vq_st_writer_name(vq_st_writer *w, const char *name, vq_err *e);
/* note -- key and text go into __metadata__; both are copied. Before open, or again until commit:
 * then a text of the same length, for what is known only when the data is. VQ_E_BUG otherwise. */
vq_status vq_st_writer_note(vq_st_writer *w, const char *key, const char *text, vq_err *e);
/* open -- lay out and reserve every file in the folder DIR, which exists. VQ_E_BUG: a name was
 * declared twice. VQ_E_LIMIT: no space; nothing is left. */
vq_status vq_st_writer_open(vq_st_writer *w, const char *dir, uint64_t shard_bytes, vq_err *e);
/* write -- n bytes at byte `at` of the tensor. Thread-safe. */
vq_status vq_st_writer_write(vq_st_writer *w, int64_t id, uint64_t at, const void *data, size_t n,
                             vq_err *e);
/* commit -- sync, rename, write the index. names/n: the files made, owned by the arena. VQ_E_BUG
 * when a tensor was not written whole. */
vq_status vq_st_writer_commit(vq_st_writer *w, const char *const **names, size_t *n, vq_err *e);
void vq_st_writer_drop(vq_st_writer *w); /* removes what is unfinished; harmless after commit */

#endif
