/* cmd_verify.c -- vq verify OUT: is the artifact what vq.json says? */
#include "cli/command.h"
#include "cli/show.h"

static vq_status run_verify(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    vq_verify_result r;
    VQ_TRY(vq_run_verify(&s->job, a->operands[0], a->against, &r, &s->arena, e));
    *answer = r.nfailures == 0;
    VQ_TRY(vq_report_verify(&r, result, e));
    if (!a->json) return VQ_OK;
    VQ_TRY(vq_output_input(&s->output, a->operands[0], false, &s->job.reporter, &s->arena, e));
    return vq_output_input(&s->output, a->against, false, &s->job.reporter, &s->arena, e);
}

static void show_kernels(FILE *out, const json_t *kernels)
{
    char clean[64];
    fprintf(out, "  %-17s ", "kernels checked");
    for (size_t i = 0; i < json_array_size(kernels); i++) {
        const char *name = json_string_value(json_array_get(kernels, i));
        fprintf(out, "%s%s", i ? ", " : "", vq_show_clean(name ? name : "?", clean, sizeof clean));
    }
    fputc('\n', out);
}

static void show_verify(FILE *out, const vq_session *s, const json_t *r)
{
    static const vq_column columns[] = {{"tensor", "tensor", VQ_CELL_TEXT, 0},
                                        {"what", "what is wrong", VQ_CELL_TEXT, 0}};
    const json_t *failures = json_object_get(r, "failures"), *worst = json_object_get(r, "worst"),
                 *kernels = json_object_get(r, "checked_kernels");
    const size_t n = json_array_size(failures);
    char clean[512];
    vq_show_field(out, "artifact", "%s", vq_show_clean(s->args->operands[0], clean, sizeof clean));
    vq_show_field(out, "tensors", "%lld", (long long)vq_result_int(r, "tensors"));
    if (vq_result_int(r, "not_compared"))
        vq_show_field(out, "not compared",
                      "%lld with the original: passes changed them before rounding; `vq eval ppl "
                      "--ref` compares what they do",
                      (long long)vq_result_int(r, "not_compared"));
    if (json_array_size(kernels)) show_kernels(out, kernels);
    if (json_is_object(worst) && *vq_result_text(worst, "tensor"))
        vq_show_field(out, "largest error", "%.3g of %.3g allowed, %s",
                      vq_result_real(worst, "error"), vq_result_real(worst, "bound"),
                      vq_show_clean(vq_result_text(worst, "tensor"), clean, sizeof clean));
    if (n)
        vq_show_field(out, "verdict", "NO: %zu %s", n, n == 1 ? "failure" : "failures");
    else
        vq_show_field(out, "verdict", "yes: it is what vq.json says");
    if (!n) return;
    fputc('\n', out);
    vq_show_table(out, failures, columns, 2);
}

const vq_command vq_command_verify = {
    .name = "verify",
    .bit = VQ_CMD_VERIFY,
    .operands_min = 1,
    .operands_max = 1,
    .usage = "OUT [--against MODEL]",
    .about = "check an artifact: headers, hashes, scales, codes, kernels",
    .operands = "  OUT                         a folder that vq quantize wrote\n",
    .example = "vq verify model.nvfp4-arc",
    .run = run_verify,
    .show = show_verify,
};
