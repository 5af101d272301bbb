/* effort.c -- the clock of a text under way. */
#include "text/effort.h"

#include <time.h>

static double thread_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A sanitizer takes several times as long on a sound text, too. */
#ifdef __SANITIZE_ADDRESS__
static const double slowness = 4;
#else
static const double slowness = 1;
#endif

vq_effort vq_effort_for(size_t n, const volatile sig_atomic_t *stop, double *pool)
{
    const double own = slowness * (0.0005 + 2e-6 * (double)n);
    return (vq_effort){.steps = 256 * (uint64_t)n + (UINT64_C(1) << 24),
                       .until = thread_seconds() + own + (pool ? *pool : VQ_EFFORT_POOL_MS / 1e3),
                       .stop = stop,
                       .own = own,
                       .pool = pool};
}

void vq_effort_done(const vq_effort *x)
{
    if (!x->pool) return;
    const double began = x->until - x->own - *x->pool, over = thread_seconds() - began - x->own;
    if (over > 0) *x->pool = over < *x->pool ? *x->pool - over : 0;
}

vq_status vq_effort_spend(vq_effort *x, uint64_t bytes, vq_err *e)
{
    x->work += bytes;
    if (x->work < UINT64_C(1) << 22) return VQ_OK;
    x->work = 0;
    if (x->stop && *x->stop) return vq_fail(e, VQ_E_STOPPED, "stopped in the tokenizer");
    if (x->until == 0 || thread_seconds() < x->until) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "the tokenizer takes too long on this text, or on those before it: a pattern, a "
                   "normalizer or pieces of its vocabulary make it read the same bytes again and "
                   "again");
}
