/* commands.c -- the list of commands, and version. */
#include <string.h>

#include "base/option.h"
#include "cli/command.h"
#include "cli/show.h"

const vq_command *const vq_commands[] = {
    &vq_command_plan,     &vq_command_calibrate,
    &vq_command_quantize, &vq_command_verify,
    &vq_command_eval,     &vq_command_inspect,
    &vq_command_generate, &vq_command_tokenize,
    &vq_command_diff,     &vq_command_recipe,
    &vq_command_doctor,   &vq_command_help,
    &vq_command_version,  NULL,
};

const vq_command *vq_command_find(const char *name, vq_err *e)
{
    const char *names[16];
    int n = 0;
    for (const vq_command *const *c = vq_commands; *c; c++) {
        if (strcmp((*c)->name, name) == 0) return *c;
        names[n++] = (*c)->name;
    }
    const char *near = vq_nearest(name, names, n);
    if (near)
        vq_fail(e, VQ_E_RECIPE, "unknown command '%s'; did you mean '%s'?", name, near);
    else
        vq_fail(e, VQ_E_RECIPE, "unknown command '%s'", name);
    return NULL;
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
