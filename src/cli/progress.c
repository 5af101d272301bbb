/* progress.c -- bars, plain lines and JSON lines on stderr. */
#include "cli/progress.h"

#include "base/reporter.h"
#include "report/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1
#define PLAIN_LINES 64 /* a phase of more steps prints about this many lines */

static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return !isatty(STDERR_FILENO) || !term || strcmp(term, "dumb") == 0;
}

static vq_progress_mode mode_of(const vq_args *a)
{
    static const struct {
        const char *name;
        vq_progress_mode mode;
    } modes[] = {{"tty", VQ_PROGRESS_TTY},
                 {"plain", VQ_PROGRESS_PLAIN},
                 {"json", VQ_PROGRESS_JSON},
                 {"none", VQ_PROGRESS_NONE}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(a->progress, modes[i].name) == 0) return modes[i].mode;
    if (a->quiet) return VQ_PROGRESS_NONE;
    return is_dumb() ? VQ_PROGRESS_PLAIN : VQ_PROGRESS_TTY;
}

void vq_progress_init(vq_progress *p, const vq_args *a)
{
    const char *no_color = getenv("NO_COLOR");
    *p = (vq_progress){.mode = mode_of(a),
                       .last = vq_seconds(),
                       .level = a->quiet ? -1 : (int)(a->verbose > 2 ? 2 : a->verbose)};
    p->color = !is_dumb() && !(no_color && *no_color);
}

/* 12.3k, 4.56G: three figures and a decimal unit. */
static const char *short_count(double v, char *buf, size_t len)
{
    static const char units[] = " kMGTP";
    size_t u = 0;
    while (v >= 999.5 && u + 2 < sizeof units) {
        v /= 1000;
        u++;
    }
    snprintf(buf, len,
             v < 10 && v != (double)(int)v ? "%.2f%.*s"
             : v < 100 && u                ? "%.1f%.*s"
                                           : "%.0f%.*s",
             v, u ? 1 : 0, &units[u]);
    return buf;
}

static const char *clock_text(double seconds, char *buf, size_t len)
{
    const long s = seconds < 0 ? 0 : seconds > 3.6e6 ? 3600000 : (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(buf, len, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, len, "%ld:%02ld", s / 60, s % 60);
    return buf;
}

/* "12/30  1.3/s  0:14 left", or with the time taken once the phase is done. */
static const char *figures(const vq_progress *p, double now, char *buf, size_t len)
{
    char done[16], total[16], rate[16], left[32];
    const double took = now - p->began, speed = took > 0 ? (double)p->done / took : 0;
    const bool ended = p->done >= p->total;
    const double wait = ended ? took : speed > 0 ? (double)(p->total - p->done) / speed : 0;
    snprintf(buf, len, "%s/%s  %s/s  %s %s", short_count((double)p->done, done, sizeof done),
             short_count((double)p->total, total, sizeof total),
             short_count(speed, rate, sizeof rate), clock_text(wait, left, sizeof left),
             ended ? "taken" : "left");
    return buf;
}

static int bar_columns(void)
{
    struct winsize w = {0};
    const int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
    return columns < 64 ? 0 : columns > 110 ? 46 : columns - 64;
}

static void draw_bar(vq_progress *p, double now)
{
    char text[96], cells[64];
    const int width = bar_columns();
    const double share = p->total > 0 ? (double)p->done / (double)p->total : 1;
    const int full = (int)(share * width);
    for (int i = 0; i < width; i++) cells[i] = i < full ? '=' : i == full ? '>' : ' ';
    cells[width] = 0;
    fprintf(stderr, "\r\033[K%-14s %s[%s]%s %3d%%  %s", p->phase, p->color ? "\033[32m" : "", cells,
            p->color ? "\033[0m" : "", (int)(100 * share), figures(p, now, text, sizeof text));
    p->bar = true;
    p->drawn = now;
    if (p->done >= p->total) vq_progress_end(p);
    fflush(stderr);
}

/* One line per block; long phases about PLAIN_LINES in all. */
static bool due(const vq_progress *p)
{
    const int64_t every = p->total > 2 * PLAIN_LINES ? p->total / PLAIN_LINES : 1;
    return p->done > p->view && (p->done >= p->total || p->done - p->view >= every);
}

static void print_plain(vq_progress *p, double now)
{
    char text[96];
    if (!due(p)) return;
    p->view = p->done;
    fprintf(stderr, "%s %s\n", p->phase, figures(p, now, text, sizeof text));
}

/* Takes the text over. */
static void print_json(char *text)
{
    if (text) fprintf(stderr, "%s\n", text);
    free(text);
}

static void print_event(vq_progress *p, double now)
{
    if (!due(p)) return;
    p->view = p->done;
    print_json(vq_event_progress(p->phase, p->done, p->total, now - p->began));
}

static void begin_phase(vq_progress *p, const char *phase, int64_t done, double now)
{
    vq_progress_end(p);
    snprintf(p->phase, sizeof p->phase, "%s", phase);
    p->began = done > 0 ? p->last : now;
    p->drawn = now - 1;
    p->view = 0;
}

void vq_progress_step(void *ctx, const char *phase, int64_t done, int64_t total)
{
    vq_progress *p = ctx;
    const double now = vq_seconds();
    if (strncmp(p->phase, phase, sizeof p->phase - 1) != 0 || done < p->done)
        begin_phase(p, phase, done, now);
    const bool again =
        done == p->done && done >= p->total && total == p->total && !p->bar && p->view == done;
    p->done = done;
    p->total = total;
    p->last = now;
    if (again) return;
    if (p->mode == VQ_PROGRESS_PLAIN) print_plain(p, now);
    if (p->mode == VQ_PROGRESS_JSON) print_event(p, now);
    if (p->mode == VQ_PROGRESS_TTY && (now - p->drawn > REDRAW_SECONDS || done >= total)) {
        p->view = done;
        draw_bar(p, now);
    }
}

void vq_progress_end(vq_progress *p)
{
    if (p->bar) fputc('\n', stderr);
    p->bar = false;
}

/* A line of text takes the place of the bar; the next step draws the bar again below it. */
static void clear_bar(vq_progress *p)
{
    if (p->bar) fputs("\r\033[K", stderr);
    p->bar = false;
    p->drawn = 0;
}

void vq_progress_line(vq_progress *p, int level, const char *text)
{
    if (level > p->level) return;
    clear_bar(p);
    if (p->mode == VQ_PROGRESS_JSON)
        print_json(vq_event_text("line", text));
    else
        fprintf(stderr, "%s\n", text);
}

void vq_progress_warning(vq_progress *p, const char *code, const char *where, const char *text)
{
    clear_bar(p);
    if (p->mode == VQ_PROGRESS_JSON) {
        print_json(vq_event_warning(code, where, text));
        return;
    }
    fprintf(stderr, "%swarning:%s %s%s%s [%s]\n", p->color ? "\033[33m" : "",
            p->color ? "\033[0m" : "", where, *where ? ": " : "", text, code);
}

void vq_progress_error(vq_progress *p, const char *text)
{
    vq_progress_end(p);
    if (p->mode == VQ_PROGRESS_JSON)
        print_json(vq_event_text("error", text));
    else
        fprintf(stderr, "%svq: error:%s %s\n", p->color ? "\033[31m" : "",
                p->color ? "\033[0m" : "", text);
}
