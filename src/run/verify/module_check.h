/* module_check.h -- checks of one stored module: hash, scales, codes, kernels against the
 * reference, recorded error. */
#ifndef VQ_RUN_VERIFY_MODULE_CHECK_H
#define VQ_RUN_VERIFY_MODULE_CHECK_H

#include "load/model.h"
#include "run/findings.h"
#include "run/manifest.h"

/* The model that an artifact is said to be made from, and what is known of it so far. */
typedef struct vq_against {
    const vq_model *model;
    bool
        other_files; /* its weight files are not those that vq.json lists: other weights, or the same
                       * in other files */
    bool unlike;     /* it is another model, which was said: nothing more is compared */
    size_t compared; /* linears whose error is the recorded one */
} vq_against;

typedef struct vq_module_checker {
    const vq_job *job;
    const vq_model *model;       /* the artifact */
    const vq_manifest *manifest; /* NULL: none */
    vq_against *against;         /* NULL: no comparison with the original */
    bool decode; /* digests, and every weight decoded by the kernels and by the reference; else
                 * structure and scales */
    vq_arena *scratch;
} vq_module_checker;

/* vq_module_entry -- what vq.json says of a module, NULL: nothing. */
const vq_manifest_module *vq_module_entry(const vq_module_checker *c, const char *module);
/* vq_module_check -- one module; failures go to f, a status means that checking itself could not go
 * on. */
vq_status vq_module_check(const vq_module_checker *c, vq_findings *f, const char *module,
                          vq_err *e);
/* vq_against_model -- before any module: every quantized one has its weight in the original, and the
 * files are those of vq.json. Where they are not, what is wrong is one finding, now or with the first
 * linear whose error differs, instead of one for each. */
vq_status vq_against_model(const vq_module_checker *c, vq_findings *f, const char *const *names,
                           const bool *quantized, size_t n, vq_err *e);
/* vq_against_end -- behind all modules: other files are a warning ("other-files"), and a finding where
 * nothing could be compared. */
void vq_against_end(const vq_module_checker *c, vq_findings *f);
/* vq_against_check -- the error against the original weights is the one that vq.json records;
 * nothing without an original, or about a module that cannot be read (vq_module_check says so). */
vq_status vq_against_check(const vq_module_checker *c, vq_findings *f, const char *module,
                           vq_err *e);
/* vq_fused_check -- members that runtimes fuse share second-level scales. */
void vq_fused_check(const vq_module_checker *c, vq_findings *f, const char *const *names,
                    const bool *quantized, size_t n);

#endif
