/* act_quant.c -- rotate, gather, quantize rows of activations, and the straight-through way back. */
#include <string.h>

#include "base/parallel.h"
#include "model/op/act_quant.h"
#include "model/op/op.h"

bool vq_quantize_of(const vq_exec *x, const vq_linear *l, vq_quantize *q)
{
    const bool codes = x->quantize_inputs && l->quantized && l->scheme.has_act;
    *q = (vq_quantize){.hadamard = l->hadamard, .codes = codes, .k = l->k, .k_out = l->k};
    if (codes) {
        q->num = l->scheme.act;
        q->act = (vq_act_spec){.global_scale = l->act_global_scale,
                               .scale = l->act_scale,
                               .zero = l->act_zero,
                               .order = l->arc_order,
                               .s = l->arc_s};
        q->k_out = l->k_stored;
        q->block = vq_arc_block(&l->scheme);
    }
    return codes || q->hadamard > 0;
}

static bool same_order(const int32_t *a, const int32_t *b, int64_t k)
{
    if (a == b) return true;
    return a && b && memcmp(a, b, (size_t)k * sizeof *a) == 0;
}

bool vq_quantize_same(const vq_quantize *a, const vq_quantize *b)
{
    if (a->hadamard != b->hadamard || a->codes != b->codes || a->k != b->k) return false;
    if (!a->codes) return true;
    const vq_act_spec *s = &a->act, *t = &b->act;
    return vq_num_equal(&a->num, &b->num) && s->global_scale.value == t->global_scale.value &&
           s->global_scale.divides == t->global_scale.divides && s->scale == t->scale &&
           s->zero == t->zero && s->s == t->s && same_order(s->order, t->order, a->k);
}

/* Rows in one call of the kernel: each call sets up the signs of a Paley factor anew. */
enum { ROTATED_ROWS = 16 };

static void rotate_rows(const vq_exec *x, const vq_quantize *q, const float *in, int64_t m,
                        float *out)
{
#pragma omp parallel for schedule(static) if (m * q->k > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < m; t += ROTATED_ROWS) {
        const size_t n = (size_t)((m - t < ROTATED_ROWS ? m - t : ROTATED_ROWS) * q->k);
        if (out != in) memcpy(out + t * q->k, in + t * q->k, n * sizeof *out);
        x->kernels->hadamard_row(out + t * q->k, n, (size_t)q->hadamard);
    }
}

/* Quantizing by blocks or rows works in place; the gather of ARC does not. */
static bool rotates_elsewhere(const vq_quantize *q)
{
    return q->hadamard > 0 && q->act.order && q->codes;
}

size_t vq_quantize_bytes(const vq_quantize *q, int64_t m)
{
    return rotates_elsewhere(q) ? (size_t)(m * q->k) * sizeof(float) : 0;
}

vq_status vq_quantize_run(const vq_exec *x, const vq_quantize *q, const float *in, int64_t m,
                          float *out, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    float *rotated =
        rotates_elsewhere(q) ? VQ_ALLOC(x->arena, float, m * q->k, "rotated input", e) : out;
    if (!rotated) return e->status;
    if (q->hadamard > 0) {
        rotate_rows(x, q, in, m, rotated);
        in = rotated;
    }
    vq_act_spec act = q->act;
    act.num = &q->num;
    const vq_status s = q->codes ? vq_fake_quant(x->kernels, &act, in, m, q->k, out, e) : VQ_OK;
    vq_arena_rewind(x->arena, mark);
    return s;
}

/* Column of the quantized input that carries channel i. */
static int64_t column_of(const vq_quantize *q, int64_t i)
{
    return q->codes ? vq_arc_column(i, q->k, q->act.s, q->block) : i;
}

void vq_quantize_back(const vq_exec *x, const vq_quantize *q, const float *g, int64_t m, float *dx)
{
    const int32_t *order = q->codes ? q->act.order : NULL;
#pragma omp parallel for schedule(static) if (m * q->k > VQ_PARALLEL_MIN)
    for (int64_t t = 0; t < m; t++) {
        float *to = dx + t * q->k;
        const float *from = g + t * q->k_out;
        for (int64_t i = 0; order && i < q->k; i++) to[order[i]] = from[column_of(q, i)];
        if (!order && to != from) memcpy(to, from, (size_t)q->k * sizeof *to);
        if (q->hadamard > 0) x->kernels->hadamard_row(to, (size_t)q->k, (size_t)q->hadamard);
    }
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    return vq_quantize_run(f->exec, n->args, f->values[n->in[0]], f->rows[id], f->values[id], e);
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    if (f->into[0]) vq_quantize_back(f->exec, n->args, f->grads[id], f->rows[id], f->into[0]);
    return VQ_OK;
}

static size_t scratch(const vq_node *n, const vq_linear *l, const vq_exec *x, const vq_batch *b,
                      int64_t rows)
{
    (void)l, (void)x, (void)b;
    return vq_quantize_bytes(n->args, rows);
}

const vq_op vq_op_quantize = {
    .name = "quantize", .forward = forward, .backward = backward, .scratch = scratch};
