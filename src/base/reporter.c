/* reporter.c -- lines, warnings and progress of a long job, formatted once. */
#include "base/reporter.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

void vq_say(const vq_reporter *w, int level, const char *fmt, ...)
{
    if (!w || !w->line) return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    w->line(w->ctx, level, text);
}

void vq_warn(const vq_reporter *w, const char *code, const char *where, const char *fmt, ...)
{
    if (!w || !w->warning) return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    w->warning(w->ctx, code, where, text);
}

vq_status vq_step(const vq_reporter *w, const char *phase, int64_t done, int64_t total, vq_err *e)
{
    if (vq_maps_broken()) return vq_maps_check(e);
    if (!w) return VQ_OK;
    if (w->stop && *w->stop)
        return vq_fail(e, VQ_E_STOPPED, "stopped while %s (%lld of %lld)", phase, (long long)done,
                       (long long)total);
    if (w->progress) w->progress(w->ctx, phase, done, total);
    return VQ_OK;
}

void vq_expect(const vq_reporter *w, const vq_forecast *f)
{
    if (w && w->forecast) w->forecast(w->ctx, f);
}

double vq_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

const char *vq_forecast_text(double seconds, char buf[32])
{
    const double minutes = seconds / 60;
    if (seconds < 0.05)
        (void)snprintf(buf, 32, "under 0.1 s");
    else if (seconds < 9.5)
        (void)snprintf(buf, 32, "%.1g s", fmax(seconds, 0.1));
    else if (seconds < 57.5)
        (void)snprintf(buf, 32, "%.0f s", 5 * round(seconds / 5));
    else if (minutes < 89.5)
        (void)snprintf(buf, 32, "%.0f min", minutes);
    else
        (void)snprintf(buf, 32, "%.1f h", minutes / 60);
    return buf;
}

const char *vq_forecast_about(double seconds, char buf[40])
{
    char time[32];
    vq_forecast_text(seconds, time);
    (void)snprintf(buf, 40, "%s%s", strncmp(time, "under", 5) == 0 ? "" : "about ", time);
    return buf;
}
