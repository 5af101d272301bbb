/* cmd_quantize.c -- vq quantize MODEL -r R. */
#include <math.h>
#include <string.h>

#include "base/shell_word.h"
#include "cli/command.h"
#include "cli/hints.h"
#include "cli/show.h"
#include "cli/wrap.h"

#define WORST_SHOWN 5

static vq_status run_quantize(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    (void)answer;
    vq_calib_sources data;
    VQ_TRY(vq_args_need_recipe(a, e));
    VQ_TRY(vq_session_sources(s, &data, e));
    const vq_quantize_options o = {
        .model = a->operands[0],
        .recipe = a->recipe,
        .data = data,
        .out = a->out,
        .sets = a->sets.text,
        .nsets = a->sets.n,
        .statistics = a->stats,
        .force = a->force,
        .resume = a->resume,
    };
    vq_quantize_result r;
    const vq_status status = vq_run_quantize(&s->job, &o, &r, &s->arena, e);
    s->kept = r.kept;
    VQ_TRY(status);
    s->made = r.out;
    VQ_TRY(vq_report_quantize(&r, result, e));
    if (!a->json) return VQ_OK;
    VQ_TRY(vq_output_input(&s->output, o.model, false, &s->job.reporter, &s->arena, e));
    VQ_TRY(vq_output_input(&s->output, o.recipe, false, &s->job.reporter, &s->arena, e));
    return vq_session_source_inputs(s, &data, e);
}

static void show_sizes(FILE *out, const json_t *r)
{
    char before[32], after[32], all[32], peak[32];
    const double in = vq_result_real(r, "bytes_in"), now = vq_result_real(r, "bytes_weights"),
                 memory = vq_result_real(r, "peak_bytes");
    const double bits = vq_result_real(r, "bits_per_weight");
    if (in > 0 && now > 0)
        vq_show_field(out, "weights", "%s -> %s (%.1f %%)",
                      vq_show_bytes(in, before, sizeof before),
                      vq_show_bytes(now, after, sizeof after), 100 * now / in);
    vq_show_field(out, "whole folder", "%s",
                  vq_show_bytes(vq_result_real(r, "bytes_out"), all, sizeof all));
    if (!isnan(bits))
        vq_show_field(out, "bits per weight", "%.3f in %lld quantized modules", bits,
                      (long long)vq_result_int(r, "modules"));
    if (vq_result_int(r, "fallbacks") > 0)
        vq_show_field(out, "fell back", "in %lld of %lld modules (\"fallback\" in vq.json)",
                      (long long)vq_result_int(r, "fallbacks"),
                      (long long)vq_result_int(r, "modules"));
    if (!isnan(memory))
        vq_show_field(out, "took", "%.1f s, %s of memory", vq_result_real(r, "seconds"),
                      vq_show_bytes(memory, peak, sizeof peak));
}

static void show_calibration(FILE *out, const json_t *c)
{
    char source[128];
    if (!json_is_object(c)) return;
    vq_show_clean(vq_result_text(c, "kind"), source, sizeof source);
    const json_int_t tokens = vq_result_int(c, "tokens");
    if (tokens > 0)
        vq_show_field(out, "calibrated on", "%s, %lld tokens", source, (long long)tokens);
    else
        vq_show_field(out, "calibrated on", "nothing: the recipe needs no data");
}

static void show_tune(FILE *out, const json_t *t)
{
    if (!json_is_object(t)) return;
    vq_show_field(out, "tuned", "KL to the original %.4f -> %.4f nats on %lld held-out tokens",
                  vq_result_real(t, "kl_before"), vq_result_real(t, "kl_after"),
                  (long long)vq_result_int(t, "held_out_tokens"));
}

static void show_worst(FILE *out, const json_t *worst)
{
    static const vq_column columns[] = {{"name", "worst modules", VQ_CELL_TEXT, 0},
                                        {"sqnr_db", "SQNR dB", VQ_CELL_REAL, 2}};
    json_t *first = json_array();
    for (size_t i = 0; i < json_array_size(worst) && i < WORST_SHOWN; i++)
        json_array_append(first, json_array_get(worst, i));
    if (json_array_size(first)) {
        fputc('\n', out);
        vq_show_table(out, first, columns, 2);
    }
    json_decref(first);
}

/* The line to remember: bits, size, where, who loads it. */
static void show_last(FILE *out, const json_t *r, const char *folder)
{
    char line[1024], size[32];
    const double bits = vq_result_real(r, "bits_per_weight");
    int n = snprintf(line, sizeof line, "%s: %s", folder,
                     vq_show_bytes(vq_result_real(r, "bytes_out"), size, sizeof size));
    if (!isnan(bits))
        n += snprintf(line + n, sizeof line - (size_t)n, ", %.2f bits per weight", bits);
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(r, "runtimes"), i, one) n +=
        snprintf(line + n, sizeof line - (size_t)n, "%s%s", i ? ", " : "; loads in ",
                 json_string_value(one));
    if (i > 1) (void)snprintf(line + n, sizeof line - (size_t)n, " (docs/using-the-output.md)");
    vq_wrap_shown(out, 0, 2, line);
}

/* What needs a text is told by its page; a model that vq cannot run is compared by its weights. */
static void show_next(const vq_session *s, const json_t *r)
{
    char of_out[VQ_HINT_PATH], of_model[VQ_HINT_PATH], name[VQ_HINT_PATH];
    (void)snprintf(name, sizeof name, "%s", vq_result_text(r, "out"));
    vq_shell_word_back(name); /* as it was before it was JSON */
    const char *out = vq_hint_path(name, of_out),
               *model = vq_hint_path(s->args->operands[0], of_model);
    if (!json_is_true(json_object_get(r, "runs"))) {
        vq_session_next(s, (const char *const[]){"verify", out, "--against", model, NULL});
        return;
    }
    vq_session_next(s, (const char *const[]){"generate", out, NULL});
    vq_session_next(s, (const char *const[]){"help", "eval", "ppl", NULL});
}

static void show_quantize(FILE *out, const vq_session *s, const json_t *r)
{
    static const vq_column files[] = {{"name", "files", VQ_CELL_TEXT, 0},
                                      {"bytes", "size", VQ_CELL_BYTES, 0},
                                      {"sha256", "sha256", VQ_CELL_TEXT, 0}};
    char model[512], folder[512];
    vq_show_field(out, "input", "%s", vq_show_clean(s->args->operands[0], model, sizeof model));
    vq_show_field(out, "output", "%s",
                  vq_show_clean(vq_result_text(r, "out"), folder, sizeof folder));
    show_sizes(out, r);
    show_calibration(out, json_object_get(r, "calibration"));
    show_tune(out, json_object_get(r, "tune"));
    show_worst(out, json_object_get(r, "worst"));
    fputc('\n', out);
    vq_show_table(out, json_object_get(r, "files"), files, s->args->verbose ? 3 : 2);
    fputc('\n', out);
    show_last(out, r, folder);
    show_next(s, r);
}

const vq_command vq_command_quantize = {
    .name = "quantize",
    .bit = VQ_CMD_QUANTIZE,
    .operands_min = 1,
    .operands_max = 1,
    .usage = "MODEL -r RECIPE [--data TEXT ...] [-o OUT]",
    .about = "quantize a model by a recipe and verify what was written",
    .operands = "  MODEL                       a .safetensors file or a Hugging Face folder\n",
    .example = "vq quantize model.safetensors -r nvfp4-arc --data calibration.txt",
    .run = run_quantize,
    .show = show_quantize,
};
