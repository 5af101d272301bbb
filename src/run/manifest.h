/* manifest.h -- vq.json: what an artifact is made of, every byte of it under a hash. No time, host
 * or path. docs/cli.md, "Files that vq writes". test tests/unit/run/test_manifest.c */
#ifndef VQ_RUN_MANIFEST_H
#define VQ_RUN_MANIFEST_H

#include "base/arena.h"
#include "base/file.h"
#include "plan/sample_set.h"
#include "json/json_make.h"

#define VQ_MANIFEST_NAME "vq.json"

/* A file by its name in its folder. */
typedef struct vq_file_digest {
    const char *name;
    const char *sha256; /* NULL: a manifest that was read names the file without a digest */
    uint64_t bytes;     /* 0 in a manifest that was read: it does not say */
} vq_file_digest;

/* What a run was calibrated on. */
typedef struct vq_calibrated {
    const char *kind; /* "none", "self", "text", "jsonl", "tokens", "mix", "statistics" */
    char sha256[VQ_SHA256_TEXT]; /* of the data file; "" for none, self and mix */
    char statistics
        [VQ_SHA256_TEXT];        /* of the .vqs file; "" when statistics were gathered on the way */
    int64_t samples, seqlen;     /* seqlen tokens each */
    const vq_sample_part *parts; /* of a mix, from each source; no paths when read back */
    int nparts;
} vq_calibrated;

/* What the finishing pass reached on the samples that it held out. */
typedef struct vq_finished {
    double before, after; /* KL to the original, nats per token */
    int64_t tokens;       /* that were held out; 0: there was no such pass */
} vq_finished;

/* A quantized module. */
typedef struct vq_manifest_module {
    const char *name;     /* without ".weight" */
    const char *scheme;   /* its id; NULL in a manifest that does not say */
    const char *sha256;   /* over its stored tensors; NULL in a manifest that does not say */
    double sqnr_db;       /* of the weight, dB; INFINITY: exact (or, when read, not recorded) */
    const char *fallback; /* what the rounder did instead of what was asked; NULL: what was asked */
    int64_t hadamard;     /* block of the online rotation of its input; 0: none */
    int64_t arc_s;        /* residual channels behind its own; 0: none */
    int64_t tokens;       /* of an expert: that it saw; -1 of others */
    bool transformed;     /* passes changed the weight before it was rounded */
} vq_manifest_module;

typedef struct vq_manifest {
    const char *recipe, *yaml; /* name; resolved text */
    const vq_file_digest *inputs;
    size_t ninputs;
    const char *dequantized; /* how the inputs were quantized before; NULL: they were not */
    size_t ndequantized;     /* weights that were decoded */
    int ndraft;              /* weights of draft heads, which were copied */
    vq_calibrated calibration;
    const vq_manifest_module *modules;
    size_t nmodules;
    const vq_file_digest *files; /* of the artifact, but vq.json */
    size_t nfiles;
    const char *finish; /* name of the finishing pass; NULL: none */
    vq_finished finished;
} vq_manifest;

/* vq_calibrated_put -- c as the member "calibration" of root, as vq.json and --json have it. */
void vq_calibrated_put(vq_json_maker *m, json_t *root, const vq_calibrated *c);
/* vq_manifest_write -- DIR/vq.json from m, with self_sha256, the digest of this very text with that
 * field empty. VQ_E_LIMIT | VQ_E_IO. */
vq_status vq_manifest_write(const char *dir, const vq_manifest *m, vq_err *e);
/* vq_manifest_read -- DIR/vq.json but for the finishing pass into m, modules and files
 * sorted by name; texts and arrays from a. A member of another type counts as not recorded: whoever
 * compares finds it. *intact false when self_sha256 does not fit. VQ_E_INPUT: missing or not a
 * manifest. */
vq_status vq_manifest_read(const char *dir, vq_manifest *m, bool *intact, vq_arena *a, vq_err *e);
/* vq_manifest_module_named, vq_manifest_file_named -- of a manifest that was read, by name; NULL:
 * not listed. */
const vq_manifest_module *vq_manifest_module_named(const vq_manifest *m, const char *name);
const vq_file_digest *vq_manifest_file_named(const vq_manifest *m, const char *name);
/* vq_folder_digests -- every file in DIR and in folders inside it but vq.json, sorted by name, from a;
 * sizes in bytes. */
vq_status vq_folder_digests(const char *dir, const vq_file_digest **files, size_t *n, vq_arena *a,
                            vq_err *e);
/* vq_manifest_changed -- the first listed file that is there with other bytes than the manifest says
 * (or of which it says none); *name NULL: none. Reads every file. test tests/cli/outputs.sh */
vq_status vq_manifest_changed(const char *dir, const vq_manifest *m, const char **name, vq_arena *a,
                              vq_err *e);

#endif
