/* section.c -- what becomes of a block on disk. */
#include "run/block/section.h"

#include "base/file.h"
#include "edit/edited.h"
#include "formats/layouts/module_store.h"
#include "load/key_orders.h"
#include "model/op/dense.h"
#include "run/store/unquantized.h"

typedef struct section {
    vq_run *run;
    vq_block *block;
    int number;
    size_t first; /* module */
    vq_tensor_writer *writer;
    const char *dir;
    int64_t *ids;    /* of tensors that are not quantized, in the overlay's order */
    vq_tensor order; /* of the keys (ksort); without data: none */
    int64_t order_id;
} section;

static int number_of(const vq_run *r, const vq_block *b)
{
    return b->layer == VQ_OUTSIDE ? r->models.graph->layers : b->layer;
}

/* x [shape[0]][shape[1]] as the file is to hold t. */
static vq_status store_edited(const section *s, const vq_tensor *t, const float *x, int64_t id,
                              vq_err *e)
{
    vq_arena *scratch = &s->run->scratch;
    const vq_arena_mark mark = vq_arena_here(scratch);
    const int64_t n = vq_tensor_numel(t);
    if (t->transposed) {
        const vq_tensor values = {
            .dtype = VQ_F32, .ndim = 2, .shape = {t->shape[0], t->shape[1]}, .data = x};
        const vq_tensor turned = vq_tensor_turn(&values);
        float *back = VQ_ALLOC(scratch, float, n, "tensor as stored", e);
        if (!back) return e->status;
        VQ_TRY(vq_dense_rows(&s->run->job->kernels, &turned, 0, t->shape[1], t->shape[0], back, e));
        x = back;
    }
    const vq_status status = vq_store_floats(s->writer, id, t->dtype, x, n, scratch, e);
    vq_arena_rewind(scratch, mark);
    return status;
}

/* Norms, biases, embeddings and weights kept by a rule that an edit changed: their values stand in
 * the overlay, and are stored in the type that they have in the model. */
static vq_status write_edited(const section *s, bool declare, vq_err *e)
{
    const vq_edited d = vq_block_edited(s->run, s->block);
    int64_t *id = s->ids;
    for (int i = 0; i < s->block->overlay.count; i++) {
        vq_tensor t, stored;
        const float *x = vq_overlay_values(&s->block->overlay, i, &t);
        if (!x || vq_plan_quantizes(s->run->plan, t.name)) continue;
        VQ_TRY(vq_edited_stored(&d, t.name, &stored, e));
        t.dtype = stored.dtype;
        t.transposed = stored.transposed;
        const vq_tensor file = vq_tensor_as_stored(&t);
        VQ_TRY(declare ? vq_tensor_writer_declare(s->writer, file.name, file.dtype, file.shape,
                                                  file.ndim, id, e)
                       : store_edited(s, &t, x, *id, e));
        id++;
    }
    return VQ_OK;
}

/* Rope goes by the order of keys that a transform made: the model cannot be run without it. */
static vq_status declare_order(section *s, vq_err *e)
{
    const vq_run_models *m = &s->run->models;
    if (!m->edits.ordered || s->block->layer < 0) return VQ_OK;
    VQ_TRY(vq_key_order_tensor(m->graph, s->block->layer, &s->order, &s->block->arena, e));
    if (!s->order.data) return VQ_OK;
    return vq_tensor_writer_declare(s->writer, s->order.name, s->order.dtype, s->order.shape,
                                    s->order.ndim, &s->order_id, e);
}

static vq_status write_file(section *s, vq_section_round round, vq_err *e)
{
    const vq_rounded *made = s->run->rounding.out;
    const int edited = s->block->overlay.count;
    s->ids = VQ_ALLOC(&s->block->arena, int64_t, edited + 1, "tensors", e);
    if (!s->ids) return e->status;
    for (size_t i = s->first; i < made->nmodules; i++)
        VQ_TRY(vq_module_declare(s->run->plan->target, &made->modules[i], s->writer, e));
    VQ_TRY(write_edited(s, true, e));
    VQ_TRY(declare_order(s, e));
    VQ_TRY(vq_tensor_writer_begin(s->writer, s->dir, 0, e));
    VQ_TRY(round(s->run, s->block, s->first, s->writer, e));
    VQ_TRY(write_edited(s, false, e));
    if (s->order.data) VQ_TRY(vq_copy_tensor(&s->order, s->writer, s->order_id, e));
    return vq_tensor_writer_commit(s->writer, NULL, NULL, e);
}

static const char *file_of(const vq_run *r, vq_arena *a, const char *dir, vq_err *e)
{
    return dir ? vq_join(a, dir, r->plan->target->container->file, e) : NULL;
}

static vq_status write_section(section *s, vq_section_round round, vq_err *e)
{
    vq_run *r = s->run;
    const vq_rounded *made = r->rounding.out;
    s->dir = vq_written_folder(&r->written, s->number, e);
    if (!s->dir) return e->status;
    VQ_TRY(vq_make_dir(s->dir, e));
    VQ_TRY(vq_tensor_writer_new(&s->writer, r->plan->target->container, &s->block->arena, e));
    const vq_status status = write_file(s, round, e);
    vq_tensor_writer_drop(s->writer);
    VQ_TRY(status);
    const char *file = file_of(r, &s->block->arena, s->dir, e);
    if (!file) return e->status;
    const size_t n = made->nmodules - s->first;
    VQ_TRY(vq_run_state_add(&r->state, s->number, file, made, s->first, n, e));
    return vq_written_add(&r->written, s->number, made->modules + s->first, n, e);
}

vq_status vq_section_write(vq_run *r, vq_block *b, vq_section_round round, vq_err *e)
{
    const vq_rounded *made = r->rounding.out;
    section s = {.run = r, .block = b, .number = number_of(r, b), .first = made->nmodules};
    for (int i = 0; i < r->plan->ngroups; i++)
        if (r->plan->groups[i].layer == b->layer) VQ_TRY(vq_rounding_add(&r->rounding, i, e));
    const bool nothing = made->nmodules == s.first && b->edits.count == 0;
    if (nothing) return vq_run_state_add(&r->state, s.number, NULL, made, 0, 0, e);
    return write_section(&s, round, e);
}

vq_status vq_section_restore(vq_run *r, vq_block *b, vq_err *e)
{
    vq_rounded *made = r->rounding.out;
    const int number = number_of(r, b);
    const size_t first = made->nmodules;
    const char *file = file_of(r, r->arena, vq_written_folder(&r->written, number, e), e);
    bool empty;
    if (!file) return e->status;
    VQ_TRY(vq_run_state_restore(&r->state, number, file, r->plan, made, &empty, e));
    if (empty) return VQ_OK;
    return vq_written_add(&r->written, number, made->modules + first, made->nmodules - first, e);
}
