/* unseen.c -- names of experts without tokens. */
#include "calib/unseen.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 8, NAMES = 1024 };

/* Bytes of the name of the module that holds a linear. */
static size_t parent(const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot ? (size_t)(dot - module) : strlen(module);
}

/* An expert has two groups of linears, one behind the other. */
static bool same_parent(const char *a, const char *b)
{
    const size_t n = parent(a);
    return n == parent(b) && memcmp(a, b, n) == 0;
}

int vq_unseen_warn(const vq_reporter *w, int layer, const vq_stats *stats, int nstats)
{
    char names[NAMES] = "", where[32];
    size_t at = 0;
    int count = 0;
    const vq_stats *last = NULL;
    for (int i = 0; i < nstats; i++) {
        const vq_stats *s = &stats[i];
        if (!s->gathered || s->tokens > 0 || (last && same_parent(last->name, s->name))) continue;
        last = s;
        if (count++ >= SHOWN || at + parent(s->name) + 3 > sizeof names) continue;
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%.*s", at ? ", " : "",
                               (int)parent(s->name), s->name);
    }
    (void)snprintf(where, sizeof where, "layer %d", layer);
    if (count)
        vq_warn(w, "unseen-experts", where,
                "%d expert%s saw no token and will be rounded to nearest (%s%s); give more samples",
                count, count > 1 ? "s" : "", names, count > SHOWN ? ", ..." : "");
    return count;
}
