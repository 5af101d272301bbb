/* state_file.h -- OUT.run/state.json as structs: what a run was started with and which sections
 * ("parts" in the file) are finished. What they mean is run_state.h's business. test
 * tests/unit/run/test_run_state.c */
#ifndef VQ_RUN_STORE_STATE_FILE_H
#define VQ_RUN_STORE_STATE_FILE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/file.h"

/* What a resumed run must share with the one that stopped; in the order of the file. */
typedef enum vq_made_field {
    VQ_MADE_VERSION,    /* of vq */
    VQ_MADE_MODEL,      /* digest (origin.h) */
    VQ_MADE_RECIPE,     /* digest of the resolved text */
    VQ_MADE_ISA,        /* level of the kernels */
    VQ_MADE_NUMERIC,    /* "strict" or "fast" */
    VQ_MADE_BLAS,       /* kernel and version of the matrix products; "none" where strict */
    VQ_MADE_DATA,       /* digest of the token ids */
    VQ_MADE_STATISTICS, /* digest of the .vqs file */
    VQ_MADE_FIELDS
} vq_made_field;
extern const char *const vq_made_names[VQ_MADE_FIELDS];
typedef struct vq_made_from {
    const char *of[VQ_MADE_FIELDS]; /* NULL: the run has no such thing */
} vq_made_from;
/* vq_made_note -- a copy of value (from a) as one more field. VQ_E_LIMIT. */
vq_status vq_made_note(vq_made_from *made, vq_made_field field, const char *value, vq_arena *a,
                       vq_err *e);

/* A rounded module. */
typedef struct vq_state_module {
    const char *name; /* NULL: a file that was read does not say */
    int64_t arc_s, hadamard;
    double sqnr_db; /* dB; INFINITY: exact */
    double signal;  /* sum of squares that the noise was measured against */
    bool transformed;
    const char *fallback; /* NULL: none */
    int64_t tokens;       /* of an expert: that it saw; -1 of others */
} vq_state_module;

typedef struct vq_state_part {
    int64_t part;       /* its number */
    const char *sha256; /* of its file; "": it holds nothing; NULL: a file that was read does not
                         * say */
    const vq_state_module *modules;
    size_t nmodules;
} vq_state_part;

typedef struct vq_state {
    vq_made_from made_from;
    vq_state_part *parts;
    size_t nparts, room; /* room: of the array */
} vq_state;

/* vq_state_sign -- the n bytes of a state.json get their digest, where they say "self_sha256" with 64
 * digits: that of all bytes with zeros there. */
void vq_state_sign(char *text, size_t n);
/* vq_state_write -- s as the file PATH, whole or not at all. VQ_E_LIMIT | VQ_E_IO. */
vq_status vq_state_write(const char *path, const vq_state *s, vq_err *e);
/* vq_state_read -- PATH into s; arrays and texts from a. A member of another type counts as
 * missing. VQ_E_INPUT: not the state of a run, or a byte of it is not as it was written. */
vq_status vq_state_read(const char *path, vq_state *s, vq_arena *a, vq_err *e);

#endif
