/* block_hint.c -- the longest block that divides every weight of a rule, as the scheme of the same
 * family. */
#include "plan/block_hint.h"

#include <stdio.h>
#include <string.h>

enum { LEAST = 8, MOST = 128 };

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* A power of two. */
static int64_t fitting_block(const vq_plan *p, int rule)
{
    int64_t all = 0, block = 1;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized && p->weights[i].rule == rule)
            all = common_divisor(all, p->weights[i].tensor->shape[1]);
    while (block < MOST && all % (2 * block) == 0) block *= 2;
    return block;
}

void vq_block_hint(const vq_plan *p, const vq_plan_weight *first, int others, vq_err *e)
{
    char use[128] = "", so[48] = ": ";
    const char *id = first->scheme.id, *group = strstr(id, "-g");
    const int64_t block = fitting_block(p, first->rule);
    const size_t n = strlen(e->text), digits = group ? strspn(group + 2, "0123456789") : 0;
    if (digits && block >= LEAST)
        (void)snprintf(use, sizeof use, "--set rules.%d.use=%.*s-g%lld%s divides all, or ",
                       first->rule, (int)(group - id), id, (long long)block, group + 2 + digits);
    if (others)
        (void)snprintf(so, sizeof so, "; %d more weight%s so: ", others,
                       others == 1 ? " is" : "s are");
    (void)snprintf(e->text + n, sizeof e->text - n, "%s%sgive another scheme, or keep them",
                   others ? so : "; ", use);
}
