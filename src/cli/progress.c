/* progress.c -- bars, plain lines and JSON lines on stderr. */
#include "cli/progress.h"
#include "cli/wrap.h"

#include "base/reporter.h"
#include "cli/show.h"
#include "report/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS 10
#define JSON_LINES 64 /* a phase of more steps prints about this many events */

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
                       .started = vq_seconds(),
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

/* Expected seconds of the job that are done by now. */
static double work_done(const vq_progress *p)
{
    const vq_forecast *f = &p->forecast;
    const double in_step = f->follows && p->total > 0 ? (double)p->done / (double)p->total : 0;
    return f->before + in_step * f->step;
}

/* Seconds that are left of the job, or of the phase where nobody forecast the job. What was done so
 * far tells how far the forecast is off; at first it counts for little. */
static double seconds_left(const vq_progress *p, double now)
{
    const vq_forecast *f = &p->forecast;
    if (!(f->all > 0)) {
        const double took = now - p->began;
        return p->done > 0 ? took * (double)(p->total - p->done) / (double)p->done : -1;
    }
    const double done = work_done(p), prior = 0.05 * f->all;
    return (f->all - done) * (now - p->job_began + prior) / (done + prior);
}

static double share_done(vq_progress *p)
{
    const vq_forecast *f = &p->forecast;
    const double share = f->all > 0     ? work_done(p) / f->all
                         : p->total > 0 ? (double)p->done / (double)p->total
                                        : 0;
    if (!(f->all > 0)) return share;
    if (share > p->share) p->share = share < 1 ? share : 1;
    return p->share;
}

/* "12/30", nothing of what is not counted. */
static const char *count_text(const vq_progress *p, char *buf, size_t len)
{
    char done[16], total[16];
    buf[0] = 0;
    if (p->total > 1)
        snprintf(buf, len, "%s/%s", short_count((double)p->done, done, sizeof done),
                 short_count((double)p->total, total, sizeof total));
    return buf;
}

static const char *left_text(const vq_progress *p, double now, char *buf, size_t len)
{
    char clock[32];
    const double left = seconds_left(p, now);
    buf[0] = 0;
    if (left >= 0) snprintf(buf, len, "%s left", clock_text(left, clock, sizeof clock));
    return buf;
}

/* The line is 49 columns without the bar, and the last column stays free. */
static int bar_columns(void)
{
    struct winsize w = {0};
    const int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
    return columns < 60 ? 0 : columns > 100 ? 50 : columns - 50;
}

static void draw_bar(vq_progress *p, double now)
{
    char count[40], left[48], cells[64];
    const int width = bar_columns();
    const double share = share_done(p);
    const int full = (int)(share * width);
    for (int i = 0; i < width; i++) cells[i] = i < full ? '=' : i == full ? '>' : ' ';
    cells[width] = 0;
    if (width)
        fprintf(stderr, "\r\033[K%-14.14s %10s %s[%s]%s %3d%%  %s", p->phase,
                count_text(p, count, sizeof count), p->color ? "\033[32m" : "", cells,
                p->color ? "\033[0m" : "", (int)(100 * share),
                left_text(p, now, left, sizeof left));
    else
        fprintf(stderr, "\r\033[K%.14s %3d%%  %s", p->phase, (int)(100 * share),
                left_text(p, now, left, sizeof left));
    p->bar = true;
    p->drawn = now;
    fflush(stderr);
}

/* The first one at once, then one every PLAIN_SECONDS, whatever the phase. */
static void print_plain(vq_progress *p, double now)
{
    char count[40], left[48];
    const bool instant =
        p->total <= 1 && now - p->started < 1; /* uncounted, and over at once mostly */
    if (instant || (p->drawn > 0 && now - p->drawn < PLAIN_SECONDS)) return;
    p->drawn = now;
    count_text(p, count, sizeof count);
    left_text(p, now, left, sizeof left);
    fprintf(stderr, "%s%s%s  %d%%%s%s\n", p->phase, *count ? " " : "", count,
            (int)(100 * share_done(p)), *left ? "  " : "", left);
}

/* One event per step; phases of many about JSON_LINES in all. */
static bool due(const vq_progress *p)
{
    const int64_t every = p->total > 2 * JSON_LINES ? p->total / JSON_LINES : 1;
    return p->done > p->view && (p->done >= p->total || p->done - p->view >= every);
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
    snprintf(p->phase, sizeof p->phase, "%s", phase);
    p->began = done > 0 ? p->last : now;
    p->view = 0;
}

static void show(vq_progress *p, double now)
{
    if (p->mode == VQ_PROGRESS_PLAIN) print_plain(p, now);
    if (p->mode == VQ_PROGRESS_JSON) print_event(p, now);
    if (p->mode == VQ_PROGRESS_TTY && now - p->drawn > REDRAW_SECONDS) draw_bar(p, now);
}

void vq_progress_step(void *ctx, const char *phase, int64_t done, int64_t total)
{
    vq_progress *p = ctx;
    const double now = vq_seconds();
    if (strncmp(p->phase, phase, sizeof p->phase - 1) != 0 || done < p->done)
        begin_phase(p, phase, done, now);
    p->done = done;
    p->total = total;
    p->last = now;
    show(p, now);
}

/* What the last step counted is no part of the new one. */
void vq_progress_forecast(void *ctx, const vq_forecast *f)
{
    vq_progress *p = ctx;
    if (!(p->forecast.all > 0)) p->job_began = vq_seconds();
    p->forecast = *f;
    p->done = p->total = 0;
    p->phase[0] = 0;
}

/* A line of text takes the place of the bar; the next step draws the bar again below it. What was
 * printed before comes before it, where both streams lead to one place. */
static void clear_bar(vq_progress *p)
{
    (void)fflush(stdout); /* an error stays in the stream, and is told at the end */
    if (!p->bar) return;
    fputs("\r\033[K", stderr);
    p->bar = false;
    p->drawn = 0;
}

void vq_progress_end(vq_progress *p)
{
    clear_bar(p);
    fflush(stderr);
}

void vq_progress_command(vq_progress *p, const char *text)
{
    if (p->level < 0) return;
    clear_bar(p);
    if (p->mode == VQ_PROGRESS_JSON)
        print_json(vq_event_text("line", text));
    else
        fprintf(stderr, "%s\n", text);
}

void vq_progress_line(vq_progress *p, int level, const char *text)
{
    if (level > p->level) return;
    if (p->mode != VQ_PROGRESS_TTY) {
        vq_progress_command(p, text);
        return;
    }
    clear_bar(p);
    vq_wrap(stderr, 0, 2, text);
}

void vq_progress_warning(vq_progress *p, const char *code, const char *where, const char *text)
{
    clear_bar(p);
    if (p->mode == VQ_PROGRESS_JSON) {
        print_json(vq_event_warning(code, where, text));
        return;
    }
    char line[2048];
    (void)snprintf(line, sizeof line, "%s%s%s [%s]", where, *where ? ": " : "", text, code);
    fprintf(stderr, "%swarning:%s ", p->color ? "\033[33m" : "", p->color ? "\033[0m" : "");
    if (p->mode == VQ_PROGRESS_TTY)
        vq_wrap(stderr, (int)strlen("warning: "), 2, line);
    else
        fprintf(stderr, "%s\n", line);
}

void vq_progress_error(vq_progress *p, const char *text)
{
    vq_progress_end(p);
    char *event = p->mode == VQ_PROGRESS_JSON ? vq_event_text("error", text) : NULL;
    if (event)
        print_json(event);
    else if (p->mode == VQ_PROGRESS_JSON) {
        fputs("{\"event\":\"error\",\"text\":", stderr);
        vq_show_quoted(stderr, text);
        fputs("}\n", stderr);
    } else
        fprintf(stderr, "%svq: error:%s %s\n", p->color ? "\033[31m" : "",
                p->color ? "\033[0m" : "", text);
}
