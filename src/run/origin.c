/* origin.c -- digests of the model and of the token ids. */
#include "run/origin.h"

#include <stdio.h>
#include <string.h>

static vq_status hash_model(char out[VQ_SHA256_TEXT], const vq_checkpoint *c, vq_input_hash *hash, vq_arena *scratch, vq_err *e)
{
    const char *config = vq_join(scratch, c->dir, "config.json", e);
    if (!config) return e->status;
    vq_map map;
    VQ_TRY(vq_map_open(&map, config, e));
    vq_sha256 *h = vq_sha256_new();
    vq_status s = h ? VQ_OK : vq_fail(e, VQ_E_LIMIT, "no memory for a digest");
    if (s == VQ_OK) {
        const char(*files)[VQ_SHA256_TEXT] = vq_input_hash_wait(hash);
        for (size_t i = 0; i < c->weights.nfiles; i++) vq_sha256_add(h, files[i], VQ_SHA256_TEXT - 1);
        vq_sha256_add(h, map.data, map.size);
        vq_sha256_done(h, out);
    }
    vq_map_close(&map);
    return s;
}

vq_status vq_origin_of(vq_stats_origin *o, const vq_plan *p, const vq_samples *samples, vq_input_hash *hash, vq_arena *scratch, vq_err *e)
{
    *o = (vq_stats_origin){.needs = p->needs, .seed = p->needs & VQ_NEED_GRADIENT ? p->recipe->calib.seed : 0};
    (void)snprintf(o->version, sizeof o->version, "%s", VQ_VERSION);
    if (samples) {
        o->samples = samples->count;
        o->seqlen = samples->length;
        vq_sha256_of(samples->ids, (size_t)(samples->count * samples->length) * sizeof *samples->ids, o->data);
    }
    return hash_model(o->model, &p->model->checkpoint, hash, scratch, e);
}
