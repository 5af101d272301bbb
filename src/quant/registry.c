/* registry.c -- the two tables: transforms and rounders. One line each. */
#include <string.h>

#include "quant/rounder.h"
#include "quant/transform.h"

static const vq_rounder *const rounders[] = {&vq_round_rtn, &vq_round_mse, &vq_round_gptq,
                                             &vq_round_learned, NULL};
static const vq_transform *const transforms[] = {
    &vq_transform_smooth, &vq_transform_awq,          &vq_transform_hadamard,
    &vq_transform_order,  &vq_transform_arc,          &vq_transform_rotate,
    &vq_transform_ksort,  &vq_transform_stream_order, NULL};

const vq_rounder *vq_rounder_at(int i)
{
    for (int j = 0; rounders[j]; j++)
        if (j == i) return rounders[j];
    return NULL;
}

const vq_transform *vq_transform_at(int i)
{
    for (int j = 0; transforms[j]; j++)
        if (j == i) return transforms[j];
    return NULL;
}

const vq_rounder *vq_rounder_find(const char *name)
{
    for (int i = 0; rounders[i]; i++)
        if (strcmp(rounders[i]->name, name) == 0) return rounders[i];
    return NULL;
}

const vq_transform *vq_transform_find(const char *name)
{
    for (int i = 0; transforms[i]; i++)
        if (strcmp(transforms[i]->name, name) == 0) return transforms[i];
    return NULL;
}
