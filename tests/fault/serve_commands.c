/* serve_commands.c -- vq for scripts that run it very often: `serve_commands ERRORS SECONDS` reads a
 * command line from each line of its input (words between tabs), runs it in a fork of itself, and
 * answers with its exit code (minus the signal that ended it) and the seconds of processor that it
 * took. The fork has everything loaded, which is most of a short command under a sanitizer. What the
 * command says on stderr lies in the file ERRORS then; SIGALRM ends one that takes SECONDS. Linked
 * with all of vq and --wrap=main. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 64 };

int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);

static void open_as(const char *path, int flags, int fd)
{
    const int file = open(path, flags, 0600);
    if (file < 0 || dup2(file, fd) < 0) _exit(127);
    close(file);
}

static void run(char *line, const char *errors, unsigned seconds)
{
    static char name[] = "vq";
    char *argv[WORDS + 2] = {name}, *rest = NULL;
    int argc = 1;
    for (char *w = strtok_r(line, "\t\n", &rest); w && argc <= WORDS;
         w = strtok_r(NULL, "\t\n", &rest))
        argv[argc++] = w;
    open_as("/dev/null", O_RDONLY, STDIN_FILENO);
    open_as("/dev/null", O_WRONLY, STDOUT_FILENO);
    open_as(errors, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    alarm(seconds);
    exit(__real_main(argc, argv));
}

static double processor(const struct rusage *r)
{
    return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
           1e-6 * (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec);
}

int __wrap_main(int argc, char **argv)
{
    char line[8192];
    if (argc != 3) return 2;
    while (fgets(line, sizeof line, stdin)) {
        int status;
        struct rusage used;
        const pid_t child = fork();
        if (child == 0) run(line, argv[1], (unsigned)atoi(argv[2]));
        if (child < 0 || wait4(child, &status, 0, &used) != child) return 1;
        printf("%d %.6f\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status),
               processor(&used));
        fflush(stdout);
    }
    return 0;
}
