/* nudge_row.c -- one step of learned rounding on a row: trained weights move against the sign of
 * their gradient by a part of a grid step. */
#include "kernels/simd/grid_lanes.h"

typedef struct row {
    const vq_num *num;
    float *x;
    const float *y, *g;
    size_t n, block;
    const float *scale;
    float rate;
    float *slope;
} row;

/* Width of the gap of the table that t is in; beyond the ends, of the one beside. */
static inline vf table_spacing(const grid_lanes *l, vf t)
{
    const vi code = encode_table_lanes(l, t), last = vi_all(l->mask);
    const vf y = vf_lookup(l->table, code);
    vi next = code + vi_pick(t > y, vi_all(1), vi_all(-1));
    next = vi_pick(next < 0, vi_all(1), vi_pick(next > last, last - 1, next));
    const vf gap = vf_lookup(l->table, next) - y;
    return vf_max(gap, -gap);
}

/* Distance to the next grid value at |t|, seen from below; the top step beyond the largest value.
 */
static inline vf spacing(const grid_lanes *l, vf t)
{
    if (l->grid->kind == VQ_GRID_INT) return vf_all(l->down);
    if (l->grid->kind == VQ_GRID_TABLE) return table_spacing(l, t);
    const vi field = vf_magnitude(t) >> 23, low = vi_all(l->low), top = vi_all(l->top >> 23);
    vi e = vi_pick(field > low, field, low);
    e = vi_pick(e < top, e, top);
    return (vf)((e - l->mbits) << 23);
}

/* Sixteen elements of one group. */
static inline void nudge_step(const grid_lanes *l, const row *r, float scale, float *x,
                              const float *y, const float *g, vf slope[VQ_ACC])
{
    const vf zero = {0}, s = vf_all(scale);
    for (size_t a = 0; a < VQ_ACC; a++) {
        const vf at = vf_load(x + a * VQ_L), to = vf_load(y + a * VQ_L), d = vf_load(g + a * VQ_L),
                 off = to - at;
        const vf step = spacing(l, at / s) * vf_max(s, -s), move = step * r->rate;
        const vi clipped = (vi)vf_max(off, -off) >
                           (vi)(step * 0.50001F); /* both are positive: their bits are in order */
        slope[a] += d * vf_pick(clipped, to, off);
        vf_store(x + a * VQ_L, at - vf_pick(d > zero, move, vf_pick(d < zero, -move, zero)));
    }
}

static inline float nudge_group(const grid_lanes *l, const row *r, size_t from, size_t n,
                                float scale)
{
    vf slope[VQ_ACC];
    memset(slope, 0, sizeof slope);
    size_t i = 0;
    for (; i + VQ_PARTS <= n; i += VQ_PARTS)
        nudge_step(l, r, scale, r->x + from + i, r->y + from + i, r->g + from + i, slope);
    if (i < n) {
        float x[VQ_PARTS], y[VQ_PARTS], g[VQ_PARTS];
        vq_pad(x, r->x + from + i, n - i, 0.0F);
        vq_pad(y, r->y + from + i, n - i, 0.0F);
        vq_pad(g, r->g + from + i, n - i, 0.0F);
        nudge_step(l, r, scale, x, y, g, slope);
        memcpy(r->x + from + i, x, (n - i) * sizeof *x);
    }
    return vf_total(slope);
}

void VQ_FN(nudge_row)(const vq_num *num, float *x, const float *y, const float *g, size_t n,
                      size_t block, const float *scale, float rate, float *slope)
{
    const row r = {num, x, y, g, n, block, scale, rate, slope};
    const grid_lanes l = grid_lanes_of(&num->grid);
    for (size_t i = 0, k = 0; i < n; i += block, k++)
        slope[k] = nudge_group(&l, &r, i, n - i < block ? n - i : block, scale[k]);
}
