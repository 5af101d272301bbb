/* cmd_recipe.c -- vq recipe list|show|check: shipped recipes, presets of schemes, options of
 * passes, and whether a recipe is sound. */
#include <string.h>

#include "cli/command.h"
#include "cli/show.h"
#include "cli/show_explained.h"
#include "cli/wrap.h"
#include "plan/pass_table.h"
#include "recipe/alias.h"
#include "run/recipe_open.h"

static vq_status unknown_name(const char *name, vq_err *e)
{
    const vq_pass_table *passes = vq_pass_names();
    const char *known[160];
    int n = 0;
    known[n++] = "schemes";
    known[n++] = "passes";
    for (const vq_shipped *r = vq_shipped_recipes; r->name && n < 80; r++) known[n++] = r->name;
    for (int i = 0; i < passes->nnames && n < 160; i++) known[n++] = passes->names[i];
    const char *near = vq_nearest(name, known, n);
    if (vq_alias_find(name) || !near) return vq_alias_unknown(name, e);
    return vq_fail(e, VQ_E_RECIPE, "nothing is called '%s'; did you mean '%s'?", name, near);
}

/* Names with two meanings: what is shown, and what else there is. */
static void say_recipe(const vq_session *s, const char *name, const vq_shipped *recipe)
{
    if (recipe)
        vq_say(&s->job.reporter, 0, "%s is a pass; -r %s takes the recipe %s: %s recipe show %s",
               name, name, recipe->name, s->argv[0], recipe->name);
}

static void say_scheme(const vq_session *s, const char *name)
{
    vq_say(&s->job.reporter, 0,
           "%s is a recipe, and the scheme that it uses: %s recipe show schemes", name, s->argv[0]);
}

static vq_status show_name(vq_session *s, const char *name, json_t **result, vq_err *e)
{
    const vq_alias *alias = vq_shipped_find(name) ? NULL : vq_alias_find(name);
    const vq_shipped *shipped = vq_shipped_find(alias && alias->recipe ? alias->recipe : name);
    if (strcmp(name, "schemes") == 0) return vq_report_schemes(result, e);
    if (strcmp(name, "passes") == 0) return vq_report_passes(result, e);
    VQ_TRY(vq_report_pass(name, result, e));
    if (*result) say_recipe(s, name, shipped);
    if (!*result) VQ_TRY(vq_report_scheme(name, result, e));
    if (shipped && !alias) {
        if (*result) say_scheme(s, shipped->name);
        json_decref(*result);
        return vq_report_shipped(shipped, result, e);
    }
    if (!*result && shipped) {
        vq_session_alias(s, name);
        return vq_report_shipped(shipped, result, e);
    }
    return *result ? VQ_OK : unknown_name(name, e);
}

static vq_status check_recipe(vq_session *s, const char *path, json_t **result, vq_err *e)
{
    vq_recipe r;
    const vq_recipe_request q = {path, s->args->sets.text, s->args->sets.n, true};
    VQ_TRY(vq_recipe_open(&r, &q, &s->arena, e));
    vq_session_alias(s, path);
    VQ_TRY(vq_report_recipe(&r, result, e));
    return vq_output_input(&s->output, r.path, false, &s->job.reporter, &s->arena, e);
}

static vq_status explain_recipe(vq_session *s, json_t **result, vq_err *e)
{
    const vq_args *a = s->args;
    const vq_explain_options o = {.recipe = a->operands[1],
                                  .model = a->noperands > 2 ? a->operands[2] : NULL,
                                  .sets = a->sets.text,
                                  .nsets = a->sets.n};
    vq_explain_result r;
    vq_session_alias(s, o.recipe);
    VQ_TRY(vq_run_explain(&s->job, &o, &r, &s->arena, e));
    VQ_TRY(vq_report_explain(&r, result, e));
    if (!a->json) return VQ_OK;
    if (o.model) VQ_TRY(vq_output_input(&s->output, o.model, true, &s->job.reporter, &s->arena, e));
    return vq_output_input(&s->output, r.path, false, &s->job.reporter, &s->arena, e);
}

static vq_status run_recipe(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    (void)answer;
    const bool explain = strcmp(a->operands[0], "explain") == 0;
    if (a->noperands > 2 && !explain)
        return vq_fail(e, VQ_E_RECIPE, "'%s' is one argument too many: vq recipe %s takes one name",
                       a->operands[2], a->operands[0]);
    if (strcmp(a->operands[0], "list") == 0) {
        if (a->noperands > 1)
            return vq_fail(e, VQ_E_RECIPE,
                           "`vq recipe list` takes no name; `vq recipe show %s` shows one",
                           a->operands[1]);
        return vq_report_recipes(&s->arena, result, e);
    }
    if (a->noperands < 2)
        return vq_fail(e, VQ_E_RECIPE, "`vq recipe %s` needs a name: `vq recipe list` shows them",
                       a->operands[0]);
    if (explain) return explain_recipe(s, result, e);
    if (strcmp(a->operands[0], "check") == 0) return check_recipe(s, a->operands[1], result, e);
    return show_name(s, a->operands[1], result, e);
}

static void show_options(FILE *out, const json_t *r)
{
    const json_t *options = json_object_get(r, "options"), *one;
    size_t i;
    vq_show_field(out, vq_result_text(r, "name"), "%s: %s", vq_result_text(r, "kind"),
                  vq_result_text(r, "doc"));
    vq_show_field(out, "source", "%s", vq_result_text(r, "source"));
    fprintf(out, "\n  option            default (range): meaning\n");
    json_array_foreach(options, i, one)
    {
        vq_show_field(out, vq_result_text(one, "name"), "%s (%s): %s",
                      vq_result_text(one, "default"), vq_result_text(one, "range"),
                      vq_result_text(one, "doc"));
    }
    if (!json_array_size(options)) fprintf(out, "  none\n");
}

static void show_check(FILE *out, const vq_session *s, const json_t *r)
{
    char path[512];
    const long long rules = (long long)vq_result_int(r, "rules"),
                    passes = (long long)vq_result_int(r, "passes");
    fprintf(out, "%s: ok (%lld rule%s, %lld pass%s, format %s)\n",
            vq_show_clean(vq_result_text(r, "path"), path, sizeof path), rules,
            rules == 1 ? "" : "s", passes, passes == 1 ? "" : "es", vq_result_text(r, "format"));
    if (s->args->verbose) fputs(vq_result_text(r, "resolved"), out);
}

static void show_schemes(FILE *out, const json_t *r)
{
    static const vq_column columns[] = {{"id", "scheme", VQ_CELL_TEXT, 0},
                                        {"bits_per_weight", "bits", VQ_CELL_REAL, 3},
                                        {"weight", "weight", VQ_CELL_TEXT, 0},
                                        {"act", "input", VQ_CELL_TEXT, 0}};
    vq_show_table(out, json_object_get(r, "schemes"), columns, 4);
    if (!json_object_get(r, "families")) return;
    fputs("\nand made by their names: ", out);
    vq_wrap(out, 25, 2, vq_result_text(r, "families"));
}

/* "vLLM HF GGUF": what fits a column. */
static void name_runtimes(json_t *row)
{
    static const char *const names[][2] = {
        {"vllm", "vLLM"}, {"transformers", "HF"}, {"llama.cpp", "GGUF"}, {"vq", "vq"}};
    char text[64] = "";
    const json_t *runtimes = json_object_get(row, "runtimes"), *one;
    size_t i;
    json_array_foreach(runtimes, i, one) for (size_t n = 0; n < sizeof names / sizeof *names; n++)
    {
        const size_t used = strlen(text);
        if (strcmp(json_string_value(one), names[n][0]) == 0)
            snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", names[n][1]);
    }
    json_object_set_new(row, "loads", json_string(text));
    json_object_set_new(row, "text",
                        json_string(json_is_true(json_object_get(row, "data")) ? "yes" : "no"));
}

static const char legend[] =
    "\ndata: calibrates on text that you give with --data, or that the model writes. time: fast "
    "reads and rounds, about a second for 135 million weights on two cores; medium runs samples "
    "through the model too, 15 to 60 seconds; slow also computes gradients or tries candidates, 3 "
    "to 20 minutes. loads in: vLLM (and SGLang), HF: transformers with compressed-tensors (asym: "
    "with dequantize=True; mixtures of experts: docs/using-the-output.md), GGUF: llama.cpp's "
    "converter, vq: vq alone.";

static void show_recipes(FILE *out, const vq_session *s, json_t *rows)
{
    static const vq_column columns[] = {
        {"name", "recipe", VQ_CELL_TEXT, 0},     {"bits_per_weight", "bits", VQ_CELL_REAL, 2},
        {"weights", "weights", VQ_CELL_TEXT, 0}, {"inputs", "inputs", VQ_CELL_TEXT, 0},
        {"text", "data", VQ_CELL_TEXT, 0},       {"time", "time", VQ_CELL_TEXT, 0},
        {"loads", "loads in", VQ_CELL_TEXT, 0}};
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        name_runtimes(row);
    }
    vq_show_table(out, rows, columns, 7);
    vq_wrap(out, 0, 0, legend);
    if (!s->args->verbose) {
        vq_wrap(out, 0, 0, "`vq recipe list -v` says what each does.");
        return;
    }
    fputc('\n', out);
    json_array_foreach(rows, i, row)
    {
        vq_show_field(out, vq_result_text(row, "name"), "%s", vq_result_text(row, "about"));
    }
}

static void show_recipe(FILE *out, const vq_session *s, const json_t *r)
{
    static const vq_column passes[] = {{"name", "pass", VQ_CELL_TEXT, 0},
                                       {"kind", "kind", VQ_CELL_TEXT, 0},
                                       {"doc", "does", VQ_CELL_TEXT, 0}};
    if (json_object_get(r, "rules") && json_is_array(json_object_get(r, "rules")))
        vq_show_explained(out, r);
    else if (json_object_get(r, "recipes"))
        show_recipes(out, s, json_object_get(r, "recipes"));
    else if (json_object_get(r, "schemes"))
        show_schemes(out, r);
    else if (json_is_array(json_object_get(r, "passes")))
        vq_show_table(out, json_object_get(r, "passes"), passes, 3);
    else if (json_object_get(r, "text"))
        fputs(vq_result_text(r, "text"), out);
    else if (json_object_get(r, "kind"))
        show_options(out, r);
    else
        show_check(out, s, r);
}

static const vq_word words[] = {
    {"list", "[--json]", "the shipped recipes, what they need and who loads the result",
     " json verbose ", "vq recipe list", false},
    {"show", "NAME", "a shipped recipe, the options of a pass, `schemes` or `passes`",
     " json verbose ", "vq recipe show nvfp4-arc > my.yaml", true},
    {"check", "RECIPE [--set KEY=VALUE]", "say what is wrong with a recipe; -v prints it in full",
     " set json verbose ", "vq recipe check my.yaml", true},
    {"explain", "RECIPE [MODEL] [--set KEY=VALUE]",
     "what its rules and passes do, and what they take of a model", " set json verbose ",
     "vq recipe explain nvfp4-arc model.safetensors", true},
    {0},
};

const vq_command vq_command_recipe = {
    .name = "recipe",
    .bit = VQ_CMD_RECIPE,
    .words = words,
    .operands_min = 1,
    .operands_max = 3,
    .usage = "list | show NAME | check RECIPE | explain RECIPE [MODEL]",
    .about = "the shipped recipes, schemes and passes; check a recipe",
    .operands = "",
    .example = "vq recipe show nvfp4-arc > my.yaml && vq recipe check my.yaml",
    .run = run_recipe,
    .show = show_recipe,
};
