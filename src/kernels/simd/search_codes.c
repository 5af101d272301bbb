/* search_codes.c -- the best of the coded scales that a group may have: outwards from the plain
 * one, without those that must lose. */
#include <math.h>

#include "kernels/simd/round_lanes.h"

static const int8_t offsets[] = {-1, 1, -2, 2, -3, 3, -4, -5, -6};

/* Rounding of the sums behind an error, many times over: what loses more than this is worse for
 * sure. */
static const float doubt = 1.0001F;

typedef struct group {
    const vq_num *num;
    const grid_lanes *lanes; /* NULL: by the scalar definition */
    const vq_code_search *s;
    run r;
    float top, d_top,
        qmax; /* largest |x|, the least weight that one so large has, largest |value| of the grid */
    float sign, least; /* of the scales; smallest error so far */
    int best;          /* its code, negative: of a negative scale */
} group;

/* Up to 16 elements from i on, the missing ones `fill`. */
static inline const float *step_at(const float *x, size_t i, size_t n, float fill,
                                   float tail[VQ_PARTS])
{
    if (n - i >= VQ_PARTS) return x + i;
    vq_pad(tail, x + i, n - i, fill);
    return tail;
}

static inline float largest(const run *r)
{
    float tail[VQ_PARTS];
    vf part[VQ_ACC] = {0};
    for (size_t i = 0; i < r->n; i += VQ_PARTS) {
        const float *x = step_at(r->x, i, r->n, 0.0F, tail);
        for (size_t a = 0; a < VQ_ACC; a++)
            part[a] = vf_max((vf)vf_magnitude(vf_load(x + a * VQ_L)), part[a]);
    }
    return vf_highest(part);
}

static inline float weight_of(const run *r, float top)
{
    float xs[VQ_PARTS], ds[VQ_PARTS];
    vf part[VQ_ACC];
    for (size_t a = 0; a < VQ_ACC; a++) part[a] = vf_all(INFINITY);
    for (size_t i = 0; i < r->n; i += VQ_PARTS) {
        const float *x = step_at(r->x, i, r->n, 0.0F, xs),
                    *d = step_at(r->d, i, r->n, INFINITY, ds);
        for (size_t a = 0; a < VQ_ACC; a++) {
            const vi is_top = (vf)vf_magnitude(vf_load(x + a * VQ_L)) == vf_all(top);
            part[a] = vf_min(vf_pick(is_top, vf_load(d + a * VQ_L), vf_all(INFINITY)), part[a]);
        }
    }
    return vf_lowest(part);
}

static inline float error_of(group *g, vq_grid_kind kind, float scale)
{
    g->r.scale = scale;
    return g->lanes ? run_error(g->lanes, kind, &g->r) : run_error_scalar(g->num, &g->r);
}

/* The largest element alone loses that much by the end of the grid. */
static inline bool cuts_too_much(const group *g, float scale)
{
    const float lost = g->top - g->qmax * scale;
    return lost > 0 && g->d_top * (lost * lost) > g->least * doubt;
}

static inline void try_code(group *g, vq_grid_kind kind, int code)
{
    const float scale = g->s->codes->effective[code];
    if (cuts_too_much(g, scale)) return;
    const float error = error_of(g, kind, g->sign * scale);
    if (!(error < g->least)) return;
    g->least = error;
    g->best = g->sign < 0 ? -code : code;
}

static inline void try_around(group *g, vq_grid_kind kind, int plain)
{
    const int lo = g->s->codes->first[plain], hi = g->s->codes->last[plain];
    for (size_t i = 0; i < sizeof offsets; i++) {
        const int code = plain + offsets[i];
        if (code >= lo && code <= hi) try_code(g, kind, code);
    }
}

static inline int search_group(group *g, vq_grid_kind kind, int plain)
{
    g->least = error_of(g, kind, g->s->codes->effective[plain]);
    g->best = plain;
    if (plain == 0) return 0;
    g->top = largest(&g->r);
    g->d_top = g->r.d ? weight_of(&g->r, g->top) : 1.0F;
    if (g->sign < 0) try_code(g, kind, plain);
    try_around(g, kind, plain);
    if (g->s->both) {
        g->sign = -g->sign;
        if (g->sign < 0) try_code(g, kind, plain);
        try_around(g, kind, plain);
    }
    return g->best;
}

void VQ_FN(search_codes)(const vq_num *num, const vq_code_search *s, int16_t *best)
{
    const grid_lanes lanes = grid_lanes_of_num(num);
    group g = {.num = num,
               .lanes = encode_is_vectorised(num) ? &lanes : NULL,
               .s = s,
               .qmax = s->codes->qmax};
    for (size_t i = 0, k = 0; i < s->n; i += s->block, k++) {
        g.r = (run){s->x + i, s->d ? s->d + i : NULL, s->n - i < s->block ? s->n - i : s->block, 0,
                    0};
        g.sign = s->negative && s->negative[k] ? -1.0F : 1.0F;
        if (num->grid.kind == VQ_GRID_INT)
            best[k] = (int16_t)search_group(&g, VQ_GRID_INT, s->plain[k]);
        else if (num->grid.kind == VQ_GRID_TABLE)
            best[k] = (int16_t)search_group(&g, VQ_GRID_TABLE, s->plain[k]);
        else
            best[k] = (int16_t)search_group(&g, VQ_GRID_FLOAT, s->plain[k]);
    }
}
