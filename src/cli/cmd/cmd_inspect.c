/* cmd_inspect.c -- vq inspect PATH: what is this file or folder? */
#include "cli/command.h"
#include "cli/show.h"

static vq_status run_inspect(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    (void)answer;
    vq_inspect_result r;
    VQ_TRY(vq_run_inspect(&s->job, a->operands[0], &r, &s->arena, e));
    VQ_TRY(vq_report_inspect(&r, result, e));
    if (!a->json) return VQ_OK;
    return vq_output_input(&s->output, a->operands[0], true, &s->job.reporter, &s->arena, e);
}

static void show_inspect(FILE *out, const vq_session *s, const json_t *r)
{
    char clean[512];
    vq_show_field(out, "path", "%s", vq_show_clean(s->args->operands[0], clean, sizeof clean));
    vq_show_json(out, r);
}

const vq_command vq_command_inspect = {
    .name = "inspect",
    .bit = VQ_CMD_INSPECT,
    .operands_min = 1,
    .operands_max = 1,
    .usage = "PATH",
    .about = "say what a file or a folder is: tensors, schemes, sizes",
    .operands =
        "  PATH                        a .safetensors file, a model folder or an artifact\n",
    .example = "vq inspect model.nvfp4-arc",
    .run = run_inspect,
    .show = show_inspect,
};
