/* scheme_words.c -- a scheme for people, piece by piece. */
#include "run/explain/scheme_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MATRIX = 4096 }; /* bits per weight are those of a matrix of this many rows and columns */

static void add(char *buf, size_t len, const char *fmt, ...) VQ_PRINTF(3, 4);
static void add(char *buf, size_t len, const char *fmt, ...)
{
    const size_t used = strlen(buf);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(buf + used, len - used, fmt, args);
    va_end(args);
}

static void add_grid(char *buf, size_t len, const vq_grid *g)
{
    static const char *const kinds[] = {"integers", "floats", "values of a table"};
    char name[32];
    add(buf, len, "%d-bit %s (%s)", g->bits,
        g->bfp ? "mantissas that share an exponent" : kinds[g->kind], vq_grid_name(g, name));
}

static void add_scale(char *buf, size_t len, const vq_num *n)
{
    static const char *const types[] = {"f32", "f16", "bf16", "e4m3", "ue5m3", "power-of-two"};
    const vq_group_shape *g = &n->group;
    add(buf, len, ", one %s scale for ", types[n->scale]);
    if (g->kind == VQ_PER_TENSOR) add(buf, len, "all");
    if (g->kind == VQ_PER_CHANNEL) add(buf, len, "each row");
    if (g->kind == VQ_PER_TOKEN) add(buf, len, "each token");
    if (g->kind == VQ_PER_BLOCK && g->rows <= 1) add(buf, len, "each block of %d", g->cols);
    if (g->kind == VQ_PER_BLOCK && g->rows > 1)
        add(buf, len, "each block of %d x %d", g->rows, g->cols);
    if (n->zero == VQ_ZERO_INT) add(buf, len, " with a zero point");
}

static void add_inputs(char *buf, size_t len, const vq_num *n, bool stored)
{
    static const char once[] = "made once from what calibration saw",
                      anew[] = "made anew for each input";
    add_grid(buf, len, &n->grid);
    add_scale(buf, len, n);
    if (n->when == VQ_STATIC)
        add(buf, len, "%s, %s", n->global_scale ? " and an f32 scale over them" : "", once);
    else if (n->global_scale && stored)
        add(buf, len, ", %s, and an f32 scale over them, %s and stored", anew, once);
    else
        add(buf, len, "%s, %s", n->global_scale ? " and an f32 scale for each token over them" : "",
            anew);
}

const char *vq_scheme_words(const vq_scheme *s, const vq_target *t, char *buf, size_t len)
{
    buf[0] = 0;
    add(buf, len, "weights: ");
    add_grid(buf, len, &s->weight.grid);
    add_scale(buf, len, &s->weight);
    if (s->weight.global_scale) add(buf, len, " and an f32 scale over them");
    add(buf, len, ", %.4g bits in all; inputs: ", vq_num_bits(&s->weight, MATRIX, MATRIX));
    if (s->has_act)
        add_inputs(buf, len, &s->act, t->act_global_scale);
    else
        add(buf, len, "as they are");
    return buf;
}
