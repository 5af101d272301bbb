/* cmd_generate.c -- vq generate MODEL: what a model, or an artifact, writes. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/show.h"

/* Text as it comes; of a terminal's control characters only line ends and tabs get through. A
 * reader that has left is no error: there is nobody to tell. */
static bool print_piece(void *ctx, const char *text, size_t len)
{
    const bool *terminal = ctx;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool control = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
        (void)putchar(*terminal && control ? '?' : c);
    }
    if (fflush(stdout) == 0) return true;
    if (errno == EPIPE) clearerr(stdout);
    return false;
}

static bool given(const vq_args *a, const char *flag)
{
    return a->origin[vq_flag_find(flag, strlen(flag), VQ_CMD_GENERATE) - vq_flags] == VQ_FROM_FLAG;
}

/* Any of the options of a draw asks for one. */
static vq_status set_sampling(const vq_args *a, vq_sampling *s, vq_err *e)
{
    const bool cut = given(a, "top-k") || given(a, "top-p") || given(a, "seed");
    *s = (vq_sampling){.top_k = a->top_k, .top_p = a->top_p, .seed = (uint64_t)a->seed};
    if (!cut && !given(a, "temperature")) return VQ_OK;
    if (cut && a->temperature <= 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "--temperature 0 draws nothing: leave out --top-k, --top-p and --seed");
    s->temperature = a->temperature;
    return VQ_OK;
}

static vq_status set_prompt(const vq_args *a, vq_prompt *p, vq_err *e)
{
    if (!!a->prompt + !!a->tokens + (a->chat.n > 0) > 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "--prompt, --chat and --tokens each give the prompt: use one");
    if (a->system && !a->chat.n) return vq_fail(e, VQ_E_RECIPE, "--system goes with --chat TEXT");
    *p = (vq_prompt){.text = a->prompt,
                     .len = a->prompt ? strlen(a->prompt) : 0,
                     .system = a->system,
                     .chat = a->chat.text,
                     .nchat = a->chat.n,
                     .special = true};
    return VQ_OK;
}

/* The first token comes with the prompt; the time is that of the others. */
static void tell_rate(vq_session *s, const vq_generate_result *r)
{
    char rate[64] = "";
    if (r->count > 1)
        (void)snprintf(rate, sizeof rate, " in %.1f s, %.1f tokens/s", r->seconds,
                       (double)(r->count - 1) / r->seconds);
    vq_say(&s->job.reporter, 0, "%lld token%s%s (prompt: %lld in %.1f s)", (long long)r->count,
           r->count == 1 ? "" : "s", rate, (long long)r->prompt_tokens, r->prompt_seconds);
}

static vq_status run_generate(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    bool terminal = isatty(STDOUT_FILENO);
    vq_generate_options o = {.model = a->operands[0],
                             .tokens = a->tokens,
                             .max_tokens = a->max_tokens,
                             .weights_only = a->weights_only,
                             .piece = a->json ? NULL : print_piece,
                             .ctx = &terminal};
    vq_generate_result r;
    (void)answer;
    VQ_TRY(set_sampling(a, &o.sampling, e));
    VQ_TRY(set_prompt(a, &o.prompt, e));
    VQ_TRY(vq_run_generate(&s->job, &o, &r, &s->arena, e));
    if (!a->json && r.text) (void)print_piece(&terminal, "\n", 1);
    tell_rate(s, &r);
    VQ_TRY(vq_report_generate(&r, result, e));
    if (!a->json) return VQ_OK;
    if (a->tokens)
        VQ_TRY(vq_output_input(&s->output, a->tokens, false, &s->job.reporter, &s->arena, e));
    return vq_output_input(&s->output, o.model, false, &s->job.reporter, &s->arena, e);
}

/* The text is out already; a model without a tokenizer gives ids. */
static void show_generate(FILE *out, const vq_session *s, const json_t *r)
{
    const json_t *ids = json_object_get(r, "ids");
    (void)s;
    if (json_is_string(json_object_get(r, "text"))) return;
    for (size_t i = 0; i < json_array_size(ids); i++)
        fprintf(out, "%s%lld", i ? " " : "", (long long)json_integer_value(json_array_get(ids, i)));
    fputc('\n', out);
}

const vq_command vq_command_generate = {
    .name = "generate",
    .bit = VQ_CMD_GENERATE,
    .operands_min = 1,
    .operands_max = 1,
    .usage = "MODEL [--prompt TEXT | --chat TEXT]",
    .about = "text that a model or an artifact writes",
    .operands = "  MODEL                       a .safetensors file, a Hugging Face folder or a "
                "folder that vq wrote\n",
    .example = "vq generate model.nvfp4-arc --chat 'Why is the sky blue?'",
    .run = run_generate,
    .show = show_generate,
};
