/* cmd_eval.c -- vq eval ppl MODEL ...: perplexity, and paired differences from a reference model. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/hints.h"
#include "cli/show_eval.h"

enum { MOST = 16 }; /* models, and texts: of a table that people read */

static vq_status check_count(const char *what, int n, vq_err *e)
{
    return n <= MOST ? VQ_OK : vq_fail(e, VQ_E_RECIPE, "%d %s: at most %d at once", n, what, MOST);
}

/* One file or folder, by whatever name. */
static bool same_place(const char *a, const char *b)
{
    struct stat x, y;
    if (strcmp(a, b) == 0) return true;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A model may be compared with itself, to see what that is; in a table the reference has a row. */
static void tell_twice(const vq_session *s)
{
    const vq_args *a = s->args;
    for (int i = 1; a->ref && !a->weights_only && i < a->noperands; i++)
        if (same_place(a->operands[i], a->ref))
            vq_say(&s->job.reporter, 0, "%s is the reference too, and runs twice%s", a->operands[i],
                   a->noperands > 2 ? "; the table has a row for --ref without it" : "");
}

/* What `--data *.txt` leaves behind the first one. */
static vq_status check_operands(const vq_args *a, vq_err *e)
{
    char meant[VQ_HINT_BYTES] = "";
    for (int i = 2; i < a->noperands; i++) {
        for (int j = 1; j < i; j++)
            if (same_place(a->operands[j], a->operands[i]))
                return vq_fail(e, VQ_E_RECIPE, "model %s is given twice", a->operands[i]);
        if (!vq_ends_with(a->operands[i], ".txt")) continue;
        vq_hint_word(meant, sizeof meant, "--data");
        vq_hint_word(meant, sizeof meant, a->operands[i]);
        return vq_fail(e, VQ_E_RECIPE, "'%s' is no model; did you mean %s?", a->operands[i], meant);
    }
    return check_count("models", a->noperands - 1, e);
}

/* Shares are of calibration data. */
static vq_status check_whole(const vq_text_list *texts, vq_err *e)
{
    const char *path;
    double share;
    for (int i = 0; i < texts->n; i++) {
        VQ_TRY(vq_share_read(texts->text[i], &path, &share, e));
        if (share > 0)
            return vq_fail(e, VQ_E_RECIPE, "%s: a test text counts as a whole; name %s alone",
                           texts->text[i], path);
    }
    return VQ_OK;
}

static vq_status check_arguments(const vq_args *a, vq_err *e)
{
    VQ_TRY(check_operands(a, e));
    if (!a->sources.n == !a->token_sources.n)
        return vq_fail(e, VQ_E_RECIPE, "give the test text as --data TEXT or as --tokens FILE%s",
                       a->sources.n ? ", not both" : "");
    VQ_TRY(check_whole(&a->sources, e));
    VQ_TRY(check_whole(&a->token_sources, e));
    return check_count("texts", a->sources.n + a->token_sources.n, e);
}

static vq_status add_inputs(vq_session *s, const char *const *paths, int n, vq_err *e)
{
    for (int i = 0; i < n; i++)
        VQ_TRY(vq_output_input(&s->output, paths[i], false, &s->job.reporter, &s->arena, e));
    return VQ_OK;
}

static vq_status run_eval(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    (void)answer;
    VQ_TRY(check_arguments(a, e));
    tell_twice(s);
    const vq_text_list *texts = a->sources.n ? &a->sources : &a->token_sources;
    const vq_eval_options o = {
        .models = a->operands + 1,
        .nmodels = a->noperands - 1,
        .texts = texts->text,
        .ntexts = texts->n,
        .tokens = a->token_sources.n > 0,
        .ref = a->ref,
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
    VQ_TRY(add_inputs(s, o.models, o.nmodels, e));
    VQ_TRY(add_inputs(s, &o.ref, 1, e));
    return add_inputs(s, o.texts, o.ntexts, e);
}

static void show_eval(FILE *out, const vq_session *s, const json_t *r)
{
    vq_show_eval(out, s->args->operands[1], s->args->ref, r);
}

static const vq_word words[] = {
    {"ppl", "MODEL [MODEL ...] --data TEXT [--data TEXT ...] [--ref MODEL]",
     "perplexity with its standard error, of models on texts", NULL,
     "vq eval ppl model.nvfp4-arc --data prose.txt --data code.txt --ref model.safetensors", false},
    {0},
};

const vq_command vq_command_eval = {
    .name = "eval",
    .bit = VQ_CMD_EVAL,
    .words = words,
    .operands_min = 2,
    .operands_max = VQ_MAX_OPERANDS,
    .usage = "ppl MODEL [MODEL ...] --data TEXT [--ref MODEL]",
    .about = "perplexity of models or artifacts, alone or against another",
    .operands = "  MODEL                       a .safetensors file, a Hugging Face folder or a "
                "folder that vq wrote; several share the passes of --ref\n",
    .example = "vq eval ppl model.nvfp4-arc --data test.txt --ref model.safetensors",
    .run = run_eval,
    .show = show_eval,
};
