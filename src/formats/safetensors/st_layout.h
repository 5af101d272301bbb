/* st_layout.h -- where each tensor of a checkpoint to be written goes: shards, offsets, header and
 * index texts. Pure arithmetic, no files. */
#ifndef VQ_FORMATS_SAFETENSORS_ST_LAYOUT_H
#define VQ_FORMATS_SAFETENSORS_ST_LAYOUT_H

#include "base/arena.h"
#include "base/num/dtype.h"

typedef struct vq_st_slot {
    vq_tensor tensor; /* data unused */
    size_t shard;
    uint64_t at; /* byte of the tensor's start, in the file once the shard's header is laid out */
} vq_st_slot;

typedef struct vq_st_shard {
    const char *name; /* of the file */
    size_t *slots;    /* in order of offset */
    size_t count;
    char *header; /* the 8-byte length and the JSON, padded with spaces so that the data starts at a
                 * multiple of 64 */
    size_t header_bytes;
    uint64_t bytes; /* of the whole file */
} vq_st_shard;

/* What a file says beside its tensors. */
typedef struct vq_st_note {
    const char *key, *text; /* member of __metadata__ */
} vq_st_note;

typedef struct vq_st_head {
    const char *name; /* of the file when there is one shard; NULL: model.safetensors */
    vq_st_note *notes;
    size_t count;
} vq_st_head;

typedef struct vq_st_layout {
    vq_st_shard *shards;
    size_t nshards;
    char *index; /* text of model.safetensors.index.json; NULL with one shard */
    size_t index_bytes;
    uint64_t total; /* bytes of all files and the index */
} vq_st_layout;

/* vq_st_lay_out -- fill shards of at most shard_bytes of data (0: one shard; a larger tensor gets a
 * shard of its own) in the order of slots; inside a shard by element size descending, then by
 * order. Sets shard and at of each slot. head: NULL for none. All from the arena.
 * VQ_E_BUG a name twice | VQ_E_INPUT a name that is not UTF-8 | VQ_E_LIMIT
 *          test tests/unit/formats/test_st_layout.c */
vq_status vq_st_lay_out(vq_st_layout *l, vq_st_slot *slots, size_t n, uint64_t shard_bytes,
                        const vq_st_head *head, vq_arena *a, vq_err *e);
/* vq_st_lay_header -- make the header of a shard anew, for other notes. */
vq_status vq_st_lay_header(vq_st_shard *s, const vq_st_slot *slots, const vq_st_head *head,
                           vq_arena *a, vq_err *e);

#endif
