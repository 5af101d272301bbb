/* summary.c -- sizes, bits per weight and the worst layers of a finished artifact. */
#include "run/quantize/summary.h"

#include <stdlib.h>
#include <string.h>

#include "run/manifest.h"

#define WORST 5

typedef struct ranked {
    const char *name;
    double db;
} ranked;

static int by_db(const void *a, const void *b)
{
    const double x = ((const ranked *)a)->db, y = ((const ranked *)b)->db;
    return x < y ? -1 : x > y;
}

static json_t *worst_json(const vq_rounded *r, vq_arena *a, vq_err *e)
{
    ranked *list = VQ_ALLOC(a, ranked, r->nmodules, "summary", e);
    if (!list) return NULL;
    for (size_t i = 0; i < r->nmodules; i++)
        list[i] = (ranked){.name = r->modules[i].name, .db = r->sqnr_db[i]};
    qsort(list, r->nmodules, sizeof *list, by_db);
    json_t *worst = json_array();
    for (size_t i = 0; i < r->nmodules && i < WORST; i++)
        (void)json_array_append_new(worst, json_pack("{s:s, s:f}", "name", list[i].name, "sqnr_db",
                                                     list[i].db > 300 ? 300 : list[i].db));
    return worst;
}

static json_t *files_json(const char *dir, const json_t *shas, json_int_t *bytes, vq_arena *a,
                          vq_err *e)
{
    json_t *list = json_array();
    const char *name;
    json_t *sha;
    json_object_foreach((json_t *)(uintptr_t)shas, name, sha)
    {
        const char *path = vq_join(a, dir, name, e);
        vq_map m = {0};
        if (!path || vq_map_open(&m, path, e) != VQ_OK) continue;
        (void)json_array_append_new(list, json_pack("{s:s, s:I, s:O}", "name", name, "bytes",
                                                    (json_int_t)m.size, "sha256", sha));
        *bytes += (json_int_t)m.size;
        vq_map_close(&m);
    }
    return list;
}

/* Everything that stands for a linear in the artifact, per weight of the layer: ARC's extra
 * channels are counted. */
static double bits_per_weight(const vq_rounded *r)
{
    double bits = 0, weights = 0;
    for (size_t i = 0; i < r->nmodules; i++) {
        const vq_module *m = &r->modules[i];
        const int64_t k = m->k + m->arc_s;
        bits += vq_num_bits(&m->scheme->weight, m->n, k) * (double)m->n * (double)k;
        if (m->arc_s) bits += 32 * (double)m->k;
        weights += (double)m->n * (double)m->k;
    }
    return bits / weights;
}

json_t *vq_finished_json(const vq_finished *f)
{
    return json_pack("{s:f, s:f, s:I}", "kl_before", f->before, "kl_after", f->after,
                     "held_out_tokens", (json_int_t)f->tokens);
}

static json_int_t count_fallbacks(const vq_rounded *r)
{
    size_t first;
    return (json_int_t)vq_rounded_fallbacks(r, &first);
}

vq_status vq_quantize_result(const vq_quantize_summary *s, vq_arena *a, json_t **out, vq_err *e)
{
    json_t *manifest;
    bool intact;
    VQ_TRY(vq_manifest_read(s->out, &manifest, &intact, e));
    json_int_t in = 0, written = 0;
    const vq_tensor_set *set = &s->model->checkpoint.weights;
    for (size_t i = 0; i < set->nfiles; i++) in += (json_int_t)set->files[i].map.size;
    json_t *worst = worst_json(s->rounded, a, e);
    json_t *files = files_json(s->out, json_object_get(manifest, "files"), &written, a, e);
    json_decref(manifest);
    if (!worst) {
        json_decref(files);
        return e->status;
    }
    *out = json_pack("{s:s, s:o, s:I, s:I, s:f, s:I, s:I, s:o, s:o, s:o, s:f, s:I}", "out", s->out,
                     "files", files, "bytes_in", in, "bytes_out", written, "bits_per_weight",
                     bits_per_weight(s->rounded), "modules", (json_int_t)s->rounded->nmodules,
                     "fallbacks", count_fallbacks(s->rounded), "worst", worst, "calibration",
                     s->calibration, "phases", s->phases, "seconds", s->seconds, "peak_bytes",
                     (json_int_t)s->peak_bytes);
    if (s->finish)
        (void)json_object_set_new(*out, s->finish, vq_finished_json(&s->rounded->finished));
    return VQ_OK;
}
