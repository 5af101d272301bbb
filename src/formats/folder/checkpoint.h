/* checkpoint.h -- a model folder as a vq_source: dense weights, or the artifact of a target. test
 * tests/unit/formats/test_checkpoint.c, tests/golden/test_golden_ct.c */
#ifndef VQ_FORMATS_FOLDER_CHECKPOINT_H
#define VQ_FORMATS_FOLDER_CHECKPOINT_H

#include "base/exchange/source.h"
#include "formats/folder/hf_config.h"
#include "formats/target.h"

typedef struct vq_checkpoint {
    const char *dir;  /* folder that holds the files */
    const char *path; /* as the user named it */
    vq_tensor_set weights;
    vq_hf_config config; /* model_type "" when there is no config.json */
    vq_source source;
    const vq_target *target;       /* whose artifact it is; NULL when dense */
    struct vq_module_map *modules; /* of an artifact: module -> stored scheme; NULL when dense */
    const char *head, *head_from;  /* a module without a weight of its own, and the tensor that it
                                   * reads; NULL: none */
    const char
        *note; /* what the config says and vq does not use (a quantized key-value cache); NULL */
    vq_watch *watch; /* of the folder */
    vq_arena *arena;
} vq_checkpoint;

/* vq_checkpoint_open -- PATH: a file of weights (config.json beside it), or a folder. A way of
 * quantizing that no target owns is VQ_E_INPUT naming the method. config holds names and
 * quantization only. Both ways checked: modules that the config
 * claims and tensors that exist. */
vq_status vq_checkpoint_open(vq_checkpoint *c, const char *path, vq_arena *a, vq_err *e);
void vq_checkpoint_close(vq_checkpoint *c);

/* What the graph knows of how its tensors are stored, so that nobody else needs to.
 *   tie        module `head` without a weight of its own reads tensor `from`; both borrowed
 *   transpose  the dense weight of the module is stored [in][out]: from here on its tensor has the
 *              shape [out][in] and is marked transposed. Nothing where it is quantized, missing, or
 *              no matrix */
void vq_checkpoint_tie(vq_checkpoint *c, const char *head, const char *from);
void vq_checkpoint_transpose(vq_checkpoint *c, const char *module);

/* vq_checkpoint_modules -- names of all stored linears (2-D weights) of an artifact or dense model,
 * sorted; quantized[i] says which. */
vq_status vq_checkpoint_modules(const vq_checkpoint *c, vq_arena *a, const char *const **names,
                                const bool **quantized, size_t *n, vq_err *e);
/* Files that go along with the weights: names as "folder/name". */
typedef struct vq_sidecars {
    const char *const *names;
    vq_map *maps; /* [n] their bytes */
    size_t n;
    const char *const *left; /* of folders inside: not of these kinds, larger than 32 MiB, or beside
                              * weights */
    size_t nleft;
} vq_sidecars;
/* vq_checkpoint_sidecars -- files of the folder, and .json .jinja .txt .model .yaml of folders inside
 * it ("1_Pooling/config.json"), but weights, indexes, hidden files, config.json and vq.json. Opened:
 * one that changes until vq_sidecars_close is found by vq_maps_check where loaders read it, else by
 * vq_map_changed. Arrays from a. VQ_E_INPUT: a
 * link that leads out of the model (into Hugging Face's cache it may) or nowhere, a pipe or device
 * or folder under such a name, a name that is not UTF-8. */
vq_status vq_checkpoint_sidecars(const vq_checkpoint *c, vq_sidecars *out, vq_arena *a, vq_err *e);
void vq_sidecars_close(vq_sidecars *s); /* harmless on zeros */

#endif
