/* cmd_recipe.c -- vq recipe list|show|check: shipped recipes, presets of schemes, options of
 * passes, and whether a recipe is sound. */
#include <string.h>

#include "cli/command.h"
#include "cli/show.h"
#include "cli/show_explained.h"
#include "plan/pass_table.h"

static const vq_shipped *find_shipped(const char *name)
{
    const size_t len = strlen(name),
                 bare = len > 5 && strcmp(name + len - 5, ".yaml") == 0 ? len - 5 : len;
    for (const vq_shipped *r = vq_shipped_recipes; r->name; r++)
        if (strlen(r->name) == bare && strncmp(r->name, name, bare) == 0) return r;
    return NULL;
}

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
    if (near)
        return vq_fail(e, VQ_E_RECIPE, "nothing is called '%s'; did you mean '%s'?", name, near);
    return vq_fail(e, VQ_E_RECIPE,
                   "nothing is called '%s'; `vq recipe list`, `show passes` and `show schemes` "
                   "list what there is",
                   name);
}

static vq_status show_name(const char *name, json_t **result, vq_err *e)
{
    const vq_shipped *shipped = find_shipped(name);
    if (strcmp(name, "schemes") == 0) return vq_report_schemes(result, e);
    if (strcmp(name, "passes") == 0) return vq_report_passes(result, e);
    if (shipped) return vq_report_shipped(shipped, result, e);
    VQ_TRY(vq_report_pass(name, result, e));
    if (!*result) VQ_TRY(vq_report_scheme(name, result, e));
    return *result ? VQ_OK : unknown_name(name, e);
}

static vq_status check_recipe(vq_session *s, const char *path, json_t **result, vq_err *e)
{
    vq_recipe r;
    VQ_TRY(vq_recipe_load(&r, path, s->args->sets.text, s->args->sets.n, vq_pass_names(), &s->arena,
                          e));
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
    if (strcmp(a->operands[0], "check") != 0 && !explain && a->sets.n)
        return vq_fail(e, VQ_E_RECIPE,
                       "--set works with `vq recipe check` and `vq recipe explain` alone");
    if (a->noperands > 2 && !explain)
        return vq_fail(e, VQ_E_RECIPE, "'%s' is one argument too many: vq recipe %s NAME",
                       a->operands[2], a->operands[0]);
    if (strcmp(a->operands[0], "list") == 0) {
        if (a->noperands > 1)
            return vq_fail(e, VQ_E_RECIPE,
                           "`vq recipe list` takes no name; `vq recipe show %s` shows one",
                           a->operands[1]);
        return vq_report_recipes(result, e);
    }
    if (a->noperands < 2)
        return vq_fail(e, VQ_E_RECIPE, "`vq recipe %s` needs a name: vq recipe %s NAME",
                       a->operands[0], a->operands[0]);
    if (explain) return explain_recipe(s, result, e);
    if (strcmp(a->operands[0], "check") == 0) return check_recipe(s, a->operands[1], result, e);
    return show_name(a->operands[1], result, e);
}

static void show_options(FILE *out, const json_t *r)
{
    static const vq_column columns[] = {{"name", "option", VQ_CELL_TEXT, 0},
                                        {"default", "default", VQ_CELL_TEXT, 0},
                                        {"range", "range", VQ_CELL_TEXT, 0},
                                        {"doc", "meaning", VQ_CELL_TEXT, 0}};
    const json_t *options = json_object_get(r, "options");
    vq_show_field(out, vq_result_text(r, "name"), "%s: %s", vq_result_text(r, "kind"),
                  vq_result_text(r, "doc"));
    vq_show_field(out, "source", "%s", vq_result_text(r, "source"));
    fputc('\n', out);
    if (json_array_size(options))
        vq_show_table(out, options, columns, 4);
    else
        fprintf(out, "  no options\n");
}

static void show_check(FILE *out, const vq_session *s, const json_t *r)
{
    char path[512];
    fprintf(out, "%s: ok (%lld rules, %lld passes, format %s)\n",
            vq_show_clean(vq_result_text(r, "path"), path, sizeof path),
            (long long)vq_result_int(r, "rules"), (long long)vq_result_int(r, "passes"),
            vq_result_text(r, "format"));
    if (s->args->verbose) fputs(vq_result_text(r, "resolved"), out);
}

static void show_schemes(FILE *out, const json_t *r)
{
    static const vq_column columns[] = {{"id", "scheme", VQ_CELL_TEXT, 0},
                                        {"bits_per_weight", "bits", VQ_CELL_REAL, 3},
                                        {"weight", "weight", VQ_CELL_TEXT, 0},
                                        {"act", "input", VQ_CELL_TEXT, 0}};
    vq_show_table(out, json_object_get(r, "schemes"), columns, 4);
    if (json_object_get(r, "families"))
        fprintf(out, "\nand made by their names: %s\n", vq_result_text(r, "families"));
}

static void show_recipe(FILE *out, const vq_session *s, const json_t *r)
{
    static const vq_column recipes[] = {{"name", "recipe", VQ_CELL_TEXT, 0},
                                        {"about", "about", VQ_CELL_TEXT, 0}};
    static const vq_column passes[] = {{"name", "pass", VQ_CELL_TEXT, 0},
                                       {"kind", "kind", VQ_CELL_TEXT, 0},
                                       {"doc", "does", VQ_CELL_TEXT, 0}};
    if (json_object_get(r, "rules") && json_is_array(json_object_get(r, "rules")))
        vq_show_explained(out, r, s->args->verbose > 0);
    else if (json_object_get(r, "recipes"))
        vq_show_table(out, json_object_get(r, "recipes"), recipes, 2);
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

const vq_command vq_command_recipe = {
    .name = "recipe",
    .bit = VQ_CMD_RECIPE,
    .words = "list|show|check|explain",
    .operands_min = 1,
    .operands_max = 3,
    .usage = "list | show NAME | check RECIPE | explain RECIPE [MODEL]",
    .about = "the shipped recipes, schemes and passes; check a recipe",
    .operands =
        "  list                        the shipped recipes\n"
        "  show NAME                   a shipped recipe, the options of a pass, `schemes` or "
        "`passes`\n"
        "  check RECIPE                say what is wrong with a recipe; -v prints it in full\n"
        "  explain RECIPE [MODEL]      what its rules and passes do, and what they take of a "
        "model\n",
    .example = "vq recipe show nvfp4-arc > my.yaml && vq recipe check my.yaml",
    .run = run_recipe,
    .show = show_recipe,
};
