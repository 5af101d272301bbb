/* manifest.h -- vq.json: what an artifact is made of, every byte of it under a hash. No time, host
 * or path. test tests/unit/test_manifest.c */
#ifndef VQ_RUN_MANIFEST_H
#define VQ_RUN_MANIFEST_H

#include <jansson.h>

#include "base/arena.h"
#include "base/file.h"

#define VQ_MANIFEST_NAME "vq.json"

/* vq_manifest_write -- DIR/vq.json from root (an object without self_sha256): adds self_sha256, the
 * digest of this very text with that field empty. */
vq_status vq_manifest_write(const char *dir, json_t *root, vq_err *e);
/* vq_manifest_read -- DIR/vq.json -> new reference; *intact false when self_sha256 does not fit.
 * VQ_E_INPUT: missing or not a manifest. */
vq_status vq_manifest_read(const char *dir, json_t **root, bool *intact, vq_err *e);
/* vq_manifest_files -- {NAME: sha256} of every regular file in DIR but vq.json. */
vq_status vq_manifest_files(const char *dir, json_t **files, vq_arena *a, vq_err *e);

#endif
