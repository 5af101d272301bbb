/* help.c -- help pages from the tables of commands and options. */
#include <string.h>

#include "cli/command.h"
#include "cli/wrap.h"

#define NAME_COLUMNS 28
#define COMMAND_COLUMNS 10

static void exit_codes(FILE *f)
{
    vq_wrap(f, 0, 12,
            "exit codes: 0 done, 1 no, 2 usage or recipe, 3 input, 4 limit, 5 I/O, 6 numeric, 7 "
            "stopped, 70 bug");
}

/* "  NAME                    text", the text in a column of its own. */
static void put_row(FILE *f, const char *name, int columns, const char *text)
{
    const int taken = fprintf(f, "  %-*s", columns, name);
    if (taken > 2 + columns) fprintf(f, "\n%*s", 2 + columns, "");
    vq_wrap(f, 2 + columns, 2 + columns, text);
}

static void put_flag(FILE *f, const vq_flag *flag)
{
    char usage[64], text[256];
    snprintf(text, sizeof text, "%s%s%s", flag->doc, flag->type == VQ_FLAG_CHOICE ? ": " : "",
             flag->type == VQ_FLAG_CHOICE ? flag->value : "");
    put_row(f, vq_flag_usage(flag, usage, sizeof usage), NAME_COLUMNS, text);
}

/* Lines "  NAME  about" of a command, two blanks or more between them. */
static void put_operands(FILE *f, const char *lines)
{
    while (*lines) {
        char name[NAME_COLUMNS + 1], text[256];
        const size_t len = strcspn(lines, "\n");
        const char *about = lines + strspn(lines, " ");
        const char *gap = strstr(about, "  ");
        const size_t n = gap ? (size_t)(gap - about) : strcspn(about, "\n");
        snprintf(name, sizeof name, "%.*s", (int)n, about);
        about += n + strspn(about + n, " ");
        snprintf(text, sizeof text, "%.*s", (int)(lines + len - about), about);
        put_row(f, name, NAME_COLUMNS, text);
        lines += len + (lines[len] == '\n');
    }
}

static void put_usage(FILE *f, const vq_command *c, const vq_word *w)
{
    char line[256];
    snprintf(line, sizeof line, "usage: vq %s %s%s%s", c->name, w ? w->name : "", w ? " " : "",
             w ? w->usage : c->usage);
    vq_wrap(f, 0, 10, line);
    fputc('\n', f);
}

void vq_help_page(FILE *f, const vq_command *c, const vq_word *w)
{
    char title[256], example[256];
    snprintf(title, sizeof title, "vq %s%s%s: %s\n", c->name, w ? " " : "", w ? w->name : "",
             w ? w->about : c->about);
    vq_wrap(f, 0, 4, title);
    put_usage(f, c, w);
    for (const vq_word *row = c->words; row && row->name && !w; row++)
        put_row(f, row->name, NAME_COLUMNS, row->about);
    put_operands(f, c->operands);
    for (const vq_flag *flag = vq_flags; flag->name; flag++)
        if (vq_command_knows(c, w, flag)) put_flag(f, flag);
    snprintf(example, sizeof example, "\nexample: %s", w ? w->example : c->example);
    vq_wrap(f, 0, 9, example);
    exit_codes(f);
}

void vq_help_overview(FILE *f)
{
    vq_wrap(f, 0, 4,
            "vq: quantize the checkpoint of a language model, verify and evaluate what was "
            "written\n\nusage: vq COMMAND [ARGUMENTS]\n");
    for (const vq_command *const *c = vq_commands; *c; c++)
        put_row(f, (*c)->name, COMMAND_COLUMNS, (*c)->about);
    vq_wrap(f, 0, 0,
            "\n`vq help COMMAND` shows its arguments, `vq recipe list` what a model can be made "
            "into. A value: flag, else VQ_*, else recipe, else built in.\nexample: vq quantize "
            "--recipe nvfp4a16 model.safetensors");
    exit_codes(f);
}

static vq_status check_page(const vq_args *a, vq_err *e)
{
    const vq_command *c = a->noperands ? vq_command_find(a->operands[0], e) : NULL;
    if (a->noperands && !c) return e->status;
    if (a->noperands < 2 || vq_command_word(c, a->operands[1])) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE, "`vq help %s` is all there is: '%s' has no page", c->name,
                   a->operands[1]);
}

static vq_status run_help(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    (void)result;
    (void)answer;
    const vq_args *a = s->args;
    if (a->man && a->completion)
        return vq_fail(e, VQ_E_RECIPE, "--man and --completion both print a file: ask for one");
    if ((a->man || a->completion) && a->noperands)
        return vq_fail(e, VQ_E_RECIPE, "--man and --completion cover every command: leave '%s' out",
                       a->operands[0]);
    return check_page(a, e);
}

static void show_page(FILE *out, const vq_args *a)
{
    const vq_command *c = vq_command_find(a->operands[0], NULL);
    vq_help_page(out, c, a->noperands > 1 ? vq_command_word(c, a->operands[1]) : NULL);
}

static void show_help(FILE *out, const vq_session *s, const json_t *result)
{
    (void)result;
    const vq_args *a = s->args;
    if (a->man)
        vq_help_man(out);
    else if (a->completion && strcmp(a->completion, "bash") == 0)
        vq_help_bash(out);
    else if (a->completion)
        vq_help_zsh(out);
    else if (a->noperands)
        show_page(out, a);
    else
        vq_help_overview(out);
}

const vq_command vq_command_help = {
    .name = "help",
    .bit = VQ_CMD_HELP,
    .operands_max = 2,
    .usage = "[COMMAND [WORD]] [--man | --completion bash|zsh]",
    .about = "this overview, the arguments of a command, the man page, completions",
    .operands = "  COMMAND                     a command of vq\n"
                "  WORD                        a page for one of its words: `vq help eval ppl`\n",
    .example = "vq help --completion bash > ~/.local/share/bash-completion/completions/vq",
    .run = run_help,
    .show = show_help,
};
