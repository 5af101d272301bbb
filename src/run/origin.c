/* origin.c -- digests of a model and of calibration samples. */
#include "run/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

vq_status vq_origin_model(vq_input_hash *h, const vq_model *m, char sha[VQ_SHA256_TEXT], vq_err *e)
{
    json_t *files = vq_input_hash_json(h);
    json_t *root = json_pack("{s:o, s:O?}", "files", files, "config", m->checkpoint.config.root);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    if (!text) return vq_fail(e, VQ_E_LIMIT, "%s: no memory for a digest", m->checkpoint.path);
    vq_sha256_of(text, strlen(text), sha);
    free(text);
    return VQ_OK;
}

void vq_origin_samples(const vq_samples *s, char sha[VQ_SHA256_TEXT])
{
    vq_sha256_of(s->ids, (size_t)(s->count * s->length) * sizeof *s->ids, sha);
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

vq_status vq_made_from(json_t *made_from, const char *name, const char *value, vq_err *e)
{
    if (json_object_set_new(made_from, name, json_string(value)) == 0) return VQ_OK;
    return vq_fail(e, VQ_E_LIMIT, "no memory for the state of the run");
}
