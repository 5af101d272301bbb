/* linear_input.c -- what the weight of a linear meets: its input, rotated and quantized where the
 * stored scheme says so. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/linear.h"

bool vq_linear_codes_input(const vq_exec *x, const vq_linear *l)
{
    return x->quantize_inputs && l->quantized && l->scheme.has_act;
}

bool vq_linear_changes_input(const vq_exec *x, const vq_linear *l)
{
    return l->hadamard > 0 || vq_linear_codes_input(x, l);
}

int64_t vq_linear_input_width(const vq_exec *x, const vq_linear *l)
{
    return vq_linear_codes_input(x, l) ? l->k_stored : l->k;
}

vq_act_spec vq_linear_act_spec(const vq_linear *l)
{
    return (vq_act_spec){.num = &l->scheme.act,
                         .global_scale = l->act_global_scale,
                         .scale = l->act_scale,
                         .zero = l->act_zero,
                         .order = l->arc_order,
                         .s = l->arc_s};
}

enum {
    ROTATED_ROWS = 16
}; /* in one call of the kernel, which sets up the signs of a Paley factor at each */

static void rotate_rows(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                        float *out)
{
#pragma omp parallel for schedule(static) if (m * l->k > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < m; t += ROTATED_ROWS) {
        const size_t n = (size_t)((m - t < ROTATED_ROWS ? m - t : ROTATED_ROWS) * l->k);
        memcpy(out + t * l->k, in + t * l->k, n * sizeof *out);
        x->kernels->hadamard_row(out + t * l->k, n, (size_t)l->hadamard);
    }
}

/* Quantizing by blocks or rows works in place; the gather of ARC does not. */
static bool rotates_elsewhere(const vq_exec *x, const vq_linear *l)
{
    return l->hadamard > 0 && l->arc_order && vq_linear_codes_input(x, l);
}

size_t vq_linear_input_scratch(const vq_exec *x, const vq_linear *l, int64_t m)
{
    return rotates_elsewhere(x, l) ? (size_t)(m * l->k) * sizeof(float) : 0;
}

static vq_status input_in_arena(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                                float *out, vq_err *e)
{
    float *rotated =
        rotates_elsewhere(x, l) ? VQ_ALLOC(x->arena, float, m * l->k, "rotated input", e) : out;
    if (!rotated) return e->status;
    if (l->hadamard > 0) {
        rotate_rows(x, l, in, m, rotated);
        in = rotated;
    }
    if (!vq_linear_codes_input(x, l)) return VQ_OK;
    const vq_act_spec spec = vq_linear_act_spec(l);
    return vq_fake_quant(x->kernels, &spec, in, m, l->k, out, e);
}

vq_status vq_linear_input(const vq_exec *x, const vq_linear *l, const float *in, int64_t m,
                          float *out, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const vq_status status = input_in_arena(x, l, in, m, out, e);
    vq_arena_rewind(x->arena, mark);
    return status;
}
