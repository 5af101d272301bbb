/* commands.c -- the list of commands, and version. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/option.h"
#include "cli/command.h"
#include "cli/hints.h"
#include "cli/show.h"
#include "recipe/alias.h"

const vq_command *const vq_commands[] = {
    &vq_command_plan,     &vq_command_calibrate,
    &vq_command_quantize, &vq_command_verify,
    &vq_command_eval,     &vq_command_inspect,
    &vq_command_generate, &vq_command_tokenize,
    &vq_command_diff,     &vq_command_recipe,
    &vq_command_doctor,   &vq_command_help,
    &vq_command_version,  NULL,
};

/* What other tools call it. */
static const struct {
    const char *name, *here;
} foreign[] = {{"perplexity", "eval ppl"}, {"evaluate", "eval ppl"}, {"imatrix", "calibrate"},
               {"convert", "quantize"},    {"compress", "quantize"}, {"oneshot", "quantize"},
               {"chat", "generate"},       {"run", "generate"},      {"info", "inspect"},
               {"compare", "diff"}};

/* "eval ppl" for `vq ppl` or `vq perplexity`, into buf; a name that was not written out; NULL: nobody calls a command so. */
static const char *known_elsewhere(const char *name, char *buf, size_t len)
{
    for (const vq_command *const *c = vq_commands; *c; c++)
        if (vq_command_word(*c, name)) {
            (void)snprintf(buf, len, "%s %s", (*c)->name, name);
            return buf;
        }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (strcmp(foreign[i].name, name) == 0) return foreign[i].here;
    for (const vq_command *const *c = vq_commands; *c; c++)
        if (strlen(name) > 2 && strncmp((*c)->name, name, strlen(name)) == 0) return (*c)->name;
    return NULL;
}

const vq_command *vq_command_find(const char *name, vq_err *e)
{
    const char *names[32];
    int n = 0;
    for (const vq_command *const *c = vq_commands; *c; c++) {
        if (strcmp((*c)->name, name) == 0) return *c;
        names[n++] = (*c)->name;
    }
    char buf[64];
    const char *near = known_elsewhere(name, buf, sizeof buf);
    if (!near) near = vq_nearest(name, names, n);
    if (near)
        vq_fail(e, VQ_E_RECIPE, "unknown command '%s'; did you mean `vq %s`?", name, near);
    else
        vq_fail(e, VQ_E_RECIPE, "unknown command '%s'; `vq help` lists the commands", name);
    return NULL;
}

const vq_word *vq_command_word(const vq_command *c, const char *name)
{
    for (const vq_word *w = c->words; w && w->name; w++)
        if (strcmp(w->name, name) == 0) return w;
    return NULL;
}

bool vq_command_knows(const vq_command *c, const vq_word *w, const vq_flag *flag)
{
    char spaced[48];
    if (!(flag->commands & c->bit)) return false;
    if (!w || !w->options || strcmp(flag->name, "help") == 0) return true;
    (void)snprintf(spaced, sizeof spaced, " %s ", flag->name);
    return strstr(w->options, spaced) != NULL;
}

void vq_session_alias(const vq_session *s, const char *recipe)
{
    const vq_alias *a = vq_shipped_find(recipe) || vq_exists(recipe) ? NULL : vq_alias_find(recipe);
    if (!a || !a->recipe) return;
    vq_say(&s->job.reporter, 0, "%s is %s here%s%s", recipe, a->recipe, a->note ? ": " : "",
           a->note ? a->note : "");
}

void vq_session_next(const vq_session *s, const char *const *words)
{
    char line[VQ_HINT_BYTES] = "next:";
    if (s->args->quiet) return;
    vq_hint_word(line, sizeof line, s->argv[0]);
    for (; *words; words++) vq_hint_word(line, sizeof line, *words);
    vq_progress_command((vq_progress *)(uintptr_t)&s->progress, line);
}

static vq_status run_version(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    (void)answer;
    return vq_report_version(s->job.kernels.isa, result, e);
}

static void show_version(FILE *out, const vq_session *s, const json_t *result)
{
    (void)s;
    fprintf(out, "vq %s (%s)\n", vq_result_text(result, "version"), vq_result_text(result, "isa"));
}

const vq_command vq_command_version = {
    .name = "version",
    .bit = VQ_CMD_VERSION,
    .usage = "[--json]",
    .about = "the version, and the kernels that this machine can run",
    .operands = "",
    .example = "vq version",
    .run = run_version,
    .show = show_version,
};
