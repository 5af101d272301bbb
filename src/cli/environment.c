/* environment.c -- the names of the environment against those that the option table reads. */
#include "cli/environment.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/option.h"
#include "cli/opts.h"

/* Those of the option table, once each, and those that the tests of vq read. */
static int known_names(const char *known[64])
{
    int n = 0;
    for (const vq_flag *f = vq_flags; f->name && n < 60; f++)
        if (f->env) known[n++] = f->env;
    known[n++] = "VQ_SHARED";
    known[n++] = "VQ_GOLDEN";
    return n;
}

static void check(const vq_reporter *w, const char *name, const char *const *known, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(known[i], name) == 0) return;
    const char *near = vq_nearest(name, known, n);
    if (near)
        vq_warn(w, "environment-unknown", name,
                "vq reads no variable of this name; did you mean %s?", near);
    else
        vq_warn(w, "environment-unknown", name,
                "vq reads no variable of this name; `vq help --man` lists those that it reads");
}

void vq_environment_check(const vq_reporter *w)
{
    const char *known[64];
    const int n = known_names(known);
    for (char **v = environ; v && *v; v++) {
        char name[64];
        if (strncmp(*v, "VQ_", 3) != 0) continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(*v, "="), *v);
        check(w, name, known, n);
    }
}
