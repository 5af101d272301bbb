/* inspect.c -- says what a path is: model, artifact, single file or statistics; tensors, types,
 * schemes. */
#include <stdio.h>
#include <string.h>

#include "load/model.h"
#include "load/model_row.h"
#include "run/inspect/inspect_roles.h"
#include "run/inspect/inspect_stats.h"
#include "run/run.h"

/* Counts by name, in order of appearance. */
typedef struct tally {
    vq_count *list;
    size_t count;
} tally;

/* The place of a name; a new one is copied into a. NULL: no memory. The list must have room. */
static vq_count *place(tally *t, const char *name, vq_arena *a, vq_err *e)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->list[i].name, name) == 0) return &t->list[i];
    vq_count *one = &t->list[t->count];
    *one = (vq_count){.name = vq_arena_text(a, e, "%s", name)};
    if (!one->name) return NULL;
    t->count++;
    return one;
}

/* As the file has it: the matrices of a Conv1D were turned when the model was opened. */
static void stored_shape(const vq_tensor *t, int64_t *shape)
{
    memcpy(shape, t->shape, sizeof t->shape);
    if (!t->transposed) return;
    shape[0] = t->shape[1];
    shape[1] = t->shape[0];
}

static vq_status describe_tensors(vq_model_description *d, const vq_tensor_set *s, vq_arena *a,
                                  vq_err *e)
{
    vq_stored_tensor *list = VQ_ALLOC(a, vq_stored_tensor, s->count, "names of tensors", e);
    tally bytes = {.list = VQ_ALLOC(a, vq_count, VQ_DTYPES, "types", e)};
    if (!list || !bytes.list) return e->status;
    for (size_t i = 0; i < s->count; i++) {
        const vq_tensor *t = s->sorted[i];
        vq_count *of_type = place(&bytes, vq_dtype_name(t->dtype), a, e);
        list[i] = (vq_stored_tensor){.name = vq_arena_text(a, e, "%s", t->name),
                                     .dtype = t->dtype,
                                     .ndim = t->ndim,
                                     .bytes = t->bytes};
        if (!of_type || !list[i].name) return e->status;
        stored_shape(t, list[i].shape);
        of_type->count += t->bytes;
    }
    d->tensors = list;
    d->ntensors = s->count;
    d->dtypes = bytes.list;
    d->ndtypes = bytes.count;
    return VQ_OK;
}

static vq_status describe_files(vq_model_description *d, const vq_tensor_set *s, vq_arena *a,
                                vq_err *e)
{
    vq_file_digest *files = VQ_ALLOC(a, vq_file_digest, s->nfiles, "names of files", e);
    if (!files) return e->status;
    for (size_t i = 0; i < s->nfiles; i++) {
        files[i] =
            (vq_file_digest){.name = vq_arena_text(a, e, "%s", vq_base_name(s->files[i].path)),
                             .bytes = s->files[i].map.size};
        if (!files[i].name) return e->status;
    }
    d->files = files;
    d->nfiles = s->nfiles;
    return VQ_OK;
}

static vq_status describe_schemes(vq_model_description *d, const vq_checkpoint *c, vq_arena *a,
                                  vq_arena *scratch, vq_err *e)
{
    const char *const *names;
    const bool *quantized;
    size_t n;
    VQ_TRY(vq_checkpoint_modules(c, scratch, &names, &quantized, &n, e));
    tally schemes = {.list = VQ_ALLOC(a, vq_count, n, "schemes", e)};
    if (!schemes.list) return e->status;
    for (size_t i = 0; i < n; i++) {
        vq_linear l;
        char text[380];
        if (!quantized[i]) continue;
        VQ_TRY(c->source.linear(c->source.self, names[i], 0, 0, &l, e));
        vq_linear_text(&l, text, sizeof text);
        vq_count *of_scheme = place(&schemes, text, a, e);
        if (!of_scheme) return e->status;
        of_scheme->count++;
    }
    d->schemes = schemes.list;
    d->nschemes = schemes.count;
    return VQ_OK;
}

static vq_status describe_model(vq_model_description *d, const vq_model *m, vq_arena *a,
                                vq_arena *scratch, vq_err *e)
{
    const vq_hf_config *c = &m->checkpoint.config;
    *d = (vq_model_description){
        .quantized = c->quantized,
        .architecture = *c->model_type ? vq_arena_text(a, e, "%s", c->model_type) : NULL,
        .quant_method = vq_arena_text(a, e, "%s", c->quant_method),
        .can_run = m->arch != NULL,
    };
    if ((*c->model_type && !d->architecture) || !d->quant_method) return e->status;
    if (c->quantized) VQ_TRY(describe_schemes(d, &m->checkpoint, a, scratch, e));
    VQ_TRY(describe_files(d, &m->checkpoint.weights, a, e));
    VQ_TRY(vq_inspect_roles(d, m, a, e));
    return describe_tensors(d, &m->checkpoint.weights, a, e);
}

static vq_status inspect_model(const char *path, vq_model_description *d, vq_arena *a,
                               vq_arena *scratch, vq_err *e)
{
    vq_model m;
    VQ_TRY(vq_model_open(&m, path, scratch, e));
    const vq_status s = describe_model(d, &m, a, scratch, e);
    vq_model_close(&m);
    return s;
}

vq_status vq_run_inspect(vq_job *job, const char *path, vq_inspect_result *r, vq_arena *a,
                         vq_err *e)
{
    vq_arena scratch;
    vq_arena_init(&scratch, &job->budget);
    *r = (vq_inspect_result){.is_statistics = vq_is_stats_path(path)};
    const vq_status s = r->is_statistics ? vq_inspect_stats(path, &r->statistics, a, &scratch, e)
                                         : inspect_model(path, &r->model, a, &scratch, e);
    vq_arena_done(&scratch);
    return s;
}
