/* verify.c -- hashes, structure, values and kernels of an artifact. */
#include "run/verify/verify.h"
#include "run/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/manifest.h"
#include "run/verify/module_check.h"

static bool has_file(const vq_file_digest *files, size_t n, const char *name, const char **sha256)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(files[i].name, name) != 0) continue;
        *sha256 = files[i].sha256;
        return true;
    }
    return false;
}

static void check_listed(vq_findings *f, const vq_manifest *m, const vq_file_digest *found,
                         size_t n)
{
    for (size_t i = 0; i < m->nfiles; i++) {
        const char *name = m->files[i].name, *then = m->files[i].sha256, *now;
        if (!has_file(found, n, name, &now))
            vq_finding(f, name, "the file is missing");
        else if (!then || strcmp(now, then) != 0)
            vq_finding(f, name, "the file changed: its SHA-256 is not the one in vq.json");
    }
    for (size_t i = 0; i < n; i++)
        if (!vq_manifest_file_named(m, found[i].name))
            vq_finding(f, found[i].name, "the file is not listed in vq.json");
}

static vq_status check_files(vq_findings *f, const char *dir, const vq_manifest *m, vq_arena *a,
                             vq_err *e)
{
    const vq_file_digest *found;
    size_t n;
    VQ_TRY(vq_folder_digests(dir, &found, &n, a, e));
    check_listed(f, m, found, n);
    return VQ_OK;
}

/* Every module of the manifest is in the artifact, and the other way round. */
static void check_names(vq_findings *f, const vq_manifest *m, const char *const *names,
                        const bool *quantized, size_t n)
{
    size_t stored = 0;
    for (size_t i = 0; i < n; i++) {
        if (!quantized[i]) continue;
        stored++;
        if (!vq_manifest_module_named(m, names[i]))
            vq_finding(f, names[i], "quantized, but not listed in vq.json");
    }
    if (stored == m->nmodules) return;
    for (size_t at = 0; at < m->nmodules; at++) {
        const char *name = m->modules[at].name;
        bool found = false;
        for (size_t i = 0; i < n && !found; i++)
            found = quantized[i] && strcmp(names[i], name) == 0;
        if (!found) vq_finding(f, name, "listed in vq.json, but not stored as a quantized module");
    }
}

static vq_status check_modules(vq_findings *f, const vq_job *job, const vq_model *m,
                               const vq_manifest *manifest, const vq_model *against, vq_arena *a,
                               vq_arena *scratch, vq_err *e)
{
    const char *const *names;
    const bool *quantized;
    size_t n;
    VQ_TRY(vq_checkpoint_modules(&m->checkpoint, a, &names, &quantized, &n, e));
    if (manifest) check_names(f, manifest, names, quantized, n);
    vq_against original = {.model = against};
    const vq_module_checker c = {.job = job,
                                 .model = m,
                                 .manifest = manifest,
                                 .against = against ? &original : NULL,
                                 .decode = !f->written_now,
                                 .scratch = scratch};
    VQ_TRY(vq_against_model(&c, f, names, quantized, n, e));
    for (size_t i = 0; i < n; i++) {
        if (quantized[i]) VQ_TRY(vq_module_check(&c, f, names[i], e));
        if (quantized[i]) VQ_TRY(vq_against_check(&c, f, names[i], e));
        vq_tensor_set_forget(&m->checkpoint.weights);
        if (against) vq_tensor_set_forget(&against->checkpoint.weights);
        VQ_TRY(vq_step(&job->reporter, "verifying", (int64_t)i + 1, (int64_t)n, e));
    }
    vq_against_end(&c, f);
    vq_fused_check(&c, f, names, quantized, n);
    return VQ_OK;
}

/* When hashes already say no, a folder that cannot be opened is one more failure, not an error. */
static vq_status open_artifact(vq_findings *f, vq_model *m, const char *dir, vq_arena *a, vq_err *e)
{
    const vq_status s = vq_model_open(m, dir, a, e);
    if (s != VQ_E_INPUT || f->count == 0) return s;
    vq_finding(f, vq_base_name(dir), "cannot be opened: %s", e->text);
    return s;
}

static vq_status verify_opened(vq_findings *f, const vq_job *job, const char *dir,
                               const vq_manifest *manifest, const vq_model *against,
                               vq_budget *budget, vq_arena *a, vq_err *e)
{
    vq_model m;
    const vq_status opened = open_artifact(f, &m, dir, a, e);
    if (opened == VQ_E_INPUT && f->count) return VQ_OK;
    VQ_TRY(opened);
    vq_arena scratch;
    vq_arena_init(&scratch, budget);
    vq_status s = VQ_OK;
    if (!m.checkpoint.config.quantized)
        s = vq_fail(e, VQ_E_INPUT, "%s: not a quantized model; there is nothing to verify", dir);
    if (s == VQ_OK) s = check_modules(f, job, &m, manifest, against, a, &scratch, e);
    vq_arena_done(&scratch);
    vq_model_close(&m);
    return s;
}

/* *manifest stays NULL when there is none that can be read. */
static vq_status verify_manifest(vq_findings *f, const vq_job *job, const char *dir,
                                 vq_manifest *read, const vq_manifest **manifest, vq_arena *a,
                                 vq_err *e)
{
    bool intact;
    const char *path = vq_join(a, dir, VQ_MANIFEST_NAME, e);
    if (!path) return e->status;
    if (!vq_exists(path)) {
        vq_warn(&job->reporter, "no-manifest", dir,
                "no vq.json: hashes cannot be checked, only structure and values");
        return VQ_OK;
    }
    const vq_status s = vq_manifest_read(dir, read, &intact, a, e);
    if (s == VQ_E_INPUT) {
        vq_finding(f, VQ_MANIFEST_NAME, "cannot be read: %s", e->text);
        return VQ_OK;
    }
    VQ_TRY(s);
    *manifest = read;
    if (!intact) vq_finding(f, VQ_MANIFEST_NAME, "changed: self_sha256 does not fit its text");
    return f->written_now ? VQ_OK : check_files(f, dir, read, a, e);
}

vq_status vq_verify_folder(vq_findings *f, const vq_job *job, const char *dir, bool written_now,
                           const vq_model *against, vq_budget *budget, vq_arena *findings,
                           vq_arena *a, vq_err *e)
{
    vq_manifest read;
    const vq_manifest *manifest = NULL;
    *f = (vq_findings){.arena = findings, .written_now = written_now};
    if (!vq_is_dir(dir))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: not a folder; verify takes the folder that vq quantize wrote", dir);
    VQ_TRY(vq_step(&job->reporter, "verifying", 0, 1, e));
    VQ_TRY(verify_manifest(f, job, dir, &read, &manifest, a, e));
    VQ_TRY(verify_opened(f, job, dir, manifest, against, budget, a, e));
    return f->lost.status == VQ_OK ? VQ_OK : vq_fail(e, f->lost.status, "%s", f->lost.text);
}

static vq_status tell(const vq_findings *f, const vq_job *job, vq_verify_result *r, vq_arena *a,
                      vq_err *e)
{
    *r = (vq_verify_result){.tensors = f->tensors,
                            .not_compared = f->not_compared,
                            .isa = job->kernels.isa,
                            .failures = f->failures,
                            .nfailures = f->count,
                            .worst = f->worst ? vq_arena_text(a, e, "%s", f->worst) : NULL,
                            .worst_error = f->worst_error};
    return f->worst && !r->worst ? e->status : VQ_OK;
}

static vq_status verify_against(vq_job *job, const char *artifact, const vq_model *original,
                                vq_arena *scratch, vq_verify_result *r, vq_arena *a, vq_err *e)
{
    vq_findings f;
    vq_watch *watch = vq_folder_watch(artifact);
    vq_status s = vq_verify_folder(&f, job, artifact, false, original, &job->budget, a, scratch, e);
    vq_unwatch(watch);
    if (vq_maps_broken()) s = vq_maps_check(e);
    return s == VQ_OK ? tell(&f, job, r, a, e) : s;
}

vq_status vq_run_verify(vq_job *job, const char *artifact, const char *against, vq_verify_result *r,
                        vq_arena *a, vq_err *e)
{
    vq_arena scratch;
    vq_arena_init(&scratch, &job->budget);
    vq_model original;
    vq_status s = against ? vq_model_open_dense(&original, against, job, &scratch, e) : VQ_OK;
    if (s == VQ_OK) {
        s = verify_against(job, artifact, against ? &original : NULL, &scratch, r, a, e);
        if (against) vq_model_close(&original);
    }
    vq_arena_done(&scratch);
    return s;
}
