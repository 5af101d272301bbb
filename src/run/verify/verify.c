/* verify.c -- hashes, structure, values and kernels of an artifact. */
#include "run/verify/verify.h"
#include "run/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/manifest.h"
#include "run/verify/module_check.h"

static void check_listed(vq_findings *f, const json_t *manifest, json_t *found)
{
    const json_t *files = json_object_get(manifest, "files");
    const char *name;
    json_t *sha;
    json_object_foreach((json_t *)(uintptr_t)files, name, sha)
    {
        const char *now = json_string_value(json_object_get(found, name)),
                   *then = json_string_value(sha);
        if (!now)
            vq_finding(f, name, "the file is missing");
        else if (!then || strcmp(now, then) != 0)
            vq_finding(f, name, "the file changed: its SHA-256 is not the one in vq.json");
    }
    json_object_foreach(found, name, sha)
    {
        if (!json_object_get(files, name)) vq_finding(f, name, "the file is not listed in vq.json");
    }
}

static vq_status check_files(vq_findings *f, const char *dir, const json_t *manifest, vq_arena *a,
                             vq_err *e)
{
    json_t *found;
    VQ_TRY(vq_manifest_files(dir, &found, a, e));
    check_listed(f, manifest, found);
    json_decref(found);
    return VQ_OK;
}

/* Every module of the manifest is in the artifact, and the other way round. */
static void check_names(vq_findings *f, const json_t *manifest, const char *const *names,
                        const bool *quantized, size_t n)
{
    json_t *tensors = json_object_get(manifest, "tensors");
    size_t stored = 0;
    for (size_t i = 0; i < n; i++) {
        if (!quantized[i]) continue;
        stored++;
        if (!json_object_get(tensors, names[i]))
            vq_finding(f, names[i], "quantized, but not listed in vq.json");
    }
    if (stored == json_object_size(tensors)) return;
    const char *name;
    json_t *value;
    json_object_foreach(tensors, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < n && !found; i++)
            found = quantized[i] && strcmp(names[i], name) == 0;
        if (!found) vq_finding(f, name, "listed in vq.json, but not stored as a quantized module");
    }
}

static vq_status check_modules(vq_findings *f, const vq_job *job, const vq_model *m,
                               const json_t *manifest, const vq_model *against, vq_arena *a,
                               vq_arena *scratch, vq_err *e)
{
    const char *const *names;
    const bool *quantized;
    size_t n;
    VQ_TRY(vq_checkpoint_modules(&m->checkpoint, a, &names, &quantized, &n, e));
    if (manifest) check_names(f, manifest, names, quantized, n);
    const vq_module_checker c = {.job = job,
                                 .model = m,
                                 .manifest = manifest,
                                 .against = against,
                                 .decode = !f->written_now,
                                 .scratch = scratch};
    for (size_t i = 0; i < n; i++) {
        if (quantized[i]) VQ_TRY(vq_module_check(&c, f, names[i], e));
        VQ_TRY(vq_step(&job->reporter, "verifying", (int64_t)i + 1, (int64_t)n, e));
    }
    vq_fused_check(&c, f, names, quantized, n);
    return VQ_OK;
}

/* When hashes already say no, a folder that cannot be opened is one more failure, not an error. */
static vq_status open_artifact(vq_findings *f, vq_model *m, const char *dir, vq_arena *a, vq_err *e)
{
    const vq_status s = vq_model_open(m, dir, a, e);
    if (s != VQ_E_INPUT || json_array_size(f->failures) == 0) return s;
    vq_finding(f, vq_base_name(dir), "cannot be opened: %s", e->text);
    return s;
}

static vq_status verify_opened(vq_findings *f, const vq_job *job, const char *dir,
                               const json_t *manifest, const vq_model *against, vq_budget *budget,
                               vq_arena *a, vq_err *e)
{
    vq_model m;
    const vq_status opened = open_artifact(f, &m, dir, a, e);
    if (opened == VQ_E_INPUT && json_array_size(f->failures)) return VQ_OK;
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

static vq_status verify_manifest(vq_findings *f, const vq_job *job, const char *dir,
                                 json_t **manifest, vq_arena *a, vq_err *e)
{
    bool intact;
    const char *path = vq_join(a, dir, VQ_MANIFEST_NAME, e);
    if (!path) return e->status;
    if (!vq_exists(path)) {
        vq_warn(&job->reporter, "no-manifest", dir,
                "no vq.json: hashes cannot be checked, only structure and values");
        return VQ_OK;
    }
    const vq_status s = vq_manifest_read(dir, manifest, &intact, e);
    if (s == VQ_E_INPUT) {
        vq_finding(f, VQ_MANIFEST_NAME, "cannot be read: %s", e->text);
        return VQ_OK;
    }
    VQ_TRY(s);
    if (!intact) vq_finding(f, VQ_MANIFEST_NAME, "changed: self_sha256 does not fit its text");
    return f->written_now ? VQ_OK : check_files(f, dir, *manifest, a, e);
}

vq_status vq_verify_folder(vq_findings *f, const vq_job *job, const char *dir, bool written_now,
                           const vq_model *against, vq_budget *budget, vq_arena *a, vq_err *e)
{
    *f = (vq_findings){.failures = json_array(), .written_now = written_now};
    if (!vq_is_dir(dir)) {
        json_decref(f->failures);
        return vq_fail(e, VQ_E_INPUT,
                       "%s: not a folder; verify takes the folder that vq quantize wrote", dir);
    }
    json_t *manifest = NULL;
    vq_status s = verify_manifest(f, job, dir, &manifest, a, e);
    if (s == VQ_OK) s = verify_opened(f, job, dir, manifest, against, budget, a, e);
    json_decref(manifest);
    if (s != VQ_OK) json_decref(f->failures);
    return s;
}

static json_t *verify_json(const vq_findings *f, const vq_job *job)
{
    json_t *worst = f->worst ? json_pack("{s:s, s:f, s:f}", "tensor", f->worst, "error",
                                         f->worst_error, "bound", 0.0)
                             : json_null();
    return json_pack("{s:I, s:I, s:[s, s], s:O, s:o}", "tensors", (json_int_t)f->tensors,
                     "not_compared", (json_int_t)f->not_compared, "checked_kernels", "decode_row",
                     job->kernels.isa, "failures", f->failures, "worst", worst);
}

static vq_status verify_against(vq_job *job, const char *artifact, const vq_model *original,
                                vq_arena *a, json_t **result, bool *ok, vq_err *e)
{
    vq_findings f;
    VQ_TRY(vq_verify_folder(&f, job, artifact, false, original, &job->budget, a, e));
    *ok = json_array_size(f.failures) == 0;
    *result = verify_json(&f, job);
    json_decref(f.failures);
    return VQ_OK;
}

vq_status vq_run_verify(vq_job *job, const char *artifact, const char *against, json_t **result,
                        bool *ok, vq_err *e)
{
    vq_arena a;
    vq_arena_init(&a, &job->budget);
    vq_model original;
    vq_status s = against ? vq_model_open(&original, against, &a, e) : VQ_OK;
    if (s == VQ_OK) {
        s = verify_against(job, artifact, against ? &original : NULL, &a, result, ok, e);
        if (against) vq_model_close(&original);
    }
    vq_arena_done(&a);
    return s;
}
