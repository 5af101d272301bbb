/* cmd_eval.c -- vq eval ppl MODEL: perplexity, and paired differences from a reference model. */
#include <math.h>

#include "cli/command.h"
#include "cli/show.h"

static vq_status check_arguments(const vq_args *a, vq_err *e)
{
    if (!a->data == !a->tokens)
        return vq_fail(e, VQ_E_RECIPE, "give the test text as --data TEXT or as --tokens FILE%s",
                       a->data ? ", not both" : "");
    return VQ_OK;
}

static vq_status run_eval(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    (void)answer;
    VQ_TRY(check_arguments(a, e));
    const vq_eval_options o = {
        .model = a->operands[1],
        .ref = a->ref,
        .text = a->data,
        .tokens = a->tokens,
        .window = a->window,
        .stride = a->stride,
        .max_windows = a->max_windows,
        .bos = a->bos,
        .weights_only = a->weights_only,
    };
    vq_eval_result r;
    VQ_TRY(vq_run_eval_ppl(&s->job, &o, &r, &s->arena, e));
    VQ_TRY(vq_report_eval(&r, result, e));
    if (!a->json) return VQ_OK;
    const char *const inputs[] = {o.model, o.ref, o.text, o.tokens};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (inputs[i])
            VQ_TRY(vq_output_input(&s->output, inputs[i], false, &s->job.reporter, &s->arena, e));
    return VQ_OK;
}

/* One window has no spread: then nothing stands behind the figure. */
static const char *spread(char *buf, size_t len, double error)
{
    if (isnan(error)) return "";
    (void)snprintf(buf, len, " +- %.5f", error);
    return buf;
}

/* The error of a perplexity: exp is steep, so the loss's standard error times the perplexity. */
static void show_perplexity(FILE *out, const char *name, const json_t *r)
{
    const double ppl = vq_result_real(r, "perplexity"), error = vq_result_real(r, "nll_stderr");
    char a[32], b[32];
    vq_show_field(out, name, "%.4f%s   (loss %.5f%s)", ppl, spread(a, sizeof a, ppl * error),
                  vq_result_real(r, "nll"), spread(b, sizeof b, error));
}

static void show_pair(FILE *out, const json_t *r)
{
    const double delta = vq_result_real(r, "delta_nll");
    char a[32], b[32];
    vq_show_field(out, "loss difference", "%+.5f%s   (perplexity %+.2f %%)", delta,
                  spread(a, sizeof a, vq_result_real(r, "delta_nll_stderr")), 100 * expm1(delta));
    vq_show_field(out, "KL divergence", "%.5f%s", vq_result_real(r, "kl"),
                  spread(b, sizeof b, vq_result_real(r, "kl_stderr")));
    vq_show_field(out, "same top token", "%.2f %%", 100 * vq_result_real(r, "top1_agreement"));
}

static void show_eval(FILE *out, const vq_session *s, const json_t *r)
{
    const json_t *ref = json_object_get(r, "ref");
    const double tokens = vq_result_real(r, "tokens"), seconds = vq_result_real(r, "seconds");
    char clean[512];
    vq_show_field(out, "model", "%s", vq_show_clean(s->args->operands[1], clean, sizeof clean));
    show_perplexity(out, "perplexity", r);
    if (json_is_object(ref)) {
        vq_show_field(out, "reference", "%s", vq_show_clean(s->args->ref, clean, sizeof clean));
        show_perplexity(out, "its perplexity", ref);
        show_pair(out, r);
    }
    vq_show_field(out, "predicted", "%.0f tokens in %lld window%s of %lld", tokens,
                  (long long)vq_result_int(r, "windows"),
                  vq_result_int(r, "windows") == 1 ? "" : "s",
                  (long long)vq_result_int(r, "window"));
    if (seconds > 0) vq_show_field(out, "took", "%.1f s, %.0f tokens/s", seconds, tokens / seconds);
}

static const vq_word words[] = {
    {"ppl", "MODEL --data TEXT [--ref MODEL]", "perplexity with its standard error", NULL,
     "vq eval ppl model.nvfp4-arc --data test.txt --ref model.safetensors", false},
    {0},
};

const vq_command vq_command_eval = {
    .name = "eval",
    .bit = VQ_CMD_EVAL,
    .words = words,
    .operands_min = 2,
    .operands_max = 2,
    .usage = "ppl MODEL --data TEXT [--ref MODEL]",
    .about = "perplexity of a model or an artifact, alone or against another",
    .operands = "  MODEL                       a .safetensors file, a Hugging Face folder or a "
                "folder that vq wrote\n",
    .example = "vq eval ppl model.nvfp4-arc --data test.txt --ref model.safetensors",
    .run = run_eval,
    .show = show_eval,
};
