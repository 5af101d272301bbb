/* main.c -- from argv to an exit code: signals, the job that a command runs in, and the end of the
 * program. */
#include <fcntl.h>
#include <omp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/option.h"
#include "cli/command.h"
#include "cli/environment.h"
#include "cli/hints.h"
#include "cli/show.h"
#include "cli/threads.h"
#include "recipe/alias.h"
#include "run/quantize/folders.h"

enum { ERROR_TEXT = 4096 };

static volatile sig_atomic_t stop_asked, on_terminal, as_json;

#define STOPPING "stopping at the next step; once more to stop at once"

/* The first signal asks the job to leave at its next step; the second one ends the program. */
static void on_stop(int signal_number)
{
    static const char line[] = "\nvq: " STOPPING "\n",
                      event[] = "{\"event\":\"line\",\"text\":\"" STOPPING "\"}\n";
    const size_t skip = on_terminal ? 0 : 1; /* a terminal has ^C on the line of the bar */
    (void)signal_number;
    stop_asked = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    const ssize_t n = as_json ? write(STDERR_FILENO, event, sizeof event - 1)
                              : write(STDERR_FILENO, line + skip, sizeof line - 1 - skip);
    (void)n;
}

static void catch_signals(void)
{
    static const struct {
        int number;
        void (*handler)(int);
    } table[] = {{SIGINT, on_stop},
                 {SIGTERM, on_stop},
                 {SIGHUP, on_stop},
                 {SIGPIPE, SIG_IGN},
                 {SIGXFSZ, SIG_IGN}};
    on_terminal = isatty(STDERR_FILENO);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sigaction action = {.sa_handler = table[i].handler, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(table[i].number, &action, NULL);
    }
    vq_maps_guard();
}

static void on_line(void *ctx, int level, const char *text)
{
    vq_session *s = ctx;
    char clean[VQ_HINT_BYTES];
    vq_progress_line(&s->progress, level, vq_show_clean(text, clean, sizeof clean));
}

static void on_warning(void *ctx, const char *code, const char *where, const char *text)
{
    vq_session *s = ctx;
    char clean_where[512], clean_text[1024];
    vq_show_clean(where ? where : "", clean_where, sizeof clean_where);
    vq_show_clean(text, clean_text, sizeof clean_text);
    vq_envelope_warning(&s->output, code, clean_where, clean_text);
    vq_progress_warning(&s->progress, code, clean_where, clean_text);
}

static void on_progress(void *ctx, const char *phase, int64_t done, int64_t total)
{
    vq_session *s = ctx;
    vq_progress_step(&s->progress, phase, done, total);
}

static void on_forecast(void *ctx, const vq_forecast *f)
{
    vq_session *s = ctx;
    vq_progress_forecast(&s->progress, f);
}

static vq_status begin_job(const vq_command *c, vq_session *s, vq_err *e)
{
    const vq_args *a = s->args;
    s->job.reporter = (vq_reporter){
        s,           on_line,     on_warning,
        on_progress, &stop_asked, s->progress.mode == VQ_PROGRESS_NONE ? NULL : on_forecast};
    VQ_TRY(vq_stack_ready(e));
    s->job.budget.limit = (size_t)a->mem_limit;
    vq_budget_measure(&s->job.budget);
    s->job.threads = vq_threads_startable((int)a->threads);
    if (s->job.threads < a->threads)
        vq_warn(&s->job.reporter, "fewer-threads", NULL, "the system lets %d of %d threads start",
                s->job.threads, (int)a->threads);
    omp_set_num_threads(s->job.threads);
    VQ_TRY(vq_kernels_select(&s->job.kernels, a->isa, strcmp(a->numeric, "strict") == 0, e));
    if (c->bit & VQ_CMD_LONG) vq_environment_check(&s->job.reporter);
    if (a->recipe) vq_session_alias(s, a->recipe);
    for (int i = 0; i < a->recipes.n; i++) vq_session_alias(s, a->recipes.text[i]);
    if (c->bit & VQ_CMD_LONG & ~(unsigned)VQ_CMD_READS)
        vq_say(&s->job.reporter, 1, "kernels %s, %d threads", s->job.kernels.isa, s->job.threads);
    return VQ_OK;
}

/* "list, show, check" into buf. */
static const char *list_words(const vq_command *c, char *buf, size_t len)
{
    buf[0] = 0;
    for (const vq_word *w = c->words; w->name; w++) {
        const size_t n = strlen(buf);
        (void)snprintf(buf + n, len - n, "%s%s", n ? ", " : "", w->name);
    }
    return buf;
}

/* Options that the command knows and its word does not. */
static vq_status check_options(const vq_command *c, const vq_word *w, const vq_args *a, vq_err *e)
{
    for (const vq_flag *f = vq_flags; f->name; f++)
        if (a->origin[f - vq_flags] == VQ_FROM_FLAG && !vq_command_knows(c, w, f))
            return vq_fail(e, VQ_E_RECIPE, "`vq %s %s` does not know --%s", c->name, w->name,
                           f->name);
    return VQ_OK;
}

static vq_status check_words(const vq_command *c, const vq_args *a, vq_err *e)
{
    char list[128];
    const vq_word *w = vq_command_word(c, a->operands[0]);
    if (w) return check_options(c, w, a, e);
    return vq_fail(e, VQ_E_RECIPE, "'%s' is none of %s: vq %s %s", a->operands[0],
                   list_words(c, list, sizeof list), c->name, c->usage);
}

/* The first words of a usage are what the command cannot do without. */
static vq_status say_missing(const vq_command *c, const vq_args *a, vq_err *e)
{
    char list[128];
    const char *name = c->usage;
    if (c->words && !a->noperands)
        return vq_fail(e, VQ_E_RECIPE,
                       "what to do is missing (%s); usage: vq %s %s; `vq help %s` says more",
                       list_words(c, list, sizeof list), c->name, c->usage, c->name);
    for (int i = 0; i < a->noperands; i++) name += strcspn(name, " ") + 1;
    return vq_fail(e, VQ_E_RECIPE, "%.*s is missing; usage: vq %s %s; `vq help %s` says more",
                   (int)strcspn(name, " "), name, c->name, c->usage, c->name);
}

static bool is_recipe(const char *text)
{
    return vq_shipped_find(text) || vq_alias_find(text) || vq_ends_with(text, ".yaml") ||
           vq_ends_with(text, ".yml");
}

static bool is_text_file(const char *text)
{
    return vq_ends_with(text, ".txt") && vq_exists(text);
}

static bool is_anything(const char *text)
{
    return *text != 0;
}

/* The option that an argument too many was meant for, as other tools order theirs; NULL: none. */
static const char *meant_for(const vq_command *c, const vq_args *a, const char *text)
{
    static const struct {
        const char *flag, *shown;
        bool (*fits)(const char *text);
    } table[] = {{"recipe", "-r", is_recipe},
                 {"data", "--data", is_text_file},
                 {"against", "--against", vq_exists},
                 {"ref", "--ref", vq_exists},
                 {"prompt", "--prompt", is_anything}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const vq_flag *f = vq_flag_find(table[i].flag, strlen(table[i].flag), c->bit);
        if (f && a->origin[f - vq_flags] == VQ_FROM_BUILTIN && table[i].fits(text))
            return table[i].shown;
    }
    return NULL;
}

static vq_status say_too_many(const vq_command *c, const vq_args *a, vq_err *e)
{
    char meant[VQ_HINT_BYTES] = "";
    const char *text = a->operands[c->operands_max], *flag = meant_for(c, a, text);
    if (!flag)
        return vq_fail(e, VQ_E_RECIPE, "'%s' is one argument too many; usage: vq %s %s", text,
                       c->name, c->usage);
    vq_hint_word(meant, sizeof meant, flag);
    vq_hint_word(meant, sizeof meant, text);
    return vq_fail(e, VQ_E_RECIPE, "'%s' is one argument too many; did you mean %s?", text, meant);
}

static vq_status check_operands(const vq_command *c, const vq_args *a, vq_err *e)
{
    if (c->words && a->noperands) VQ_TRY(check_words(c, a, e));
    if (a->noperands < c->operands_min) return say_missing(c, a, e);
    return a->noperands > c->operands_max ? say_too_many(c, a, e) : VQ_OK;
}

/* What follows from an input that changed, or from memory that the system refused, is no answer: a
 * library calls its input broken then, and what was left out is missing. */
static vq_status judge(const vq_session *s, vq_status status, vq_err *e)
{
    char text[sizeof e->text];
    if (s->made || status == VQ_E_STOPPED) return status;
    if (vq_maps_broken()) return vq_maps_check(e);
    if (!vq_memory_refused() || status == VQ_E_LIMIT) return status;
    snprintf(text, sizeof text, "%s", status == VQ_OK ? "something is missing" : e->text);
    return vq_fail(e, VQ_E_LIMIT, VQ_NO_MEMORY " (%s)", text);
}

static vq_status run_command(const vq_command *c, vq_session *s, json_t **result, bool *answer,
                             vq_err *e)
{
    VQ_TRY(check_operands(c, s->args, e));
    VQ_TRY(begin_job(c, s, e));
    const vq_status status = c->run(s, result, answer, e);
    vq_progress_end(&s->progress);
    return judge(s, status, e);
}

/* The error on stderr, which says so when the output stands already; *full: the text of it. */
static void say_error(vq_session *s, const char *text, char full[ERROR_TEXT])
{
    snprintf(full, ERROR_TEXT, "%s%s%s%s", text, s->made ? "; " : "", s->made ? s->made : "",
             s->made ? " is whole and stands" : "");
    vq_progress_error(&s->progress, full);
}

static bool reader_left(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && out.revents & (POLLERR | POLLHUP);
}

/* What was printed must have arrived: a full disk is an I/O error. A reader that left early
 * (`vq plan ... | head`) has what it wanted: the exit code is that of the work. */
static int flush_stdout(vq_session *s, int code)
{
    char full[ERROR_TEXT];
    if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_left()) return code;
    say_error(s, "standard output cannot be written", full);
    return code > 1 ? code : VQ_E_IO; /* "no" is an answer too */
}

/* The command line as it was given, and --resume where there is something to go on with. */
static void say_how_to_go_on(vq_session *s)
{
    char line[VQ_HINT_BYTES] = "";
    for (const char *const *word = s->argv; *word; word++) {
        vq_hint_word(line, sizeof line, *word);
        if (word == s->argv + 1 && s->kept && !s->args->resume)
            vq_hint_word(line, sizeof line, "--resume");
    }
    vq_progress_line(&s->progress, 0,
                     s->kept ? "this goes on where it stopped:"
                             : "nothing was kept; this begins anew:");
    vq_progress_command(&s->progress, line);
}

static int end_command(const vq_command *c, vq_session *s, vq_status status, json_t *result,
                       bool answer, const vq_err *e)
{
    int code = status != VQ_OK ? (int)status : answer ? 0 : 1;
    char full[ERROR_TEXT];
    if (status != VQ_OK) say_error(s, e->text, full);
    if (status == VQ_E_STOPPED) say_how_to_go_on(s);
    if (s->args->json) {
        vq_err unsaid = {VQ_OK, ""};
        code = vq_output_print(&s->output, code, status != VQ_OK ? full : NULL,
                               status == VQ_OK ? result : NULL, &unsaid);
        if (status == VQ_OK && unsaid.status != VQ_OK) say_error(s, unsaid.text, full);
    } else if (status == VQ_OK && !(s->made && s->args->quiet))
        c->show(stdout, s, result);
    code = flush_stdout(s, code);
    json_decref(result);
    return code;
}

/* --json is a wish for the shape of errors too, so it is looked for before the arguments are
 * understood. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0) return true;
    return false;
}

/* The same of --progress json, for errors of the arguments before it. */
static bool wants_events(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--progress=json") == 0 ||
            (strcmp(argv[i], "json") == 0 && strcmp(argv[i - 1], "--progress") == 0))
            return true;
    return false;
}

/* libgomp and OpenBLAS end the process where they get no thread or no memory. The command ends as
 * with any other error then: said, in the shape that was asked for, nothing half made left. */
static vq_session *running;

static void on_exit_of_library(void)
{
    static const char text[] = "a library ended the program: the system refused it a thread or "
                               "memory; use fewer --threads";
    vq_session *s = running;
    if (!s) return;
    running = NULL;
    vq_outs_abandon();
    vq_folders_abandon();
    char full[ERROR_TEXT];
    say_error(s, text, full);
    vq_err unsaid;
    if (s->args->json) (void)vq_output_print(&s->output, VQ_E_LIMIT, full, NULL, &unsaid);
    (void)fflush(NULL);
    _exit(VQ_E_LIMIT);
}

/* argv: the whole command line, whose second word is the command's name. */
static int session(const vq_command *c, int argc, char **argv)
{
    vq_args args;
    vq_err e = {VQ_OK, ""};
    vq_session s = {.args = &args, .argv = (const char *const *)argv};
    const int skip = argc < 2 ? argc : 2;
    json_t *result = NULL;
    bool answer = true;
    vq_status status = vq_args_parse(&args, c->bit, argc - skip, argv + skip, &e);
    args.json = args.json || wants_json(argc, argv);
    if (status == VQ_OK && args.help) {
        vq_help_page(stdout, c, args.noperands ? vq_command_word(c, args.operands[0]) : NULL);
        return flush_stdout(&s, 0);
    }
    if (status != VQ_OK && wants_events(argc, argv)) args.progress = "json";
    vq_progress_init(&s.progress, &args);
    as_json = s.progress.mode == VQ_PROGRESS_JSON;
    vq_envelope_begin();
    vq_envelope_init(&s.output, c->name);
    vq_arena_init(&s.arena, NULL);
    if (status != VQ_OK)
        vq_at(&e, "%s", c->name);
    else {
        running = &s;
        status = run_command(c, &s, &result, &answer, &e);
        running = NULL;
    }
    const int code = end_command(c, &s, status, result, answer, &e);
    vq_arena_done(&s.arena);
    vq_envelope_done(&s.output);
    return code;
}

/* Before there is a command. */
static int usage_error(int argc, char **argv, const char *text)
{
    vq_envelope o;
    vq_err unsaid;
    vq_progress p = {.mode = wants_events(argc, argv) ? VQ_PROGRESS_JSON : VQ_PROGRESS_NONE};
    vq_progress_error(&p, text);
    if (!wants_json(argc, argv)) return VQ_E_RECIPE;
    vq_envelope_begin();
    vq_envelope_init(&o, "usage");
    const int code = vq_output_print(&o, VQ_E_RECIPE, text, NULL, &unsaid);
    vq_envelope_done(&o);
    (void)fflush(stdout);
    return code;
}

/* A file must not get the number of a closed standard stream: what is said would be written into
 * it. What goes to stdout is wanted, so writing to one that was closed stays an error. */
static void open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

int main(int argc, char **argv)
{
    open_standard_streams();
    vq_arena_begin();
    static char *version[] = {"version"}, *help[] = {"help"};
    vq_err e = {VQ_OK, ""};
    catch_signals();
    (void)atexit(on_exit_of_library);
    if (argc < 2) return session(&vq_command_help, argc, argv);
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) argv[1] = version[0];
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) argv[1] = help[0];
    if (argv[1][0] == '-')
        return usage_error(argc, argv,
                           "the command comes first, then its options; `vq help` "
                           "lists the commands");
    const vq_command *c = vq_command_find(argv[1], &e);
    return c ? session(c, argc, argv) : usage_error(argc, argv, e.text);
}
