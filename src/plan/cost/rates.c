/* rates.c -- small made-up work, timed by the processor's clock of this thread. */
#include "plan/cost/rates.h"

#include <math.h>
#include <omp.h>
#include <time.h>

#include "base/file.h"
#include "base/rng.h"
#include "calib/calibrate.h"
#include "kernels/bf16_product.h"
#include "plan/cost/budget.h"
#include "quant/round/tiled_cholesky.h"

/* Sizes of the trials: large enough that a kernel is as fast as in a real run, small enough that
 * one trial takes a few milliseconds. Every trial runs TIMES times. */
enum {
    TOKENS = 512,
    WIDTH_MOST = 768,
    ROUND_ROWS = 256,
    ROUND_COLS = 512,
    FACTOR_SIDE = 1024,
    TIMES = 3
};

typedef struct trials {
    const vq_plan *plan; /* NULL: only a model that runs forwards */
    const vq_job *job;
    const vq_kernels *kernels;
    vq_kernels
        sweep; /* the same as a sweep sets them: products of bf16 where the model is stored so */
    vq_arena *arena;
    vq_tiles tiles;   /* of the plan's size */
    int64_t width;    /* of the model, at most WIDTH_MOST */
    float *x, *y, *z; /* [TOKENS][width], [width][width], larger of both */
    uint16_t *half;   /* [width][width] */
} trials;

/* Runs the work once and returns how much it was, in the unit of its rate. */
typedef double (*trial)(const trials *t);

static double thread_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Units of work per second, the best of TIMES runs: the first one warms up the caches. */
static double rate_of(const trials *t, trial f)
{
    double best = 0;
    for (int i = 0; i < TIMES; i++) {
        const double start = thread_seconds(), work = f(t), seconds = thread_seconds() - start;
        if (seconds > 0 && work / seconds > best) best = work / seconds;
    }
    return best > 0 ? best : 1e9;
}

static double try_product(const trials *t)
{
    const int64_t w = t->width;
    vq_gemm_nt(&t->sweep, TOKENS, w, w, t->x, w, t->y, w, t->z, w);
    return (double)(TOKENS * w * w);
}

static double try_plain(const trials *t)
{
    const int64_t w = t->width;
    vq_gemm_nt(t->kernels, TOKENS, w, w, t->x, w, t->y, w, t->z, w);
    return (double)(TOKENS * w * w);
}

static double try_outer(const trials *t)
{
    const int64_t w = t->width;
    vq_gemm_tn_add_lower(&t->sweep, TOKENS, w, t->x, w, t->z, w);
    return (double)(TOKENS * w) * (double)(w + 1) / 2;
}

/* Feedback into one tile of the gptq walk: 128 columns and 256 rows of errors. */
static double try_tile(const trials *t)
{
    enum { COLS = 128, ROWS = 256 };
    const int64_t depth = t->width * TOKENS / ROWS;
    vq_gemm_tile_tn_add(t->kernels, depth, COLS, ROWS, t->x, COLS, t->x, ROWS, t->z, ROWS);
    return (double)depth * COLS * ROWS;
}

static double try_values(const trials *t)
{
    for (int64_t r = 0; r < TOKENS; r++) {
        float *row = t->z + r * t->width;
        t->kernels->rms_norm(t->x + r * t->width, t->y, 1e-5F, (size_t)t->width, row);
        t->kernels->silu_mul(row, t->x + r * t->width, (size_t)t->width, row);
        t->kernels->softmax(row, (size_t)t->width, (size_t)t->width, 1);
    }
    return 3.0 * (double)(TOKENS * t->width);
}

static double try_decoding(const trials *t)
{
    t->kernels->bf16_to_f32(t->half, t->z, (size_t)(t->width * t->width));
    return (double)(t->width * t->width);
}

static double try_hash(const trials *t)
{
    char sha[VQ_SHA256_TEXT];
    const size_t bytes = (size_t)(t->width * t->width) * sizeof *t->half;
    vq_sha256_of(t->half, bytes, sha);
    return (double)bytes;
}

static void fill(float *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) x[i] = (float)(vq_rng_unit(seed, (uint64_t)i) - 0.5);
}

static vq_status open_trials(trials *t, vq_err *e)
{
    const int64_t w = t->width, most = w > TOKENS ? w : TOKENS;
    t->x = VQ_ALLOC(t->arena, float, TOKENS *w, "trial", e);
    t->y = VQ_ALLOC(t->arena, float, w *w, "trial", e);
    t->z = VQ_NEW(t->arena, float, most *most, "trial", e);
    t->half = VQ_NEW(t->arena, uint16_t, w * w, "trial", e);
    if (!t->x || !t->y || !t->z || !t->half) return VQ_E_LIMIT;
    fill(t->x, TOKENS * w, 1);
    fill(t->y, w * w, 2);
    return VQ_OK;
}

/* The tile size of a factor depends on its width: measure with that of the widest input of a
 * quantized weight. */
static int64_t widest(const vq_plan *p)
{
    int64_t k = 1;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized && p->weights[i].tensor->shape[1] > k)
            k = p->weights[i].tensor->shape[1];
    return k;
}

static double try_factor(const trials *t)
{
    for (int64_t i = 0; i < t->tiles.n; i++)
        for (int64_t j = 0; j <= i; j++)
            vq_tiles_row(&t->tiles, i)[j] = i == j ? 2 : 0.5 / (double)(i - j + 1);
    const double start = thread_seconds();
    (void)vq_tiles_cholesky(&t->tiles, 0, t->kernels->strict);
    return thread_seconds() - start;
}

static vq_status measure_factors(vq_rates *r, trials *t, vq_err *e)
{
    t->tiles = vq_tiles_shape(widest(t->plan));
    t->tiles.n = FACTOR_SIDE;
    t->tiles.count = FACTOR_SIDE / t->tiles.size;
    t->tiles.data = VQ_ALLOC(t->arena, double, vq_tiles_doubles(&t->tiles), "trial", e);
    if (!t->tiles.data) return VQ_E_LIMIT;
    double best = INFINITY;
    for (int i = 0; i < TIMES; i++) best = fmin(best, try_factor(t));
    r->factors = vq_tiles_macs(&t->tiles) / fmax(best, 1e-9);
    return VQ_OK;
}

/* Curvature [n][n] of channels that are independent but for a small share of their neighbours. */
static float *made_curvature(int64_t n, vq_arena *a, vq_err *e)
{
    float *h = VQ_NEW(a, float, n *n, "trial", e);
    for (int64_t i = 0; h && i < n; i++) {
        h[i * n + i] = 1.0F + (float)(i % 7);
        if (i) h[i * n + i - 1] = h[(i - 1) * n + i] = 0.5F;
    }
    return h;
}

/* The first quantized weight stands for all: its scheme on a matrix of its own shape, cut to some
 * rows and columns. */
static const vq_plan_weight *model_weight(const vq_plan *p)
{
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized) return &p->weights[i];
    return NULL;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static vq_status round_made_up(const trials *t, const vq_plan_weight *w, vq_qtensor *q,
                               double *seconds, vq_err *e)
{
    const vq_rounder *rounder = t->plan->rounder;
    const int64_t n = q->rows, k = q->cols;
    float *x = VQ_ALLOC(t->arena, float, n *k, "trial", e),
          *ones = VQ_ALLOC(t->arena, float, k, "trial", e);
    float *in = made_curvature(k, t->arena, e), *out = made_curvature(n, t->arena, e);
    if (!x || !ones || !in || !out) return VQ_E_LIMIT;
    fill(x, n * k, 3);
    for (int64_t i = 0; i < k; i++) ones[i] = 1;
    const vq_stats stats = {.name = "trial",
                            .k = k,
                            .tokens = k,
                            .samples = 1,
                            .min = ones,
                            .max = ones,
                            .absmax = ones,
                            .hessian = in};
    const vq_curvature curvature = {.name = "trial", .n = n, .input = in, .output = out};
    vq_round_job job = {
        .kernels = t->kernels,
        .options = t->plan->round_options,
        .stats = &stats,
        .curvature = &curvature,
        .global_scale = vq_global_scale_from_amax(&w->scheme.weight, 0.5F, VQ_F32),
        .negative_scales = t->plan->target->negative_scales,
        .arith = VQ_F32,
        .scratch = t->arena,
    };
    *seconds = INFINITY;
    for (int i = 0; i < TIMES; i++) {
        const vq_arena_mark mark = vq_arena_here(t->arena);
        const double start = thread_seconds();
        VQ_TRY(rounder->run(&job, x, q, e));
        *seconds = fmin(*seconds, thread_seconds() - start);
        vq_arena_rewind(t->arena, mark);
    }
    return VQ_OK;
}

/* What the plan's rounder takes besides its products and factors, whose rates are known by now: the
 * rest of the measured time. The rates come from other trials, so the rest can be too small; at
 * least a tenth of the time counts. */
static vq_status measure_rounding(vq_rates *r, const trials *t, vq_err *e)
{
    const vq_plan_weight *w = model_weight(t->plan);
    const vq_rounder *rounder = t->plan->rounder;
    const int64_t group =
        w->scheme.weight.group.kind == VQ_PER_BLOCK ? w->scheme.weight.group.cols : 1;
    const int64_t n = least(w->tensor->shape[0], ROUND_ROWS),
                  k = least(w->tensor->shape[1], (ROUND_COLS + group - 1) / group * group);
    double seconds;
    vq_qtensor q;
    VQ_TRY(vq_qtensor_new(&q, &w->scheme.weight, n, k, t->arena, e));
    VQ_TRY(round_made_up(t, w, &q, &seconds, e));
    const vq_round_work work = rounder->work
                                   ? rounder->work(t->plan->round_options, &w->scheme.weight, n, k)
                                   : (vq_round_work){0};
    const double rest =
        seconds - work.products / r->tiles - (work.factors + work.shared) / r->factors;
    r->rounded = (double)(n * k) / (rest > 0.1 * seconds ? rest : 0.1 * seconds);
    return VQ_OK;
}

static void measure_forward(vq_rates *r, const trials *t)
{
    r->plain = rate_of(t, try_plain);
    r->tiles = rate_of(t, try_tile);
    r->values = rate_of(t, try_values);
    r->decoded = rate_of(t, try_decoding);
}

/* All that the work of a plan is made of. */
static vq_status measure_plan(vq_rates *r, trials *t, vq_err *e)
{
    const vq_plan *p = t->plan;
    if (p->model->arch && vq_calibration_options(p, t->job, p->needs, NULL).bf16)
        VQ_TRY(vq_bf16_take(&t->sweep, t->arena, e));
    r->products = rate_of(t, try_product);
    r->outer = rate_of(t, try_outer);
    r->hashed = rate_of(t, try_hash);
    if (p->rounder->work) VQ_TRY(measure_factors(r, t, e));
    return measure_rounding(r, t, e);
}

/* No budget: a limit that is too small for a plan is an answer, not an error. */
static vq_status measure(vq_rates *r, const vq_plan *p, int64_t width, const vq_job *job, vq_err *e)
{
    vq_arena arena;
    vq_arena_init(&arena, NULL);
    trials t = {.plan = p,
                .job = job,
                .kernels = &job->kernels,
                .sweep = job->kernels,
                .arena = &arena,
                .width = least(width, WIDTH_MOST)};
    const int threads = omp_get_max_threads();
    *r = (vq_rates){1, 1, 1, 1, 1, 1, 1, 1, 1};
    omp_set_num_threads(1);
    vq_status s = vq_kernels_room(1, e);
    if (s == VQ_OK) s = open_trials(&t, e);
    if (s == VQ_OK) measure_forward(r, &t);
    if (s == VQ_OK && p) s = measure_plan(r, &t, e);
    omp_set_num_threads(threads);
    vq_arena_done(&arena);
    return s;
}

vq_status vq_rates_measure(vq_rates *r, const vq_plan *p, const vq_job *job, vq_err *e)
{
    return measure(r, p, p->model->arch ? vq_record_most(&p->model->graph, 1, 1) : WIDTH_MOST, job,
                   e);
}

vq_status vq_rates_forward(vq_rates *r, int64_t width, const vq_job *job, vq_err *e)
{
    return measure(r, NULL, width, job, e);
}
