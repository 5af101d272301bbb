/* held.c -- decodes what is quantized, if there is room for it. */
#include "run/generate/held.h"

#include "model/op/op.h"
#include "run/doctor/machine.h"

/* Of all that can be held; of the largest, the codes that it is made from. */
typedef struct room {
    size_t bytes, codes;
    int linears;
} room;

/* Coded inputs and residual channels meet the columns as they are stored, which an f32 weight in the
 * place of the stored one does not have. */
static bool can_be_held(const vq_exec *x, const vq_linear *l)
{
    return l->quantized && !l->arc_order && !(x->quantize_inputs && l->scheme.has_act);
}

static size_t codes_bytes(const vq_linear *l)
{
    const size_t code = l->scheme.weight.grid.bits > 8 ? sizeof(uint16_t) : sizeof(uint8_t);
    int64_t per_row, groups = 0;
    (void)vq_group_count(&l->scheme.weight, l->n, l->k_stored, &per_row, &groups, NULL);
    return (size_t)(l->n * l->k_stored) * code + (size_t)groups * (sizeof(float) + sizeof(int16_t));
}

/* *held: node i is a linear whose weight can be. */
static vq_status look_at(const vq_exec *x, int i, vq_linear *l, bool *held, vq_err *e)
{
    const vq_node *n = &x->graph->nodes[i];
    *held = n->op->linear && !n->tied;
    if (!*held) return VQ_OK;
    VQ_TRY(x->source->linear(x->source->self, n->name, n->width, n->in_width, l, e));
    *held = can_be_held(x, l);
    return VQ_OK;
}

static vq_status add_up(const vq_exec *x, room *r, vq_err *e)
{
    for (int i = 0; i < x->graph->count; i++) {
        vq_linear l;
        bool held;
        VQ_TRY(look_at(x, i, &l, &held, e));
        if (!held) continue;
        const size_t codes = codes_bytes(&l);
        r->bytes += (size_t)(l.n * l.k) * sizeof(float);
        if (codes > r->codes) r->codes = codes;
        r->linears++;
    }
    return VQ_OK;
}

/* With something to spare: for ends of chunks of the arena, and for the text that is made. */
static size_t needed(const room *r)
{
    enum { SPARE = 1 << 20 };
    return r->bytes + r->codes + r->bytes / 8 + SPARE;
}

static bool fits(const room *r, const vq_budget *b)
{
    return needed(r) <= (b->limit ? vq_budget_left(b) : vq_machine_memory_free() / 2);
}

/* As x would decode it for every product: of the weights alone in the type of their scales, as loaders
 * have them. */
static vq_status hold(vq_overlay *o, const vq_exec *x, const vq_linear *l, vq_arena *a, vq_err *e)
{
    const vq_arena_mark mark = vq_arena_here(x->arena);
    const int64_t shape[] = {l->n, l->k}, count = l->n * l->k;
    const char *name = vq_arena_text(a, e, "%s.weight", l->name);
    float *w = name ? VQ_ALLOC(a, float, count, "decoded weights", e) : NULL;
    vq_qtensor q;
    if (!w) return e->status;
    VQ_TRY(x->source->rows(x->source->self, l, 0, l->n, &q, x->arena, e));
    vq_decode_rows(x->kernels, &q, w, l->k);
    vq_arena_rewind(x->arena, mark);
    if (!x->quantize_inputs && l->scheme.weight.scale == VQ_SCALE_BF16)
        for (int64_t i = 0; i < count; i++) w[i] = vq_bf16_to_f32(vq_f32_to_bf16(w[i]));
    VQ_TRY(vq_overlay_dense(o, name, w, shape, 2, e));
    return l->hadamard ? vq_overlay_hadamard(o, l->name, l->hadamard, e) : VQ_OK;
}

vq_status vq_held_make(vq_overlay *o, vq_exec *x, const vq_job *job, vq_arena *a, vq_err *e)
{
    room r = {0};
    const vq_reporter stop = {.stop = job->reporter.stop};
    VQ_TRY(add_up(x, &r, e));
    if (!r.linears) return VQ_OK;
    if (!fits(&r, &job->budget)) {
        vq_say(&job->reporter, 0,
               "%.0f MiB of decoded weights do not fit the memory: they are decoded anew for every "
               "token",
               (double)needed(&r) / 0x1p20);
        return VQ_OK;
    }
    VQ_TRY(vq_overlay_init(o, x->source, 2 * r.linears, a, e));
    for (int i = 0; i < x->graph->count; i++) {
        vq_linear l;
        bool held;
        VQ_TRY(vq_step(&stop, "decoding", i, x->graph->count, e));
        VQ_TRY(look_at(x, i, &l, &held, e));
        if (held) VQ_TRY(hold(o, x, &l, a, e));
    }
    x->source = &o->source;
    return VQ_OK;
}
