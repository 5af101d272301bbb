/* help.c -- help pages from the tables of commands and options. */
#include <string.h>

#include "cli/command.h"

#define NAME_COLUMNS 28

static const char exit_codes[] = "exit codes: 0 done, 1 no, 2 usage or recipe, 3 input, 4 limit, 5 "
                                 "I/O, 6 numeric, 7 stopped, 70 bug\n";

static void print_flag(FILE *f, const vq_flag *flag)
{
    char usage[64];
    fprintf(f, "  %-*s%s", NAME_COLUMNS, vq_flag_usage(flag, usage, sizeof usage), flag->doc);
    if (flag->type == VQ_FLAG_CHOICE) fprintf(f, ": %s", flag->value);
    fputc('\n', f);
}

void vq_help_command(FILE *f, const vq_command *c)
{
    fprintf(f, "vq %s: %s\n\nusage: vq %s %s\n\n%s", c->name, c->about, c->name, c->usage,
            c->operands);
    for (const vq_flag *flag = vq_flags; flag->name; flag++)
        if (flag->commands & c->bit) print_flag(f, flag);
    fprintf(f, "\nexample: %s\n%s", c->example, exit_codes);
}

void vq_help_overview(FILE *f)
{
    fprintf(f, "vq: quantize the checkpoint of a language model, verify and evaluate what was "
               "written\n\nusage: vq COMMAND [ARGUMENTS]\n\n");
    for (const vq_command *const *c = vq_commands; *c; c++)
        fprintf(f, "  %-10s %s\n", (*c)->name, (*c)->about);
    fprintf(f, "\n`vq help COMMAND` shows its arguments. A value: flag, else VQ_*, else recipe, "
               "else built in.\n");
    fprintf(f, "example: vq quantize --recipe nvfp4-arc model.safetensors\n%s", exit_codes);
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
    if (a->noperands && !vq_command_find(a->operands[0], e)) return e->status;
    return VQ_OK;
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
        vq_help_command(out, vq_command_find(a->operands[0], NULL));
    else
        vq_help_overview(out);
}

const vq_command vq_command_help = {
    .name = "help",
    .bit = VQ_CMD_HELP,
    .operands_max = 1,
    .usage = "[COMMAND] [--man | --completion bash|zsh]",
    .about = "this overview, the arguments of a command, the man page, completions",
    .operands = "  COMMAND                     a command of vq\n",
    .example = "vq help --completion bash > ~/.local/share/bash-completion/completions/vq",
    .run = run_help,
    .show = show_help,
};
