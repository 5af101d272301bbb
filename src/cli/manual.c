/* manual.c -- the man page and the shell completions, from the tables of commands and options. */
#include <ctype.h>
#include <string.h>

#include "cli/command.h"

/* roff reads '-' as a hyphen and a leading '.' as a request. */
static void put_roff(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\') fputc('\\', f);
        fputc(*text, f);
    }
}

static void put_man_command(FILE *f, const vq_command *c)
{
    fprintf(f, ".TP\n\\fBvq %s\\fR ", c->name);
    put_roff(f, c->usage);
    fputc('\n', f);
    put_roff(f, c->about);
    fputs(".\n", f);
    for (const vq_word *w = c->words; w && w->name; w++) {
        fprintf(f, ".br\n\\fB%s\\fR ", w->name);
        put_roff(f, w->usage);
        fputs(": ", f);
        put_roff(f, w->about);
        fputs(".\n", f);
    }
}

static void put_man_flag(FILE *f, const vq_flag *flag)
{
    char usage[64];
    const char *text = vq_flag_usage(flag, usage, sizeof usage);
    fprintf(f, ".TP\n\\fB");
    put_roff(f, text + strspn(text, " "));
    fprintf(f, "\\fR\n");
    put_roff(f, flag->doc);
    if (flag->type == VQ_FLAG_CHOICE) fprintf(f, ": %s", flag->value);
    fputs(".\nKnown to:", f);
    if (flag->commands == VQ_CMD_ALL)
        fputs(" every command", f);
    else
        for (const vq_command *const *c = vq_commands; *c; c++)
            if ((*c)->bit & flag->commands) fprintf(f, " %s", (*c)->name);
    fputs(".\n", f);
    if (flag->env) fprintf(f, "Environment: %s.\n", flag->env);
}

void vq_help_man(FILE *f)
{
    fprintf(f,
            ".TH VQ 1 \"\" \"vq %s\" \"User Commands\"\n.SH NAME\nvq \\- quantize, verify and "
            "evaluate checkpoints of language models\n",
            VQ_VERSION);
    fputs(".SH SYNOPSIS\n.B vq\n.I COMMAND\n[ARGUMENTS]\n.SH COMMANDS\n", f);
    for (const vq_command *const *c = vq_commands; *c; c++) put_man_command(f, *c);
    fputs(".SH OPTIONS\nA value comes from its flag, else from the environment, else from the "
          "recipe, else it is built in.\n",
          f);
    for (const vq_flag *flag = vq_flags; flag->name; flag++) put_man_flag(f, flag);
    fputs(".SH EXIT STATUS\n0 done or yes; 1 no (verify failed, a plan does not fit); 2 usage or "
          "recipe; 3 input refused; 4 limit; 5 I/O; "
          "6 numeric; "
          "7 stopped; 70 a bug of vq.\n",
          f);
}

static void put_choices(FILE *f, const char *words)
{
    for (; *words; words++) fputc(*words == '|' ? ' ' : *words, f);
}

static void put_commands(FILE *f)
{
    for (const vq_command *const *c = vq_commands; *c; c++) fprintf(f, " %s", (*c)->name);
}

static void put_words(FILE *f, const vq_command *c)
{
    for (const vq_word *w = c->words; w && w->name; w++) fprintf(f, " %s", w->name);
}

static void put_recipes(FILE *f)
{
    for (const vq_shipped *r = vq_shipped_recipes; r->name; r++) fprintf(f, " %s", r->name);
}

static void put_bash_command(FILE *f, const vq_command *c)
{
    fprintf(f, "    %s) words=\"", c->name);
    put_words(f, c);
    if (c == &vq_command_help) put_commands(f);
    for (const vq_flag *flag = vq_flags; flag->name; flag++)
        if (flag->commands & c->bit) fprintf(f, " --%s", flag->name);
    fputs("\" ;;\n", f);
}

/* The words of a command are complete once they stand there: then come its operands. */
static void put_bash_words(FILE *f, const vq_command *c)
{
    for (const vq_word *w = c->words; w && w->name; w++)
        if (w->recipes) fprintf(f, "    \"%s %s\") words+=$recipes ;;\n", c->name, w->name);
    if (!c->words) return;
    fprintf(f, "    \"help %s\") files=no words=\"", c->name);
    put_words(f, c);
    fputs("\" ;;\n", f);
}

/* What follows an option: its choices, a recipe, a file, or something that only the user knows. */
static void put_bash_value(FILE *f, const vq_flag *flag)
{
    if (flag->type == VQ_FLAG_SWITCH || flag->type == VQ_FLAG_COUNT) return;
    fprintf(f, "    --%s", flag->name);
    if (flag->letter) fprintf(f, " | -%c", flag->letter);
    fputs(") ", f);
    if (flag->type == VQ_FLAG_CHOICE) {
        fputs("words=\"", f);
        put_choices(f, flag->value);
        fputs("\" files=no ;;\n", f);
    } else if (flag->offset == offsetof(vq_args, recipe)) {
        fputs("words=$recipes ;;\n", f);
    } else {
        const bool file = flag->type == VQ_FLAG_TEXT || flag->type == VQ_FLAG_TEXTS;
        fputs(file ? ";;\n" : "return ;;\n", f);
    }
}

void vq_help_bash(FILE *f)
{
    fputs("# bash completion of vq\n_vq()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} "
          "before=${COMP_WORDS[COMP_CWORD-1]} words=\"\" files=yes\n    local recipes=\"",
          f);
    put_recipes(f);
    fputs(
        "\"\n    COMPREPLY=()\n    [ \"$word\" = \"=\" ] && word=\"\"\n    [ \"$before\" = \"=\" ] "
        "&& before=${COMP_WORDS[COMP_CWORD-2]}\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        "
        "files=no words=\"",
        f);
    put_commands(f);
    fputs("\"\n    else\n    case $before in\n", f);
    for (const vq_flag *flag = vq_flags; flag->name; flag++) put_bash_value(f, flag);
    fputs("    *)\n    case ${COMP_WORDS[1]} in\n", f);
    for (const vq_command *const *c = vq_commands; *c; c++) put_bash_command(f, *c);
    fputs(
        "    esac\n    [ \"$COMP_CWORD\" = 2 ] || case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
        f);
    for (const vq_command *const *c = vq_commands; *c; c++) put_bash_words(f, *c);
    fputs("    esac ;;\n    esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
          "\"$word\"; [ $files = no ] || compgen -f -- \"$word\")\n}\ncomplete -o filenames -F "
          "_vq vq\n",
          f);
}

static void put_zsh_flag(FILE *f, const vq_flag *flag)
{
    const bool many =
        flag->type == VQ_FLAG_LIST || flag->type == VQ_FLAG_TEXTS || flag->type == VQ_FLAG_COUNT;
    fprintf(f, "        '%s--%s[", many ? "*" : "", flag->name);
    for (const char *p = flag->doc; *p; p++) {
        if (strchr("[]:'", *p)) continue;
        fputc(*p, f);
    }
    fputc(']', f);
    if (flag->type == VQ_FLAG_CHOICE) {
        fputs(":word:(", f);
        put_choices(f, flag->value);
        fputc(')', f);
    } else if (flag->value) {
        const bool recipe = flag->offset == offsetof(vq_args, recipe);
        const bool file = flag->type == VQ_FLAG_TEXT || flag->type == VQ_FLAG_TEXTS;
        fprintf(f, ":%s:%s", flag->value, recipe ? "_vq_recipes" : file ? "_files" : "");
    }
    fputs("' \\\n", f);
}

static void put_zsh_command(FILE *f, const vq_command *c)
{
    bool recipes = false;
    fprintf(f, "    %s) _arguments \\\n", c->name);
    for (const vq_flag *flag = vq_flags; flag->name; flag++)
        if (flag->commands & c->bit) put_zsh_flag(f, flag);
    for (const vq_word *w = c->words; w && w->name; w++) recipes = recipes || w->recipes;
    if (c->words || c == &vq_command_help) {
        fputs("        '1:word:(", f);
        put_words(f, c);
        if (c == &vq_command_help) put_commands(f);
        fputs(")' \\\n", f);
    }
    fprintf(f, "        '*:file:%s' ;;\n", recipes ? "_vq_recipes" : "_files");
}

void vq_help_zsh(FILE *f)
{
    fputs("#compdef vq\n_vq_recipes() {\n    compadd", f);
    put_recipes(f);
    fputs("\n    _files\n}\n_vq() {\n    if (( CURRENT == 2 )); then\n        compadd", f);
    put_commands(f);
    fputs("\n        return\n    fi\n    shift words; (( CURRENT-- ))\n    case $words[1] in\n", f);
    for (const vq_command *const *c = vq_commands; *c; c++) put_zsh_command(f, *c);
    fputs("    esac\n}\n_vq \"$@\"\n", f);
}
