/* stats_map.c -- statistics of an input after a transform, from those before it. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/num/hadamard_matrix.h"
#include "base/parallel.h"
#include "quant/transform.h"

/* Channel i of the transformed input before its rotation: channel from(i) over its scale. */
static int64_t from(const vq_input_map *m, int64_t i)
{
    return m->order ? m->order[i] : i;
}

static double divisor(const vq_input_map *m, int64_t i)
{
    return m->scale ? (double)m->scale[from(m, i)] : 1;
}

/* x [n][n] -> S x S / n for the Hadamard matrix S, which is symmetric. */
static void rotate_tile(double *x, int64_t n)
{
    vq_hadamard_times(x, n, n);
    for (int64_t i = 0; i < n; i++) vq_hadamard_times(x + i * n, n, 1);
    for (int64_t i = 0; i < n * n; i++) x[i] /= (double)n;
}

typedef struct factor {
    const vq_input_map *map;
    const float *in; /* [k][k] symmetric */
    float *out;
    int64_t k, size; /* side of a tile: a block of the rotation */
} factor;

/* Tile (i0, j0) with j0 >= i0, and its mirror image. */
static void map_tile(const factor *f, int64_t i0, int64_t j0, double *x)
{
    const int64_t k = f->k, n = f->size, rows = k - i0 < n ? k - i0 : n,
                  cols = k - j0 < n ? k - j0 : n;
    for (int64_t i = 0; i < rows; i++) {
        const float *line = f->in + from(f->map, i0 + i) * k;
        const double scale = divisor(f->map, i0 + i);
        for (int64_t j = 0; j < cols; j++)
            x[i * n + j] = (double)line[from(f->map, j0 + j)] / (scale * divisor(f->map, j0 + j));
    }
    if (f->map->hadamard) rotate_tile(x, n);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i0 == j0 ? i : 0; j < cols; j++)
            f->out[(i0 + i) * k + j0 + j] = f->out[(j0 + j) * k + i0 + i] = (float)x[i * n + j];
}

/* A symmetric factor of the input: T F T^T. Each tile is computed by one thread in f64. */
static vq_status map_factor(const vq_input_map *map, const float *in, int64_t k, float **out,
                            vq_arena *a, vq_err *e)
{
    enum { PLAIN = 64 };
    factor f = {map, in, NULL, k, map->hadamard ? map->hadamard : PLAIN};
    const int64_t side = (k + f.size - 1) / f.size;
    *out = f.out = VQ_ALLOC(a, float, k *k, "mapped statistics", e);
    if (!f.out) return VQ_E_LIMIT;
    const vq_arena_mark mark = vq_arena_here(a);
    const int64_t tiles = side * (side + 1) / 2;
    const int threads = tiles < omp_get_max_threads() ? (int)tiles : omp_get_max_threads();
    double *rooms = VQ_ALLOC(a, double, threads *f.size *f.size, "tile of statistics", e);
    if (!rooms) return VQ_E_LIMIT;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (k * k > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < side * side; t++)
        if (t % side >= t / side)
            map_tile(&f, t / side * f.size, t % side * f.size,
                     rooms + omp_get_thread_num() * f.size * f.size);
    vq_arena_rewind(a, mark);
    return VQ_OK;
}

static vq_status map_floats(const vq_input_map *m, float **x, int64_t k, vq_arena *a, vq_err *e)
{
    const float *in = *x;
    if (!in) return VQ_OK;
    *x = VQ_ALLOC(a, float, k, "mapped statistics", e);
    if (!*x) return VQ_E_LIMIT;
    for (int64_t i = 0; i < k; i++) (*x)[i] = (float)((double)in[from(m, i)] / divisor(m, i));
    return VQ_OK;
}

static vq_status map_sums(const vq_input_map *m, double **x, int64_t k, vq_arena *a, vq_err *e)
{
    const double *in = *x;
    if (!in) return VQ_OK;
    *x = VQ_ALLOC(a, double, k, "mapped statistics", e);
    if (!*x) return VQ_E_LIMIT;
    for (int64_t i = 0; i < k; i++) (*x)[i] = in[from(m, i)] / divisor(m, i);
    return VQ_OK;
}

/* Drops the statistics that do not carry over. A rotation mixes channels, so no range, mean, tail
 * or histogram survives. A scale keeps ranges, but not what compares channels with each other. */
static void drop_lost(const vq_input_map *map, vq_stats *s, unsigned *lost)
{
    const unsigned compared = VQ_NEED_TAIL | VQ_NEED_HISTOGRAM;
    *lost = s->gathered & (map->hadamard ? VQ_NEED_RANGE | VQ_NEED_MEAN | compared
                           : map->scale  ? compared
                                         : 0);
    s->gathered &= ~*lost;
    if (map->hadamard) {
        s->min = s->max = s->absmax = NULL;
        s->abs_sum = NULL;
    }
    if (!map->hadamard && !map->scale) return;
    s->histogram = NULL;
    s->tail_count = 0;
}

static vq_status map_vectors(const vq_input_map *map, vq_stats *s, vq_arena *a, vq_err *e)
{
    float **const vectors[] = {&s->min, &s->max, &s->absmax};
    for (int i = 0; i < 3; i++) VQ_TRY(map_floats(map, vectors[i], s->k, a, e));
    return map_sums(map, &s->abs_sum, s->k, a, e);
}

vq_status vq_stats_map(const vq_stats *in, const vq_input_map *map, vq_stats *out, unsigned *lost,
                       vq_arena *a, vq_err *e)
{
    *out = *in;
    *lost = 0;
    if (!map->scale && !map->order && !map->hadamard) return VQ_OK;
    if (map->hadamard && (vq_hadamard_core(map->hadamard) == 0 || in->k % map->hadamard))
        return vq_fail(e, VQ_E_BUG, "statistics of %lld channels rotated by %lld", (long long)in->k,
                       (long long)map->hadamard);
    drop_lost(map, out, lost);
    if (map->scale || map->order) VQ_TRY(map_vectors(map, out, a, e));
    if (in->hessian) VQ_TRY(map_factor(map, in->hessian, in->k, &out->hessian, a, e));
    if (in->nlinears) {
        out->linears = VQ_ALLOC(a, vq_curvature, in->nlinears, "statistics", e);
        if (!out->linears) return e->status;
        memcpy(out->linears, in->linears, (size_t)in->nlinears * sizeof *in->linears);
    }
    for (int i = 0; i < in->nlinears; i++)
        if (in->linears[i].input)
            VQ_TRY(map_factor(map, in->linears[i].input, in->k, &out->linears[i].input, a, e));
    return VQ_OK;
}
