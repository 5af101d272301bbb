/* cmd_calibrate.c -- vq calibrate MODEL -r R ... -o S.vqs, and vq calibrate --merge [SHARE:]A.vqs
 * [SHARE:]B.vqs -o S.vqs. */
#include <math.h>
#include <string.h>

#include "cli/command.h"
#include "cli/hints.h"
#include "cli/show.h"

static vq_status check_arguments(const vq_args *a, vq_err *e)
{
    if (!a->out)
        return vq_fail(e, VQ_E_RECIPE, "no output: name the statistics file with -o S.vqs");
    if (a->merge && (a->recipes.n || a->sources.n || a->token_sources.n || a->sets.n))
        return vq_fail(e, VQ_E_RECIPE,
                       "--merge only adds files up: it takes no recipe, no data and no --set");
    if (a->merge && a->noperands < 2)
        return vq_fail(e, VQ_E_RECIPE, "--merge adds up two statistics files or more");
    if (a->common && !a->merge) return vq_fail(e, VQ_E_RECIPE, "--common belongs to --merge");
    if (a->merge) return VQ_OK;
    if (a->noperands < 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "MODEL is missing; usage: vq calibrate MODEL -r RECIPE ... [--data TEXT "
                       "...] -o S.vqs; `vq help calibrate` says more");
    if (a->noperands > 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "'%s' is one argument too many: vq calibrate takes one model, and with "
                       "--merge statistics "
                       "files",
                       a->operands[1]);
    return vq_args_need_recipe(a, e);
}

static vq_status list_input(vq_session *s, const char *path, vq_err *e)
{
    return s->args->json ? vq_output_input(&s->output, path, false, &s->job.reporter, &s->arena, e)
                         : VQ_OK;
}

/* No share at all stays so: the files then count as they are. */
static vq_status read_shares(vq_session *s, vq_merge_input **in, vq_err *e)
{
    const vq_args *a = s->args;
    const int n = a->noperands;
    bool weighed = false;
    double *shares = VQ_ALLOC(&s->arena, double, n, "statistics files", e);
    vq_merge_input *list = VQ_NEW(&s->arena, vq_merge_input, n, "statistics files", e);
    if (!shares || !list) return VQ_E_LIMIT;
    for (int i = 0; i < n; i++) {
        VQ_TRY(vq_share_read(a->operands[i], &list[i].path, &shares[i], e));
        weighed = weighed || shares[i] > 0;
    }
    if (weighed) VQ_TRY(vq_shares_fill(shares, n, "files", "files", e));
    for (int i = 0; i < n; i++) list[i].share = shares[i];
    *in = list;
    return VQ_OK;
}

static vq_status merge(vq_session *s, json_t **result, vq_err *e)
{
    const vq_args *a = s->args;
    vq_merge_result r;
    vq_merge_input *in;
    VQ_TRY(read_shares(s, &in, e));
    const vq_merge_options o = {in, a->noperands, a->out, a->common, a->force};
    VQ_TRY(vq_run_merge_stats(&s->job, &o, &r, &s->arena, e));
    s->made = r.out;
    VQ_TRY(vq_report_merge(&r, result, e));
    for (int i = 0; i < r.ninputs; i++) VQ_TRY(list_input(s, r.inputs[i].path, e));
    return VQ_OK;
}

static vq_status gather(vq_session *s, json_t **result, vq_err *e)
{
    const vq_args *a = s->args;
    vq_calib_sources data;
    VQ_TRY(vq_session_sources(s, &data, e));
    vq_calibrate_result r;
    const vq_calibrate_options o = {
        .model = a->operands[0],
        .recipes = a->recipes.text,
        .nrecipes = a->recipes.n,
        .data = data,
        .out = a->out,
        .sets = a->sets.text,
        .nsets = a->sets.n,
        .force = a->force,
    };
    VQ_TRY(vq_run_calibrate(&s->job, &o, &r, &s->arena, e));
    s->made = r.out;
    VQ_TRY(vq_report_calibrate(&r, result, e));
    VQ_TRY(list_input(s, o.model, e));
    for (int i = 0; i < o.nrecipes; i++) VQ_TRY(list_input(s, o.recipes[i], e));
    return a->json ? vq_session_source_inputs(s, &data, e) : VQ_OK;
}

static vq_status run_calibrate(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    (void)answer;
    VQ_TRY(check_arguments(s->args, e));
    return s->args->merge ? merge(s, result, e) : gather(s, result, e);
}

typedef struct words {
    const char *list[6 + 2 * (VQ_MAX_SETS + 1 + VQ_SOURCES_MAX) + 1];
    int n;
} words;

static void add_word(words *w, const char *flag, const char *value)
{
    w->list[w->n++] = flag;
    w->list[w->n++] = value;
}

/* Of calib, what says something without samples: what is drawn, and whether there are samples. */
static bool counts(const char *set, bool sampled)
{
    return sampled || strncmp(set, "calib.", 6) != 0 || strncmp(set + 6, "seed=", 5) == 0 ||
           strncmp(set + 6, "propagate=", 10) == 0;
}

/* Data and settings of the sweep are those of the run, as far as it makes something of them. */
static void add_given(words *w, const vq_args *a, bool sampled)
{
    for (int i = 0; sampled && i < a->sources.n; i++) add_word(w, "--data", a->sources.text[i]);
    for (int i = 0; sampled && i < a->token_sources.n; i++)
        add_word(w, "--tokens", a->token_sources.text[i]);
    for (int i = 0; i < a->sets.n; i++)
        if (counts(a->sets.text[i], sampled)) add_word(w, "--set", a->sets.text[i]);
}

static bool lists(const json_t *texts, const char *text)
{
    size_t i;
    const json_t *one;
    json_array_foreach(texts, i, one)
    {
        if (strcmp(json_string_value(one), text) == 0) return true;
    }
    return false;
}

static void show_next(const vq_session *s, const json_t *r)
{
    const vq_args *a = s->args;
    char model[VQ_HINT_PATH], recipe[VQ_HINT_PATH], stats[VQ_HINT_PATH];
    for (int i = 0; i < a->recipes.n; i++) {
        words w = {{NULL}, 0};
        add_word(&w, "quantize", vq_hint_path(a->operands[0], model));
        add_word(&w, "-r", vq_hint_path(a->recipes.text[i], recipe));
        add_word(&w, "--stats", vq_hint_path(a->out, stats));
        add_given(&w, a, lists(json_object_get(r, "samples_too"), a->recipes.text[i]));
        vq_session_next(s, w.list);
    }
}

static void show_shares(FILE *out, const json_t *parts)
{
    char path[512];
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *p = json_array_get(parts, i);
        vq_show_field(out, i ? "" : "shares", "%.4g, %lld samples: %s", vq_result_real(p, "share"),
                      (long long)vq_result_int(p, "samples"),
                      vq_show_clean(vq_result_text(p, "path"), path, sizeof path));
    }
}

/* At which input a figure of each source is largest. */
static void show_places(FILE *out, const json_t *coverage, const char *key, const char *title)
{
    char text[512];
    size_t i, shown = 0;
    const json_t *source;
    json_array_foreach(json_object_get(coverage, "sources"), i, source)
    {
        const char *at = vq_result_text(source, key);
        if (!*at) continue;
        vq_show_field(out, shown++ ? "" : title, "%s (%s)", at,
                      vq_show_clean(vq_result_text(source, "name"), text, sizeof text));
    }
}

static void show_coverage(FILE *out, const json_t *coverage)
{
    static const vq_column columns[] = {
        {"samples", "samples", VQ_CELL_COUNT, 0}, {"angle", "angle", VQ_CELL_REAL, 1},
        {"halves", "halves", VQ_CELL_REAL, 1},    {"farthest_angle", "farthest", VQ_CELL_REAL, 1},
        {"alone", "alone", VQ_CELL_COUNT, 0},     {"name", "source", VQ_CELL_TEXT, 0}};
    vq_show_field(out, "coverage", "%s",
                  "degrees between what a source and all the others make of the inputs of linears, "
                  "and between its own halves; channels that it alone excites");
    vq_show_table(out, json_object_get(coverage, "sources"), columns,
                  (int)(sizeof columns / sizeof *columns));
    show_places(out, coverage, "farthest", "farthest in");
    show_places(out, coverage, "alone_most", "most alone in");
}

static void show_calibrate(FILE *out, const vq_session *s, const json_t *r)
{
    char text[512], peak[32];
    const json_t *c = json_object_get(r, "calibration");
    const double memory = vq_result_real(r, "peak_bytes");
    vq_show_field(out, "output", "%s", vq_show_clean(vq_result_text(r, "out"), text, sizeof text));
    vq_show_field(out, "holds", "%s", vq_show_clean(vq_result_text(r, "holds"), text, sizeof text));
    if (c)
        vq_show_field(out, "calibrated on", "%s, %lld tokens",
                      vq_show_clean(vq_result_text(c, "kind"), text, sizeof text),
                      (long long)vq_result_int(c, "tokens"));
    else
        vq_show_field(out, "merged", "%lld files, %lld samples of %lld tokens",
                      (long long)vq_result_int(r, "files"), (long long)vq_result_int(r, "samples"),
                      (long long)vq_result_int(r, "seqlen"));
    show_shares(out, json_object_get(r, "parts"));
    if (vq_result_int(r, "unseen_experts") > 0)
        vq_show_field(out, "unseen", "%lld experts saw no token; give more samples",
                      (long long)vq_result_int(r, "unseen_experts"));
    if (!isnan(memory))
        vq_show_field(out, "took", "%.1f s, %s of memory", vq_result_real(r, "seconds"),
                      vq_show_bytes(memory, peak, sizeof peak));
    if (json_object_get(r, "coverage")) show_coverage(out, json_object_get(r, "coverage"));
    if (c) show_next(s, r);
}

const vq_command vq_command_calibrate = {
    .name = "calibrate",
    .bit = VQ_CMD_CALIBRATE,
    .operands_min = 0,
    .operands_max = VQ_MAX_OPERANDS,
    .usage =
        "MODEL -r RECIPE ... [--data TEXT ...] -o S.vqs | --merge [SHARE:]A.vqs [SHARE:]B.vqs ... "
        "-o S.vqs",
    .about = "gather the statistics that the passes of recipes need, or add such files up",
    .operands = "  MODEL                       a .safetensors file or a Hugging Face folder\n"
                "  [SHARE:]A.vqs               a statistics file; its share of the sum, without "
                "shares as many as it has samples\n",
    .example = "vq calibrate model.safetensors -r nvfp4-arc --data calibration.txt -o model.vqs",
    .run = run_calibrate,
    .show = show_calibrate,
};
