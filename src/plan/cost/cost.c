/* cost.c -- seconds of counted work. */
#include "plan/cost/cost.h"

const char *const vq_stage_names[VQ_STAGES] = {"text",     "gradients", "statistics", "transforms",
                                               "rounding", "tuning",    "files"};

/* What is not counted: threads that wait for each other, fresh pages, small ops. Between 0.98 (a
 * trial of awq) and 1.39 (a block of Llama-70B's shape) of what is counted was measured,
 * docs/results.md. */
static const double uncounted = 1.17;

double vq_cost_seconds(const vq_cost *c, const vq_rates *r)
{
    return uncounted * (c->products / r->products + c->plain / r->plain + c->outer / r->outer +
                        c->tiles / r->tiles + c->factors / r->factors + c->values / r->values +
                        c->decoded / r->decoded + c->rounded / r->rounded + c->hashed / r->hashed);
}
