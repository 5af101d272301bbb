/* round_learned.c -- learned rounding as a pass: another rounder makes the start, its options pass
 * through; training follows by block. */
#include "quant/round/learn.h"
#include "quant/rounder.h"

static const vq_rounder *init_of(const vq_option_set *o)
{
    return vq_rounder_find(vq_option_get(o, "init")->s);
}

/* The options of the rounder that makes the start: its defaults, and what this pass says under the
 * same names. */
static void init_options(const vq_option_set *o, const vq_rounder *init, vq_option_set *out)
{
    vq_option_defaults(out, init->options);
    for (int i = 0; i < VQ_MAX_OPTIONS && init->options[i].name; i++) {
        const vq_option_value *v = vq_option_get(o, init->options[i].name);
        if (v) out->value[i] = *v;
    }
}

static unsigned needs(const vq_option_set *o)
{
    vq_option_set inner;
    const vq_rounder *init = init_of(o);
    init_options(o, init, &inner);
    return init->needs ? init->needs(&inner) : 0;
}

static uint64_t scratch_bytes(const vq_option_set *o, const vq_num *num, int64_t n, int64_t k,
                              bool shared)
{
    vq_option_set inner;
    const vq_rounder *init = init_of(o);
    init_options(o, init, &inner);
    return init->scratch_bytes ? init->scratch_bytes(&inner, num, n, k, shared) : 0;
}

static vq_round_work work(const vq_option_set *o, const vq_num *num, int64_t n, int64_t k)
{
    vq_option_set inner;
    const vq_rounder *init = init_of(o);
    init_options(o, init, &inner);
    return init->work ? init->work(&inner, num, n, k) : (vq_round_work){0};
}

static vq_status run(vq_round_job *job, const float *w, vq_qtensor *q, vq_err *e)
{
    vq_option_set inner;
    const vq_rounder *init = init_of(job->options);
    if (q->codes16)
        return vq_fail(e, VQ_E_RECIPE, "learned takes grids of at most 8 bits, not %d; use rtn",
                       q->num.grid.bits);
    init_options(job->options, init, &inner);
    vq_round_job start = *job;
    start.options = &inner;
    VQ_TRY(init->run(&start, w, q, e));
    job->signal = start.signal, job->noise = start.noise, job->fallback = start.fallback;
    job->drops = start.drops;
    return VQ_OK;
}

vq_learn_options vq_learn_options_of(const vq_option_set *s)
{
    vq_learn_options o = {
        .steps = vq_option_get(s, "steps")->i,
        .tokens = vq_option_get(s, "tokens")->i,
        .rate = vq_option_get(s, "rate")->r,
        .clip_rate = vq_option_get(s, "clip_rate")->r,
        .momentum = vq_option_get(s, "momentum")->r,
    };
    if (o.rate == 0) o.rate = 0.125 / (double)o.steps;
    return o;
}

static const vq_option options[] = {
    {"init", VQ_OPT_CHOICE, "gptq", 0, 0, "gptq|mse|rtn",
     "the rounder that makes the start; the options below that it has are its own"},
    {"steps", VQ_OPT_INT, "50", 1, 10000, NULL, "training steps of a block"},
    {"tokens", VQ_OPT_INT, "512", 1, 1 << 20, NULL,
     "tokens of a step, in whole samples, at least one"},
    {"rate", VQ_OPT_REAL, "0", 0, 1, NULL,
     "first step in grid steps, falling linearly to 0; 0: 1 / (8 steps); AutoRound, without "
     "momentum: 1 / steps"},
    {"clip_rate", VQ_OPT_REAL, "0", 0, 1, NULL,
     "first step of the factors on the block scales; 0: scales stay"},
    {"momentum", VQ_OPT_REAL, "0.9", 0, 0.999, NULL,
     "part of the gradient that is carried from step to step"},
    {"curvature", VQ_OPT_CHOICE, "input", 0, 0, "input|token|kronecker",
     "of gptq: what errors are weighed with; token is also called guidedquant, kronecker yaqa"},
    {"order", VQ_OPT_CHOICE, "auto", 0, 0, "original|activation|auto",
     "of gptq: order of the columns"},
    {"damp", VQ_OPT_REAL, "0.01", 0.0001, 1, NULL,
     "of gptq: share of the mean curvature added to every channel"},
    {"scales", VQ_OPT_CHOICE, "search", 0, 0, "plain|search|memoryless|expanded|fp-quant",
     "of gptq: how the scales of groups are found"},
    {"refit", VQ_OPT_BOOL, "false", 0, 0, NULL,
     "of gptq: scales of a group from its weights as updated"},
    {"shrink", VQ_OPT_REAL, "0", 0, 1, NULL,
     "of gptq: share of the curvature between input channels that is left out"},
    {"shrink_output", VQ_OPT_REAL, "0", 0, 1, NULL, "of gptq: the same between output channels"},
    {"descent", VQ_OPT_INT, "0", 0, 100, NULL, "of gptq: passes of coordinate descent"},
    {"search", VQ_OPT_CHOICE, "stored", 0, 0, "stored|memoryless|expanded",
     "of mse: which scales are tried"},
    {"weigh", VQ_OPT_CHOICE, "none", 0, 0, "none|input",
     "of mse: squared errors as they are, or weighed by the column's inputs"},
    {.name = NULL},
};

const vq_rounder vq_round_learned = {
    .name = "learned",
    .most_bits = 8,
    .doc = "rounding trained by block: sign descent on the output error from the start that "
           "another rounder makes; grids of at most 8 bits",
    .source = "arXiv 2309.05516 (AutoRound), 2603.22370; the start as of gptq, mse or rtn",
    .options = options,
    .needs = needs,
    .scratch_bytes = scratch_bytes,
    .work = work,
    .run = run,
    .block = true,
};
