/* round_gptq.c -- rounding with error feedback, under three curvatures: of the layer, of the loss
 * by token, of the loss on both sides. */
#include <string.h>

#include "quant/round/descend.h"
#include "quant/round/gptq_walk.h"
#include "quant/round/tiled_cholesky.h"
#include "quant/search/mse_search.h"

/* Columns of a tile of the walk (gptq_walk.h). */
enum { TILE = 128 };

/* Options as peers name them: llm-compressor 0.14 is curvature input, scales plain
 * (memoryless_minmax) or memoryless, dead zero, damp 0.01, block 128, actorder None = order
 * original, static and weight = order activation. FP-Quant is the same with dead round and scales
 * plain (minmax) or fp-quant (mse), quantization_order default = original. */
typedef struct choice {
    const char *curvature, *order, *scales;
    double damp, shrink, shrink_output;
    int64_t descent;
    bool refit, zero_dead;
} choice;

static choice choice_of(const vq_option_set *o)
{
    return (choice){
        .curvature = vq_option_get(o, "curvature")->s,
        .order = vq_option_get(o, "order")->s,
        .scales = vq_option_get(o, "scales")->s,
        .damp = vq_option_get(o, "damp")->r,
        .shrink = vq_option_get(o, "shrink")->r,
        .shrink_output = vq_option_get(o, "shrink_output")->r,
        .descent = vq_option_get(o, "descent")->i,
        .refit = vq_option_get(o, "refit")->b,
        .zero_dead = vq_option_is(o, "dead", "zero"),
    };
}

static bool two_sided(const choice *c)
{
    return strcmp(c->curvature, "kronecker") == 0;
}

/* Is the curvature that of the input alone? Then all linears that read the input share its factors.
 */
static bool of_input(const choice *c)
{
    return strcmp(c->curvature, "input") == 0;
}

static unsigned needs(const vq_option_set *o)
{
    const choice c = choice_of(o);
    if (of_input(&c)) return VQ_NEED_HESSIAN;
    return two_sided(&c) ? VQ_NEED_FISHER | VQ_NEED_OUTPUT : VQ_NEED_FISHER;
}

/* Can the walk give the groups new scales? Only when each group is a run of columns of one row. */
static bool refits(const choice *c, const vq_num *num)
{
    return c->refit && num->group.kind == VQ_PER_BLOCK && num->group.rows == 1;
}

/* Columns of a tile: whole groups where groups get new scales, and never more than there are
 * columns. */
static int64_t tile_width(const choice *c, const vq_num *num, int64_t k)
{
    const int64_t group = refits(c, num) ? num->group.cols : 1, width = TILE < k ? TILE : k;
    return (width + group - 1) / group * group;
}

static uint64_t scratch_bytes(const vq_option_set *o, const vq_num *num, int64_t n, int64_t k,
                              bool shared)
{
    const choice c = choice_of(o);
    const bool two = two_sided(&c), both = strcmp(c.order, "auto") == 0;
    const int64_t width = tile_width(&c, num, k), height = vq_gptq_height(n, two);
    const uint64_t other = both && shared && of_input(&c)
                               ? vq_factor_kept(k, width)
                               : 0; /* kept from one weight to the next */
    const uint64_t out = two ? vq_factor_kept(n, height) : 0,
                   in = out + other + vq_factor_bytes(k, width);
    const uint64_t first = two && vq_factor_bytes(n, height) > in ? vq_factor_bytes(n, height) : in;
    const uint64_t walk =
        out + other + vq_factor_kept(k, width) + vq_gptq_walk_bytes(num, n, k, width, two);
    int64_t per_row, groups = 0;
    vq_err ignored;
    if (vq_group_count(num, n, k, &per_row, &groups, &ignored) != VQ_OK) groups = 0;
    const uint64_t codes =
        (uint64_t)n * (uint64_t)k + (uint64_t)groups * (sizeof(float) + sizeof(int16_t));
    const uint64_t second = both ? codes : 0; /* codes and scales of both orders */
    const uint64_t descent = c.descent ? out + other + codes + vq_descend_bytes(num, n, k) : 0;
    const uint64_t most = first > walk ? first : walk;
    return second + (uint64_t)k * 4 + (most > descent ? most : descent);
}

static vq_round_work work(const vq_option_set *o, const vq_num *num, int64_t n, int64_t k)
{
    const choice c = choice_of(o);
    const vq_tiles in = vq_tiles_shape(k), out = vq_tiles_shape(n);
    const double walks = strcmp(c.order, "auto") == 0 ? 2 : 1, area = (double)n * (double)k;
    (void)num;
    const double factors = walks * vq_tiles_macs(&in);
    const double passes = (double)c.descent; /* and a product before them, one of outputs after */
    vq_round_work w = {.products = walks * area * (double)k / 2};
    if (passes > 0) w.products += (passes + 1) * area * (double)(k + (two_sided(&c) ? n : 0));
    if (of_input(&c))
        w.shared = factors;
    else
        w.factors = factors;
    if (!two_sided(&c)) return w;
    w.products += walks * area * (double)n / 2;
    w.factors += vq_tiles_macs(&out);
    return w;
}

/* Everything one matrix needs. */
typedef struct rounding {
    vq_round_job *job;
    choice c;
    const float *w, *input, *output; /* output NULL: one-sided */
    const float *d;                  /* weights of the scale search */
    vq_factor out;
    vq_side in; /* what was factored of the input's curvature */
    int worst;  /* most failed factorizations of a factor in use */
    bool none;
} rounding;

static vq_status find_curvature(rounding *r, const vq_qtensor *q, vq_err *e)
{
    const vq_round_job *job = r->job;
    const bool own = of_input(&r->c);
    r->input = own ? (job->stats ? job->stats->hessian : NULL)
                   : (job->curvature ? job->curvature->input : NULL);
    r->output = two_sided(&r->c) && job->curvature ? job->curvature->output : NULL;
    if (!r->input || (two_sided(&r->c) && !r->output))
        return vq_fail(e, VQ_E_BUG, "gptq without the %s statistic", r->c.curvature);
    if (own ? job->stats->k != q->cols : job->curvature->n != q->rows)
        return vq_fail(e, VQ_E_BUG, "a statistic of another size");
    return q->codes16
               ? vq_fail(e, VQ_E_RECIPE, "gptq takes grids of at most 8 bits, not %d; use rtn",
                         q->num.grid.bits)
               : VQ_OK;
}

static vq_status named_scales(const rounding *r, vq_qtensor *q, vq_err *e)
{
    const vq_mse_search *s = vq_mse_named(r->c.scales);
    const vq_arena_mark mark = vq_arena_here(r->job->scratch);
    uint8_t *best = VQ_ALLOC(r->job->scratch, uint8_t, q->groups, "chosen scales", e);
    if (!best) return VQ_E_LIMIT;
    VQ_TRY(vq_mse_choose(r->job, s, r->w, q, best, e));
    VQ_TRY(vq_mse_apply(r->job, s, r->w, q, best, e));
    vq_arena_rewind(r->job->scratch, mark);
    return VQ_OK;
}

/* Scales of all groups from the weights before any feedback; job->signal is the sum of squares. */
static vq_status first_scales(rounding *r, vq_qtensor *q, vq_err *e)
{
    VQ_TRY(vq_quantize_rows(r->job->kernels, q, r->w, r->job->global_scale, r->job->arith,
                            &r->job->signal, &r->job->noise, e));
    r->d = vq_scale_weights(r->input, q->cols, r->job->scratch, e);
    if (!r->d) return VQ_E_LIMIT;
    if (strcmp(r->c.scales, "search") == 0) return vq_scale_search(r->job, r->w, r->d, q, e);
    return strcmp(r->c.scales, "plain") == 0 ? VQ_OK : named_scales(r, q, e);
}

static void count_failures(rounding *r, const vq_factor *f)
{
    if (f->tries > r->worst) r->worst = f->tries;
    r->none = r->none || f->none;
}

static vq_status factor(vq_factor *f, const rounding *r, const float *h, int64_t k, int64_t width,
                        bool sorted, vq_arena *a, vq_err *e)
{
    const vq_factor_spec s = {.k = k,
                              .width = width,
                              .damp = r->c.damp,
                              .shrink = h == r->output ? r->c.shrink_output : r->c.shrink,
                              .sorted = sorted,
                              .strict = r->job->kernels->strict};
    vq_factor made;
    VQ_TRY(vq_factor_new(&made, h, &s, a, e));
    *f = made;
    return VQ_OK;
}

/* Factors that the cache keeps: [0] columns in their own order, [1] by falling curvature; width 0:
 * not made yet. */
typedef struct shared_factors {
    vq_factor in[2];
} shared_factors;

/* The factor of the input for one order: from the cache when an earlier weight of the group made
 * it, else new. */
static vq_status input_factor(rounding *r, bool sorted, const vq_qtensor *q, const vq_factor **in,
                              vq_err *e)
{
    const int64_t k = q->cols, width = tile_width(&r->c, &q->num, k);
    vq_round_cache *cache = of_input(&r->c) ? r->job->cache : NULL;
    vq_arena *a = cache ? &cache->arena : r->job->scratch;
    shared_factors *all = cache ? cache->made : NULL;
    if (!all) all = VQ_NEW(a, shared_factors, 1, "factors", e);
    if (!all) return VQ_E_LIMIT;
    if (cache) cache->made = all;
    *in = &all->in[sorted];
    if (all->in[sorted].width != width)
        VQ_TRY(factor(&all->in[sorted], r, r->input, k, width, sorted, a, e));
    count_failures(r, *in);
    r->in = (vq_side){r->input, k, (*in)->kept, (*in)->added};
    return VQ_OK;
}

/* One walk in one order of the columns. */
static vq_status walk(rounding *r, bool sorted, vq_qtensor *q, vq_gptq_result *result, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(r->job->scratch);
    const vq_factor *in = NULL;
    VQ_TRY(input_factor(r, sorted, q, &in, e));
    const vq_gptq_walk g = {
        .job = r->job,
        .w = r->w,
        .in = in,
        .out = r->output ? &r->out : NULL,
        .zero_dead = r->c.zero_dead,
        .refit = !sorted && refits(&r->c, &q->num),
        .search = strcmp(r->c.scales, "search") == 0,
        .d = r->d,
    };
    VQ_TRY(vq_gptq_run(&g, q, result, e));
    vq_arena_rewind(r->job->scratch, mark);
    return VQ_OK;
}

static vq_status output_factor(rounding *r, int64_t n, vq_err *e)
{
    if (factor(&r->out, r, r->output, n, vq_gptq_height(n, true), true, r->job->scratch, e) !=
        VQ_OK)
        return vq_at(e, "output curvature");
    count_failures(r, &r->out);
    return VQ_OK;
}

static void copy_codes(vq_qtensor *to, const vq_qtensor *from)
{
    memcpy(to->codes, from->codes, (size_t)(from->rows * from->cols));
    memcpy(to->scale, from->scale, (size_t)from->groups * sizeof *from->scale);
    if (from->zero) memcpy(to->zero, from->zero, (size_t)from->groups * sizeof *from->zero);
    to->global_scale = from->global_scale;
    to->global_scale_divides = from->global_scale_divides;
}

/* Rounds in both orders, from the same scales, and keeps the one with the smaller objective. */
static vq_status walk_both(rounding *r, vq_qtensor *q, vq_gptq_result *result, vq_err *e)
{
    vq_qtensor other;
    vq_gptq_result sorted;
    VQ_TRY(vq_qtensor_new(&other, &q->num, q->rows, q->cols, r->job->scratch, e));
    copy_codes(&other, q);
    VQ_TRY(walk(r, false, q, result, e));
    VQ_TRY(walk(r, true, &other, &sorted, e));
    if (!(sorted.objective < result->objective)) return VQ_OK;
    copy_codes(q, &other);
    *result = sorted;
    return VQ_OK;
}

/* What the walk left is made better where it can be. */
static vq_status descend(rounding *r, vq_qtensor *q, vq_gptq_result *result, vq_err *e)
{
    vq_qtensor before;
    vq_gptq_result better;
    const vq_descent d = {.job = r->job,
                          .w = r->w,
                          .in = r->in,
                          .out = {r->output, q->rows, r->out.kept, r->out.added},
                          .times = r->c.descent,
                          .zero_dead = r->c.zero_dead};
    VQ_TRY(vq_qtensor_new(&before, &q->num, q->rows, q->cols, r->job->scratch, e));
    copy_codes(&before, q);
    VQ_TRY(vq_descend(&d, q, &better, e));
    if (better.objective < result->objective)
        *result = better;
    else
        copy_codes(q, &before);
    return VQ_OK;
}

static const char *fallback_of(const rounding *r)
{
    static const char *const steps[] = {NULL, "damping x10", "damping x100", "damping x1000",
                                        "damping x10000"};
    return r->none ? "rtn" : steps[r->worst];
}

static vq_status run(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    rounding r = {.job = job, .c = choice_of(job->options), .w = w};
    vq_gptq_result result;
    VQ_TRY(find_curvature(&r, q, e));
    VQ_TRY(first_scales(&r, q, e));
    if (r.output) VQ_TRY(output_factor(&r, q->rows, e));
    if (strcmp(r.c.order, "auto") == 0)
        VQ_TRY(walk_both(&r, q, &result, e));
    else
        VQ_TRY(walk(&r, strcmp(r.c.order, "activation") == 0, q, &result, e));
    if (r.c.descent && !r.none) VQ_TRY(descend(&r, q, &result, e));
    job->noise = result.noise;
    job->fallback = fallback_of(&r);
    job->drops = r.c.zero_dead;
    return VQ_OK;
}

static const vq_option options[] = {
    {"curvature", VQ_OPT_CHOICE, "input", 0, 0, "input|token|kronecker",
     "what errors are weighed with: input: x x^T of the layer's calibration inputs (GPTQ, arXiv "
     "2210.17323); token (or guidedquant): each token by the squared gradient of the loss (arXiv "
     "2505.07004); kronecker (or yaqa): output channels too, by g g^T (arXiv 2505.22988)"},
    {"order", VQ_OPT_CHOICE, "auto", 0, 0, "original|activation|auto",
     "columns in their own order, by falling curvature (actorder static), or whichever leaves the "
     "smaller error in this matrix"},
    {"damp", VQ_OPT_REAL, "0.01", 0.0001, 1, NULL,
     "share of the mean curvature added to every channel; ten times as much while no factor "
     "exists, then round to nearest"},
    {"shrink", VQ_OPT_REAL, "0", 0, 1, NULL,
     "share of the curvature between input channels that is left out: less is made up for along "
     "correlations that other texts do not have"},
    {"shrink_output", VQ_OPT_REAL, "0", 0, 1, NULL, "the same between output channels"},
    {"scales", VQ_OPT_CHOICE, "search", 0, 0, "plain|search|memoryless|expanded|fp-quant",
     "plain: from the range of each group; search: least error weighed by the curvature over the "
     "scales that can be stored; memoryless, "
     "expanded: llm-compressor 0.14 memoryless_mse and nvfp4_expanded_mse; fp-quant: observer mse "
     "of FP-Quant d2e3092"},
    {"refit", VQ_OPT_BOOL, "false", 0, 0, NULL,
     "scales of a group from its weights as updated when the walk reaches it (plain or search; "
     "columns in their own order; groups in a "
     "row)"},
    {"descent", VQ_OPT_INT, "0", 0, 100, NULL,
     "passes of coordinate descent over codes and scales after the columns have been walked"},
    {"dead", VQ_OPT_CHOICE, "round", 0, 0, "round|zero",
     "columns whose input was always zero: rounded to nearest (FP-Quant), or set to zero "
     "(llm-compressor)"},
    {.name = NULL},
};

const vq_rounder vq_round_gptq = {
    .name = "gptq",
    .most_bits = 8,
    .doc = "column by column, every rounding error made up for by the columns after it; grids of "
           "at most 8 bits",
    .source = "arXiv 2210.17323, 2505.07004, 2505.22988, 2606.07618; llm-compressor 0.14 "
              "gptq_quantize.py; FP-Quant d2e3092 gptq.py",
    .options = options,
    .needs = needs,
    .scratch_bytes = scratch_bytes,
    .work = work,
    .run = run,
};
