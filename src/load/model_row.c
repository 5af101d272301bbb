/* model_row.c -- order and rotation of a stored row undone; how it is stored, in words. */
#include "load/model_row.h"

#include <stdio.h>

void vq_model_row(const vq_kernels *kr, const vq_linear *l, const float *stored, float *row)
{
    for (int64_t i = 0; i < l->k; i++) {
        const int64_t at =
            l->arc_s ? vq_arc_column(i, l->k, l->arc_s, vq_arc_block(&l->scheme)) : i;
        row[l->arc_order ? l->arc_order[i] : i] = stored[at];
    }
    if (l->hadamard) kr->hadamard_row(row, (size_t)l->k, (size_t)l->hadamard);
}

void vq_linear_text(const vq_linear *l, char *text, size_t len)
{
    char weight[160], act[160], rotated[40] = "";
    vq_num stored = l->scheme.weight;
    stored.compat =
        VQ_COMPAT_NONE; /* of weights it says how they were rounded, which nobody reads */
    (void)vq_num_text(&stored, weight, sizeof weight);
    if (l->scheme.has_act) (void)vq_num_text(&l->scheme.act, act, sizeof act);
    if (l->hadamard)
        (void)snprintf(rotated, sizeof rotated, "; input rotated by %lld", (long long)l->hadamard);
    (void)snprintf(text, len, "weight %s%s%s%s%s", weight, l->scheme.has_act ? "; input " : "",
                   l->scheme.has_act ? act : "", rotated, l->arc_s ? "; ARC" : "");
}
