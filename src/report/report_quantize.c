/* report_quantize.c -- what was written: an artifact, or statistics. */
#include "report/report.h"

#include "calib/stats/stats_file.h"
#include "json/json_make.h"

static void put_files(vq_json_maker *m, json_t *o, const vq_quantize_result *r)
{
    json_t *list = vq_put_array(m, o, "files");
    for (size_t i = 0; i < r->nfiles; i++) {
        json_t *one = vq_add_object(m, list);
        vq_put_text(m, one, "name", r->files[i].name);
        vq_put_int(m, one, "bytes", (int64_t)r->files[i].bytes);
        vq_put_text(m, one, "sha256", r->files[i].sha256);
    }
}

static void put_worst(vq_json_maker *m, json_t *o, const vq_quantize_result *r)
{
    json_t *list = vq_put_array(m, o, "worst");
    for (size_t i = 0; i < r->nworst; i++) {
        json_t *one = vq_add_object(m, list);
        vq_put_text(m, one, "name", r->worst[i].name);
        vq_put_real(m, one, "sqnr_db", r->worst[i].sqnr_db);
    }
}

static void put_finished(vq_json_maker *m, json_t *o, const vq_quantize_result *r)
{
    json_t *to = vq_put_object(m, o, r->finish);
    vq_put_real(m, to, "kl_before", r->finished.before);
    vq_put_real(m, to, "kl_after", r->finished.after);
    vq_put_int(m, to, "held_out_tokens", r->finished.tokens);
}

vq_status vq_report_quantize(const vq_quantize_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "out", r->out);
    put_files(&m, o, r);
    vq_put_int(&m, o, "bytes_in", (int64_t)r->bytes_in);
    vq_put_int(&m, o, "bytes_weights", (int64_t)r->bytes_weights);
    vq_put_int(&m, o, "bytes_out", (int64_t)r->bytes_out);
    vq_put_real(&m, o, "bits_per_weight", r->bits_per_weight);
    vq_put_int(&m, o, "modules", (int64_t)r->modules);
    vq_put_int(&m, o, "fallbacks", (int64_t)r->fallbacks);
    put_worst(&m, o, r);
    json_t *runtimes = vq_put_array(&m, o, "runtimes");
    for (int i = 0; r->runtimes[i]; i++) vq_add(&m, runtimes, vq_make_text(&m, r->runtimes[i]));
    vq_put_flag(&m, o, "runs", r->runs);
    vq_calibrated_put(&m, o, &r->calibration);
    json_t *phases = vq_put_object(&m, o, "phases");
    for (int i = 0; i < VQ_PHASES; i++) vq_put_real(&m, phases, vq_phase_names[i], r->phases[i]);
    vq_put_real(&m, o, "seconds", r->seconds);
    vq_put_int(&m, o, "peak_bytes", (int64_t)r->peak_bytes);
    if (r->finish) put_finished(&m, o, r);
    return vq_make_done(&m, o, "result", out, e);
}

static void put_holds(vq_json_maker *m, json_t *o, unsigned needs)
{
    char holds[128];
    vq_put_text(m, o, "holds", vq_stats_needs_text(needs, holds, sizeof holds));
}

static json_t *reals(vq_json_maker *m, const double *values, int n)
{
    json_t *list = vq_make_array(m);
    for (int i = 0; i < n; i++) vq_add(m, list, vq_make_real(m, values[i]));
    return list;
}

/* Where something is largest: an input and its block; null: nowhere. */
static void put_place(vq_json_maker *m, json_t *o, const char *name, const char *layer,
                      const vq_covered *in)
{
    vq_put_text(m, o, name, in ? in->name : NULL);
    vq_put(m, o, layer, in ? json_integer(in->layer) : json_null());
}

static void put_source(vq_json_maker *m, json_t *list, const vq_source_coverage *s,
                       const vq_sample_part *part, int n)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "name", part->path ? part->path : "self");
    vq_put_int(m, o, "samples", part->samples);
    vq_put_real(m, o, "angle", s->others);
    vq_put_real(m, o, "halves", s->halves);
    vq_put(m, o, "angles", reals(m, s->angles, n));
    vq_put_real(m, o, "farthest_angle", s->farthest_angle);
    put_place(m, o, "farthest", "farthest_layer", s->farthest);
    vq_put_int(m, o, "alone", s->alone);
    put_place(m, o, "alone_most", "alone_layer", s->alone_most);
}

static void put_input(vq_json_maker *m, json_t *list, const vq_covered *in, int n)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "name", in->name);
    vq_put_int(m, o, "k", in->k);
    json_t *angles = vq_put_array(m, o, "angles");
    for (int i = 0; i < n; i++) vq_add(m, angles, reals(m, in->angles + i * n, n));
    vq_put(m, o, "others", reals(m, in->others, n));
    vq_put(m, o, "halves", reals(m, in->halves, n));
    json_t *alone = vq_put_array(m, o, "alone");
    for (int i = 0; i < n; i++) vq_add_int(m, alone, in->alone[i]);
}

static void put_coverage(vq_json_maker *m, json_t *o, const vq_calibrate_result *r)
{
    const vq_coverage_result *c = &r->coverage;
    if (!c->nsources) return;
    json_t *to = vq_put_object(m, o, "coverage"), *sources = vq_put_array(m, to, "sources"),
           *layers = vq_put_array(m, to, "layers");
    for (int i = 0; i < c->nsources; i++)
        put_source(m, sources, &c->sources[i], &r->calibration.parts[i], c->nsources);
    for (int i = 0; i < c->ninputs; i++) put_input(m, layers, &c->inputs[i], c->nsources);
}

vq_status vq_report_calibrate(const vq_calibrate_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "out", r->out);
    put_holds(&m, o, r->needs);
    vq_put_int(&m, o, "layers", r->layers);
    vq_put_text(&m, o, "model", r->model);
    vq_calibrated_put(&m, o, &r->calibration);
    vq_put_real(&m, o, "seconds", r->seconds);
    vq_put_int(&m, o, "peak_bytes", (int64_t)r->peak_bytes);
    vq_put_int(&m, o, "unseen_experts", r->unseen_experts);
    json_t *sampled = vq_put_array(&m, o, "samples_too");
    for (int i = 0; i < r->nsampled; i++) vq_add(&m, sampled, vq_make_text(&m, r->sampled[i]));
    put_coverage(&m, o, r);
    return vq_make_done(&m, o, "result", out, e);
}

vq_status vq_report_merge(const vq_merge_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "out", r->out);
    put_holds(&m, o, r->needs);
    vq_put_int(&m, o, "files", r->ninputs);
    json_t *inputs = vq_put_array(&m, o, "parts");
    for (int i = 0; i < r->ninputs; i++) {
        json_t *one = vq_add_object(&m, inputs);
        vq_put_text(&m, one, "path", r->inputs[i].path);
        vq_put_int(&m, one, "samples", r->inputs[i].samples);
        vq_put_real(&m, one, "share", r->inputs[i].share);
    }
    vq_put_int(&m, o, "samples", r->samples);
    vq_put_int(&m, o, "seqlen", r->seqlen);
    return vq_make_done(&m, o, "result", out, e);
}
