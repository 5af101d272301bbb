/* origin.c -- digests of a model and of calibration samples. */
#include "run/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_make.h"

/* {"files": [{"name", "sha256"}], "config"}: the config as the JSON library reads it, without its
 * white space. */
static vq_status model_json(const vq_file_digest *files, size_t n, const vq_model *model,
                            json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *root = vq_make_object(&m);
    json_t *list = vq_put_array(&m, root, "files");
    for (size_t i = 0; i < n; i++) {
        json_t *one = vq_add_object(&m, list);
        vq_put_text(&m, one, "name", files[i].name);
        vq_put_text(&m, one, "sha256", files[i].sha256);
    }
    json_t *config = model->checkpoint.config.root;
    vq_put(&m, root, "config", config ? json_incref(config) : json_null());
    return vq_make_done(&m, root, model->checkpoint.path, out, e);
}

vq_status vq_origin_model(vq_input_hash *h, const vq_model *m, char sha[VQ_SHA256_TEXT],
                          vq_arena *a, vq_err *e)
{
    const vq_file_digest *files;
    json_t *root;
    char *text;
    VQ_TRY(vq_input_hash_list(h, &files, a, e));
    VQ_TRY(model_json(files, h->set->nfiles, m, &root, e));
    const vq_status s =
        vq_json_dump(root, JSON_COMPACT | JSON_SORT_KEYS, m->checkpoint.path, &text, e);
    json_decref(root);
    VQ_TRY(s);
    vq_sha256_of(text, strlen(text), sha);
    free(text);
    return VQ_OK;
}

void vq_origin_samples(const vq_samples *s, char sha[VQ_SHA256_TEXT])
{
    vq_sha256_of(s->ids, (size_t)(s->count * s->length) * sizeof *s->ids, sha);
}

vq_calibrated vq_origin_calibrated(const vq_sample_set *set)
{
    vq_calibrated c = {.kind = set->kind,
                       .samples = set->samples.count,
                       .seqlen = set->samples.length,
                       .parts = set->parts,
                       .nparts = set->nparts > 1 ? set->nparts : 0};
    memcpy(c.sha256, set->sha256, sizeof c.sha256);
    return c;
}

vq_stats_origin vq_origin_of(const vq_plan *p, const vq_samples *s, const char *model_sha)
{
    vq_stats_origin o = {.needs = p->needs,
                         .seed = p->needs & VQ_NEED_GRADIENT ? p->recipe->calib.seed : 0};
    (void)snprintf(o.model, sizeof o.model, "%s", model_sha);
    (void)snprintf(o.version, sizeof o.version, "%s", VQ_VERSION);
    if (!s) return o;
    vq_origin_samples(s, o.data);
    o.samples = s->count;
    o.seqlen = s->length;
    return o;
}

static vq_status check_blocks(const vq_stats_file *f, const char *path, vq_err *e)
{
    int held = 0;
    for (int i = 0; i < f->layers; i++) held += f->stats[i] != NULL;
    if (held == f->layers) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: holds %d blocks and the model has %d: made from another model", path, held,
                   f->layers);
}

vq_status vq_origin_serves(const vq_stats_file *f, const vq_plan *p, bool quantized,
                           const char *model_sha, const char *path, vq_err *e)
{
    vq_stats_origin want = vq_origin_of(p, NULL, model_sha);
    if (quantized) want.needs &= VQ_NEED_GRADIENT;
    VQ_TRY(check_blocks(f, path, e));
    return vq_stats_check_origin(&f->origin, &want, false, path, e);
}
