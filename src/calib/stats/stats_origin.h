/* stats_origin.h -- the origin of statistics as metadata of a file, and the digest over a whole
 * file. */
#ifndef VQ_CALIB_STATS_STATS_ORIGIN_H
#define VQ_CALIB_STATS_STATS_ORIGIN_H

#include "calib/stats/stats_file.h"

/* vq_origin_write -- notes of a file to be opened; the digest is a placeholder until vq_stats_seal.
 */
vq_status vq_origin_write(const vq_stats_origin *o, vq_st_writer *w, vq_err *e);
/* vq_origin_read -- from the metadata; every field checked. *sha256: what the file says its digest
 * is. */
vq_status vq_origin_read(vq_stats_origin *o, char sha256[VQ_SHA256_TEXT], const vq_st_file *f,
                         vq_arena *a, vq_err *e);

/* A tensor and the digest of its bytes. */
typedef struct vq_sealed {
    vq_tensor tensor; /* data unused */
    char sha256[VQ_SHA256_TEXT];
} vq_sealed;
/* vq_stats_digest -- over origin and tensors; sorts them by name. VQ_E_LIMIT: no memory. */
vq_status vq_stats_digest(const vq_stats_origin *o, vq_sealed *tensors, size_t n,
                          char out[VQ_SHA256_TEXT], vq_err *e);
/* vq_stats_seal -- write the digest into the metadata and commit the file. */
vq_status vq_stats_seal(vq_st_writer *w, const vq_stats_origin *o, vq_sealed *tensors, size_t n,
                        vq_err *e);
/* vq_stats_flaw -- what is wrong with the values of a tensor whose type and shape are those of its
 * name; NULL: nothing. */
const char *vq_stats_flaw(const vq_tensor *t);
/* vq_stats_open_writer -- a writer whose one file will be PATH; *dir is its folder. */
vq_status vq_stats_open_writer(vq_st_writer **w, const char *path, const char **dir, vq_arena *a,
                               vq_err *e);

#endif
