/* cmd_tokenize.c -- vq tokenize MODEL TEXT: the ids that a model's tokenizer makes, and back. */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/show.h"

static vq_status check_arguments(const vq_args *a, vq_err *e)
{
    const int given = (a->noperands > 1) + !!a->data + !!a->tokens + (a->chat.n > 0);
    if (given != 1)
        return vq_fail(e, VQ_E_RECIPE,
                       "give %s: TEXT, --data FILE, --chat TEXT, or with --decode --tokens FILE",
                       given ? "one text" : "a text");
    if (a->tokens && !a->decode)
        return vq_fail(e, VQ_E_RECIPE, "--tokens goes with --decode: its ids become text");
    if (a->decode && (a->data || a->chat.n || a->out || a->ids))
        return vq_fail(
            e, VQ_E_RECIPE,
            "--decode takes ids, as TEXT (\"1 2 3\") or with --tokens FILE, and gives text");
    if (a->system && !a->chat.n) return vq_fail(e, VQ_E_RECIPE, "--system goes with --chat TEXT");
    if (a->ids && a->out) return vq_fail(e, VQ_E_RECIPE, "--ids prints, --out writes: use one");
    return VQ_OK;
}

static vq_status run_tokenize(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    const char *text = a->noperands > 1 ? a->operands[1] : NULL,
               *file = a->data ? a->data : a->tokens;
    (void)answer;
    VQ_TRY(check_arguments(a, e));
    const vq_tokenize_options o = {.model = a->operands[0],
                                   .prompt = {.heed = &s->job.reporter,
                                              .text = text,
                                              .len = text ? strlen(text) : 0,
                                              .system = a->system,
                                              .chat = a->chat.text,
                                              .nchat = a->chat.n,
                                              .special = !a->no_special},
                                   .data = a->data,
                                   .tokens = a->tokens,
                                   .out = a->out,
                                   .force = a->force,
                                   .decode = a->decode,
                                   .names = !a->ids};
    vq_tokenize_result r;
    VQ_TRY(vq_run_tokenize(&o, &r, &s->arena, e));
    s->made = a->out;
    if (a->decode && !a->json) {
        (void)fwrite(r.text, 1, r.bytes, stdout);
        if (isatty(STDOUT_FILENO)) putchar('\n');
    } else if (a->chat.n) {
        vq_say(&s->job.reporter, 0, "%zu token%s", r.count, r.count == 1 ? "" : "s");
    } else if (!a->decode) {
        vq_say(&s->job.reporter, 0, "%zu token%s of %zu byte%s", r.count, r.count == 1 ? "" : "s",
               r.bytes, r.bytes == 1 ? "" : "s");
    }
    VQ_TRY(vq_report_tokenize(&r, result, e));
    if (!a->json || !file) return VQ_OK;
    return vq_output_input(&s->output, file, false, &s->job.reporter, &s->arena, e);
}

static void show_tokenize(FILE *out, const vq_session *s, const json_t *r)
{
    const json_t *ids = json_object_get(r, "ids"), *tokens = json_object_get(r, "tokens");
    char clean[512];
    if (json_object_get(r, "out"))
        vq_show_field(out, "output", "%s", vq_show_clean(s->args->out, clean, sizeof clean));
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const long long id = (long long)json_integer_value(json_array_get(ids, i));
        const char *token = json_string_value(json_array_get(tokens, i));
        if (token)
            fprintf(out, "%8lld  %s\n", id, vq_show_clean(token, clean, sizeof clean));
        else
            fprintf(out, "%s%lld", i ? " " : "", id);
    }
    if (ids && !tokens) fputc('\n', out);
}

const vq_command vq_command_tokenize = {
    .name = "tokenize",
    .bit = VQ_CMD_TOKENIZE,
    .operands_min = 1,
    .operands_max = 2,
    .usage = "MODEL TEXT | --data FILE | --chat TEXT [--ids | -o FILE] | --decode \"12 7 99\"",
    .about = "token ids of a text, or with --decode the text of ids",
    .operands = "  MODEL                       a model's folder, or its tokenizer.json\n"
                "  TEXT                        a text; with --decode ids: \"12 7 99\"\n",
    .example = "vq tokenize model --data calibration.txt -o calibration.i32",
    .run = run_tokenize,
    .show = show_tokenize,
};
